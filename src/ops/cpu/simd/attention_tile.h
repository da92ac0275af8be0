/* What both directions of attention are made of: packing, and the product of small tiles.
 *
 * The one kernel multiplies MR rows by a strip of up to NV vectors and keeps the result in registers:
 * c[MR, nv*VW] = c * factor + a[MR,K] b[K, nv*VW], where a's values are broadcast one by one. Matrices are
 * packed so that a strip of b is read front to back. */
#ifndef DR_OPS_CPU_SIMD_ATTENTION_TILE_H
#define DR_OPS_CPU_SIMD_ATTENTION_TILE_H

#include "ops/cpu/simd/vec.h"

#define MR 6
#if VW == 16 || defined(__aarch64__)
#define NV 4 /* 32 registers: 24 sums, 4 of the strip, a broadcast */
#else
#define NV 2 /* 16 registers: 12 sums, 2 of the strip, a broadcast */
#endif
#define STRIP (NV * VW) /* columns of a whole strip */
#define LOG2E 1.44269504088896341
#define LN2 0.69314718055994531

#define ALWAYS_INLINE static inline __attribute__((always_inline))

static inline int64_t round_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

static inline int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* a(r,k) lies at a[r*rs + k*ks]; row k of the strip at b + k*nv*VW; row r of c at c + r*ldc. factor: NULL
 * starts from zero. */
ALWAYS_INLINE void strip_mul_nv(int nv, int64_t K, const float *a, int64_t rs, int64_t ks, const float *b,
                                const float *factor, float *c, int64_t ldc)
{
    vf sum[MR][NV];
#pragma GCC unroll 6
    for (int r = 0; r < MR; r++)
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++)
            sum[r][v] = factor ? vload(c + r * ldc + v * VW) * factor[r] : vzero();
    for (int64_t k = 0; k < K; k++) {
        vf row[NV];
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++)
            row[v] = vload(b + v * VW);
#pragma GCC unroll 6
        for (int r = 0; r < MR; r++) {
            vf one = vset1(a[r * rs]);
#pragma GCC unroll 4
            for (int v = 0; v < nv; v++)
                sum[r][v] = vfma(one, row[v], sum[r][v]);
        }
        a += ks;
        b += nv * VW;
    }
#pragma GCC unroll 6
    for (int r = 0; r < MR; r++)
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++)
            vstore(c + r * ldc + v * VW, sum[r][v]);
}

/* The number of vectors is a constant in each case, so that the sums stay in registers. */
ALWAYS_INLINE void strip_mul(int64_t columns, int64_t K, const float *a, int64_t rs, int64_t ks, const float *b,
                             const float *factor, float *c, int64_t ldc)
{
    switch (columns / VW) {
    case 1:
        strip_mul_nv(1, K, a, rs, ks, b, factor, c, ldc);
        return;
#if NV == 4
    case 2:
        strip_mul_nv(2, K, a, rs, ks, b, factor, c, ldc);
        return;
    case 3:
        strip_mul_nv(3, K, a, rs, ks, b, factor, c, ldc);
        return;
#endif
    default:
        strip_mul_nv(NV, K, a, rs, ks, b, factor, c, ldc);
    }
}

/* strip_mul for `groups` groups of MR rows: a's lie `step` apart, the results' rows ldc apart. */
static inline void mul_groups(int64_t groups, int64_t columns, int64_t K, const float *a, int64_t step, int64_t rs,
                              int64_t ks, const float *b, const float *factor, float *c, int64_t ldc)
{
    for (int64_t g = 0; g < groups; g++)
        strip_mul(columns, K, a + g * step, rs, ks, b, factor ? factor + g * MR : NULL, c + g * MR * ldc, ldc);
}

/* Rows of x[L,D] (ld apart), times `scale`, as groups of MR rows, each transposed to [D][MR]; rows from L
 * to the end of the last group are zero. */
static inline void pack_groups(int64_t L, int64_t D, const float *x, int64_t ld, float scale, float *out)
{
    for (int64_t g = 0; g < L; g += MR, out += MR * D)
        for (int r = 0; r < MR; r++)
            for (int64_t d = 0; d < D; d++)
                out[d * MR + r] = g + r < L ? x[(g + r) * ld + d] * scale : 0.0f;
}

/* Rows [0, rows) of x (ld apart, D values) transposed to one strip [D][width]; columns from `rows` on are
 * zero. width is a multiple of VW, at most STRIP. */
static inline void pack_transposed(int64_t rows, int64_t width, int64_t D, const float *x, int64_t ld, float *out)
{
    for (int64_t j = 0; j < width; j++)
        for (int64_t d = 0; d < D; d++)
            out[d * width + j] = j < rows ? x[j * ld + d] : 0.0f;
}

/* x[L,D] (ld apart), times `scale`, as strips of columns [L][width], the last padded with zeros to whole
 * vectors; rows from L to `rows` are zero. Strip s starts at out + s*STRIP*rows. */
static inline void pack_strips(int64_t L, int64_t rows, int64_t D, const float *x, int64_t ld, float scale, float *out)
{
    for (int64_t c = 0; c < D; c += STRIP) {
        int64_t width = least(round_up(D - c, VW), STRIP), have = least(D - c, STRIP);
        for (int64_t l = 0; l < rows; l++, out += width)
            for (int64_t d = 0; d < width; d += VW) {
                int64_t w = l < L ? least(have - d, VW) : 0;
                vstore(out + d, w > 0 ? vload_n(x + l * ld + c + d, w) * scale : vzero());
            }
    }
}

#endif
