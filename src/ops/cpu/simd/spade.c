/* Spatially-adaptive normalisation in two passes over the data, as group normalisation is done in groupnorm.c: channels
 * are the lanes, sums of differences from the sample's first row, f32 over RUN rows and then double. */
#include "ops/cpu/simd/rows.h"
#include "ops/cpu/simd/vec.h"

#define RUN 32
#define MAX_TASKS 64 /* per sample; fixed by S, so that results do not depend on the thread count */
#define MIN_ROWS 32

/* How S rows are shared out, and the sums: [N][tasks][2C]. */
typedef struct work {
    int64_t tasks, rows;
    double *sums;
    float *part, *coef; /* coef [N][2C]: mean, 1/deviation */
} work;

static dr_status work_alloc(work *w, const dr_spade_args *a)
{
    w->rows = (a->S + MAX_TASKS - 1) / MAX_TASKS;
    w->rows = w->rows < MIN_ROWS ? MIN_ROWS : w->rows;
    w->tasks = (a->S + w->rows - 1) / w->rows;
    size_t count = (size_t)(a->N * w->tasks * 2 * a->C);
    w->sums = dr_arena_zalloc(a->scratch, count * sizeof *w->sums);
    w->part = dr_arena_alloc(a->scratch, count * sizeof *w->part);
    w->coef = dr_arena_alloc(a->scratch, (size_t)(a->N * 2 * a->C) * sizeof *w->coef);
    return w->sums && w->part && w->coef ? DR_OK : DR_ENOMEM;
}

static bool is_large(const dr_spade_args *a)
{
    return a->N * a->S * a->C > 32768;
}

/* n <= VW channels from c on of one row with its noise */
static inline vf noisy(const dr_spade_args *a, int64_t row, int64_t c, int64_t n)
{
    vf x = vload_n(a->x + row * a->C + c, n);
    return a->noise ? vfma(vload_n(a->noise_scale + c, n), vset1(a->noise[row]), x) : x;
}

/* sum[0..C) += z - first, sum[C..2C) += (z - first)^2 over rows [s, end) of the sample that begins at row `first` */
static void add_moments(const dr_spade_args *a, int64_t first, int64_t s, int64_t end, float *part, double *sum)
{
    int64_t C = a->C;
    for (; s < end; s += RUN) {
        int64_t stop = s + RUN < end ? s + RUN : end;
        memset(part, 0, (size_t)(2 * C) * sizeof *part);
        for (int64_t r = s; r < stop; r++)
            for (int64_t c = 0; c < C; c += VW) {
                int64_t w = C - c < VW ? C - c : VW;
                vf d = noisy(a, first + r, c, w) - noisy(a, first, c, w);
                vstore_n(part + c, vload_n(part + c, w) + d, w);
                vstore_n(part + C + c, vfma(d, d, vload_n(part + C + c, w)), w);
            }
        for (int64_t c = 0; c < 2 * C; c++)
            sum[c] += (double)part[c];
    }
}

/* Mean and 1/deviation of sample n's channels from the tasks' sums, added up in order. */
static void finish(const dr_spade_args *a, const work *w, int64_t n)
{
    int64_t C = a->C;
    double *sum = w->sums + n * w->tasks * 2 * C, S = (double)a->S;
    float *coef = w->coef + n * 2 * C;
    for (int64_t t = 1; t < w->tasks; t++)
        for (int64_t c = 0; c < 2 * C; c++)
            sum[c] += sum[t * 2 * C + c];
    for (int64_t c = 0; c < C; c++) {
        int64_t first = n * a->S;
        double d = sum[c] / S, var = sum[C + c] / S - d * d, z = (double)a->x[first * C + c];
        if (a->noise)
            z += (double)a->noise[first] * (double)a->noise_scale[c];
        coef[c] = (float)(z + d);
        coef[C + c] = (float)(1 / sqrt((var > 0 ? var : 0) + (double)a->eps));
    }
    if (a->mean)
        memcpy(a->mean + n * C, coef, (size_t)C * sizeof *coef);
    if (a->rstd)
        memcpy(a->rstd + n * C, coef + C, (size_t)C * sizeof *coef);
}

