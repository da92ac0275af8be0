/* Inside the samplers: one row of functions per kind, and the state they share.
 *
 * Coefficients are computed in float and in diffusers' order of operations, so that a picture of many steps stays
 * within float noise of its. */
#ifndef DR_DIFFUSION_SAMPLER_IMPL_H
#define DR_DIFFUSION_SAMPLER_IMPL_H

#include "diffusion/sampler.h"

/* How a sample x at noise level sigma = sqrt((1 - abar)/abar) is scaled. */
typedef enum dr_sampler_form {
    DR_FORM_ABAR, /* x = sqrt(abar) x0 + sqrt(1 - abar) noise, read from the table by integer timestep */
    DR_FORM_VP,   /* the same, from sigma: alpha = 1/sqrt(sigma^2 + 1) */
    DR_FORM_VE    /* x = x0 + sigma noise; the model takes x / sqrt(sigma^2 + 1) */
} dr_sampler_form;

#define DR_SAMPLER_HISTORY 6

typedef struct dr_sampler_class {
    const char *diffusers; /* class; NULL where another row has it */
    dr_sampler_form form;
    bool knows_karras, knows_zero_snr, knows_sample, knows_clip; /* settings the diffusers class has */
    bool spaces_intervals; /* timesteps are n of n + 1 points: the last is the picture itself */
    bool interpolates;     /* linspace timesteps are not rounded */
    dr_spacing spacing;    /* the class's defaults, for what the config leaves out */
    bool clips, alpha_to_one, latent_betas, root_betas;
    int order;   /* calls per step */
    int history; /* buffers of n values in `past` */
    dr_status (*plan)(dr_sampler *s);
    bool (*draws)(const dr_sampler *s, int at); /* whether call `at` takes noise; NULL: never */
    void (*step)(dr_sampler *s, int at, const float *e, float *x, size_t n);
} dr_sampler_class;

struct dr_sampler {
    const dr_sampler_class *cls;
    dr_sampler_kind kind;
    int steps, train, steps_offset;
    float eta, clip_range;
    bool karras, clip, skip_prk, cosine;
    bool heun; /* how DPM-Solver++ weighs the change of its estimates; otherwise midpoint */
    dr_prediction prediction;
    dr_spacing spacing;

    float *abar;      /* [train] */
    float final_abar; /* of the picture itself, before timestep 0 */
    float *timesteps; /* [count] */
    float *sigmas;    /* [count + 1], the last is 0; DR_FORM_ABAR has none */
    int count;
    int begin; /* of the full plan, the first call made: more than 0 with strength < 1 */
    int next;  /* calls made so far */

    int64_t layout[4]; /* N, H, W, C; N = 0: noise in storage order */
    size_t n;          /* values in a sample; 0 until the first step */
    float *memory;     /* x0, noise and past, one block */
    float *x0, *noise, *past[DR_SAMPLER_HISTORY];
    const float *given; /* in place of the noise that the next step draws; or NULL */
    int kept;           /* valid model outputs in `past`, newest first */
    int order;          /* of the last UniPC step */
};

extern const dr_sampler_class dr_sampler_pndm, dr_sampler_ddim, dr_sampler_ddpm, dr_sampler_euler, dr_sampler_euler_a,
    dr_sampler_heun, dr_sampler_lms, dr_sampler_dpmpp_2m, dr_sampler_dpmpp_2m_sde, dr_sampler_unipc, dr_sampler_lcm;

/** Plans: timesteps by the config's spacing; these and sigmas. The arrays hold 2 * steps + 16 values. */
dr_status dr_plan_timesteps(dr_sampler *s);
dr_status dr_plan_sigmas(dr_sampler *s);

/** s->x0 from a model output by the prediction type; clipped where the class clips. `abar_t` is the table's value. */
void dr_x0_from_abar(dr_sampler *s, float abar_t, const float *e, const float *x, size_t n);
void dr_x0_from_ve(dr_sampler *s, float sigma, const float *e, const float *x, size_t n);
void dr_x0_from_vp(dr_sampler *s, float sigma, const float *e, const float *x, size_t n);

/** abar at an integer timestep; before 0 the picture's own. */
float dr_abar(const dr_sampler *s, int t);
/** alpha of a variance-preserving sample; its sigma is `sigma` times that. */
float dr_vp_alpha(float sigma);
/** log(alpha) - log(sigma): half the log signal-to-noise ratio. Infinite at sigma = 0. */
float dr_vp_lambda(float sigma);

/** Moves `past` on by one and copies `e` to past[0]; `depth` buffers take part. */
void dr_sampler_keep(dr_sampler *s, int depth, const float *e, size_t n);

/** n values of noise, in PyTorch's order if the layout is known. */
void dr_sampler_draw(const dr_sampler *s, dr_rng *rng, float *out, size_t n);

#endif
