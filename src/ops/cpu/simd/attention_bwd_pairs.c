/* The softmax of attention's backward where products take pairs of bf16. */
#include "ops/cpu/simd/attention_pairs.h"

#if defined(DR_ISA_avx512)

#define BF16_INLINE __attribute__((target("avx512bf16"), always_inline)) static inline

/* The lanes of columns j.. that are seen. */
static inline __mmask16 seen_lanes(int64_t seen, int64_t j)
{
    int64_t n = seen - j;
    return (__mmask16)(n >= VW ? 0xffff : n <= 0 ? 0 : (1 << n) - 1);
}

/* A column of two rows in every lane, the first one in the lower half. */
BF16_INLINE void store_pairs(float *to, __m256bh first, __m256bh second)
{
    __m512i low = _mm512_cvtepu16_epi32((__m256i)first), high = _mm512_cvtepu16_epi32((__m256i)second);
    _mm512_storeu_si512(to, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
}

__attribute__((target("avx512bf16"))) void SIMD(softmax_bwd_pairs)(int64_t end, int64_t lds, const int64_t seen[2],
                                                                   const float lse[2], const float delta[2],
                                                                   const float *p, float *ds, float *p_down,
                                                                   float *ds_down)
{
    for (int64_t j = 0; j < end; j += VW) {
        __m256bh e[2], g[2];
        for (int r = 0; r < 2; r++) {
            __mmask16 lanes = seen_lanes(seen[r], j);
            vf one = vexp2_neg(vload(p + r * lds + j) - lse[r]), rest = vload(ds + r * lds + j) - delta[r];
            e[r] = _mm512_cvtneps_pbh(_mm512_maskz_mov_ps(lanes, (__m512)one));
            g[r] = _mm512_cvtneps_pbh(_mm512_maskz_mul_ps(lanes, (__m512)one, (__m512)rest));
            memcpy((uint16_t *)(ds + r * lds) + j, &g[r], sizeof g[r]);
        }
        store_pairs(p_down + j, e[0], e[1]);
        store_pairs(ds_down + j, g[0], g[1]);
    }
}

#else
typedef int attention_bwd_pairs_unused; /* a source may not be empty */
#endif
