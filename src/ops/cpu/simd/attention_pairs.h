/* Attention's products in bf16: two values side by side where f32 has one.
 *
 * A packed matrix is made in f32 and then has its rows k and k+1 joined, value by value, into one row
 * of 32-bit pairs, in place: every offset stays, and the sums are half as long. */
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
    return VW == 16 && a->precision == DR_PRECISION_AUTO && dr_cpu_has_bf16();
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
/** mul_groups (attention_tile.h) where a and b hold pairs and K counts them; needs AVX512_BF16. */
void SIMD(mul_pairs)(int64_t groups, int64_t columns, int64_t K, const float *a, int64_t step, int64_t rs, int64_t ks,
                     const float *b, const float *factor, float *c, int64_t ldc);

/** Two rows of attention's backward, `lds` apart: scores in p and dy·v in ds. p_down gets pairs of the two rows'
 *  probabilities, ds_down of their scores' gradients, and either row of ds becomes bf16 at its own start. Columns from
 *  seen[r] to `end` (a multiple of VW) are 0. p_down may be p. Needs AVX512_BF16. */
void SIMD(softmax_bwd_pairs)(int64_t end, int64_t lds, const int64_t seen[2], const float lse[2], const float delta[2],
                             const float *p, float *ds, float *p_down, float *ds_down);
#endif

#endif
