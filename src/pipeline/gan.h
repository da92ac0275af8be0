/* HR-VITON's two networks from files: `.pth` in both of PyTorch's forms, or safetensors.
 *
 * Files differ, and all of these load: a leading `module.` on every name, as the published training saves its last
 * checkpoint; `.Spade` inside names, and `ace_0` or `alias_0` for `norm_0`, as older ones have them; with and without
 * what has no part in the result (`conv2.`, `num_batches_tracked`). Spectral norms (weight_orig, weight_u, weight_v)
 * are folded. What a file lacks, has in excess or has in another shape is named in one sentence. */
#ifndef DR_PIPELINE_GAN_H
#define DR_PIPELINE_GAN_H

#include "models/hr_viton.h"
#include "pipeline/weights.h"

/* Said when such weights are loaded. */
#define DR_GAN_LICENCE                                                                                                 \
    "HR-VITON's published weights and the VITON-HD data set are for non-commercial use (CC BY-NC 4.0)"

typedef enum dr_gan_kind { DR_GAN_NONE, DR_GAN_CONDITION, DR_GAN_GENERATOR } dr_gan_kind;

/* Zero-initialised means not loaded. */
typedef struct dr_condition_model {
    dr_condition_generator net;
    dr_params params;
    dr_weights files;
    bool loaded;
} dr_condition_model;

typedef struct dr_spade_model {
    dr_spade_generator net;
    dr_params params;
    dr_weights files;
    bool loaded;
} dr_spade_model;

/** Each loads the file `path`. No-op when loaded; after a failure the model is as before the call. */
dr_status dr_condition_load(dr_condition_model *m, const char *path);
dr_status dr_spade_load(dr_spade_model *m, const char *path);
/** Safe when not loaded. */
void dr_condition_unload(dr_condition_model *m);
void dr_spade_unload(dr_spade_model *m);

/** Which of the two networks a file is, by its tensors' names; NONE also for what is no file of tensors. */
dr_gan_kind dr_gan_kind_of(const char *path);

/* What a file of this kind is, without its weights. */
typedef struct dr_gan_info {
    dr_gan_kind kind;
    int64_t parameters;
    dr_condition_config condition; /* of that kind */
    dr_spade_config generator;
} dr_gan_info;
dr_status dr_gan_describe(dr_gan_info *out, const char *path);

#endif
