#include "ops/cpu/linear8.h"

#include "ops/cpu/isa.h"

#include <math.h>
#include <string.h>

#define PANEL DR_LINEAR8_PANEL
#define GROUP DR_LINEAR8_GROUP
#define LARGEST 127

#if defined(__x86_64__)
void dr_simd_linear8_avx512(const dr_linear8 *p, void *work);
#endif

static int64_t div_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

int64_t dr_linear8_panels(int64_t N)
{
    return div_up(N, PANEL);
}

int64_t dr_linear8_weight_bytes(int64_t N, int64_t K)
{
    return dr_linear8_panels(N) * PANEL * div_up(K, GROUP) * GROUP;
}

int64_t dr_linear8_work_bytes(int64_t M, int64_t K)
{
    int64_t rows = div_up(M, 6) * 6; /* whole tiles */
    return rows * div_up(K, 64) * 64 + rows * (int64_t)sizeof(float);
}

/* One output's weights into its place of a panel. Weights that are not finite make its unit NaN, and so its outputs. */
static void pack_output(int64_t K, const float *w, const float *times, int8_t *code, float *unit, float *start)
{
    float top = 0;
    int64_t sum = 0;
    for (int64_t k = 0; k < K; k++) {
        float v = fabsf(times ? w[k] * times[k] : w[k]);
        top = v <= top ? top : v;
    }
    *unit = isfinite(top) ? top / LARGEST : NAN;
    float inv = top > 0 && isfinite(top) ? LARGEST / top : 0;
    for (int64_t k = 0; k < K && isfinite(inv); k++) {
        long q = isfinite(top) ? lrintf((times ? w[k] * times[k] : w[k]) * inv) : 0;
        code[k / GROUP * GROUP * PANEL + k % GROUP] = (int8_t)q;
        sum += q;
    }
    *start = (float)(-128 * sum);
}

void dr_linear8_pack(int64_t N, int64_t K, const float *w, const float *times, int8_t *code, float *unit, float *start)
{
    int64_t panels = dr_linear8_panels(N), size = dr_linear8_weight_bytes(PANEL, K);
#pragma omp parallel for schedule(static)
    for (int64_t p = 0; p < panels; p++) {
        memset(code + p * size, 0, (size_t)size);
        for (int64_t i = 0; i < PANEL; i++) {
            int64_t n = p * PANEL + i;
            unit[n] = start[n] = 0;
            if (n < N)
                pack_output(K, w + n * K, times, code + p * size + i * GROUP, unit + n, start + n);
        }
    }
}

bool dr_cpu_has_linear8(void)
{
    return dr_cpu_has_vnni();
}

void dr_cpu_linear8(const dr_linear8 *p, void *work)
{
#if defined(__x86_64__)
    dr_simd_linear8_avx512(p, work);
#else
    (void)p;
    (void)work;
#endif
}
