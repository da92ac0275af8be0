#include "ops/ref/ref.h"

#include <math.h>

/* The cells of one output's window along one axis that lie in the picture, and how many of them and of the padding. */
typedef struct window {
    int64_t from, to, padded;
} window;

static window window_at(int64_t o, int kernel, int stride, int64_t before, int64_t size, int64_t after)
{
    int64_t from = o * stride - before, to = from + kernel, end = size + after;
    window w = {.from = from < 0 ? 0 : from, .to = to > size ? size : to};
    w.padded = (to > end ? end : to) - from;
    return w;
}

static window rows_of(const dr_pool_args *a, int64_t oh)
{
    return window_at(oh, a->geom.kh, a->geom.stride, a->geom.top, a->H, a->geom.bottom);
}

static window columns_of(const dr_pool_args *a, int64_t ow)
{
    return window_at(ow, a->geom.kw, a->geom.stride, a->geom.left, a->W, a->geom.right);
}

static int64_t cells(const dr_pool_args *a, window v, window u)
{
    return a->kind == DR_POOL_MEAN ? (v.to - v.from) * (u.to - u.from) : v.padded * u.padded;
}

/* Where in channel c of a sample the first of the largest values lies; a NaN is larger than all. */
static int64_t largest(const dr_pool_args *a, const float *x, window v, window u, int64_t c)
{
    int64_t at = (v.from * a->W + u.from) * a->C + c;
    for (int64_t h = v.from; h < v.to; h++)
        for (int64_t w = u.from; w < u.to; w++) {
            int64_t i = (h * a->W + w) * a->C + c;
            if (x[i] > x[at] || (isnan(x[i]) && !isnan(x[at])))
                at = i;
        }
    return at;
}

static float mean(const dr_pool_args *a, const float *x, window v, window u, int64_t c)
{
    double sum = 0;
    for (int64_t h = v.from; h < v.to; h++)
        for (int64_t w = u.from; w < u.to; w++)
            sum += x[(h * a->W + w) * a->C + c];
    return (float)(sum / (double)cells(a, v, u));
}

void dr_ref_pool2d(const dr_pool_args *a)
{
#pragma omp parallel for
    for (int64_t row = 0; row < a->N * a->OH; row++) {
        const float *x = a->x + row / a->OH * a->H * a->W * a->C;
        window v = rows_of(a, row % a->OH);
        for (int64_t ow = 0; ow < a->OW; ow++) {
            window u = columns_of(a, ow);
            float *y = a->y + (row * a->OW + ow) * a->C;
            for (int64_t c = 0; c < a->C; c++)
                y[c] = a->kind == DR_POOL_MAX ? x[largest(a, x, v, u, c)] : mean(a, x, v, u, c);
        }
    }
}

static void spread(const dr_pool_args *a, float dy, window v, window u, int64_t c, float *dx)
{
    float each = dy / (float)cells(a, v, u);
    for (int64_t h = v.from; h < v.to; h++)
        for (int64_t w = u.from; w < u.to; w++)
            dx[(h * a->W + w) * a->C + c] += each;
}

void dr_ref_pool2d_bwd(const dr_pool_args *a)
{
    if (!a->dx)
        return;
#pragma omp parallel for
    for (int64_t n = 0; n < a->N; n++) { /* windows overlap within a sample */
        const float *x = a->x + n * a->H * a->W * a->C;
        float *dx = a->dx + n * a->H * a->W * a->C;
        for (int64_t o = 0; o < a->OH * a->OW; o++) {
            window v = rows_of(a, o / a->OW), u = columns_of(a, o % a->OW);
            const float *dy = a->dy + (n * a->OH * a->OW + o) * a->C;
            for (int64_t c = 0; c < a->C; c++) {
                if (a->kind == DR_POOL_MAX)
                    dx[largest(a, x, v, u, c)] += dy[c];
                else
                    spread(a, dy[c], v, u, c, dx);
            }
        }
    }
}
