/* LCM: a consistency model's jumps to the picture, with noise added back in between.
 *
 * Luo et al. 2023, arXiv:2310.04378. Same as diffusers' LCMScheduler with 50 distillation steps and a timestep scaling
 * of 10. It has its own spacing; the config's does not count. */
#include "diffusion/sampler_impl.h"

#include <math.h>

#define DISTILLED_STEPS 50
#define TIMESTEP_SCALING 10.0F
#define SIGMA_DATA 0.5F

/* Evenly spaced picks out of the timesteps that the model was distilled at. */
static dr_status plan(dr_sampler *s)
{
    int stride = s->train / DISTILLED_STEPS;

    if (stride < 1)
        return dr_fail(DR_EINVAL, "lcm needs a schedule of at least %d timesteps, got %d", DISTILLED_STEPS, s->train);
    if (s->steps > DISTILLED_STEPS)
        return dr_fail(DR_EINVAL, "lcm takes at most %d steps, got %d", DISTILLED_STEPS, s->steps);
    for (int j = 0; j < s->steps; j++) {
        int pick = (int)floor(j * ((double)DISTILLED_STEPS / s->steps));
        s->timesteps[j] = (float)((DISTILLED_STEPS - pick) * stride - 1);
    }
    s->count = s->steps;
    return DR_OK;
}

static bool draws(const dr_sampler *s, int at)
{
    return at + 1 < s->count;
}

static void step(dr_sampler *s, int at, const float *e, float *x, size_t n)
{
    float scaled = s->timesteps[at] * TIMESTEP_SCALING, power = scaled * scaled + SIGMA_DATA * SIGMA_DATA;
    float of_x = SIGMA_DATA * SIGMA_DATA / power, of_x0 = scaled / sqrtf(power);
    float a_to = draws(s, at) ? dr_abar(s, (int)s->timesteps[at + 1]) : 1.0F;
    float keep = sqrtf(a_to), blur = sqrtf(1.0F - a_to);

    dr_x0_from_abar(s, dr_abar(s, (int)s->timesteps[at]), e, x, n);
    for (size_t i = 0; i < n; i++) {
        s->x0[i] = of_x0 * s->x0[i] + of_x * x[i];
        x[i] = draws(s, at) ? keep * s->x0[i] + blur * s->noise[i] : s->x0[i];
    }
}

const dr_sampler_class dr_sampler_lcm = {
    .diffusers = "LCMScheduler",
    .form = DR_FORM_ABAR,
    .knows_zero_snr = true,
    .knows_sample = true,
    .knows_clip = true,
    .spacing = DR_SPACING_LEADING,
    .alpha_to_one = true,
    .latent_betas = true,
    .root_betas = true,
    .order = 1,
    .plan = plan,
    .draws = draws,
    .step = step,
};
