/* Convolution as a matrix product over patches: each output cell is the product of the weights with the window of x
 * that it sees. Patches are gathered for one row of the output at a time. */
#include "ops/ref/ref.h"

#include <omp.h>
#include <string.h>

static bool depthwise(const dr_conv_args *a)
{
    return a->geom.groups > 1;
}

/* w[O,I,T] -> dst[O,T,I], T = kh*kw taps: the order in which a patch of a channels-last image lies */
static void taps_before_channels(int64_t O, int64_t I, int64_t T, const float *w, float *dst)
{
    for (int64_t o = 0; o < O; o++)
        for (int64_t i = 0; i < I; i++)
            for (int64_t t = 0; t < T; t++)
                dst[(o * T + t) * I + i] = w[(o * I + i) * T + t];
}

/* w[O,I,T] -> dst[I,T,O], for the gradient of x */
static void inputs_first(int64_t O, int64_t I, int64_t T, const float *w, float *dst)
{
    for (int64_t i = 0; i < I; i++)
        for (int64_t t = 0; t < T; t++)
            for (int64_t o = 0; o < O; o++)
                dst[(i * T + t) * O + o] = w[(o * I + i) * T + t];
}

/* The cell of x, or NULL in the padding, that output (oh,ow) of sample n sees through tap (kh,kw). */
static const float *seen(const dr_conv_args *a, int64_t n, int64_t oh, int64_t ow, int kh, int kw)
{
    int64_t h = oh * a->geom.stride - a->geom.top + kh;
    int64_t w = ow * a->geom.stride - a->geom.left + kw;
    if (h < 0 || h >= a->H || w < 0 || w >= a->W)
        return NULL;
    return a->x + ((n * a->H + h) * a->W + w) * a->I;
}

/* The cell of dy, or NULL, whose output saw x(h,w) through tap (kh,kw). */
static const float *seen_by(const dr_conv_args *a, int64_t n, int64_t h, int64_t w, int kh, int kw)
{
    int64_t oh = h + a->geom.top - kh, ow = w + a->geom.left - kw;
    if (oh < 0 || ow < 0 || oh % a->geom.stride || ow % a->geom.stride)
        return NULL;
    oh /= a->geom.stride;
    ow /= a->geom.stride;
    if (oh >= a->OH || ow >= a->OW)
        return NULL;
    return a->dy + ((n * a->OH + oh) * a->OW + ow) * a->O;
}

static void put(float *dst, const float *cell, int64_t C)
{
    if (cell)
        memcpy(dst, cell, (size_t)C * sizeof *dst);
    else
        memset(dst, 0, (size_t)C * sizeof *dst);
}

/* patches[OW,T,I] of one row of the output */
static void gather_x(const dr_conv_args *a, int64_t n, int64_t oh, float *patches)
{
    for (int64_t ow = 0; ow < a->OW; ow++)
        for (int kh = 0; kh < a->geom.kh; kh++)
            for (int kw = 0; kw < a->geom.kw; kw++, patches += a->I)
                put(patches, seen(a, n, oh, ow, kh, kw), a->I);
}

/* patches[W,T,O] of dy that one row of x was seen by */
static void gather_dy(const dr_conv_args *a, int64_t n, int64_t h, float *patches)
{
    for (int64_t w = 0; w < a->W; w++)
        for (int kh = 0; kh < a->geom.kh; kh++)
            for (int kw = 0; kw < a->geom.kw; kw++, patches += a->O)
                put(patches, seen_by(a, n, h, w, kh, kw), a->O);
}

/* One buffer of `n` floats per thread. */
static float *per_thread(dr_arena *scratch, int64_t n)
{
    return dr_arena_alloc(scratch, (size_t)omp_get_max_threads() * (size_t)n * sizeof(float));
}

