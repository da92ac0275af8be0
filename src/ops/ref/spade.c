/* Spatially-adaptive normalisation, Park et al. 2019, arXiv:1903.07291, and what its gamma and beta are made of. With
 * z = x + noise s, xh = (z - mean) rstd, v = xh (1 + gamma) + beta, y = gain leaky(v):
 *
 *     dv = dy gain leaky'(v),  dgamma = dv xh,  dbeta = dv,  dxh = dv (1 + gamma)
 *     dz = rstd (dxh - mean(dxh) - xh mean(dxh xh)),  dx = dz,  ds = sum dz noise
 */
#include "ops/ref/ref.h"

#include <math.h>

static double z_at(const dr_spade_args *a, int64_t n, int64_t s, int64_t c)
{
    double z = (double)a->x[(n * a->S + s) * a->C + c];
    return a->noise ? z + (double)a->noise[n * a->S + s] * (double)a->noise_scale[c] : z;
}

static int64_t row_of(const dr_spade_args *a, int64_t place)
{
    return a->id ? a->id[place] : place;
}

/* Of one channel of one sample, in two passes. */
static void moments(const dr_spade_args *a, int64_t n, int64_t c, double *mean, double *rstd)
{
    double sum = 0, squares = 0;
    for (int64_t s = 0; s < a->S; s++)
        sum += z_at(a, n, s, c);
    *mean = sum / (double)a->S;
    for (int64_t s = 0; s < a->S; s++) {
        double d = z_at(a, n, s, c) - *mean;
        squares += d * d;
    }
    *rstd = 1 / sqrt(squares / (double)a->S + (double)a->eps);
}

dr_status dr_ref_spade(const dr_spade_args *a)
{
#pragma omp parallel for
    for (int64_t nc = 0; nc < a->N * a->C; nc++) {
        int64_t n = nc / a->C, c = nc % a->C;
        double mean, rstd;
        moments(a, n, c, &mean, &rstd);
        if (a->mean)
            a->mean[nc] = (float)mean;
        if (a->rstd)
            a->rstd[nc] = (float)rstd;
        for (int64_t s = 0; s < a->S; s++) {
            int64_t place = n * a->S + s, row = row_of(a, place) * a->C + c;
            double v = (z_at(a, n, s, c) - mean) * rstd * (1 + (double)a->gamma[row]) + (double)a->beta[row];
            a->y[place * a->C + c] = (float)((double)a->gain * (v < 0 ? (double)a->slope * v : v));
        }
    }
    return DR_OK;
}

/* One value on the way back. */
typedef struct cell {
    double xh, dv, dxh;
    int64_t row;
} cell;

static cell cell_at(const dr_spade_args *a, int64_t n, int64_t s, int64_t c)
{
    int64_t place = n * a->S + s, nc = n * a->C + c;
    cell k = {.row = row_of(a, place) * a->C + c};
    k.xh = (z_at(a, n, s, c) - (double)a->mean[nc]) * (double)a->rstd[nc];
    double up = 1 + (double)a->gamma[k.row], v = k.xh * up + (double)a->beta[k.row];
    k.dv = (double)a->dy[place * a->C + c] * (double)a->gain * (v < 0 ? (double)a->slope : 1);
    k.dxh = k.dv * up;
    return k;
}

static void channel_backward(const dr_spade_args *a, int64_t n, int64_t c)
{
    double mean1 = 0, mean2 = 0, ds = 0, rstd = (double)a->rstd[n * a->C + c];
    for (int64_t s = 0; s < a->S; s++) {
        cell k = cell_at(a, n, s, c);
        mean1 += k.dxh / (double)a->S;
        mean2 += k.dxh * k.xh / (double)a->S;
        if (a->dgamma)
            a->dgamma[k.row] += (float)(k.dv * k.xh);
        if (a->dbeta)
            a->dbeta[k.row] += (float)k.dv;
    }
    for (int64_t s = 0; s < a->S; s++) {
        cell k = cell_at(a, n, s, c);
        double dz = rstd * (k.dxh - mean1 - k.xh * mean2);
        if (a->dx)
            a->dx[(n * a->S + s) * a->C + c] += (float)dz;
        if (a->noise)
            ds += dz * (double)a->noise[n * a->S + s];
    }
    if (a->dnoise_scale && a->noise)
        a->dnoise_scale[c] += (float)ds;
}

dr_status dr_ref_spade_bwd(const dr_spade_args *a)
{
#pragma omp parallel for
    for (int64_t c = 0; c < a->C; c++) /* rows of gamma may be several samples' */
        for (int64_t n = 0; n < a->N; n++)
            channel_backward(a, n, c);
    return DR_OK;
}

/* --- gamma's and beta's input ---------------------------------------------------------------------------------- */

/* The label under tap t (0..8) at the middle cell q (0..8) of a window; that of the cell itself is tap 4. */
static int label_at(const uint8_t *window, int q, int t)
{
    return window[(q / 3 + t / 3) * 5 + q % 3 + t % 3];
}

dr_status dr_ref_label_conv(const dr_label_conv_args *a)
{
    size_t mark = dr_arena_mark(a->scratch);
    const float *w = dr_ref_weight(a->scratch, a->w); /* [O,labels,9] */
#pragma omp parallel for
    for (int64_t p = 0; p < (w ? a->P : 0); p++)
        for (int64_t o = 0; o < a->O; o++)
            for (int q = 0; q < 9; q++) {
                const uint8_t *window = a->window + p * 25;
                double sum = (double)a->b[o];
                for (int t = 0; t < 9; t++) {
                    int label = label_at(window, q, t);
                    if (label != DR_LABEL_OUTSIDE)
                        sum += (double)w[(o * a->labels + label) * 9 + t];
                }
                bool outside = label_at(window, q, 4) == DR_LABEL_OUTSIDE;
                a->y[(p * a->O + o) * 9 + q] = outside || sum < 0 ? 0 : (float)sum;
            }
    dr_arena_rewind(a->scratch, mark);
    return w ? DR_OK : DR_ENOMEM;
}

void dr_ref_label_conv_bwd(const dr_label_conv_args *a)
{
#pragma omp parallel for
    for (int64_t o = 0; o < a->O; o++)
        for (int64_t p = 0; p < a->P; p++)
            for (int q = 0; q < 9; q++) {
                int64_t at = (p * a->O + o) * 9 + q;
                if (!(a->y[at] > 0))
                    continue;
                for (int t = 0; t < 9 && a->dw; t++) {
                    int label = label_at(a->window + p * 25, q, t);
                    if (label != DR_LABEL_OUTSIDE)
                        a->dw[(o * a->labels + label) * 9 + t] += a->dy[at];
                }
                if (a->db)
                    a->db[o] += a->dy[at];
            }
}
