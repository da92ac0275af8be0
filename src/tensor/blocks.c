#include "tensor/blocks.h"

#include "base/status.h"

#include <math.h>
#include <string.h>

static float half(const uint8_t *p)
{
    return dr_f16_to_f32((uint16_t)(p[0] | p[1] << 8));
}

/* --- blocks of 32: scale, (least value,) (fifth bits,) codes -------------------------------------------- */

static void q8_0(const uint8_t *b, float *y)
{
    float d = half(b);
    for (int i = 0; i < 32; i++)
        y[i] = d * (float)(int8_t)b[2 + i];
}

static void q4_0(const uint8_t *b, float *y)
{
    float d = half(b);
    for (int i = 0; i < 16; i++) {
        y[i] = d * (float)((b[2 + i] & 15) - 8);
        y[i + 16] = d * (float)((b[2 + i] >> 4) - 8);
    }
}

static void q4_1(const uint8_t *b, float *y)
{
    float d = half(b), m = half(b + 2);
    for (int i = 0; i < 16; i++) {
        y[i] = d * (float)(b[4 + i] & 15) + m;
        y[i + 16] = d * (float)(b[4 + i] >> 4) + m;
    }
}

/* Bit i of four bytes, as a code's fifth. */
static int fifth(const uint8_t *bits, int i)
{
    return (bits[i / 8] >> i % 8 & 1) << 4;
}

static void q5_0(const uint8_t *b, float *y)
{
    float d = half(b);
    for (int i = 0; i < 16; i++) {
        y[i] = d * (float)(((b[6 + i] & 15) | fifth(b + 2, i)) - 16);
        y[i + 16] = d * (float)(((b[6 + i] >> 4) | fifth(b + 2, i + 16)) - 16);
    }
}

static void q5_1(const uint8_t *b, float *y)
{
    float d = half(b), m = half(b + 2);
    for (int i = 0; i < 16; i++) {
        y[i] = d * (float)((b[8 + i] & 15) | fifth(b + 4, i)) + m;
        y[i + 16] = d * (float)((b[8 + i] >> 4) | fifth(b + 4, i + 16)) + m;
    }
}

/* --- blocks of 256, in groups of 16 or 32 with small scales of their own ("k-quants") ------------------------- */

static void q2_k(const uint8_t *b, float *y)
{
    const uint8_t *scale = b, *q = b + 16;
    float d = half(b + 80), m = half(b + 82);
    for (int i = 0; i < 256; i++) {
        int s = scale[i / 16], code = q[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3;
        y[i] = d * (float)(s & 15) * (float)code - m * (float)(s >> 4);
    }
}

/* Sixteen scales of 6 bits in 12 bytes: the lower four bits, then the upper two. */
static int q3_k_scale(const uint8_t *s, int g)
{
    int low = g < 8 ? s[g] & 15 : s[g - 8] >> 4, high = s[8 + g % 4] >> g / 4 * 2 & 3;
    return (low | high << 4) - 32;
}

static void q3_k(const uint8_t *b, float *y)
{
    const uint8_t *third = b, *q = b + 32, *scale = b + 96;
    float d = half(b + 108);
    for (int i = 0; i < 256; i++) {
        int code = (q[i / 128 * 32 + i % 32] >> i % 128 / 32 * 2 & 3) - (third[i % 32] >> i / 32 & 1 ? 0 : 4);
        y[i] = d * (float)q3_k_scale(scale, i / 16) * (float)code;
    }
}

/* Eight pairs of scale and least value, 6 bits each, in 12 bytes. */
static void k4_scale(const uint8_t *s, int g, int *scale, int *least)
{
    *scale = g < 4 ? s[g] & 63 : (s[g + 4] & 15) | s[g - 4] >> 6 << 4;
    *least = g < 4 ? s[g + 4] & 63 : s[g + 4] >> 4 | s[g] >> 6 << 4;
}

/* `fifths` of q5_k, NULL for q4_k */
static void k4(const uint8_t *b, const uint8_t *fifths, const uint8_t *q, float *y)
{
    float d = half(b), m = half(b + 2);
    for (int g = 0; g < 8; g++) {
        int scale, least;
        k4_scale(b + 4, g, &scale, &least);
        for (int i = 0; i < 32; i++) {
            int code = q[g / 2 * 32 + i] >> g % 2 * 4 & 15;
            if (fifths)
                code |= (fifths[i] >> g & 1) << 4;
            y[g * 32 + i] = d * (float)scale * (float)code - m * (float)least;
        }
    }
}

static void q4_k(const uint8_t *b, float *y)
{
    k4(b, NULL, b + 16, y);
}

static void q5_k(const uint8_t *b, float *y)
{
    k4(b, b + 16, b + 48, y);
}

static void q6_k(const uint8_t *b, float *y)
{
    float d = half(b + 208);
    for (int i = 0; i < 256; i++) {
        int part = i % 128 / 32, l = i % 32; /* of 128: four parts of 32 */
        int low = b[i / 128 * 64 + part % 2 * 32 + l] >> part / 2 * 4 & 15;
        int high = b[128 + i / 128 * 32 + l] >> part * 2 & 3;
        y[i] = d * (float)(int8_t)b[192 + i / 16] * (float)((low | high << 4) - 32);
    }
}

/* --- all ------------------------------------------------------------------------------------------------- */

void dr_blocks_to_f32(const void *src, dr_dtype from, float *dst, size_t n)
{
    static void (*const decode[DR_DTYPES])(const uint8_t *, float *) = {
        [DR_Q8_0] = q8_0, [DR_Q4_0] = q4_0, [DR_Q4_1] = q4_1, [DR_Q5_0] = q5_0, [DR_Q5_1] = q5_1,
        [DR_Q2_K] = q2_k, [DR_Q3_K] = q3_k, [DR_Q4_K] = q4_k, [DR_Q5_K] = q5_k, [DR_Q6_K] = q6_k};
    size_t block = dr_dtype_block(from), size = dr_dtype_size(from);
    const uint8_t *p = src;
    DR_ASSERT(decode[from] && n % block == 0, "%zu values of %s", n, dr_dtype_name(from));
    for (size_t at = 0; at < n; at += block, p += size)
        decode[from](p, dst + at);
}

/* To the nearest whole number, halves away from zero, as roundf(): in a form that compilers vectorise. */
static int8_t nearest(float x)
{
    int whole = (int)x;
    float rest = x - (float)whole;
    return (int8_t)(whole + (rest >= 0.5f) - (rest <= -0.5f));
}

void dr_f32_to_q8_0(const float *src, dr_q8_0 *dst, size_t n)
{
    DR_ASSERT(n % 32 == 0, "%zu values", n);
    for (size_t b = 0; b < n / 32; b++, src += 32) {
        float most = 0;
        for (int i = 0; i < 32; i++)
            most = fabsf(src[i]) > most ? fabsf(src[i]) : most;
        float d = most / 127.0f, by = d > 0 ? 1.0f / d : 0.0f;
        dst[b].scale = dr_f32_to_f16(d);
        for (int i = 0; i < 32; i++) {
            float x = src[i] * by; /* below the smallest normal numbers `by` is infinite */
            dst[b].code[i] = nearest(x >= -127.0f && x <= 127.0f ? x : x < 0 ? -127.0f : x > 0 ? 127.0f : 0.0f);
        }
    }
}