static dr_status forward(const dr_conv_args *a)
{
    int64_t T = a->geom.kh * a->geom.kw, K = T * a->I;
    const float *w = dr_ref_weight(a->scratch, a->w);
    float *wt = dr_arena_alloc(a->scratch, (size_t)(a->O * K) * sizeof *wt);
    float *patches = per_thread(a->scratch, a->OW * K);
    if (!w || !wt || !patches)
        return DR_ENOMEM;
    taps_before_channels(a->O, a->I, T, w, wt);
#pragma omp parallel for
    for (int64_t row = 0; row < a->N * a->OH; row++) {
        float *p = patches + omp_get_thread_num() * a->OW * K;
        gather_x(a, row / a->OH, row % a->OH, p);
        dr_ref_matmul(a->OW, a->O, K, p, wt, a->y + row * a->OW * a->O, a->O, false);
    }
    return DR_OK;
}

static dr_status grad_x(const dr_conv_args *a)
{
    int64_t T = a->geom.kh * a->geom.kw, K = T * a->O;
    const float *w = dr_ref_weight(a->scratch, a->w);
    float *wt = dr_arena_alloc(a->scratch, (size_t)(a->I * K) * sizeof *wt);
    float *patches = per_thread(a->scratch, a->W * K);
    if (!w || !wt || !patches)
        return DR_ENOMEM;
    inputs_first(a->O, a->I, T, w, wt);
#pragma omp parallel for
    for (int64_t row = 0; row < a->N * a->H; row++) {
        float *p = patches + omp_get_thread_num() * a->W * K;
        gather_dy(a, row / a->H, row % a->H, p);
        dr_ref_matmul(a->W, a->I, K, p, wt, a->dx + row * a->W * a->I, a->I, true);
    }
    return DR_OK;
}

/* sum[T,I] += dy(.,o) times the cell that each tap saw, over the whole batch */
static void grad_w_of(const dr_conv_args *a, int64_t o, double *sum)
{
    const float *dy = a->dy + o;
    for (int64_t n = 0; n < a->N; n++)
        for (int64_t oh = 0; oh < a->OH; oh++)
            for (int64_t ow = 0; ow < a->OW; ow++, dy += a->O)
                for (int kh = 0; kh < a->geom.kh; kh++)
                    for (int kw = 0; kw < a->geom.kw; kw++) {
                        const float *x = seen(a, n, oh, ow, kh, kw);
                        double *s = sum + (kh * a->geom.kw + kw) * a->I, g = (double)*dy;
                        for (int64_t i = 0; x && i < a->I; i++)
                            s[i] += g * (double)x[i];
                    }
}

static dr_status grad_w(const dr_conv_args *a)
{
    int64_t T = a->geom.kh * a->geom.kw;
    double *sums = dr_arena_zalloc(a->scratch, (size_t)(a->O * T * a->I) * sizeof *sums);
    if (!sums)
        return DR_ENOMEM;
#pragma omp parallel for
    for (int64_t o = 0; o < a->O; o++) {
        double *sum = sums + o * T * a->I;
        grad_w_of(a, o, sum);
        for (int64_t i = 0; i < a->I; i++)
            for (int64_t t = 0; t < T; t++)
                a->dw[(o * a->I + i) * T + t] += (float)sum[t * a->I + i];
    }
    return DR_OK;
}

/* --- depthwise: every channel has its own kh x kw window, w[C,1,kh,kw] ------------------------------------ */

