/* Values here are the host's own memory. */
#include "ops/ref/ref.h"

#include <string.h>

void dr_ref_put(void *values, const void *host, size_t bytes)
{
    memcpy(values, host, bytes);
}

void dr_ref_get(void *host, const void *values, size_t bytes)
{
    memcpy(host, values, bytes);
}

/* Block results are megabytes and usually lie clear of where they go: worth all threads. */
void dr_ref_move(void *to, const void *from, size_t bytes)
{
    enum { PIECE = 1 << 19 };
    unsigned char *d = to;
    const unsigned char *s = from;
    if (bytes < 2 * PIECE || d + bytes > s) {
        memmove(to, from, bytes);
        return;
    }
    int64_t pieces = (int64_t)((bytes + PIECE - 1) / PIECE);
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < pieces; i++) {
        size_t at = (size_t)i * PIECE;
        memcpy(d + at, s + at, bytes - at < PIECE ? bytes - at : PIECE);
    }
}

void dr_ref_fill(int64_t n, float value, float *y)
{
    static const float zero;
    if (memcmp(&value, &zero, sizeof value) == 0) {
        memset(y, 0, (size_t)n * sizeof *y);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        y[i] = value;
}

#define BLOCK ((int64_t)1 << 18) /* values that one thread looks at in one go */

void dr_ref_convert(int64_t n, dr_dtype from, const void *x, float *y)
{
#pragma omp parallel for schedule(static) if (n > BLOCK)
    for (int64_t at = 0; at < n; at += BLOCK)
        dr_to_f32((const char *)x + dr_dtype_bytes(from, (size_t)at), from, y + at,
                  (size_t)(n - at < BLOCK ? n - at : BLOCK));
}

/* A float is NaN or infinite when all bits of its exponent are set. */
static bool f32_bad(const uint32_t *v, int64_t n)
{
    uint32_t bad = 0;
#pragma omp simd reduction(| : bad)
    for (int64_t i = 0; i < n; i++)
        bad |= (uint32_t)((v[i] & 0x7f800000u) == 0x7f800000u);
    return bad;
}

static bool half_bad(const uint16_t *v, int64_t n, uint16_t exponent)
{
    uint16_t bad = 0;
#pragma omp simd reduction(| : bad)
    for (int64_t i = 0; i < n; i++)
        bad = (uint16_t)(bad | ((v[i] & exponent) == exponent));
    return bad;
}

/* Blocks of codes are no numbers when their scales are none. */
static bool blocks_bad(const char *x, dr_dtype type, int64_t n)
{
    enum { SOME = 4096 };
    float v[SOME];
    bool bad = false;
    for (int64_t at = 0; !bad && at < n; at += SOME) {
        int64_t m = n - at < SOME ? n - at : SOME;
        dr_to_f32(x + dr_dtype_bytes(type, (size_t)at), type, v, (size_t)m);
        bad = f32_bad((const uint32_t *)(const void *)v, m);
    }
    return bad;
}

bool dr_ref_finite(int64_t n, dr_dtype type, const void *x)
{
    int bad = 0;
#pragma omp parallel for schedule(static) reduction(| : bad) if (n > BLOCK)
    for (int64_t at = 0; at < n; at += BLOCK) {
        int64_t m = n - at < BLOCK ? n - at : BLOCK;
        if (type == DR_F32)
            bad |= f32_bad((const uint32_t *)x + at, m);
        else if (dr_dtype_block(type) > 1)
            bad |= blocks_bad((const char *)x + dr_dtype_bytes(type, (size_t)at), type, m);
        else
            bad |= half_bad((const uint16_t *)x + at, m, type == DR_F16 ? 0x7c00 : 0x7f80);
    }
    return !bad;
}
