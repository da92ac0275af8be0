#include "ops/ref/ref.h"

#include <math.h>

void dr_ref_resize_nearest(int64_t N, int64_t H, int64_t W, int64_t C, int64_t OH, int64_t OW, const float *x, float *y)
{
#pragma omp parallel for
    for (int64_t row = 0; row < N * OH; row++) {
        const float *from = x + (row / OH * H + row % OH * H / OH) * W * C;
        for (int64_t ow = 0; ow < OW; ow++)
            for (int64_t c = 0; c < C; c++)
                y[(row * OW + ow) * C + c] = from[ow * W / OW * C + c];
    }
}

void dr_ref_resize_nearest_bwd(int64_t N, int64_t H, int64_t W, int64_t C, int64_t OH, int64_t OW, const float *dy,
                               float *dx)
{
    if (!dx)
        return;
#pragma omp parallel for
    for (int64_t n = 0; n < N; n++) /* two rows of dy may meet in one of dx, two samples never */
        for (int64_t oh = 0; oh < OH; oh++) {
            float *to = dx + (n * H + oh * H / OH) * W * C;
            const float *g = dy + (n * OH + oh) * OW * C;
            for (int64_t ow = 0; ow < OW; ow++)
                for (int64_t c = 0; c < C; c++)
                    to[ow * W / OW * C + c] += g[ow * C + c];
        }
}

/* The two source cells of output o along one axis, and the weight of the second. f32, as PyTorch computes it; so is the
 * mix below, rounding included. */
typedef struct span {
    int64_t lo, hi;
    float t;
} span;

static span span_at(int64_t o, int64_t in, int64_t out)
{
    float at = (float)in / (float)out * ((float)o + 0.5f) - 0.5f;
    if (at < 0)
        at = 0;
    span s = {.lo = (int64_t)at};
    if (s.lo > in - 1)
        s.lo = in - 1;
    s.hi = s.lo < in - 1 ? s.lo + 1 : s.lo;
    s.t = at - (float)s.lo;
    return s;
}

void dr_ref_resize_bilinear(int64_t N, int64_t H, int64_t W, int64_t C, int64_t OH, int64_t OW, const float *x,
                            float *y)
{
#pragma omp parallel for
    for (int64_t row = 0; row < N * OH; row++) {
        span v = span_at(row % OH, H, OH);
        const float *top = x + (row / OH * H + v.lo) * W * C, *bottom = x + (row / OH * H + v.hi) * W * C;
        for (int64_t ow = 0; ow < OW; ow++) {
            span u = span_at(ow, W, OW);
            for (int64_t c = 0; c < C; c++) {
                float a = fmaf(1 - u.t, top[u.lo * C + c], u.t * top[u.hi * C + c]);
                float b = fmaf(1 - u.t, bottom[u.lo * C + c], u.t * bottom[u.hi * C + c]);
                y[(row * OW + ow) * C + c] = fmaf(1 - v.t, a, v.t * b);
            }
        }
    }
}

void dr_ref_resize_bilinear_bwd(int64_t N, int64_t H, int64_t W, int64_t C, int64_t OH, int64_t OW, const float *dy,
                                float *dx)
{
    if (!dx)
        return;
#pragma omp parallel for
    for (int64_t n = 0; n < N; n++)
        for (int64_t oh = 0; oh < OH; oh++) {
            span v = span_at(oh, H, OH);
            float *top = dx + (n * H + v.lo) * W * C, *bottom = dx + (n * H + v.hi) * W * C;
            for (int64_t ow = 0; ow < OW; ow++) {
                span u = span_at(ow, W, OW);
                const float *g = dy + ((n * OH + oh) * OW + ow) * C;
                for (int64_t c = 0; c < C; c++) {
                    top[u.lo * C + c] += (1 - v.t) * (1 - u.t) * g[c];
                    top[u.hi * C + c] += (1 - v.t) * u.t * g[c];
                    bottom[u.lo * C + c] += v.t * (1 - u.t) * g[c];
                    bottom[u.hi * C + c] += v.t * u.t * g[c];
                }
            }
        }
}