/* y and dx are sums over a few taps, so w is turned to [T,C] and f32 sums in place will do */
static dr_status forward_depthwise(const dr_conv_args *a)
{
    int64_t T = a->geom.kh * a->geom.kw, C = a->I;
    const float *w = dr_ref_weight(a->scratch, a->w);
    float *wt = dr_arena_alloc(a->scratch, (size_t)(T * C) * sizeof *wt);
    if (!w || !wt)
        return DR_ENOMEM;
    dr_ref_transpose(C, T, w, wt);
#pragma omp parallel for
    for (int64_t p = 0; p < a->N * a->OH * a->OW; p++) {
        int64_t n = p / (a->OH * a->OW), oh = p / a->OW % a->OH, ow = p % a->OW;
        float *y = a->y + p * C;
        memset(y, 0, (size_t)C * sizeof *y);
        for (int64_t t = 0; t < T; t++) {
            const float *x = seen(a, n, oh, ow, (int)(t / a->geom.kw), (int)(t % a->geom.kw));
            for (int64_t c = 0; x && c < C; c++)
                y[c] += x[c] * wt[t * C + c];
        }
    }
    return DR_OK;
}

static dr_status grad_x_depthwise(const dr_conv_args *a)
{
    int64_t T = a->geom.kh * a->geom.kw, C = a->I;
    const float *w = dr_ref_weight(a->scratch, a->w);
    float *wt = dr_arena_alloc(a->scratch, (size_t)(T * C) * sizeof *wt);
    if (!w || !wt)
        return DR_ENOMEM;
    dr_ref_transpose(C, T, w, wt);
#pragma omp parallel for
    for (int64_t p = 0; p < a->N * a->H * a->W; p++)
        for (int64_t t = 0; t < T; t++) {
            const float *dy =
                seen_by(a, p / (a->H * a->W), p / a->W % a->H, p % a->W, (int)(t / a->geom.kw), (int)(t % a->geom.kw));
            for (int64_t c = 0; dy && c < C; c++)
                a->dx[p * C + c] += dy[c] * wt[t * C + c];
        }
    return DR_OK;
}

static dr_status grad_w_depthwise(const dr_conv_args *a)
{
    int64_t T = a->geom.kh * a->geom.kw, C = a->I;
    double *sums = dr_arena_zalloc(a->scratch, (size_t)(T * C) * sizeof *sums);
    if (!sums)
        return DR_ENOMEM;
#pragma omp parallel for
    for (int64_t t = 0; t < T; t++) {
        double *sum = sums + t * C;
        for (int64_t p = 0; p < a->N * a->OH * a->OW; p++) {
            const float *dy = a->dy + p * C;
            const float *x = seen(a, p / (a->OH * a->OW), p / a->OW % a->OH, p % a->OW, (int)(t / a->geom.kw),
                                  (int)(t % a->geom.kw));
            for (int64_t c = 0; x && c < C; c++)
                sum[c] += (double)dy[c] * (double)x[c];
        }
        for (int64_t c = 0; c < C; c++)
            a->dw[c * T + t] += (float)sum[c];
    }
    return DR_OK;
}

/* --- rows -------------------------------------------------------------------------------------------- */

dr_status dr_ref_conv2d(const dr_conv_args *a)
{
    size_t mark = dr_arena_mark(a->scratch);
    dr_status st = depthwise(a) ? forward_depthwise(a) : forward(a);
    dr_arena_rewind(a->scratch, mark);
    if (st == DR_OK && a->b)
        dr_ref_add_rows(1, a->N * a->OH * a->OW, a->O, a->y, a->b, a->y);
    if (st == DR_OK && a->residual)
        dr_ref_add(a->N * a->OH * a->OW * a->O, a->y, a->residual, a->y);
    return st;
}

dr_status dr_ref_conv2d_bwd(const dr_conv_args *a)
{
    size_t mark = dr_arena_mark(a->scratch);
    dr_status st = DR_OK;
    if (a->dx)
        st = depthwise(a) ? grad_x_depthwise(a) : grad_x(a);
    dr_arena_rewind(a->scratch, mark);
    if (st == DR_OK && a->dw)
        st = depthwise(a) ? grad_w_depthwise(a) : grad_w(a);
    dr_arena_rewind(a->scratch, mark);
    if (st == DR_OK && a->db)
        dr_ref_sum_rows(1, a->N * a->OH * a->OW, a->O, a->dy, a->db);
    return st;
}
