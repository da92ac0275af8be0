/* Euler, Euler ancestral, Heun and LMS: solvers of dx/dsigma = (x - x0)/sigma.
 *
 * Karras et al. 2022, arXiv:2206.00364, algorithm 1 (Heun) and its first half (Euler); the ancestral step and LMS are
 * k-diffusion's. Same as diffusers' EulerDiscreteScheduler, EulerAncestralDiscreteScheduler, HeunDiscreteScheduler and
 * LMSDiscreteScheduler with their default arguments (no churn). */
#include "diffusion/sampler_impl.h"

#include <math.h>
#include <string.h>

#define LMS_ORDER 4

static void euler_step(dr_sampler *s, int at, const float *e, float *x, size_t n)
{
    float sigma = s->sigmas[at], dt = s->sigmas[at + 1] - sigma;

    dr_x0_from_ve(s, sigma, e, x, n);
    for (size_t i = 0; i < n; i++)
        x[i] += (x[i] - s->x0[i]) / sigma * dt;
}

static bool every_step_draws(const dr_sampler *s, int at)
{
    (void)s;
    (void)at;
    return true;
}

/* Down to less noise than the next level, then up to it with new noise. */
static void euler_a_step(dr_sampler *s, int at, const float *e, float *x, size_t n)
{
    float from = s->sigmas[at], to = s->sigmas[at + 1];
    float from2 = from * from, to2 = to * to;
    float up = sqrtf(to2 * (from2 - to2) / from2), down = sqrtf(to2 - up * up);
    float dt = down - from;

    dr_x0_from_ve(s, from, e, x, n);
    for (size_t i = 0; i < n; i++) {
        x[i] += (x[i] - s->x0[i]) / from * dt;
        x[i] += s->noise[i] * up;
    }
}

/* t0 t1 t1 t2 t2 ... with sigmas s0 s1 s1 s2 s2 ... 0: each step but the last calls the model at both ends. */
static dr_status heun_plan(dr_sampler *s)
{
    dr_status st = dr_plan_sigmas(s);

    if (st)
        return st;
    s->count = 2 * s->steps - 1;
    s->sigmas[s->count] = 0;
    for (int j = s->count - 1; j > 0; j--) {
        s->timesteps[j] = s->timesteps[(j + 1) / 2];
        s->sigmas[j] = s->sigmas[(j + 1) / 2];
    }
    return DR_OK;
}

/* past[0]: the slope at the first end; past[1]: the sample there. Even calls of the plan are first ends. */
static void heun_step(dr_sampler *s, int at, const float *e, float *x, size_t n)
{
    bool first = at % 2 == 0;
    float sigma = s->sigmas[at], dt = first ? s->sigmas[at + 1] - sigma : sigma - s->sigmas[at - 1];
    float *slope = s->past[0], *start = s->past[1];

    dr_x0_from_ve(s, sigma, e, x, n);
    if (first)
        memcpy(start, x, n * sizeof *x);
    for (size_t i = 0; i < n; i++) {
        float here = (x[i] - s->x0[i]) / sigma;
        slope[i] = first ? here : (slope[i] + here) / 2.0F;
        x[i] = start[i] + slope[i] * dt;
    }
}

/* The Lagrange polynomial that is 1 at sigmas[at - k] and 0 at the other `order` - 1 levels. */
static double lagrange(const dr_sampler *s, int at, int order, int k, double sigma)
{
    double product = 1;

    for (int j = 0; j < order; j++)
        if (j != k)
            product *= (sigma - s->sigmas[at - j]) / (s->sigmas[at - k] - s->sigmas[at - j]);
    return product;
}

/* Its integral over the step: two Gauss-Legendre points are exact up to the third degree. */
static double lms_coefficient(const dr_sampler *s, int at, int order, int k)
{
    double from = s->sigmas[at], to = s->sigmas[at + 1];
    double middle = (from + to) / 2, reach = (to - from) / 2 / sqrt(3.0);

    return (to - from) / 2 * (lagrange(s, at, order, k, middle - reach) + lagrange(s, at, order, k, middle + reach));
}

static void lms_step(dr_sampler *s, int at, const float *e, float *x, size_t n)
{
    int order = at + 1 < LMS_ORDER ? at + 1 : LMS_ORDER;
    float c[LMS_ORDER] = {0};
    float *slope = s->noise; /* which LMS draws none of */

    dr_x0_from_ve(s, s->sigmas[at], e, x, n);
    for (size_t i = 0; i < n; i++)
        slope[i] = (x[i] - s->x0[i]) / s->sigmas[at];
    dr_sampler_keep(s, LMS_ORDER, slope, n);
    for (int k = 0; k < order; k++)
        c[k] = (float)lms_coefficient(s, at, order, k);
    /* entered in the middle, diffusers still takes the coefficients of a full history */
    int terms = order < s->kept ? order : s->kept;
    for (size_t i = 0; i < n; i++) {
        float sum = 0;
        for (int k = 0; k < terms; k++)
            sum += c[k] * s->past[k][i];
        x[i] += sum;
    }
}

#define VE_CLASS .form = DR_FORM_VE, .interpolates = true, .spacing = DR_SPACING_LINSPACE

const dr_sampler_class dr_sampler_euler = {
    VE_CLASS,
    .diffusers = "EulerDiscreteScheduler",
    .knows_karras = true,
    .knows_zero_snr = true,
    .knows_sample = true,
    .order = 1,
    .plan = dr_plan_sigmas,
    .step = euler_step,
};

const dr_sampler_class dr_sampler_euler_a = {
    VE_CLASS,
    .diffusers = "EulerAncestralDiscreteScheduler",
    .knows_zero_snr = true,
    .order = 1,
    .plan = dr_plan_sigmas,
    .draws = every_step_draws,
    .step = euler_a_step,
};

const dr_sampler_class dr_sampler_heun = {
    VE_CLASS,
    .diffusers = "HeunDiscreteScheduler",
    .knows_karras = true,
    .knows_sample = true,
    .knows_clip = true,
    .latent_betas = true,
    .order = 2,
    .history = 2,
    .plan = heun_plan,
    .step = heun_step,
};

const dr_sampler_class dr_sampler_lms = {
    VE_CLASS,
    .diffusers = "LMSDiscreteScheduler",
    .knows_karras = true,
    .knows_sample = true,
    .order = 1,
    .history = LMS_ORDER,
    .plan = dr_plan_sigmas,
    .step = lms_step,
};
