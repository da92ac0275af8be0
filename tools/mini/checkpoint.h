/* Checkpoints of the small model's trainings: folders checkpoint-STEP, complete or absent, of which the newest is kept.
 *
 *   state.json                                    step, and what the run's course depends on
 *   [PART/]NAME.safetensors                       f32 weights
 *   optimizer.safetensors, ema.safetensors        moments and average */
#ifndef MINI_CHECKPOINT_H
#define MINI_CHECKPOINT_H

#include "base/json.h"
#include "learn/ema.h"
#include "learn/optimizer.h"
#include "pipeline/weights.h"

typedef struct mini_part {
    const char *folder; /* "unet", or "" */
    const char *file;   /* "diffusion_pytorch_model.safetensors" */
    const dr_weights_rules *rules;
    dr_params *params;
} mini_part;

typedef struct mini_training {
    const char *output;
    mini_part part[2];
    int parts;
    dr_tensor **trained; /* [count]: all parts' parameters, in their order */
    const char **prefix; /* [count]: the part's folder and a slash, or "" */
    size_t count;
    float *gradients; /* one flat buffer */
    size_t gradients_size;
    dr_adamw adamw;
    dr_ema ema;
    json_t *run;           /* what must not change when a run is resumed */
    int step;              /* done */
    char checkpoint[4096]; /* the newest; "" when there is none */
} mini_training;

/** To resume: finds the newest, compares `run`, and sets step; DR_ENOENT without one. Else DR_EINVAL when there is
 *  one. */
dr_status mini_checkpoint_find(mini_training *t, bool resume);
/** The parts' weights, from the checkpoint (step > 0), else from the model in `init`, or random where that is NULL;
 * then trainable. */
dr_status mini_training_weights(mini_training *t, uint64_t seed, const char *init);
/** Gradients, moments and average for all parameters, at zero or the checkpoint's. */
dr_status mini_training_optimizer(mini_training *t, const dr_adamw_options *o, double ema_decay);
/** One step with the gradients that are there; returns their norm. */
double mini_training_update(mini_training *t, const dr_ops *ops, double lr, double max_norm);
dr_status mini_checkpoint_save(mini_training *t);
/** All but the parts' parameters, which are the caller's. Safe on a zeroed struct. */
void mini_training_clear(mini_training *t);

/** Rises over `warmup` steps, stays, and falls to 0 over the last `cool` of `steps`; `step` counts from 0. */
double mini_lr(double lr, int step, int steps, int warmup, int cool);

#endif
