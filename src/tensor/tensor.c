#include "tensor/tensor.h"

#include "base/status.h"
#include "tensor/blocks.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    size_t size, block;
} dtypes[DR_DTYPES] = {
    [DR_F32] = {"F32", 4, 1},       [DR_F16] = {"F16", 2, 1},       [DR_BF16] = {"BF16", 2, 1},
    [DR_I32] = {"I32", 4, 1},       [DR_I64] = {"I64", 8, 1},       [DR_U8] = {"U8", 1, 1},
    [DR_BOOL] = {"BOOL", 1, 1},     [DR_F64] = {"F64", 8, 1},       [DR_I16] = {"I16", 2, 1},
    [DR_I8] = {"I8", 1, 1},         [DR_Q8_0] = {"Q8_0", 34, 32},   [DR_Q4_0] = {"Q4_0", 18, 32},
    [DR_Q4_1] = {"Q4_1", 20, 32},   [DR_Q5_0] = {"Q5_0", 22, 32},   [DR_Q5_1] = {"Q5_1", 24, 32},
    [DR_Q2_K] = {"Q2_K", 84, 256},  [DR_Q3_K] = {"Q3_K", 110, 256}, [DR_Q4_K] = {"Q4_K", 144, 256},
    [DR_Q5_K] = {"Q5_K", 176, 256}, [DR_Q6_K] = {"Q6_K", 210, 256},
};

size_t dr_dtype_block(dr_dtype t)
{
    return dtypes[t].block;
}

size_t dr_dtype_size(dr_dtype t)
{
    return dtypes[t].size;
}

size_t dr_dtype_bytes(dr_dtype t, size_t n)
{
    DR_ASSERT(n % dtypes[t].block == 0, "%zu values of %s", n, dtypes[t].name);
    return n / dtypes[t].block * dtypes[t].size;
}

bool dr_dtype_is_float(dr_dtype t)
{
    return t == DR_F32 || t == DR_F16 || t == DR_BF16 || t == DR_F64 || (t < DR_DTYPES && dtypes[t].block > 1);
}

const char *dr_dtype_name(dr_dtype t)
{
    return dtypes[t].name;
}

bool dr_dtype_parse(const char *name, dr_dtype *out)
{
    for (int i = 0; i < DR_DTYPES; i++)
        if (dtypes[i].block == 1 && strcmp(name, dtypes[i].name) == 0) {
            *out = (dr_dtype)i;
            return true;
        }
    return false;
}

int64_t dr_numel(const dr_tensor *t)
{
    return t->dim[0] * t->dim[1] * t->dim[2] * t->dim[3];
}

size_t dr_nbytes(const dr_tensor *t)
{
    return dr_dtype_bytes(t->dtype, (size_t)dr_numel(t));
}

float *dr_f32(const dr_tensor *t)
{
    DR_ASSERT(t->dtype == DR_F32, "tensor is %s", dr_dtype_name(t->dtype));
    return t->data;
}

bool dr_same_shape(const dr_tensor *a, const dr_tensor *b)
{
    return a->rank == b->rank && memcmp(a->dim, b->dim, sizeof a->dim) == 0;
}

char *dr_shape_str(const dr_tensor *t, char *buf, size_t n)
{
    size_t at = 0;
    buf[0] = 0;
    for (int i = 0; i < t->rank && at < n; i++)
        at += (size_t)snprintf(buf + at, n - at, "%s%lld", i ? "," : "[", (long long)t->dim[i]);
    if (at < n)
        snprintf(buf + at, n - at, t->rank ? "]" : "[]");
    return buf;
}

static float bits_f32(uint32_t u)
{
    float f;
    memcpy(&f, &u, 4);
    return f;
}

static uint32_t f32_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

float dr_f16_to_f32(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16, exp = (h >> 10) & 31, man = h & 1023;
    if (exp == 31)
        return bits_f32(sign | 0x7f800000 | man << 13);
    if (exp == 0) { /* subnormal: man * 2^-24 exactly */
        float f = (float)man * 0x1p-24f;
        return sign ? -f : f;
    }
    return bits_f32(sign | (exp + 112) << 23 | man << 13);
}

