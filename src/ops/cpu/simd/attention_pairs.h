/* Attention's products in bf16: two values side by side, in 32 bits, where f32 has one, and sums half as long.
 *
 * Pairs are of neighbours along the sum: of queries and keys two dimensions, of values two keys; an odd last one is
 * joined with zero. All of it needs AVX512_BF16. */
#ifndef DR_OPS_CPU_SIMD_ATTENTION_PAIRS_H
#define DR_OPS_CPU_SIMD_ATTENTION_PAIRS_H

#include "ops/cpu/simd/attention_tile.h"
#include "ops/cpu/simd/simd.h"

#if defined(DR_ISA_avx512)
/** mul_groups (attention_tile.h) where a and b hold pairs and K counts them. */
void SIMD(mul_pairs)(int64_t groups, int64_t columns, int64_t K, const float *a, int64_t step, int64_t rs, int64_t ks,
                     const float *b, const float *factor, float *c, int64_t ldc);

/** s[j] of n scores (a multiple of VW) becomes 2^(s[j] - top) in bf16, at the row's start: each is written behind the
 *  scores still to be read. total[VW] gets what the lanes of all add up to, before rounding. */
void SIMD(exp_pairs)(int64_t n, float top, float *s, float *total);

/** L rows of D values (ld apart), times `scale`, as rows of pairs; rows from L to `rows` are zero. */
void SIMD(pack_row_pairs)(int64_t L, int64_t rows, int64_t D, const float *x, int64_t ld, float scale, float *out);
/** pack_transposed and pack_strips (attention_tile.h; no more rows than L, no scale), in pairs. */
void SIMD(pack_transposed_pairs)(int64_t rows, int64_t width, int64_t D, const float *x, int64_t ld, float *out);
void SIMD(pack_strip_pairs)(int64_t L, int64_t D, const float *x, int64_t ld, float *out);
#endif

#endif
