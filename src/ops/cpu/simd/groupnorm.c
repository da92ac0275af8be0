/* Group normalisation of [N,S,C] in two passes over the data.
 *
 * A group is a range of channels, so its values lie in strides. The first pass adds up every channel
 * by itself along S, in tasks of whole rows: f32 over RUN rows, then double. The forward adds up
 * differences from the sample's first row, so that a mean far from 0 does not drown the variance. */
#include "ops/cpu/simd/rows.h"
#include "ops/cpu/simd/vec.h"

#define RUN 32
#define MAX_TASKS 64 /* per sample; fixed by S, so that results do not depend on the thread count */
#define MIN_ROWS 32

/* How S rows are shared out. */
typedef struct split {
    int64_t tasks, rows;
} split;

static split split_rows(int64_t S)
{
    split p;
    p.rows = (S + MAX_TASKS - 1) / MAX_TASKS;
    p.rows = p.rows < MIN_ROWS ? MIN_ROWS : p.rows;
    p.tasks = (S + p.rows - 1) / p.rows;
    return p;
}

/* What every pass needs: the scratch is [N][tasks][2C] doubles, [N][tasks][2C] floats, and
 * [N][4C] coefficients for the second pass. */
typedef struct work {
    split s;
    double *sums;
    float *part, *coef;
} work;

static dr_status work_alloc(work *w, const dr_groupnorm_args *a)
{
    w->s = split_rows(a->S);
    size_t count = (size_t)(a->N * w->s.tasks * 2 * a->C);
    w->sums = dr_arena_zalloc(a->scratch, count * sizeof *w->sums);
    w->part = dr_arena_alloc(a->scratch, count * sizeof *w->part);
    w->coef = dr_arena_alloc(a->scratch, (size_t)(a->N * 4 * a->C) * sizeof *w->coef);
    return w->sums && w->part && w->coef ? DR_OK : DR_ENOMEM;
}

static bool is_large(const dr_groupnorm_args *a)
{
    return a->N * a->S * a->C > 32768;
}

static int64_t task_end(const work *w, int64_t t, int64_t S)
{
    int64_t end = (t + 1) * w->s.rows;
    return end < S ? end : S;
}

/* Sums of the tasks of sample n, in order, into the first one's place. */
static double *gather(const work *w, int64_t n, int64_t C)
{
    double *total = w->sums + n * w->s.tasks * 2 * C;
    for (int64_t t = 1; t < w->s.tasks; t++)
        for (int64_t c = 0; c < 2 * C; c++)
            total[c] += total[t * 2 * C + c];
    return total;
}

/* --- forward -------------------------------------------------------------------------------------- */

/* sum[0..C) += x - first, sum[C..2C) += (x - first)^2 over rows [s, end) */
static void add_moments(int64_t C, int64_t s, int64_t end, const float *x, float *part, double *sum)
{
    const float *first = x;
    for (; s < end; s += RUN) {
        int64_t stop = s + RUN < end ? s + RUN : end;
        memset(part, 0, (size_t)(2 * C) * sizeof *part);
        for (int64_t r = s; r < stop; r++) {
            const float *row = x + r * C;
            for (int64_t c = 0; c < C; c += VW) {
                int64_t w = C - c < VW ? C - c : VW;
                vf d = vload_n(row + c, w) - vload_n(first + c, w);
                vstore_n(part + c, vload_n(part + c, w) + d, w);
                vstore_n(part + C + c, vfma(d, d, vload_n(part + C + c, w)), w);
            }
        }
        for (int64_t c = 0; c < 2 * C; c++)
            sum[c] += (double)part[c];
    }
}

/* Mean and variance of channels [c0, c1) of one sample from the sums of differences. */
static void group_moments(const double *sum, const float *first, int64_t S, int64_t C, int64_t c0, int64_t c1,
                          double *mean, double *var)
{
    double total = 0, squares = 0, n = (double)S;
    for (int64_t c = c0; c < c1; c++)
        total += (double)first[c] + sum[c] / n;
    *mean = total / (double)(c1 - c0);
    for (int64_t c = c0; c < c1; c++) {
        double d = sum[c] / n, off = (double)first[c] + d - *mean;
        squares += sum[C + c] / n - d * d + off * off;
    }
    *var = squares > 0 ? squares / (double)(c1 - c0) : 0;
}

