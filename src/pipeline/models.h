/* A pipeline folder's models, each loaded by itself and let go by itself: a try-on holds one at a time. */
#ifndef DR_PIPELINE_MODELS_H
#define DR_PIPELINE_MODELS_H

#include "diffusion/schedule.h"
#include "models/clip_text.h"
#include "models/unet.h"
#include "models/vae.h"
#include "pipeline/weights.h"

/* Zero-initialised means not loaded; `params` and `files` belong together. */
typedef struct dr_text_model {
    dr_clip_text net;
    dr_params params;
    dr_weights files;
    bool loaded;
} dr_text_model;

typedef struct dr_vae_model {
    dr_vae net;
    dr_params params;
    dr_weights files;
    bool loaded;
} dr_vae_model;

typedef struct dr_unet_model {
    dr_unet net;
    dr_params params;
    dr_weights files;
    bool loaded;
} dr_unet_model;

/** Each reads DIR/<part>/config.json and binds the weights beside it. No-op when loaded. After a failure the
 *  model is as before the call. `dir` is the pipeline folder.
 *
 *  Weights are not searched for NaN here: that would read gigabytes before the first step. Whoever runs the model
 *  looks at its output, where a NaN cannot hide, and names the culprit with dr_params_check(). */
dr_status dr_text_load(dr_text_model *m, const char *dir);
dr_status dr_vae_load(dr_vae_model *m, const char *dir);
dr_status dr_unet_load(dr_unet_model *m, const char *dir);
/** The same from another part of the folder than "unet". */
dr_status dr_unet_load_part(dr_unet_model *m, const char *dir, const char *part);

/** Safe when not loaded. */
void dr_text_unload(dr_text_model *m);
void dr_vae_unload(dr_vae_model *m);
void dr_unet_unload(dr_unet_model *m);

/** The configs alone: cheap, for checks before the long work. */
dr_status dr_text_config(dr_clip_config *c, const char *dir);
dr_status dr_vae_config_load(dr_vae_config *c, const char *dir);
dr_status dr_unet_config_load(dr_unet_config *c, const char *dir);

/** DIR/scheduler/scheduler_config.json. A config that names no class is of model_index.json's. */
dr_status dr_folder_schedule(dr_schedule *s, const char *dir);

/** DR_EINVAL naming the first parameter with a value that is not finite and the file `path`. Reads everything once. */
dr_status dr_params_check(const dr_params *p, const char *path);

/** DR_OK if all n outputs of a model are finite; else what dr_params_check() finds, or a sentence that blames the
 *  sums. `what` is "UNet", `path` its weights' folder. */
dr_status dr_output_check(const float *out, size_t n, const dr_params *p, const char *what, const char *path);

/** Values change (training, LoRA): parameters get f32 storage of their own and are no longer packed for good. */
dr_status dr_params_make_trainable(dr_params *p);

#endif
