/* Sums over many values. The order of additions depends on the sizes alone, never on the threads. */
#include "ops/cpu/simd/rows.h"
#include "ops/cpu/simd/vec.h"

#define BLOCK 64    /* channels that one task of sum_rows owns */
#define RUN 64      /* rows added in f32 before the sum goes into a double */
#define SEGMENTS 64 /* of sumsq */
#define SPAN 1024   /* values that sumsq adds in f32 */

/* de[c] += sum over s of dy[s,c] for `w` channels, w <= BLOCK. */
static void sum_rows_block(int64_t S, int64_t C, int64_t w, const float *dy, float *de)
{
    double total[BLOCK] = {0};
    for (int64_t s0 = 0; s0 < S; s0 += RUN) {
        float part[BLOCK] = {0};
        int64_t s1 = s0 + RUN < S ? s0 + RUN : S;
        for (int64_t s = s0; s < s1; s++)
            for (int64_t c = 0; c < w; c++)
                part[c] += dy[s * C + c];
        for (int64_t c = 0; c < w; c++)
            total[c] += (double)part[c];
    }
    for (int64_t c = 0; c < w; c++)
        de[c] += (float)total[c];
}

void SIMD(sum_rows)(int64_t N, int64_t S, int64_t C, const float *dy, float *de)
{
    int64_t blocks = (C + BLOCK - 1) / BLOCK;
#pragma omp parallel for schedule(static) if (N * S * C > 32768)
    for (int64_t t = 0; t < N * blocks; t++) {
        int64_t n = t / blocks, c = t % blocks * BLOCK;
        int64_t w = C - c < BLOCK ? C - c : BLOCK;
        if (w == BLOCK) /* a constant width keeps the sums in registers */
            sum_rows_block(S, C, BLOCK, dy + n * S * C + c, de + n * C + c);
        else
            sum_rows_block(S, C, w, dy + n * S * C + c, de + n * C + c);
    }
}

static double sumsq_segment(int64_t n, const float *x)
{
    double total = 0;
    for (int64_t i = 0; i < n; i += SPAN) {
        int64_t end = i + SPAN < n ? i + SPAN : n, j = i;
        vf a = vzero(), b = vzero();
        for (; j + 2 * VW <= end; j += 2 * VW) {
            vf u = vload(x + j), v = vload(x + j + VW);
            a = vfma(u, u, a);
            b = vfma(v, v, b);
        }
        total += (double)vsum(a + b);
        for (; j < end; j++)
            total += (double)x[j] * (double)x[j];
    }
    return total;
}

double SIMD(sumsq)(int64_t n, const float *x)
{
    double part[SEGMENTS];
    int64_t each = ((n + SEGMENTS - 1) / SEGMENTS + SPAN - 1) / SPAN * SPAN;
#pragma omp parallel for schedule(static) if (n > 32768)
    for (int s = 0; s < SEGMENTS; s++) {
        int64_t at = s * each;
        int64_t len = at >= n ? 0 : n - at < each ? n - at : each;
        part[s] = len ? sumsq_segment(len, x + at) : 0.0;
    }
    double total = 0;
    for (int s = 0; s < SEGMENTS; s++)
        total += part[s];
    return total;
}
