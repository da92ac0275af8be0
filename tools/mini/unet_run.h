/* Training of the small model's UNet and text encoder, together: what its parts share.
 *
 *   unet_step.c   models, batches, loss, one step, loss on test photos
 *   unet_save.c   the result as a diffusers pipeline folder
 *
 * Every draw depends on (seed, step) alone, as in the VAE's training; its latents are taken as they are. */
#ifndef MINI_UNET_RUN_H
#define MINI_UNET_RUN_H

#include "diffusion/schedule.h"
#include "learn/jsonl.h"
#include "mini/checkpoint.h"
#include "mini/pool.h"
#include "models/tokenizer.h"
#include "pipeline/arch.h"

typedef struct unet_options {
    const char *photos, *labels, *vae, *arch, *init, *output;
    int photo_limit;         /* 0: all */
    int batch, fresh, pool;  /* examples a step; of them new; examples kept */
    int steps, warmup, cool; /* of the learning rate */
    double lr, weight_decay, max_norm, ema_decay;
    double outside_weight; /* of the loss outside the mask; inside it is 1 */
    double no_caption;     /* share of examples without words, for guidance */
    int look_every, look_examples;
    double minutes, checkpoint_minutes;
    uint64_t seed;
    int threads;
    bool resume;
} unet_options;

typedef struct unet_report {
    double loss, lr, norm, seconds;
} unet_report;

typedef struct unet_run {
    const unet_options *o;
    dr_arch arch;
    dr_schedule schedule;
    dr_unet unet;
    dr_clip_text text;
    dr_params unet_params, text_params;
    dr_vae_model vae;
    dr_tokenizer *tokenizer;
    mini_wardrobe train, test;
    mini_pool pool, look_pool;
    mini_training t;
    dr_tape tape;
    dr_jsonl log;
} unet_run;

dr_status unet_run_open(unet_run *r, const unet_options *o);
/** Safe on a zeroed struct. */
void unet_run_close(unet_run *r);
dr_status unet_run_step(unet_run *r, unet_report *report);
/** The average's loss on examples of test photos, each time with the same noise. */
dr_status unet_run_look(unet_run *r, double *loss);

/** OUTPUT/model: the whole pipeline in f16, with the average's weights and the VAE. */
dr_status unet_result_write(unet_run *r);

#endif
