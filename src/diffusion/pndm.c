/* PNDM: Adams-Bashforth steps over noise predictions, begun by Runge-Kutta or by lower orders.
 *
 * Liu et al. 2022, arXiv:2202.09778. Same as diffusers' PNDMScheduler, whose counter starts at 0 wherever the plan
 * is entered: with strength < 1 the start-up happens at the first timestep that is left.
 *
 * past[0..3]: model outputs, newest first; past[4]: the sample a Runge-Kutta step or the start-up began with;
 * past[5]: the Runge-Kutta sum, or the combined output. */
#include "diffusion/sampler_impl.h"

#include <math.h>
#include <string.h>

#define OUTPUTS 4
#define RK_CALLS 12

/* Spaced t0 > t1 > ... become t0 t1 t1 t2 ... (the second is done twice), or with Runge-Kutta at the start
 * t0 m1 m1 t1 t1 m2 m2 t2 t2 m3 m3 t3, where m is half a step above t, and then t3 t4 ... */
static dr_status plan(dr_sampler *s)
{
    dr_status st = dr_plan_timesteps(s);
    float *t = s->timesteps;
    size_t n = (size_t)s->steps;

    if (st)
        return st;
    if (s->skip_prk) {
        if (n > 1) {
            memmove(t + 2, t + 1, (n - 1) * sizeof *t);
            s->count = s->steps + 1;
        }
        return DR_OK;
    }
    if (n < OUTPUTS)
        return dr_fail(DR_EINVAL, "pndm with a Runge-Kutta start needs at least %d steps, got %d", OUTPUTS, s->steps);
    float first[OUTPUTS], half = (float)(s->train / s->steps / 2);
    memcpy(first, t, sizeof first);
    memmove(t + RK_CALLS, t + 3, (n - 3) * sizeof *t);
    for (int k = 0; k < RK_CALLS; k++) {
        int done = (k + 1) / 4;
        bool at_half = (k + 1) % 4 >= 2;
        t[k] = at_half ? first[done + 1] + half : first[done];
    }
    s->count = RK_CALLS + s->steps - 3;
    return DR_OK;
}

/* Equation 11: from timestep t to `to` with the combined output m; v predictions become noise here. */
static void transfer(dr_sampler *s, int t, int to, const float *m, const float *from, float *x, size_t n)
{
    float a = dr_abar(s, t), a_to = dr_abar(s, to), b = 1.0F - a, b_to = 1.0F - a_to;
    float ra = sqrtf(a), rb = sqrtf(b);
    float keep = sqrtf(a_to / a), divisor = a * sqrtf(b_to) + sqrtf(a * b * a_to);
    bool v = s->prediction == DR_PREDICT_V;

    dr_x0_from_abar(s, a, m, from, n);
    for (size_t i = 0; i < n; i++) {
        float noise = v ? ra * m[i] + rb * from[i] : m[i];
        x[i] = keep * from[i] - (a_to - a) * noise / divisor;
    }
}

/* Runge-Kutta of order four, one of four calls each time. */
static void step_prk(dr_sampler *s, int at, const float *e, float *x, size_t n)
{
    int k = s->next, part = k % 4;
    int passed = (int)s->timesteps[at], to = k % 2 ? passed : passed - s->train / s->steps / 2;
    int t = (int)s->timesteps[k / 4 * 4];
    const float *m = e;
    float *start = s->past[4], *sum = s->past[5];
    float weight = part == 0 || part == 3 ? (float)(1 / 6.0) : (float)(1 / 3.0);

    if (part == 0) {
        dr_sampler_keep(s, OUTPUTS, e, n);
        memcpy(start, x, n * sizeof *x);
        memset(sum, 0, n * sizeof *sum);
    }
    for (size_t i = 0; i < n; i++)
        sum[i] += weight * e[i];
    if (part == 3)
        m = sum;
    transfer(s, t, to, m, start, x, n);
}

/* Adams-Bashforth of as many outputs as there are, up to four. */
static void combine(const dr_sampler *s, float *m, size_t n)
{
    const float *a = s->past[0], *b = s->past[1], *c = s->past[2], *d = s->past[3];

    for (size_t i = 0; i < n; i++) {
        if (s->kept == 1)
            m[i] = a[i];
        else if (s->kept == 2)
            m[i] = (3.0F * a[i] - b[i]) / 2.0F;
        else if (s->kept == 3)
            m[i] = (23.0F * a[i] - 16.0F * b[i] + 5.0F * c[i]) / 12.0F;
        else
            m[i] = (float)(1 / 24.0) * (55.0F * a[i] - 59.0F * b[i] + 37.0F * c[i] - 9.0F * d[i]);
    }
}

static void step(dr_sampler *s, int at, const float *e, float *x, size_t n)
{
    if (!s->skip_prk && s->next < RK_CALLS) {
        step_prk(s, at, e, x, n);
        return;
    }
    int ratio = s->train / s->steps, t = (int)s->timesteps[at];
    float *start = s->past[4], *m = s->past[5];

    if (s->next == 1) { /* the first step again, with the mean of both ends' outputs */
        for (size_t i = 0; i < n; i++)
            m[i] = (e[i] + s->past[0][i]) / 2.0F;
        transfer(s, t + ratio, t, m, start, x, n);
        return;
    }
    dr_sampler_keep(s, OUTPUTS, e, n);
    combine(s, m, n);
    memcpy(start, x, n * sizeof *x);
    transfer(s, t, t - ratio, m, start, x, n);
}

const dr_sampler_class dr_sampler_pndm = {
    .diffusers = "PNDMScheduler",
    .form = DR_FORM_ABAR,
    .spacing = DR_SPACING_LEADING,
    .order = 1,
    .history = 6,
    .plan = plan,
    .step = step,
};