uint16_t dr_f32_to_f16(float f)
{
    uint32_t u = f32_bits(f), sign = u >> 16 & 0x8000, a = u & 0x7fffffff;
    if (a > 0x7f800000) /* NaN stays NaN */
        return (uint16_t)(sign | 0x7e00);
    if (a >= 0x477ff000) /* 65520 and more round to infinity */
        return (uint16_t)(sign | 0x7c00);
    if (a < 0x38800000) { /* below 2^-14: adding 0.5 lets the FPU round at 2^-24 */
        float r = bits_f32(a) + 0.5f;
        return (uint16_t)(sign | (f32_bits(r) - f32_bits(0.5f)));
    }
    uint32_t odd = a >> 13 & 1;
    return (uint16_t)(sign | (a - 0x38000000 + 0xfff + odd) >> 13);
}

uint16_t dr_f32_to_bf16(float f)
{
    uint32_t u = f32_bits(f);
    if ((u & 0x7fffffff) > 0x7f800000)
        return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fff + (u >> 16 & 1)) >> 16);
}

void dr_to_f32(const void *src, dr_dtype from, float *dst, size_t n)
{
    switch (from) {
    case DR_F32:
        memcpy(dst, src, n * 4);
        return;
    case DR_F16:
        for (size_t i = 0; i < n; i++)
            dst[i] = dr_f16_to_f32(((const uint16_t *)src)[i]);
        return;
    case DR_BF16:
        for (size_t i = 0; i < n; i++)
            dst[i] = dr_bf16_to_f32(((const uint16_t *)src)[i]);
        return;
    case DR_F64:
        for (size_t i = 0; i < n; i++)
            dst[i] = (float)((const double *)src)[i];
        return;
    case DR_I32:
        for (size_t i = 0; i < n; i++)
            dst[i] = (float)((const int32_t *)src)[i];
        return;
    case DR_I64:
        for (size_t i = 0; i < n; i++)
            dst[i] = (float)((const int64_t *)src)[i];
        return;
    case DR_I16:
        for (size_t i = 0; i < n; i++)
            dst[i] = ((const int16_t *)src)[i];
        return;
    case DR_I8:
        for (size_t i = 0; i < n; i++)
            dst[i] = ((const int8_t *)src)[i];
        return;
    case DR_U8:
    case DR_BOOL:
        for (size_t i = 0; i < n; i++)
            dst[i] = ((const uint8_t *)src)[i];
        return;
    case DR_Q8_0:
    case DR_Q4_0:
    case DR_Q4_1:
    case DR_Q5_0:
    case DR_Q5_1:
    case DR_Q2_K:
    case DR_Q3_K:
    case DR_Q4_K:
    case DR_Q5_K:
    case DR_Q6_K:
        dr_blocks_to_f32(src, from, dst, n);
        return;
    case DR_DTYPES:
        break;
    }
    DR_ASSERT(0, "no conversion from dtype %d", (int)from);
}

void dr_from_f32(const float *src, void *dst, dr_dtype to, size_t n)
{
    switch (to) {
    case DR_F32:
        memcpy(dst, src, n * 4);
        return;
    case DR_F16:
        for (size_t i = 0; i < n; i++)
            ((uint16_t *)dst)[i] = dr_f32_to_f16(src[i]);
        return;
    case DR_BF16:
        for (size_t i = 0; i < n; i++)
            ((uint16_t *)dst)[i] = dr_f32_to_bf16(src[i]);
        return;
    case DR_I32:
        for (size_t i = 0; i < n; i++)
            ((int32_t *)dst)[i] = (int32_t)src[i];
        return;
    case DR_Q8_0:
        dr_f32_to_q8_0(src, dst, n);
        return;
    default:
        DR_ASSERT(0, "no conversion to dtype %s", dr_dtype_name(to));
    }
}

void dr_nchw_to_nhwc(const float *src, float *dst, int64_t N, int64_t C, int64_t H, int64_t W)
{
    for (int64_t n = 0; n < N; n++)
        for (int64_t p = 0; p < H * W; p++)
            for (int64_t c = 0; c < C; c++)
                dst[(n * H * W + p) * C + c] = src[(n * C + c) * H * W + p];
}

void dr_nhwc_to_nchw(const float *src, float *dst, int64_t N, int64_t C, int64_t H, int64_t W)
{
    for (int64_t n = 0; n < N; n++)
        for (int64_t c = 0; c < C; c++)
            for (int64_t p = 0; p < H * W; p++)
                dst[(n * C + c) * H * W + p] = src[(n * H * W + p) * C + c];
}
