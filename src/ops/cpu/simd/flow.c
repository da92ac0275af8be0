/* Sampling where a flow says: every place of the result is a run of C floats, mixed from four. Positions are computed
 * as in ref/flow.c, operation for operation: f32 rounding of them shows at sharp edges. */
#include "ops/cpu/simd/rows.h"
#include "ops/cpu/simd/vec.h"

/* Where an axis is read: two cells, the weight of the second. */
typedef struct place {
    int64_t lo, hi;
    float t;
} place;

static float grid_at(int64_t i, int64_t n)
{
    float step = n > 1 ? 2.0f / (float)(n - 1) : 0;
    return i < n / 2 || n == 1 ? fmaf(step, (float)i, -1) : fmaf(-step, (float)(n - 1 - i), 1);
}

static inline place place_at(float grid, float flow, float div, int64_t size)
{
    float at = fmaf(grid + flow / div + 1, (float)size / 2, -0.5f), last = (float)(size - 1);
    at = at > 0 ? at : 0; /* also NaN */
    at = at < last ? at : last;
    place p = {.lo = (int64_t)at};
    p.hi = p.lo < size - 1 ? p.lo + 1 : p.lo;
    p.t = at - (float)p.lo;
    return p;
}

static inline void mix(int64_t C, const float *const x[4], const float w[4], float *y)
{
    for (int64_t c = 0; c < C; c += VW) {
        int64_t n = C - c < VW ? C - c : VW;
        vf sum = vload_n(x[0] + c, n) * w[0];
        for (int i = 1; i < 4; i++)
            sum = vfma(vload_n(x[i] + c, n), vset1(w[i]), sum);
        vstore_n(y + c, sum, n);
    }
}

void SIMD(flow_sample)(const dr_flow_args *a)
{
    int64_t C = a->C;
#pragma omp parallel for schedule(static) if (a->N * a->OH * a->OW * C > 32768)
    for (int64_t row = 0; row < a->N * a->OH; row++) {
        const float *x = a->x + row / a->OH * a->H * a->W * C, *f = a->flow + row * a->OW * 2;
        float gy = grid_at(row % a->OH, a->OH);
        for (int64_t ox = 0; ox < a->OW; ox++) {
            place u = place_at(grid_at(ox, a->OW), f[2 * ox], a->div_x, a->W);
            place v = place_at(gy, f[2 * ox + 1], a->div_y, a->H);
            const float *top = x + v.lo * a->W * C, *bottom = x + v.hi * a->W * C;
            const float w[4] = {(1 - u.t) * (1 - v.t), u.t * (1 - v.t), (1 - u.t) * v.t, u.t * v.t};
            mix(C, (const float *const[4]){top + u.lo * C, top + u.hi * C, bottom + u.lo * C, bottom + u.hi * C}, w,
                a->y + (row * a->OW + ox) * C);
        }
    }
}
