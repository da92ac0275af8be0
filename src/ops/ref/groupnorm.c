/* Group normalisation: Wu & He 2018, arXiv:1803.08494. With xh = (x - mean) * rstd of a sample's group:
 *
 *     z = gamma xh + beta,  y = act(z)
 *     dx = rstd (gamma dz - mean(gamma dz) - xh mean(gamma dz xh)),  dgamma = sum dz xh,  dbeta = sum dz
 */
#include "ops/ref/ref.h"

#include <math.h>

/* mean and 1/deviation of one group, in double and in two passes */
static void moments(const dr_groupnorm_args *a, const float *x, double *mean, double *rstd)
{
    int64_t D = a->C / a->groups;
    double sum = 0, squares = 0;
    for (int64_t s = 0; s < a->S; s++)
        for (int64_t c = 0; c < D; c++)
            sum += (double)x[s * a->C + c];
    *mean = sum / (double)(a->S * D);
    for (int64_t s = 0; s < a->S; s++)
        for (int64_t c = 0; c < D; c++) {
            double d = (double)x[s * a->C + c] - *mean;
            squares += d * d;
        }
    *rstd = 1 / sqrt(squares / (double)(a->S * D) + (double)a->eps);
}

dr_status dr_ref_groupnorm(const dr_groupnorm_args *a)
{
    int64_t D = a->C / a->groups;
#pragma omp parallel for
    for (int64_t ng = 0; ng < a->N * a->groups; ng++) {
        int64_t n = ng / a->groups, c0 = ng % a->groups * D;
        const float *x = a->x + n * a->S * a->C + c0;
        float *y = a->y + n * a->S * a->C + c0;
        double mean, rstd;
        moments(a, x, &mean, &rstd);
        if (a->mean)
            a->mean[ng] = (float)mean;
        if (a->rstd)
            a->rstd[ng] = (float)rstd;
        for (int64_t s = 0; s < a->S; s++)
            for (int64_t c = 0; c < D; c++) {
                double z = ((double)x[s * a->C + c] - mean) * rstd;
                if (a->gamma)
                    z = z * (double)a->gamma[c0 + c] + (double)a->beta[c0 + c];
                y[s * a->C + c] = (float)dr_ref_act1(a->act, z);
            }
    }
    return DR_OK;
}

/* One cell on the way back: its normalised value, and the gradient before the activation. */
typedef struct cell {
    double xh, dz;
} cell;

static cell cell_at(const dr_groupnorm_args *a, int64_t ng, int64_t c, int64_t at)
{
    cell v;
    v.xh = ((double)a->x[at] - (double)a->mean[ng]) * (double)a->rstd[ng];
    double z = a->gamma ? v.xh * (double)a->gamma[c] + (double)a->beta[c] : v.xh;
    v.dz = (double)a->dy[at] * dr_ref_act1_grad(a->act, z);
    return v;
}

/* sums of dz and dz*xh over the cells of each channel of group ng, to sum1[C] and sum2[C] of sample n */
static void channel_sums(const dr_groupnorm_args *a, int64_t ng, double *sum1, double *sum2)
{
    int64_t D = a->C / a->groups, n = ng / a->groups, c0 = ng % a->groups * D;
    for (int64_t s = 0; s < a->S; s++)
        for (int64_t c = c0; c < c0 + D; c++) {
            cell v = cell_at(a, ng, c, (n * a->S + s) * a->C + c);
            sum1[n * a->C + c] += v.dz;
            sum2[n * a->C + c] += v.dz * v.xh;
        }
}

static void grad_x(const dr_groupnorm_args *a, int64_t ng, const double *sum1, const double *sum2)
{
    int64_t D = a->C / a->groups, n = ng / a->groups, c0 = ng % a->groups * D;
    double mean1 = 0, mean2 = 0;
    for (int64_t c = c0; c < c0 + D; c++) {
        double gamma = a->gamma ? (double)a->gamma[c] : 1;
        mean1 += gamma * sum1[n * a->C + c] / (double)(a->S * D);
        mean2 += gamma * sum2[n * a->C + c] / (double)(a->S * D);
    }
    for (int64_t s = 0; s < a->S; s++)
        for (int64_t c = c0; c < c0 + D; c++) {
            int64_t at = (n * a->S + s) * a->C + c;
            cell v = cell_at(a, ng, c, at);
            double gamma = a->gamma ? (double)a->gamma[c] : 1;
            a->dx[at] += (float)((double)a->rstd[ng] * (gamma * v.dz - mean1 - v.xh * mean2));
        }
}

dr_status dr_ref_groupnorm_bwd(const dr_groupnorm_args *a)
{
    size_t mark = dr_arena_mark(a->scratch);
    double *sum1 = dr_arena_zalloc(a->scratch, (size_t)(a->N * a->C) * sizeof *sum1);
    double *sum2 = dr_arena_zalloc(a->scratch, (size_t)(a->N * a->C) * sizeof *sum2);
    if (!sum1 || !sum2) {
        dr_arena_rewind(a->scratch, mark);
        return DR_ENOMEM;
    }
#pragma omp parallel for
    for (int64_t ng = 0; ng < a->N * a->groups; ng++) {
        channel_sums(a, ng, sum1, sum2);
        if (a->dx)
            grad_x(a, ng, sum1, sum2);
    }
    for (int64_t n = 0; n < a->N; n++)
        for (int64_t c = 0; c < a->C; c++) {
            if (a->dbeta)
                a->dbeta[c] += (float)sum1[n * a->C + c];
            if (a->dgamma)
                a->dgamma[c] += (float)sum2[n * a->C + c];
        }
    dr_arena_rewind(a->scratch, mark);
    return DR_OK;
}
