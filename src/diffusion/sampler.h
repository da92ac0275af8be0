/* Samplers: from noise to latents by repeated model calls.
 *
 * All of diffusers' samplers that inpainting pipelines use, with its numbers. A sampler is driven as
 *     for (i = 0; i < dr_sampler_calls(s); i++) {
 *         dr_sampler_scale(s, i, x, n, scaled);           model input for call i
 *         e = model(scaled, dr_sampler_timestep(s, i));
 *         dr_sampler_step(s, i, e, x, n, rng);            x becomes the next sample
 *     }
 * Values are in any layout; noise is drawn in the order of PyTorch's NCHW tensor, see dr_sampler_noise_layout. */
#ifndef DR_DIFFUSION_SAMPLER_H
#define DR_DIFFUSION_SAMPLER_H

#include "base/rng.h"
#include "diffusion/schedule.h"

#include <stddef.h>

/* Each kind with its class (sampler_impl.h) and its name on the command line. */
#define DR_SAMPLERS(X)                                                                                                 \
    X(PNDM, pndm, "pndm")                                                                                              \
    X(DDIM, ddim, "ddim")                                                                                              \
    X(DDPM, ddpm, "ddpm")                                                                                              \
    X(EULER, euler, "euler")                                                                                           \
    X(EULER_A, euler_a, "euler-a")                                                                                     \
    X(HEUN, heun, "heun")                                                                                              \
    X(LMS, lms, "lms")                                                                                                 \
    X(DPMPP_2M, dpmpp_2m, "dpm++2m")                                                                                   \
    X(DPMPP_2M_SDE, dpmpp_2m_sde, "dpm++2m-sde")                                                                       \
    X(UNIPC, unipc, "unipc")                                                                                           \
    X(LCM, lcm, "lcm")

#define DR_SAMPLER_ENUM(KIND, class, name) DR_SAMPLER_##KIND,
#define DR_SAMPLER_WORD(KIND, class, name) "|" name
#define DR_SAMPLER_NAMES (DR_SAMPLERS(DR_SAMPLER_WORD) + 1) /* "pndm|ddim|..." */

typedef enum dr_sampler_kind {
    DR_SAMPLERS(DR_SAMPLER_ENUM) /* DR_SAMPLER_PNDM, ... */
    DR_SAMPLER_KINDS
} dr_sampler_kind;

/** "pndm", "ddim", ... "dpm++2m-sde", "lcm" (the command line's names); and diffusers class names
 *  ("PNDMScheduler"; DPMSolverMultistepScheduler is dpm++2m). DR_EINVAL lists the names. */
dr_status dr_sampler_kind_parse(const char *name, dr_sampler_kind *out);
const char *dr_sampler_kind_name(dr_sampler_kind k);

/** The kind that a scheduler's config asks for: its class, and for DPM-Solver++ its algorithm_type. DR_EUNSUPPORTED for
 * a class that is none of these. */
dr_status dr_sampler_kind_of(const dr_schedule *sch, dr_sampler_kind *out);

typedef struct dr_sampler_options {
    dr_sampler_kind kind;
    int steps;
    bool karras;     /* Karras sigmas; an error for kinds that have none */
    double eta;      /* DDIM only */
    double strength; /* 1: from pure noise; below 1 the first steps are skipped as the inpainting pipeline does */
} dr_sampler_options;

typedef struct dr_sampler dr_sampler;

/** Validates options against the kind and schedule: one clear sentence otherwise. */
dr_status dr_sampler_new(dr_sampler **out, const dr_schedule *sch, const dr_sampler_options *o);
void dr_sampler_free(dr_sampler *s);

int dr_sampler_calls(const dr_sampler *s);
float dr_sampler_timestep(const dr_sampler *s, int i);
/** The sigma that pure starting noise is multiplied with (diffusers init_noise_sigma). */
float dr_sampler_init_sigma(const dr_sampler *s);
/** scaled = scale_model_input(x, timestep i) */
void dr_sampler_scale(const dr_sampler *s, int i, const float *x, size_t n, float *scaled);
/** x (in place) = step(model_output, timestep i, x).prev_sample. `rng` is used by the kinds that draw noise.
 *  DR_ENOMEM or DR_EINVAL (non-finite model output is NOT checked here). */
dr_status dr_sampler_step(dr_sampler *s, int i, const float *model_output, float *x, size_t n, dr_rng *rng);
/** The next step takes these values, in the sample's layout, instead of noise of its own: for replaying a run. Borrowed
 *  until then. */
void dr_sampler_give_noise(dr_sampler *s, const float *noise);
/** The current estimate of the finished sample after the last step (for previews), n values; NULL before it. */
const float *dr_sampler_x0(const dr_sampler *s);
/** The sample that call i begins with, from clean latents and noise: diffusers scheduler.add_noise with timesteps[i].
 */
void dr_sampler_add_noise(const dr_sampler *s, int i, const float *x0, const float *noise, size_t n, float *out);

/** Draws `count` samples of [C,H,W] noise as torch.randn(count,C,H,W) and stores them channels last. */
void dr_randn_nhwc(dr_rng *r, float *out, int64_t count, int64_t H, int64_t W, int64_t C);
/** Tells the sampler that its n values are [count,H,W,C], so that the noise it draws matches PyTorch's order.
 *  Without the call noise is drawn in storage order. */
void dr_sampler_noise_layout(dr_sampler *s, int64_t count, int64_t H, int64_t W, int64_t C);

#endif
