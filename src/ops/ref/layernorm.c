/* Layer normalisation of rows: Ba et al. 2016, arXiv:1607.06450. The same formulas as in groupnorm.c, with a
 * row in the place of a group. */
#include "ops/ref/ref.h"

#include <math.h>

dr_status dr_ref_layernorm(const dr_layernorm_args *a)
{
#pragma omp parallel for
    for (int64_t r = 0; r < a->R; r++) {
        const float *x = a->x + r * a->C;
        double sum = 0, squares = 0;
        for (int64_t c = 0; c < a->C; c++)
            sum += (double)x[c];
        double mean = sum / (double)a->C;
        for (int64_t c = 0; c < a->C; c++)
            squares += ((double)x[c] - mean) * ((double)x[c] - mean);
        double rstd = 1 / sqrt(squares / (double)a->C + (double)a->eps);
        if (a->mean)
            a->mean[r] = (float)mean;
        if (a->rstd)
            a->rstd[r] = (float)rstd;
        for (int64_t c = 0; c < a->C; c++)
            a->y[r * a->C + c] = (float)(((double)x[c] - mean) * rstd * (double)a->gamma[c] + (double)a->beta[c]);
    }
    return DR_OK;
}

static void grad_x(const dr_layernorm_args *a, int64_t r)
{
    const float *x = a->x + r * a->C, *dy = a->dy + r * a->C;
    double mean = (double)a->mean[r], rstd = (double)a->rstd[r], mean1 = 0, mean2 = 0;
    for (int64_t c = 0; c < a->C; c++) {
        double g = (double)dy[c] * (double)a->gamma[c];
        mean1 += g / (double)a->C;
        mean2 += g * ((double)x[c] - mean) * rstd / (double)a->C;
    }
    for (int64_t c = 0; c < a->C; c++) {
        double xh = ((double)x[c] - mean) * rstd;
        a->dx[r * a->C + c] += (float)(rstd * ((double)dy[c] * (double)a->gamma[c] - mean1 - xh * mean2));
    }
}

static dr_status grad_gamma_beta(const dr_layernorm_args *a)
{
    double *dgamma = dr_arena_zalloc(a->scratch, (size_t)a->C * sizeof *dgamma);
    double *dbeta = dr_arena_zalloc(a->scratch, (size_t)a->C * sizeof *dbeta);
    if (!dgamma || !dbeta)
        return DR_ENOMEM;
    for (int64_t r = 0; r < a->R; r++)
        for (int64_t c = 0; c < a->C; c++) {
            double dy = (double)a->dy[r * a->C + c];
            dbeta[c] += dy;
            dgamma[c] += dy * ((double)a->x[r * a->C + c] - (double)a->mean[r]) * (double)a->rstd[r];
        }
    for (int64_t c = 0; c < a->C; c++) {
        if (a->dgamma)
            a->dgamma[c] += (float)dgamma[c];
        if (a->dbeta)
            a->dbeta[c] += (float)dbeta[c];
    }
    return DR_OK;
}

dr_status dr_ref_layernorm_bwd(const dr_layernorm_args *a)
{
    if (a->dx) {
#pragma omp parallel for
        for (int64_t r = 0; r < a->R; r++)
            grad_x(a, r);
    }
    size_t mark = dr_arena_mark(a->scratch);
    dr_status st = a->dgamma || a->dbeta ? grad_gamma_beta(a) : DR_OK;
    dr_arena_rewind(a->scratch, mark);
    return st;
}
