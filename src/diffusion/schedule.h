/* The noise schedule: betas, cumulative alphas, and what a scheduler_config.json says.
 *
 * Forward process: x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) noise. Ho et al. 2020, arXiv:2006.11239. */
#ifndef DR_DIFFUSION_SCHEDULE_H
#define DR_DIFFUSION_SCHEDULE_H

#include "base/json.h"
#include "base/status.h"

#include <stdbool.h>

typedef enum dr_prediction { DR_PREDICT_EPSILON, DR_PREDICT_V, DR_PREDICT_SAMPLE } dr_prediction;
typedef enum dr_spacing { DR_SPACING_LEADING, DR_SPACING_LINSPACE, DR_SPACING_TRAILING } dr_spacing;

#define DR_MAX_TRAIN_TIMESTEPS 10000

typedef struct dr_schedule {
    char class_name[64]; /* of the config, e.g. "PNDMScheduler" */
    int train_timesteps;
    double beta_start, beta_end;
    char beta_schedule[32]; /* scaled_linear, linear, squaredcos_cap_v2 */
    dr_prediction prediction;
    dr_spacing spacing;
    bool spacing_given; /* the config named it; otherwise each sampler has its own default */
    int steps_offset;
    bool set_alpha_to_one, skip_prk_steps, clip_sample;
    bool set_alpha_to_one_given, clip_sample_given; /* as spacing_given */
    bool beta_start_given, beta_end_given, beta_schedule_given;
    bool karras;                  /* use_karras_sigmas */
    bool sde;                     /* algorithm_type sde-dpmsolver++ */
    bool solver_heun, solver_bh1; /* solver_type, for the classes that know them; otherwise their own default */
    double clip_sample_range;
    bool rescale_betas_zero_snr;
    int advised_steps;       /* _drape_steps: what suits the model best; diffusers skips keys that begin with "_" */
    double advised_guidance; /* _drape_guidance_scale */
    bool advice_given;       /* the config names the steps: the model is made for them */
    bool lay_cloth;          /* _drape_lay_cloth: cloth in the hole instead of grey, mask/lay_cloth.h */
    bool keep_unworn;        /* _drape_keep_unworn: its pictures are better for mask/unworn.h */
    bool keep_photos;        /* _drape_keep_photos: what is taught keeps its photos, pipeline/wardrobe.h */
    float *alphas_cumprod;   /* [train_timesteps], float as PyTorch computes it; malloc'ed. For training: with
                                the defaults of DDPMScheduler */
} dr_schedule;

/** From a scheduler_config.json object; unknown beta schedules or prediction types are DR_EINVAL. Settings that
 *  change the numbers and are not done here (thresholding, trained_betas, a third-order solver) are
 *  DR_EUNSUPPORTED. On failure there is nothing to clear. */
dr_status dr_schedule_parse(dr_schedule *s, const json_t *config, const char *where);
dr_status dr_schedule_load(dr_schedule *s, const char *path);
void dr_schedule_clear(dr_schedule *s);

/** alphas_cumprod [train_timesteps] with or without the rescaling to zero terminal SNR (Lin et al. 2023,
 *  arXiv:2305.08891, algorithm 1): samplers whose class does not know the setting go without. */
void dr_schedule_alphas(const dr_schedule *s, bool rescale, float *out);

/** x_t of n values at timestep t. diffusers add_noise.
 *  t is in [0, train_timesteps), asserted, here and below. */
void dr_schedule_add_noise(const dr_schedule *s, const float *x0, const float *noise, int t, size_t n, float *out);
/** What a model of this schedule's kind learns to say of x_t: the noise, v, or x_0 itself. */
void dr_schedule_target(const dr_schedule *s, const float *x0, const float *noise, int t, size_t n, float *out);
/** v = sqrt(abar) noise - sqrt(1-abar) x0. Salimans & Ho 2022, arXiv:2202.00512. diffusers get_velocity. */
void dr_schedule_velocity(const dr_schedule *s, const float *x0, const float *noise, int t, size_t n, float *out);

#endif