/* y = act(x scale + shift): scale in coef[0..C), shift in coef[C..2C). */
static void coefficients(const dr_groupnorm_args *a, const work *w, int64_t n)
{
    const double *sum = gather(w, n, a->C);
    float *coef = w->coef + n * 4 * a->C;
    int64_t per = a->C / a->groups;
    for (int64_t g = 0; g < a->groups; g++) {
        double mean, var;
        group_moments(sum, a->x + n * a->S * a->C, a->S, a->C, g * per, (g + 1) * per, &mean, &var);
        double rstd = 1.0 / sqrt(var + (double)a->eps);
        if (a->mean)
            a->mean[n * a->groups + g] = (float)mean;
        if (a->rstd)
            a->rstd[n * a->groups + g] = (float)rstd;
        for (int64_t c = g * per; c < (g + 1) * per; c++) {
            double scale = rstd * (a->gamma ? (double)a->gamma[c] : 1.0);
            coef[c] = (float)scale;
            coef[a->C + c] = (float)((a->beta ? (double)a->beta[c] : 0.0) - mean * scale);
        }
    }
}

static inline __attribute__((always_inline)) void apply_row(int64_t C, const float *x, const float *coef, bool silu,
                                                            float *y)
{
    for (int64_t c = 0; c < C; c += VW) {
        int64_t w = C - c < VW ? C - c : VW;
        vf z = vfma(vload_n(x + c, w), vload_n(coef + c, w), vload_n(coef + C + c, w));
        vstore_n(y + c, silu ? z * vsigmoid(z) : z, w);
    }
}

static void apply(const dr_groupnorm_args *a, const work *w)
{
#pragma omp parallel for schedule(static) if (is_large(a))
    for (int64_t r = 0; r < a->N * a->S; r++) {
        const float *coef = w->coef + r / a->S * 4 * a->C;
        if (a->act == DR_ACT_SILU)
            apply_row(a->C, a->x + r * a->C, coef, true, a->y + r * a->C);
        else
            apply_row(a->C, a->x + r * a->C, coef, false, a->y + r * a->C);
    }
}

dr_status SIMD(groupnorm)(const dr_groupnorm_args *a)
{
    size_t mark = dr_arena_mark(a->scratch);
    work w;
    dr_status status = work_alloc(&w, a);
    if (status == DR_OK && a->N * a->S > 0) {
#pragma omp parallel for schedule(static) if (is_large(a))
        for (int64_t t = 0; t < a->N * w.s.tasks; t++) {
            int64_t n = t / w.s.tasks, k = t % w.s.tasks;
            add_moments(a->C, k * w.s.rows, task_end(&w, k, a->S), a->x + n * a->S * a->C, w.part + t * 2 * a->C,
                        w.sums + t * 2 * a->C);
        }
        for (int64_t n = 0; n < a->N; n++)
            coefficients(a, &w, n);
        apply(a, &w);
    }
    dr_arena_rewind(a->scratch, mark);
    return status;
}

/* --- backward ------------------------------------------------------------------------------------- */

/* The first pass's coefficients: xhat = x coef[0..C) + coef[C..2C), z = xhat gamma + beta; gamma, beta
 * follow at 2C and 3C. */
static void xhat_coefficients(const dr_groupnorm_args *a, float *coef, int64_t n)
{
    int64_t per = a->C / a->groups;
    for (int64_t c = 0; c < a->C; c++) {
        int64_t g = n * a->groups + c / per;
        coef[c] = a->rstd[g];
        coef[a->C + c] = -a->mean[g] * a->rstd[g];
        coef[2 * a->C + c] = a->gamma ? a->gamma[c] : 1.0f;
        coef[3 * a->C + c] = a->beta ? a->beta[c] : 0.0f;
    }
}

/* The gradient before the activation. */
static inline vf before_act(bool silu, vf xhat, vf dy, vf gamma, vf beta)
{
    if (!silu)
        return dy;
    vf z = vfma(xhat, gamma, beta), s = vsigmoid(z);
    return dy * s * vfma(z, 1.0f - s, vset1(1.0f));
}

