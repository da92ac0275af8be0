/* Layer normalisation over the last axis of [R,C]: a row fits the first-level cache, so each is read
 * for its mean, then for its variance, then for the result. */
#include "ops/cpu/simd/rows.h"
#include "ops/cpu/simd/vec.h"

#define TASKS 64 /* of the backward; fixed, so that results do not depend on the thread count */
#define RUN 64   /* rows whose weight gradients are added in f32 before going into a double */

static int64_t lanes(int64_t C, int64_t c)
{
    return C - c < VW ? C - c : VW;
}

static void row_moments(int64_t C, const float *x, float eps, float *mean, float *rstd)
{
    vf sum = vzero(), squares = vzero();
    int64_t c = 0;
    for (; c < C; c += VW)
        sum += vload_n(x + c, lanes(C, c));
    *mean = vsum(sum) / (float)C;
    for (c = 0; c + VW <= C; c += VW) {
        vf d = vload(x + c) - *mean;
        squares = vfma(d, d, squares);
    }
    float total = vsum(squares);
    for (; c < C; c++)
        total += (x[c] - *mean) * (x[c] - *mean);
    *rstd = 1.0f / sqrtf(total / (float)C + eps);
}

dr_status SIMD(layernorm)(const dr_layernorm_args *a)
{
    int64_t C = a->C;
#pragma omp parallel for schedule(static) if (a->R * C > 32768)
    for (int64_t r = 0; r < a->R; r++) {
        const float *x = a->x + r * C;
        float *y = a->y + r * C, mean, rstd;
        row_moments(C, x, a->eps, &mean, &rstd);
        if (a->mean)
            a->mean[r] = mean;
        if (a->rstd)
            a->rstd[r] = rstd;
        for (int64_t c = 0; c < C; c += VW) {
            int64_t w = lanes(C, c);
            vf xhat = (vload_n(x + c, w) - mean) * rstd;
            vstore_n(y + c, vfma(xhat, vload_n(a->gamma + c, w), vload_n(a->beta + c, w)), w);
        }
    }
    return DR_OK;
}

/* part[0..C) += dy xhat, part[C..2C) += dy of one row */
static void add_weight_row(int64_t C, const float *x, const float *dy, float mean, float rstd, float *part)
{
    for (int64_t c = 0; c < C; c += VW) {
        int64_t w = lanes(C, c);
        vf g = vload_n(dy + c, w), xhat = (vload_n(x + c, w) - mean) * rstd;
        vstore_n(part + c, vfma(g, xhat, vload_n(part + c, w)), w);
        vstore_n(part + C + c, vload_n(part + C + c, w) + g, w);
    }
}

/* dx += rstd (g - mean(g) - xhat mean(g xhat)), g = gamma dy */
static void add_dx_row(int64_t C, const float *x, const float *dy, const float *gamma, float mean, float rstd,
                       float *dx)
{
    vf plain = vzero(), hat = vzero();
    for (int64_t c = 0; c < C; c += VW) {
        int64_t w = lanes(C, c);
        vf g = vload_n(dy + c, w) * vload_n(gamma + c, w);
        plain += g;
        hat = vfma(g, (vload_n(x + c, w) - mean) * rstd, hat);
    }
    float m0 = vsum(plain) / (float)C, m1 = vsum(hat) / (float)C;
    for (int64_t c = 0; c < C; c += VW) {
        int64_t w = lanes(C, c);
        vf g = vload_n(dy + c, w) * vload_n(gamma + c, w), xhat = (vload_n(x + c, w) - mean) * rstd;
        vf inner = vfma(xhat, vset1(-m1), g - m0);
        vstore_n(dx + c, vfma(inner, vset1(rstd), vload_n(dx + c, w)), w);
    }
}

/* Rows [r, end): dx, and the sums of the weights' gradients if `sum` is not NULL. */
static void bwd_rows(const dr_layernorm_args *a, int64_t r, int64_t end, float *part, double *sum)
{
    int64_t C = a->C;
    for (; r < end; r += RUN) {
        int64_t stop = r + RUN < end ? r + RUN : end;
        if (sum)
            memset(part, 0, (size_t)(2 * C) * sizeof *part);
        for (int64_t i = r; i < stop; i++) {
            const float *x = a->x + i * C, *dy = a->dy + i * C;
            if (a->dx)
                add_dx_row(C, x, dy, a->gamma, a->mean[i], a->rstd[i], a->dx + i * C);
            if (sum)
                add_weight_row(C, x, dy, a->mean[i], a->rstd[i], part);
        }
        for (int64_t c = 0; sum && c < 2 * C; c++)
            sum[c] += (double)part[c];
    }
}

static void add_weights(const dr_layernorm_args *a, const double *sums)
{
    int64_t C = a->C;
    for (int64_t c = 0; c < C; c++) {
        double dgamma = 0, dbeta = 0;
        for (int64_t t = 0; t < TASKS; t++) {
            dgamma += sums[t * 2 * C + c];
            dbeta += sums[t * 2 * C + C + c];
        }
        if (a->dgamma)
            a->dgamma[c] += (float)dgamma;
        if (a->dbeta)
            a->dbeta[c] += (float)dbeta;
    }
}

dr_status SIMD(layernorm_bwd)(const dr_layernorm_args *a)
{
    size_t mark = dr_arena_mark(a->scratch), count = (size_t)(TASKS * 2 * a->C);
    bool weights = a->dgamma || a->dbeta;
    double *sums = weights ? dr_arena_zalloc(a->scratch, count * sizeof *sums) : NULL;
    float *part = weights ? dr_arena_alloc(a->scratch, count * sizeof *part) : NULL;
    dr_status status = weights && (!sums || !part) ? DR_ENOMEM : DR_OK;
    if (status == DR_OK) {
        int64_t rows = (a->R + TASKS - 1) / TASKS;
#pragma omp parallel for schedule(static) if (a->R * a->C > 32768)
        for (int64_t t = 0; t < TASKS; t++) {
            int64_t end = (t + 1) * rows < a->R ? (t + 1) * rows : a->R;
            int64_t at = t * 2 * a->C;
            bwd_rows(a, t * rows, end, weights ? part + at : NULL, weights ? sums + at : NULL);
        }
        if (weights)
            add_weights(a, sums);
    }
    dr_arena_rewind(a->scratch, mark);
    return status;
}
