/* DDIM and DDPM: the two ends of one family of reverse processes.
 *
 * Song et al. 2021, arXiv:2010.02502, equation 12; Ho et al. 2020, arXiv:2006.11239, equations 6 and 7. Same as
 * diffusers' DDIMScheduler (eta, no use_clipped_model_output) and DDPMScheduler (variance fixed_small). */
#include "diffusion/sampler_impl.h"

#include <math.h>

static bool ddim_draws(const dr_sampler *s, int at)
{
    (void)at;
    return s->eta > 0;
}

/* The noise in x that a model output stands for. Clipping x0 does not change it. */
static float noise_in(const dr_sampler *s, float ra, float rb, float e, float x)
{
    switch (s->prediction) {
    case DR_PREDICT_V:
        return ra * e + rb * x;
    case DR_PREDICT_SAMPLE:
        return (x - ra * e) / rb;
    case DR_PREDICT_EPSILON:
        break;
    }
    return e;
}

static void ddim_step(dr_sampler *s, int at, const float *e, float *x, size_t n)
{
    int t = (int)s->timesteps[at];
    float a = dr_abar(s, t), a_to = dr_abar(s, t - s->train / s->steps);
    float b = 1.0F - a, b_to = 1.0F - a_to, ra = sqrtf(a), rb = sqrtf(b);
    float variance = b_to / b * (1.0F - a / a_to), deviation = s->eta * sqrtf(variance);
    float keep = sqrtf(a_to), direction = sqrtf(b_to - deviation * deviation);

    dr_x0_from_abar(s, a, e, x, n);
    for (size_t i = 0; i < n; i++) {
        float noise = noise_in(s, ra, rb, e[i], x[i]);
        x[i] = keep * s->x0[i] + direction * noise;
        if (s->eta > 0)
            x[i] += deviation * s->noise[i];
    }
}

static bool ddpm_draws(const dr_sampler *s, int at)
{
    return s->timesteps[at] > 0;
}

static void ddpm_step(dr_sampler *s, int at, const float *e, float *x, size_t n)
{
    float a = dr_abar(s, (int)s->timesteps[at]);
    float a_to = at + 1 < s->count ? dr_abar(s, (int)s->timesteps[at + 1]) : 1.0F;
    float b = 1.0F - a, b_to = 1.0F - a_to, alpha = a / a_to, beta = 1.0F - alpha;
    float of_x0 = sqrtf(a_to) * beta / b, of_x = sqrtf(alpha) * b_to / b;
    float deviation = sqrtf(fmaxf(b_to / b * beta, 1e-20F));
    bool draws = ddpm_draws(s, at);

    dr_x0_from_abar(s, a, e, x, n);
    for (size_t i = 0; i < n; i++) {
        x[i] = of_x0 * s->x0[i] + of_x * x[i];
        if (draws)
            x[i] += deviation * s->noise[i];
    }
}

const dr_sampler_class dr_sampler_ddim = {
    .diffusers = "DDIMScheduler",
    .form = DR_FORM_ABAR,
    .knows_zero_snr = true,
    .knows_sample = true,
    .knows_clip = true,
    .spacing = DR_SPACING_LEADING,
    .clips = true,
    .alpha_to_one = true,
    .order = 1,
    .plan = dr_plan_timesteps,
    .draws = ddim_draws,
    .step = ddim_step,
};

const dr_sampler_class dr_sampler_ddpm = {
    .diffusers = "DDPMScheduler",
    .form = DR_FORM_ABAR,
    .knows_zero_snr = true,
    .knows_sample = true,
    .knows_clip = true,
    .spacing = DR_SPACING_LEADING,
    .clips = true,
    .order = 1,
    .plan = dr_plan_timesteps,
    .draws = ddpm_draws,
    .step = ddpm_step,
};