static void apply_row(const dr_spade_args *a, int64_t r, const float *coef)
{
    int64_t C = a->C, at = (a->id ? a->id[r] : r) * C;
    for (int64_t c = 0; c < C; c += VW) {
        int64_t w = C - c < VW ? C - c : VW;
        vf xh = (noisy(a, r, c, w) - vload_n(coef + c, w)) * vload_n(coef + C + c, w);
        vf v = vfma(xh, 1.0f + vload_n(a->gamma + at + c, w), vload_n(a->beta + at + c, w));
        vstore_n(a->y + r * C + c, a->gain * vselect(v < 0.0f, a->slope * v, v), w);
    }
}

dr_status SIMD(spade)(const dr_spade_args *a)
{
    size_t mark = dr_arena_mark(a->scratch);
    work w;
    dr_status status = work_alloc(&w, a);
    if (status == DR_OK) {
#pragma omp parallel for schedule(static) if (is_large(a))
        for (int64_t t = 0; t < a->N * w.tasks; t++) {
            int64_t n = t / w.tasks, s = t % w.tasks * w.rows, end = s + w.rows;
            add_moments(a, n * a->S, s, end < a->S ? end : a->S, w.part + t * 2 * a->C, w.sums + t * 2 * a->C);
        }
        for (int64_t n = 0; n < a->N; n++)
            finish(a, &w, n);
#pragma omp parallel for schedule(static) if (is_large(a))
        for (int64_t r = 0; r < a->N * a->S; r++)
            apply_row(a, r, w.coef + r / a->S * 2 * a->C);
    }
    dr_arena_rewind(a->scratch, mark);
    return status;
}

/* --- gamma's and beta's input ---------------------------------------------------------------------------------- */

/* w [O,labels,9] in any dtype as f32 [labels,9,O]: the lanes are outputs. */
static float *by_label(const dr_label_conv_args *a)
{
    int64_t K = a->labels * 9;
    float *flat = dr_arena_alloc(a->scratch, (size_t)(K * a->O) * sizeof *flat);
    float *w = flat ? dr_arena_alloc(a->scratch, (size_t)(K * a->O) * sizeof *w) : NULL;
    if (!w)
        return NULL;
    dr_to_f32(a->w->data, a->w->dtype, flat, (size_t)(K * a->O));
    for (int64_t o = 0; o < a->O; o++)
        for (int64_t k = 0; k < K; k++)
            w[k * a->O + o] = flat[o * K + k];
    return w;
}

/* Lanes o..o+n of the middle cell (i,j) of a window. */
static vf cell(const dr_label_conv_args *a, const float *w, const uint8_t *window, int i, int j, int64_t o, int64_t n)
{
    vf sum = vload_n(a->b + o, n);
    if (window[(i + 1) * 5 + j + 1] == DR_LABEL_OUTSIDE)
        return vzero();
    for (int t = 0; t < 9; t++) {
        int64_t label = window[(i + t / 3) * 5 + j + t % 3];
        if (label != DR_LABEL_OUTSIDE)
            sum += vload_n(w + (label * 9 + t) * a->O + o, n);
    }
    return vmax(vzero(), sum);
}

dr_status SIMD(label_conv)(const dr_label_conv_args *a)
{
    size_t mark = dr_arena_mark(a->scratch);
    const float *w = by_label(a);
#pragma omp parallel for schedule(static) if (a->P > 16)
    for (int64_t p = 0; p < (w ? a->P : 0); p++)
        for (int64_t o = 0; o < a->O; o += VW) {
            int64_t n = a->O - o < VW ? a->O - o : VW;
            for (int q = 0; q < 9; q++) {
                float lane[VW];
                vstore(lane, cell(a, w, a->window + p * 25, q / 3, q % 3, o, n));
                for (int64_t l = 0; l < n; l++)
                    a->y[(p * a->O + o + l) * 9 + q] = lane[l];
            }
        }
    dr_arena_rewind(a->scratch, mark);
    return w ? DR_OK : DR_ENOMEM;
}
