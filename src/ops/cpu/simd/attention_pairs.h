/* Attention's products in bf16: two values side by side, in 32 bits, where f32 has one, and sums half as long.
 *
 * Pairs are of neighbours along the sum: of queries and keys two dimensions, of values two keys; an odd last one is
 * joined with zero. All of it needs AVX512_BF16. */
#ifndef DR_OPS_CPU_SIMD_ATTENTION_PAIRS_H
#define DR_OPS_CPU_SIMD_ATTENTION_PAIRS_H

#include "ops/cpu/isa.h"
#include "ops/cpu/simd/attention_tile.h"
#include "ops/cpu/simd/simd.h"
#include "ops/ops.h"

/** Whether this attention's products are in bf16, there and back: the scores that a backward makes again must be the
 *  forward's. */
static inline bool attention_takes_pairs(const dr_attention_args *a)
{
    return VW == 16 && dr_precision_rounds(a->precision) && dr_cpu_has_bf16();
}

/** Rows of x[rows,width] joined two by two in place; an odd last row is joined with zeros. */
static inline void pair_rows(int64_t rows, int64_t width, float *x)
{
    for (int64_t k = 0; k < rows; k += 2)
        for (int64_t c = 0; c < width; c += VW) {
            int64_t w = least(width - c, VW);
            vu low = bf16_bits(vload_n(x + k * width + c, w));
            vu high = k + 1 < rows ? bf16_bits(vload_n(x + (k + 1) * width + c, w)) : (vu){0};
            vstore_n(x + k / 2 * width + c, (vf)(low | (high << 16)), w);
        }
}

#if defined(DR_ISA_avx512)
/** mul_groups (attention_tile.h) where a and b hold pairs and K counts them. */
void SIMD(mul_pairs)(int64_t groups, int64_t columns, int64_t K, const float *a, int64_t step, int64_t rs, int64_t ks,
                     const float *b, const float *factor, float *c, int64_t ldc);

/** Two rows of attention's backward, `lds` apart: scores in p and dy·v in ds. p_down gets pairs of the two rows'
 *  probabilities, ds_down of their scores' gradients, and either row of ds becomes bf16 at its own start. Columns from
 *  seen[r] to `end` (a multiple of VW) are 0. p_down may be p. */
void SIMD(softmax_bwd_pairs)(int64_t end, int64_t lds, const int64_t seen[2], const float lse[2], const float delta[2],
                             const float *p, float *ds, float *p_down, float *ds_down);

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
