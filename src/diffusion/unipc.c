/* UniPC of second order with B(h) = e^h - 1: each step predicts, and the next model output corrects.
 *
 * Zhao et al. 2023, arXiv:2302.04867, algorithms 5 and 6 with data prediction. Same as diffusers'
 * UniPCMultistepScheduler, solver_type bh2.
 *
 * past[0], past[1]: the last two estimates of the picture; past[2]: the sample before the last prediction. */
#include "diffusion/sampler_impl.h"

#include <math.h>
#include <string.h>

/* What predictor and corrector share of the step from level `at` - 1 to `at`, in the paper's letters. */
typedef struct step_terms {
    float of_x, of_m; /* x' = of_x x + of_m m0 + of_d (rho d1 ...) */
    float of_d;
    float b1, b2; /* right-hand side of the order conditions */
    float r;      /* place of the estimate before m0, in steps; negative */
} step_terms;

static step_terms terms_of(const dr_sampler *s, int at, int order)
{
    float alpha = dr_vp_alpha(s->sigmas[at]), sigma = s->sigmas[at] * alpha;
    float sigma_from = s->sigmas[at - 1] * dr_vp_alpha(s->sigmas[at - 1]);
    float lambda = dr_vp_lambda(s->sigmas[at - 1]), h = dr_vp_lambda(s->sigmas[at]) - lambda;
    float hh = -h, phi = expm1f(hh), phi_k = phi / hh - 1.0F;
    step_terms k = {.of_x = sigma / sigma_from, .of_m = -(alpha * phi), .of_d = -(alpha * phi)};

    k.b1 = phi_k / phi;
    k.b2 = (phi_k / hh - 0.5F) * 2.0F / phi;
    if (order > 1)
        k.r = (dr_vp_lambda(s->sigmas[at - 2]) - lambda) / h;
    return k;
}

/* The sample at level `at` once more, now that the estimate there is known. */
static void correct(const dr_sampler *s, int at, float *x, size_t n)
{
    const float *m0 = s->past[0], *m1 = s->past[1], *before = s->past[2];
    step_terms k = terms_of(s, at, s->order);
    float of_old = 0, of_new = 0.5F;

    if (s->order > 1) { /* [1 1; r 1] rho = b */
        of_old = (k.b1 - k.b2) / (1.0F - k.r);
        of_new = k.b1 - of_old;
    }
    for (size_t i = 0; i < n; i++) {
        float d1 = s->order > 1 ? (m1[i] - m0[i]) / k.r : 0;
        x[i] = k.of_x * before[i] + k.of_m * m0[i] + k.of_d * (of_old * d1 + of_new * (s->x0[i] - m0[i]));
    }
}

static void predict(const dr_sampler *s, int at, float *x, size_t n)
{
    const float *m0 = s->past[0], *m1 = s->past[1];
    step_terms k = terms_of(s, at + 1, s->order);

    for (size_t i = 0; i < n; i++) {
        float d1 = s->order > 1 ? (m1[i] - m0[i]) / k.r : 0;
        x[i] = k.of_x * x[i] + k.of_m * m0[i] + k.of_d * (0.5F * d1);
    }
}

static void step(dr_sampler *s, int at, const float *e, float *x, size_t n)
{
    dr_x0_from_vp(s, s->sigmas[at], e, x, n);
    if (s->kept > 0)
        correct(s, at, x, n);
    dr_sampler_keep(s, 2, s->x0, n);
    s->order = s->kept > 1 && at + 1 < s->count ? 2 : 1;
    memcpy(s->past[2], x, n * sizeof *x);
    predict(s, at, x, n);
}

const dr_sampler_class dr_sampler_unipc = {
    .diffusers = "UniPCMultistepScheduler",
    .form = DR_FORM_VP,
    .knows_karras = true,
    .knows_zero_snr = true,
    .knows_sample = true,
    .spaces_intervals = true,
    .spacing = DR_SPACING_LINSPACE,
    .order = 1,
    .history = 3,
    .plan = dr_plan_sigmas,
    .step = step,
};