/* sum[0..C) += dz, sum[C..2C) += dz xhat over rows [s, end) */
static void add_gradients(const dr_groupnorm_args *a, int64_t s, int64_t end, const float *x, const float *dy,
                          const float *coef, float *part, double *sum)
{
    int64_t C = a->C;
    bool silu = a->act == DR_ACT_SILU;
    for (; s < end; s += RUN) {
        int64_t stop = s + RUN < end ? s + RUN : end;
        memset(part, 0, (size_t)(2 * C) * sizeof *part);
        for (int64_t r = s; r < stop; r++)
            for (int64_t c = 0; c < C; c += VW) {
                int64_t w = C - c < VW ? C - c : VW;
                vf xhat = vfma(vload_n(x + r * C + c, w), vload_n(coef + c, w), vload_n(coef + C + c, w));
                vf dz = before_act(silu, xhat, vload_n(dy + r * C + c, w), vload_n(coef + 2 * C + c, w),
                                   vload_n(coef + 3 * C + c, w));
                vstore_n(part + c, vload_n(part + c, w) + dz, w);
                vstore_n(part + C + c, vfma(dz, xhat, vload_n(part + C + c, w)), w);
            }
        for (int64_t c = 0; c < 2 * C; c++)
            sum[c] += (double)part[c];
    }
}

/* Adds to dgamma and dbeta; leaves, per channel, in sum[0..C) and sum[C..2C) the group's means of
 * gamma dz and gamma dz xhat. */
static void group_gradients(const dr_groupnorm_args *a, double *sum)
{
    int64_t C = a->C, per = C / a->groups;
    double count = (double)per * (double)a->S;
    for (int64_t c = 0; c < C; c++) {
        if (a->dbeta)
            a->dbeta[c] += (float)sum[c];
        if (a->dgamma)
            a->dgamma[c] += (float)sum[C + c];
    }
    for (int64_t g = 0; g < a->groups; g++) {
        double plain = 0, hat = 0;
        for (int64_t c = g * per; c < (g + 1) * per; c++) {
            double gamma = a->gamma ? (double)a->gamma[c] : 1.0;
            plain += gamma * sum[c];
            hat += gamma * sum[C + c];
        }
        for (int64_t c = g * per; c < (g + 1) * per; c++) {
            sum[c] = plain / count;
            sum[C + c] = hat / count;
        }
    }
}

/* dx += rstd (gamma dz - mean(gamma dz) - xhat mean(gamma dz xhat)); the means in avg[0..2C). */
static void add_dx_row(int64_t C, bool silu, const float *x, const float *dy, const float *coef, const float *avg,
                       float *dx)
{
    for (int64_t c = 0; c < C; c += VW) {
        int64_t w = C - c < VW ? C - c : VW;
        vf rstd = vload_n(coef + c, w), gamma = vload_n(coef + 2 * C + c, w);
        vf xhat = vfma(vload_n(x + c, w), rstd, vload_n(coef + C + c, w));
        vf dz = before_act(silu, xhat, vload_n(dy + c, w), gamma, vload_n(coef + 3 * C + c, w));
        vf inner = vfma(gamma, dz, -vload_n(avg + c, w)) - xhat * vload_n(avg + C + c, w);
        vstore_n(dx + c, vfma(rstd, inner, vload_n(dx + c, w)), w);
    }
}

static void add_dx(const dr_groupnorm_args *a, const work *w)
{
    int64_t C = a->C;
#pragma omp parallel for schedule(static) if (is_large(a))
    for (int64_t r = 0; r < a->N * a->S; r++) {
        int64_t n = r / a->S;
        add_dx_row(C, a->act == DR_ACT_SILU, a->x + r * C, a->dy + r * C, w->coef + n * 4 * C,
                   w->part + n * w->s.tasks * 2 * C, a->dx + r * C);
    }
}

dr_status SIMD(groupnorm_bwd)(const dr_groupnorm_args *a)
{
    size_t mark = dr_arena_mark(a->scratch);
    int64_t C = a->C;
    work w;
    dr_status status = work_alloc(&w, a);
    if (status == DR_OK && a->N * a->S > 0) {
        for (int64_t n = 0; n < a->N; n++)
            xhat_coefficients(a, w.coef + n * 4 * C, n);
#pragma omp parallel for schedule(static) if (is_large(a))
        for (int64_t t = 0; t < a->N * w.s.tasks; t++) {
            int64_t n = t / w.s.tasks, k = t % w.s.tasks, at = n * a->S * C;
            add_gradients(a, k * w.s.rows, task_end(&w, k, a->S), a->x + at, a->dy + at, w.coef + n * 4 * C,
                          w.part + t * 2 * C, w.sums + t * 2 * C);
        }
        for (int64_t n = 0; n < a->N; n++) {
            double *sum = gather(&w, n, C);
            group_gradients(a, sum);
            for (int64_t c = 0; c < 2 * C; c++)
                w.part[n * w.s.tasks * 2 * C + c] = (float)sum[c];
        }
        if (a->dx)
            add_dx(a, &w);
    }
    dr_arena_rewind(a->scratch, mark);
    return status;
}
