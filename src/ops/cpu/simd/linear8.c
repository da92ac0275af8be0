/* The product of a linear layer in 8-bit whole numbers (ops/cpu/linear8.h): all rows become codes first, then tiles of
 * 6 rows by 64 outputs keep their sums in registers past all of K. Blocks of rows stay in the second-level cache while
 * panels of weights pass by. */
#include "ops/cpu/linear8.h"

#include "ops/cpu/simd/simd.h"
#include "ops/cpu/simd/vec.h"

#include <omp.h>

#define MR 6
#define NV 4
#define PANEL DR_LINEAR8_PANEL
#define GROUP DR_LINEAR8_GROUP
/* Codes of a block of rows: with a panel of weights in a second-level cache of 1 MiB. */
#define BLOCK_BYTES (448 << 10)
#define UNITS_PER_THREAD 4

#if defined(DR_ISA_avx512)

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define VNNI __attribute__((target("avx512vnni")))

void SIMD(linear8)(const dr_linear8 *p, void *work);

/* Codes of a row, whole lines apart; rows of a block of MR may be read beyond M. */
static int64_t row_bytes(int64_t K)
{
    return (K + 63) / 64 * 64;
}

/* --- rows of x ------------------------------------------------------------------------------------------ */

ALWAYS_INLINE vf values(const dr_linear8 *p, const float *x, int64_t k)
{
    int64_t n = p->K - k < VW ? p->K - k : VW;
    vf v = vload_n(x + k, n);
    return p->divide ? v * vload_n(p->divide + k, n) : v;
}

/* A row as codes + 128. Returns its step: largest by the values' bits, among which a NaN is the largest of all. */
static float codes(const dr_linear8 *p, const float *x, uint8_t *code)
{
    __m512i top = _mm512_setzero_si512();
    for (int64_t k = 0; k < p->K; k += VW)
        top = _mm512_max_epi32(top, (__m512i)((vi)values(p, x, k) & 0x7fffffff));
    int32_t bits = _mm512_reduce_max_epi32(top);
    float largest;
    memcpy(&largest, &bits, sizeof largest);
    float inv = 127 / largest;
    inv = largest == 0 || isinf(inv) ? 0 : inv;
    for (int64_t k = 0; k < row_bytes(p->K); k += VW) {
        vf v = k < p->K ? values(p, x, k) * inv : vzero();
        __m128i c = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32((__m512)v));
        _mm_storeu_si128((__m128i *)(void *)(code + k), _mm_xor_si128(c, _mm_set1_epi8((char)-128)));
    }
    return isinf(largest) ? NAN : largest / 127;
}

/* --- tiles ---------------------------------------------------------------------------------------------- */

VNNI static void tile(const dr_linear8 *p, const uint8_t *code, const float *step, int64_t m, int64_t n)
{
    int64_t ld = row_bytes(p->K), groups = (p->K + GROUP - 1) / GROUP;
    const int8_t *w = p->w + n * groups * GROUP;
    vi sum[MR][NV]; /* of this type GCC keeps them in registers */
#pragma GCC unroll 4
    for (int v = 0; v < NV; v++) {
        vi start = (vi)_mm512_cvtps_epi32((__m512)vload(p->start + n + v * VW));
#pragma GCC unroll 6
        for (int r = 0; r < MR; r++)
            sum[r][v] = start;
    }
#pragma GCC unroll 1
    for (int64_t g = 0; g < groups; g++, w += PANEL * GROUP, code += GROUP) {
        __m512i row[NV];
#pragma GCC unroll 4
        for (int v = 0; v < NV; v++)
            row[v] = _mm512_loadu_si512(w + v * VW * GROUP);
#pragma GCC unroll 6
        for (int r = 0; r < MR; r++) {
            int32_t four;
            memcpy(&four, code + r * ld, sizeof four);
            __m512i one = _mm512_set1_epi32(four);
#pragma GCC unroll 4
            for (int v = 0; v < NV; v++)
                sum[r][v] = (vi)_mm512_dpbusd_epi32((__m512i)sum[r][v], one, row[v]);
        }
    }
#pragma GCC unroll 4
    for (int v = 0; v < NV; v++) {
        int64_t at = n + v * VW, lanes = p->N - at < VW ? p->N - at : VW;
        if (lanes <= 0)
            break;
        vf unit = vload(p->unit + at), b = p->b ? vload_n(p->b + at, lanes) : vzero();
#pragma GCC unroll 6
        for (int r = 0; r < MR; r++) {
            if (m + r >= p->M)
                break;
            vf y = vfma((vf)_mm512_cvtepi32_ps((__m512i)sum[r][v]), unit * step[r], b);
            if (p->residual)
                y += vload_n(p->residual + (m + r) * p->N + at, lanes);
            vstore_n(p->y + (m + r) * p->N + at, y, lanes);
        }
    }
}

void SIMD(linear8)(const dr_linear8 *p, void *work)
{
    int64_t ld = row_bytes(p->K), padded = (p->M + MR - 1) / MR * MR, panels = (p->N + PANEL - 1) / PANEL;
    uint8_t *code = work;
    float *step = (float *)(void *)(code + padded * ld);
    int64_t rows = BLOCK_BYTES / ld / MR * MR;
    rows = rows < MR ? MR : rows > padded ? padded : rows;
    int64_t blocks = (padded + rows - 1) / rows;
    int64_t parts = (UNITS_PER_THREAD * omp_get_max_threads() + blocks - 1) / blocks;
    parts = parts > panels ? panels : parts;
#pragma omp parallel
    {
#pragma omp for schedule(static)
        for (int64_t m = 0; m < padded; m++) {
            if (m < p->M)
                step[m] = codes(p, p->x + m * p->K, code + m * ld);
            else
                memset(code + m * ld, 0, (size_t)ld);
        }
#pragma omp for schedule(dynamic, 1)
        for (int64_t unit = 0; unit < blocks * parts; unit++) {
            int64_t from = unit / parts * rows, to = from + rows < padded ? from + rows : padded;
            int64_t part = unit % parts;
            for (int64_t n = panels * part / parts; n < panels * (part + 1) / parts; n++)
                for (int64_t m = from; m < to; m += MR)
                    tile(p, code + m * ld, step + m, m, n * PANEL);
        }
    }
}

#else
typedef int linear8_unused; /* a source may not be empty */
#endif
