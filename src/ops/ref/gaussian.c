#include "ops/ref/ref.h"

#include <math.h>

static float clamped(float logvar)
{
    return fminf(fmaxf(logvar, DR_LOGVAR_MIN), DR_LOGVAR_MAX);
}

static bool inside(float logvar)
{
    return logvar >= DR_LOGVAR_MIN && logvar <= DR_LOGVAR_MAX;
}

void dr_ref_gaussian_sample(const dr_gaussian_args *a)
{
    const float *x = a->x, *e = a->noise;
    float *z = a->y;
    int64_t C = a->C;
    for (int64_t i = 0; i < a->R; i++, x += 2 * C, z += C, e += C)
        for (int64_t c = 0; c < C; c++)
            z[c] = x[c] + expf(0.5f * clamped(x[C + c])) * e[c];
}

void dr_ref_gaussian_sample_bwd(const dr_gaussian_args *a)
{
    const float *x = a->x, *dy = a->dy, *noise = a->noise;
    float *dx = a->dx;
    int64_t C = a->C;
    for (int64_t i = 0; dx && i < a->R; i++, x += 2 * C, dx += 2 * C, dy += C, noise += C)
        for (int64_t c = 0; c < C; c++) {
            dx[c] += dy[c];
            if (inside(x[C + c]))
                dx[C + c] += dy[c] * noise[c] * 0.5f * expf(0.5f * x[C + c]);
        }
}

void dr_ref_gaussian_kl(const dr_gaussian_args *a)
{
    const float *x = a->x;
    int64_t C = a->C;
    double sum = 0;
    for (int64_t i = 0; i < a->R; i++, x += 2 * C)
        for (int64_t c = 0; c < C; c++) {
            double mean = (double)x[c], logvar = (double)clamped(x[C + c]);
            sum += mean * mean + exp(logvar) - 1 - logvar;
        }
    a->y[0] = (float)(0.5 * sum / (double)(a->R * C));
}

void dr_ref_gaussian_kl_bwd(const dr_gaussian_args *a)
{
    const float *x = a->x;
    float *dx = a->dx;
    int64_t C = a->C;
    float k = a->dy[0] / (float)(a->R * C);
    for (int64_t i = 0; dx && i < a->R; i++, x += 2 * C, dx += 2 * C)
        for (int64_t c = 0; c < C; c++) {
            dx[c] += k * x[c];
            if (inside(x[C + c]))
                dx[C + c] += k * 0.5f * (expf(x[C + c]) - 1);
        }
}
