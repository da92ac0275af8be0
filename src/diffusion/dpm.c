/* DPM-Solver++ of second order, multistep, with and without noise.
 *
 * Lu et al. 2022, arXiv:2211.01095, algorithm 2; the noisy variant is its SDE form. Same as diffusers'
 * DPMSolverMultistepScheduler, solver_type midpoint or heun, algorithm_type dpmsolver++ or sde-dpmsolver++.
 *
 * past[0], past[1]: the last two estimates of the picture. */
#include "diffusion/sampler_impl.h"

#include <math.h>

static bool every_step_draws(const dr_sampler *s, int at)
{
    (void)s;
    (void)at;
    return true;
}

/* x to the next level from the newest estimate d0 and a part of its change d1 (0 in first-order steps). At the last
 * level sigma is 0 and h infinite: x becomes d0. */
static void solve(const dr_sampler *s, int at, bool second, float *x, size_t n)
{
    bool noisy = s->kind == DR_SAMPLER_DPMPP_2M_SDE;
    float alpha = dr_vp_alpha(s->sigmas[at + 1]), sigma = s->sigmas[at + 1] * alpha;
    float sigma_from = s->sigmas[at] * dr_vp_alpha(s->sigmas[at]);
    float lambda = dr_vp_lambda(s->sigmas[at]), h = dr_vp_lambda(s->sigmas[at + 1]) - lambda;
    float inverse_r = 0, of_x, of_d, of_d1, of_noise = 0;

    if (noisy) {
        of_x = sigma / sigma_from * expf(-h);
        of_d = alpha * (1.0F - expf(-2.0F * h));
        of_d1 = s->heun ? alpha * ((1.0F - expf(-2.0F * h)) / (-2.0F * h) + 1.0F) : 0.5F * of_d;
        of_noise = sigma * sqrtf(1.0F - expf(-2.0F * h));
    } else {
        of_x = sigma / sigma_from;
        of_d = -(alpha * (expf(-h) - 1.0F));
        of_d1 = s->heun ? alpha * ((expf(-h) - 1.0F) / h + 1.0F) : 0.5F * of_d;
    }
    if (second)
        inverse_r = 1.0F / ((lambda - dr_vp_lambda(s->sigmas[at - 1])) / h);
    const float *m0 = s->past[0], *m1 = second ? s->past[1] : m0;
    for (size_t i = 0; i < n; i++) {
        float d1 = inverse_r * (m0[i] - m1[i]);
        x[i] = of_x * x[i] + of_d * m0[i] + of_d1 * d1;
        if (noisy)
            x[i] += of_noise * s->noise[i];
    }
}

static void step(dr_sampler *s, int at, const float *e, float *x, size_t n)
{
    dr_x0_from_vp(s, s->sigmas[at], e, x, n);
    dr_sampler_keep(s, 2, s->x0, n);
    solve(s, at, s->kept > 1 && at + 1 < s->count, x, n);
}

#define DPM_CLASS                                                                                                      \
    .form = DR_FORM_VP, .knows_karras = true, .knows_zero_snr = true, .knows_sample = true, .spaces_intervals = true,  \
    .spacing = DR_SPACING_LINSPACE, .order = 1, .history = 2, .plan = dr_plan_sigmas, .step = step

const dr_sampler_class dr_sampler_dpmpp_2m = {
    DPM_CLASS,
    .diffusers = "DPMSolverMultistepScheduler",
};

const dr_sampler_class dr_sampler_dpmpp_2m_sde = {
    DPM_CLASS,
    .draws = every_step_draws,
};
