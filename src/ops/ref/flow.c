/* Sampling where a flow says, in the arithmetic of PyTorch's linspace and grid_sample, operation for operation: at a
 * sharp edge the rounding of an f32 position shows. */
#include "ops/ref/ref.h"

#include <math.h>

/* torch.linspace(-1, 1, n)[i] */
static float grid_at(int64_t i, int64_t n)
{
    float step = n > 1 ? 2.0f / (float)(n - 1) : 0;
    return i < n / 2 || n == 1 ? fmaf(step, (float)i, -1) : fmaf(-step, (float)(n - 1 - i), 1);
}

/* Where an axis of `size` cells is read for grid cell i of n: two cells, the weight of the second. */
typedef struct place {
    int64_t lo, hi;
    float t;
    bool clamped;
} place;

static place place_at(int64_t i, int64_t n, float flow, float div, int64_t size)
{
    float at = fmaf(grid_at(i, n) + flow / div + 1, (float)size / 2, -0.5f), last = (float)(size - 1);
    place p = {.clamped = !(at > 0 && at < last)};
    at = at > 0 ? at : 0; /* also NaN */
    at = at < last ? at : last;
    p.lo = (int64_t)at;
    p.hi = p.lo < size - 1 ? p.lo + 1 : p.lo;
    p.t = at - floorf(at);
    return p;
}

/* The four cells of one place of the result, and their weights. */
typedef struct corners {
    place u, v;
    int64_t at[4];
    float w[4];
} corners;

static corners corners_at(const dr_flow_args *a, int64_t n, int64_t oy, int64_t ox)
{
    const float *f = a->flow + ((n * a->OH + oy) * a->OW + ox) * 2;
    corners k = {place_at(ox, a->OW, f[0], a->div_x, a->W), place_at(oy, a->OH, f[1], a->div_y, a->H), {0}, {0}};
    int64_t top = (n * a->H + k.v.lo) * a->W, bottom = (n * a->H + k.v.hi) * a->W;
    k.at[0] = (top + k.u.lo) * a->C;
    k.at[1] = (top + k.u.hi) * a->C;
    k.at[2] = (bottom + k.u.lo) * a->C;
    k.at[3] = (bottom + k.u.hi) * a->C;
    k.w[0] = (1 - k.u.t) * (1 - k.v.t);
    k.w[1] = k.u.t * (1 - k.v.t);
    k.w[2] = (1 - k.u.t) * k.v.t;
    k.w[3] = k.u.t * k.v.t;
    return k;
}

void dr_ref_flow_sample(const dr_flow_args *a)
{
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < a->N * a->OH; row++)
        for (int64_t ox = 0; ox < a->OW; ox++) {
            corners k = corners_at(a, row / a->OH, row % a->OH, ox);
            float *y = a->y + (row * a->OW + ox) * a->C;
            for (int64_t c = 0; c < a->C; c++)
                y[c] =
                    fmaf(a->x[k.at[3] + c], k.w[3],
                         fmaf(a->x[k.at[2] + c], k.w[2], fmaf(a->x[k.at[1] + c], k.w[1], a->x[k.at[0] + c] * k.w[0])));
        }
}

/* The slope of the result along both axes, times dy. */
static void flow_gradient(const dr_flow_args *a, const corners *k, const float *dy, float *df)
{
    double along_x = 0, along_y = 0, t = (double)k->u.t, s = (double)k->v.t;
    for (int64_t c = 0; c < a->C; c++) {
        double x0 = (double)a->x[k->at[0] + c], x1 = (double)a->x[k->at[1] + c], x2 = (double)a->x[k->at[2] + c],
               x3 = (double)a->x[k->at[3] + c], d = (double)dy[c];
        along_x += d * ((1 - s) * (x1 - x0) + s * (x3 - x2));
        along_y += d * ((1 - t) * (x2 - x0) + t * (x3 - x1));
    }
    if (!k->u.clamped)
        df[0] += (float)(along_x * (double)a->W / 2 / (double)a->div_x);
    if (!k->v.clamped)
        df[1] += (float)(along_y * (double)a->H / 2 / (double)a->div_y);
}

void dr_ref_flow_sample_bwd(const dr_flow_args *a)
{
#pragma omp parallel for schedule(static)
    for (int64_t n = 0; n < a->N; n++) /* places may meet in one cell of x, samples never */
        for (int64_t oy = 0; oy < a->OH; oy++)
            for (int64_t ox = 0; ox < a->OW; ox++) {
                corners k = corners_at(a, n, oy, ox);
                int64_t at = (n * a->OH + oy) * a->OW + ox;
                const float *dy = a->dy + at * a->C;
                for (int i = 0; a->dx && i < 4; i++)
                    for (int64_t c = 0; c < a->C; c++)
                        a->dx[k.at[i] + c] += k.w[i] * dy[c];
                if (a->dflow)
                    flow_gradient(a, &k, dy, a->dflow + at * 2);
            }
}
