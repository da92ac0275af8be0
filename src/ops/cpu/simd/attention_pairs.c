#include "ops/cpu/simd/attention_pairs.h"

#if defined(DR_ISA_avx512)

#define BF16_INLINE __attribute__((target("avx512bf16"), always_inline)) static inline

/* strip_mul_nv with a product of two terms in every lane. */
BF16_INLINE void strip_pairs_nv(int nv, int64_t K, const float *a, int64_t rs, int64_t ks, const float *b,
                                const float *factor, float *c, int64_t ldc)
{
    __m512 sum[MR][NV];
#pragma GCC unroll 6
    for (int r = 0; r < MR; r++)
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++)
            sum[r][v] = factor ? (__m512)(vload(c + r * ldc + v * VW) * factor[r]) : _mm512_setzero_ps();
    for (int64_t k = 0; k < K; k++) {
        __m512bh row[NV];
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++)
            row[v] = (__m512bh)vload(b + v * VW);
#pragma GCC unroll 6
        for (int r = 0; r < MR; r++) {
            int32_t pair;
            memcpy(&pair, a + r * rs, sizeof pair);
            __m512bh one = (__m512bh)_mm512_set1_epi32(pair);
#pragma GCC unroll 4
            for (int v = 0; v < nv; v++)
                sum[r][v] = _mm512_dpbf16_ps(sum[r][v], one, row[v]);
        }
        a += ks;
        b += nv * VW;
    }
#pragma GCC unroll 6
    for (int r = 0; r < MR; r++)
#pragma GCC unroll 4
        for (int v = 0; v < nv; v++)
            vstore(c + r * ldc + v * VW, (vf)sum[r][v]);
}

__attribute__((target("avx512bf16"))) void SIMD(mul_pairs)(int64_t groups, int64_t columns, int64_t K, const float *a,
                                                           int64_t step, int64_t rs, int64_t ks, const float *b,
                                                           const float *factor, float *c, int64_t ldc)
{
    for (int64_t g = 0; g < groups; g++, a += step, c += MR * ldc) {
        const float *f = factor ? factor + g * MR : NULL;
        switch (columns / VW) {
        case 1:
            strip_pairs_nv(1, K, a, rs, ks, b, f, c, ldc);
            break;
        case 2:
            strip_pairs_nv(2, K, a, rs, ks, b, f, c, ldc);
            break;
        case 3:
            strip_pairs_nv(3, K, a, rs, ks, b, f, c, ldc);
            break;
        default:
            strip_pairs_nv(NV, K, a, rs, ks, b, f, c, ldc);
        }
    }
}

#else
typedef int attention_pairs_unused; /* a source may not be empty */
#endif
