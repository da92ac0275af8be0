#include "ops/ref/ref.h"

#include <math.h>

void dr_ref_batchnorm(const dr_batchnorm_args *a)
{
    int64_t C = a->C;
    float *scale = a->folded, *rstd = scale + C, *shift = rstd + C;
    for (int64_t c = 0; c < C; c++) {
        rstd[c] = 1 / sqrtf(a->var[c] + a->eps);
        scale[c] = a->gamma[c] * rstd[c];
        shift[c] = a->beta[c] - a->mean[c] * scale[c];
    }
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < a->R; r++)
        for (int64_t c = 0; c < C; c++)
            a->y[r * C + c] = a->x[r * C + c] * scale[c] + shift[c];
}

static void backward_parameters(const dr_batchnorm_args *a)
{
    const float *x = a->x, *dy = a->dy, *rstd = a->folded + a->C;
    int64_t C = a->C;
#pragma omp parallel for schedule(static)
    for (int64_t c = 0; c < C; c++) { /* in double: there may be a hundred thousand places */
        double sum = 0, along = 0;
        for (int64_t r = 0; r < a->R; r++) {
            sum += (double)dy[r * C + c];
            along += (double)(dy[r * C + c] * (x[r * C + c] - a->mean[c]));
        }
        if (a->dgamma)
            a->dgamma[c] += (float)along * rstd[c];
        if (a->dbeta)
            a->dbeta[c] += (float)sum;
    }
}

void dr_ref_batchnorm_bwd(const dr_batchnorm_args *a)
{
    const float *scale = a->folded;
    int64_t C = a->C;
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < (a->dx ? a->R : 0); r++)
        for (int64_t c = 0; c < C; c++)
            a->dx[r * C + c] += a->dy[r * C + c] * scale[c];
    if (a->dgamma || a->dbeta)
        backward_parameters(a);
}
