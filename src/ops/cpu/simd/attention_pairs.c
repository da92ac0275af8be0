#include "ops/cpu/simd/attention_pairs.h"

#if defined(DR_ISA_avx512)

#define BF16 __attribute__((target("avx512bf16")))
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

BF16 void SIMD(mul_pairs)(int64_t groups, int64_t columns, int64_t K, const float *a, int64_t step, int64_t rs,
                          int64_t ks, const float *b, const float *factor, float *c, int64_t ldc)
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

/* 2^x is 2^floor(x) times a polynomial of the rest, short because bf16 rounds next: 3e-6 (minimax on
 * [0,1]). */
BF16 void SIMD(exp_pairs)(int64_t n, float top, float *s, float *total)
{
    const __m512 c4 = _mm512_set1_ps(0.0135341678f), c3 = _mm512_set1_ps(0.0520114601f),
                 c2 = _mm512_set1_ps(0.241442755f);
    const __m512 c1 = _mm512_set1_ps(0.693003833f), c0 = _mm512_set1_ps(1.00000262f);
    const __m512 least_x = _mm512_set1_ps(-160.0f), now = _mm512_set1_ps(top);
    __m512 sum = _mm512_setzero_ps();
    for (int64_t j = 0; j < n; j += VW) {
        __m512 x = _mm512_max_ps(least_x, _mm512_sub_ps(_mm512_loadu_ps(s + j), now));
        __m512 r = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
        __m512 p = _mm512_fmadd_ps(_mm512_fmadd_ps(c4, r, c3), r, c2);
        p = _mm512_scalef_ps(_mm512_fmadd_ps(_mm512_fmadd_ps(p, r, c1), r, c0), x);
        __m256bh half = _mm512_cvtneps_pbh(p);
        memcpy((uint16_t *)s + j, &half, sizeof half);
        sum = _mm512_add_ps(sum, p);
    }
    _mm512_storeu_ps(total, sum);
}

/* Values [0, n) of x times scale, two neighbours a lane; n <= 32. */
BF16_INLINE __m512i row_pairs(const float *x, int64_t n, __m512 scale)
{
    vf low = vload_n(x, least(n, VW)), high = n > VW ? vload_n(x + VW, n - VW) : vzero();
    return (__m512i)_mm512_cvtne2ps_pbh((__m512)high * scale, (__m512)low * scale);
}

BF16 void SIMD(pack_row_pairs)(int64_t L, int64_t rows, int64_t D, const float *x, int64_t ld, float scale, float *out)
{
    int64_t pairs = (D + 1) / 2;
    for (int64_t l = 0; l < L; l++, out += pairs)
        for (int64_t d = 0; d < D; d += 2 * VW)
            vstore_n(out + d / 2, (vf)row_pairs(x + l * ld + d, least(D - d, 2 * VW), _mm512_set1_ps(scale)),
                     least(pairs - d / 2, VW));
    memset(out, 0, (size_t)((rows - L) * pairs) * sizeof *out);
}

BF16 void SIMD(pack_transposed_pairs)(int64_t rows, int64_t width, int64_t D, const float *x, int64_t ld, float *out)
{
    int64_t pairs = (D + 1) / 2;
    for (int64_t j = 0; j < width; j++)
        for (int64_t d = 0; d < pairs; d += VW) {
            float lane[VW] = {0};
            if (j < rows)
                vstore(lane, (vf)row_pairs(x + j * ld + 2 * d, least(D - 2 * d, 2 * VW), _mm512_set1_ps(1.0f)));
            for (int64_t i = 0; i < least(pairs - d, VW); i++)
                out[(d + i) * width + j] = lane[i];
        }
}

BF16 void SIMD(pack_strip_pairs)(int64_t L, int64_t D, const float *x, int64_t ld, float *out)
{
    for (int64_t c = 0; c < D; c += STRIP) {
        int64_t width = least(round_up(D - c, VW), STRIP);
        for (int64_t l = 0; l < L; l += 2, out += width)
            for (int64_t d = 0; d < width; d += VW) {
                const float *from = x + l * ld + c + d;
                int64_t n = least(D - c - d, VW);
                vf low = vload_n(from, n), high = l + 1 < L ? vload_n(from + ld, n) : vzero();
                __m512i a = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)low));
                __m512i b = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)high));
                vstore(out + d, (vf)_mm512_or_si512(a, _mm512_slli_epi32(b, 16)));
            }
        out += L / 2 * width; /* the next strip lies where it would without pairs */
    }
}

#else
typedef int attention_pairs_unused; /* a source may not be empty */
#endif
