/* Pooling of [N,H,W,C]: each output pixel is a run of C floats, of which a few lanes are gathered over their window at
 * a time. */
#include "ops/cpu/simd/rows.h"
#include "ops/cpu/simd/vec.h"

typedef struct window {
    int64_t h0, h1, w0, w1;
} window;

static int64_t at_least(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t at_most(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static vf largest(const dr_pool_args *a, const float *x, window k, int64_t n)
{
    vf y = vload_n(x + (k.h0 * a->W + k.w0) * a->C, n);
    for (int64_t h = k.h0; h < k.h1; h++)
        for (int64_t w = k.w0; w < k.w1; w++) {
            vf v = vload_n(x + (h * a->W + w) * a->C, n);
            vi keep = (vi)(y > v) | (vi)(y != y); /* a NaN is larger than all */
            y = (vf)(((vi)y & keep) | ((vi)v & ~keep));
        }
    return y;
}

static vf sum(const dr_pool_args *a, const float *x, window k, int64_t n)
{
    vf y = vzero();
    for (int64_t h = k.h0; h < k.h1; h++) {
        vf line = vzero(); /* short sums, added up: a whole map may be one window */
        for (int64_t w = k.w0; w < k.w1; w++)
            line = line + vload_n(x + (h * a->W + w) * a->C, n);
        y = y + line;
    }
    return y;
}

void SIMD(pool2d)(const dr_pool_args *a)
{
    const dr_conv_geom *g = &a->geom;
#pragma omp parallel for schedule(static) if (a->N * a->OH * a->OW * a->C > 8192)
    for (int64_t r = 0; r < a->N * a->OH; r++) {
        const float *x = a->x + r / a->OH * a->H * a->W * a->C;
        int64_t top = r % a->OH * g->stride - g->top, bottom = at_most(top + g->kh, a->H + g->bottom);
        for (int64_t ow = 0; ow < a->OW; ow++) {
            int64_t left = ow * g->stride - g->left, right = at_most(left + g->kw, a->W + g->right);
            window k = {at_least(top, 0), at_most(bottom, a->H), at_least(left, 0), at_most(right, a->W)};
            int64_t cells = a->kind == DR_POOL_MEAN ? (k.h1 - k.h0) * (k.w1 - k.w0) : (bottom - top) * (right - left);
            float *y = a->y + (r * a->OW + ow) * a->C;
            for (int64_t c = 0; c < a->C; c += VW) {
                int64_t n = at_most(a->C - c, VW);
                vf v = a->kind == DR_POOL_MAX ? largest(a, x + c, k, n) : sum(a, x + c, k, n) / vset1((float)cells);
                vstore_n(y + c, v, n);
            }
        }
    }
}
