/* What the kinds share: the picture behind a model output, the history of outputs, and noise. */
#include "diffusion/sampler_impl.h"

#include <math.h>
#include <string.h>

float dr_abar(const dr_sampler *s, int t)
{
    DR_ASSERT(t < s->train, "timestep %d of %d", t, s->train);
    return t >= 0 ? s->abar[t] : s->final_abar;
}

float dr_vp_alpha(float sigma)
{
    return 1.0F / sqrtf(sigma * sigma + 1.0F);
}

float dr_vp_lambda(float sigma)
{
    float alpha = dr_vp_alpha(sigma);

    return logf(alpha) - logf(sigma * alpha);
}

static void clip(dr_sampler *s, size_t n)
{
    if (!s->clip)
        return;
    for (size_t i = 0; i < n; i++)
        s->x0[i] = fminf(fmaxf(s->x0[i], -s->clip_range), s->clip_range);
}

/* x = alpha x0 + sigma noise */
static void x0_from(dr_sampler *s, float alpha, float sigma, const float *e, const float *x, size_t n)
{
    switch (s->prediction) {
    case DR_PREDICT_EPSILON:
        for (size_t i = 0; i < n; i++)
            s->x0[i] = (x[i] - sigma * e[i]) / alpha;
        break;
    case DR_PREDICT_V:
        for (size_t i = 0; i < n; i++)
            s->x0[i] = alpha * x[i] - sigma * e[i];
        break;
    case DR_PREDICT_SAMPLE:
        memcpy(s->x0, e, n * sizeof *e);
        break;
    }
    clip(s, n);
}

void dr_x0_from_abar(dr_sampler *s, float abar_t, const float *e, const float *x, size_t n)
{
    x0_from(s, sqrtf(abar_t), sqrtf(1.0F - abar_t), e, x, n);
}

void dr_x0_from_vp(dr_sampler *s, float sigma, const float *e, const float *x, size_t n)
{
    float alpha = dr_vp_alpha(sigma);

    x0_from(s, alpha, sigma * alpha, e, x, n);
}

void dr_x0_from_ve(dr_sampler *s, float sigma, const float *e, const float *x, size_t n)
{
    if (s->prediction != DR_PREDICT_V) {
        x0_from(s, 1.0F, sigma, e, x, n);
        return;
    }
    float power = sigma * sigma + 1.0F, out = -sigma / sqrtf(power);
    for (size_t i = 0; i < n; i++)
        s->x0[i] = e[i] * out + x[i] / power;
    clip(s, n);
}

void dr_sampler_keep(dr_sampler *s, int depth, const float *e, size_t n)
{
    float *oldest = s->past[depth - 1];

    for (int i = depth - 1; i > 0; i--)
        s->past[i] = s->past[i - 1];
    s->past[0] = oldest;
    memcpy(oldest, e, n * sizeof *e);
    if (s->kept < depth)
        s->kept++;
}

/* [C,K] to [K,C] in place, by following each cycle of the permutation from its smallest index. Noise is drawn where
 * running out of memory could not be reported. */
static void transpose(float *v, size_t C, size_t K)
{
    for (size_t start = 1; start + 1 < C * K; start++) {
        size_t at = start;
        do
            at = at % K * C + at / K;
        while (at > start);
        if (at < start)
            continue;
        float moving = v[start];
        do {
            at = at % K * C + at / K;
            float next = v[at];
            v[at] = moving;
            moving = next;
        } while (at != start);
    }
}

void dr_randn_nhwc(dr_rng *r, float *out, int64_t count, int64_t H, int64_t W, int64_t C)
{
    size_t one = (size_t)(H * W * C);

    dr_rng_normal(r, out, (size_t)count * one);
    for (int64_t i = 0; i < count; i++)
        transpose(out + (size_t)i * one, (size_t)C, (size_t)(H * W));
}

void dr_sampler_draw(const dr_sampler *s, dr_rng *rng, float *out, size_t n)
{
    const int64_t *d = s->layout;

    if (d[0] == 0) {
        dr_rng_normal(rng, out, n);
        return;
    }
    DR_ASSERT((size_t)(d[0] * d[1] * d[2] * d[3]) == n, "noise of [%lld,%lld,%lld,%lld] for %zu values",
              (long long)d[0], (long long)d[1], (long long)d[2], (long long)d[3], n);
    dr_randn_nhwc(rng, out, d[0], d[1], d[2], d[3]);
}
