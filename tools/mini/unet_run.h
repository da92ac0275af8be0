/* Training of the small model's UNet and text encoder, together: what its parts share.
 *
 *   unet_step.c   models, batches, one step, loss on test photos
 *   unet_walk.c   examples that the net samples itself, and a critic's pull on them
 *   unet_grow.c   weights of a smaller net to start from
 *   unet_save.c   the result as a diffusers pipeline folder
 *
 * With photos of garments (pair.h) the net has no words: it sees the person's latents and under them the garment's, and
 * self-attention carries the one to the other (Chong et al. 2024, arXiv:2407.15886).
 *
 * A batch has two kinds of samples. Plain ones are photos with noise of any strength, and teach the net to take it
 * away, as every diffusion model is taught. Walks start from pure noise and take the few steps that pictures are made
 * with, each from where the net's own last step led: they teach the net to make do with those steps, and with its own
 * errors. That is what a distilled model is for (Sauer et al. 2023, arXiv:2311.17042), here without a teacher: the
 * photo is known.
 *
 * Every draw depends on (seed, step) alone, as in the VAE's training; its latents are taken as they are. What a walk
 * has come to is not in a checkpoint: a resumed run begins its walks anew. */
#ifndef MINI_UNET_RUN_H
#define MINI_UNET_RUN_H

#include "diffusion/schedule.h"
#include "learn/jsonl.h"
#include "mini/critic.h"
#include "mini/pool.h"
#include "models/tokenizer.h"
#include "pipeline/arch.h"

typedef struct unet_options {
    const char *photos, *labels, *vae, *arch, *init, *output;
    const char *garments;    /* photos of garments: the net dresses from one, without words; NULL: from words */
    bool grow;               /* `init` may lack transformers */
    int photo_limit;         /* 0: all */
    int size;                /* of the examples' pictures, pixels */
    int batch, fresh, pool;  /* examples a step; of them new; examples kept */
    int steps, warmup, cool; /* of the learning rate */
    double lr, weight_decay, max_norm, ema_decay;
    double outside_weight;            /* of the loss outside the mask; inside it is 1 */
    double no_caption;                /* share of examples without words, for guidance */
    int walks, walk_steps;            /* samples of a batch that walk; steps of a walk */
    int walk_patch;                   /* cells: their error inside the mask is that of such patches' means */
    double walk_weight;               /* of their squared error in the latents, beside the plain ones' in v */
    bool freeze_text;                 /* the UNet learns alone */
    bool keep_base;                   /* the result has the UNet of `init` as well, as the one that goes on learning */
    mini_adversary_options adversary; /* on the later half of a walk's steps; pull 0: none */
    int look_every, look_examples;
    double minutes, checkpoint_minutes;
    uint64_t seed;
    int threads;
    bool resume, exact;
} unet_options;

typedef struct unet_report {
    double loss, walk[2], lr, norm, seconds; /* plain; walks: first and second half of their steps */
    mini_adversary_report critic;
} unet_report;

/* A sample on its way. */
typedef struct mini_walk {
    int64_t example;
    int phase; /* steps taken */
    float *x;  /* [values] */
} mini_walk;

/* A step's samples: the plain ones, then the walks. */
typedef struct mini_batch {
    int64_t N, plain;
    dr_tensor *x;    /* [N,rows,side,9] */
    float *timestep; /* [N] */
    int32_t *ids;    /* [N][77]; NULL for a net without words */
    float *target;   /* [N][values]: v of the plain ones, latents of the walks */
    uint8_t *mask;   /* [N][cells] */
} mini_batch;

typedef struct unet_run {
    const unet_options *o;
    dr_arch arch;
    dr_schedule schedule;
    dr_unet unet;
    dr_clip_text text;
    dr_params unet_params, text_params;
    dr_source *vae_source;
    dr_vae_model vae;
    dr_tokenizer *tokenizer;
    mini_wardrobe train, test;
    mini_flats flats;
    mini_pool pool, look_pool;
    dr_training t;
    dr_checkpoint c; /* c.step: steps done */
    dr_tape tape;
    mini_walk *walk; /* [walks] */
    float *walked;   /* [walks][values]: their latents */
    bool walking;    /* they have begun */
    mini_adversary adversary;
    dr_jsonl log;
} unet_run;

dr_status unet_run_open(unet_run *r, const unet_options *o);
/** Safe on a zeroed struct. */
void unet_run_close(unet_run *r);
dr_status unet_run_step(unet_run *r, unet_report *report);
/** Puts example `e` into place n of the batch, with `x` as its noisy latents. */
dr_status unet_batch_put(unet_run *r, mini_batch *b, int64_t n, const mini_entry *e, const char *caption,
                         const float *x, int timestep);
/** Weights of another UNet: what it has in the same shape. Transformers that it lacks begin as if they were not there.
 */
dr_status unet_grow(dr_params *p, const char *init, uint64_t seed);
/** The photos that a step may draw its examples from: [*from, *to). */
void unet_examples(const unet_run *r, int64_t *from, int64_t *to);
/** What an error at place i of a sample counts: inside the mask 1. */
float unet_weight_at(const unet_run *r, const mini_batch *b, int64_t n, int64_t i);

/** The walks' places of a batch: those that have come to an end begin again with other examples. */
dr_status unet_walks_fill(unet_run *r, mini_batch *b);
/** Adds the gradient at v [N][values] of the walks' errors, trains the critic, and takes the step. */
dr_status unet_walks_step(unet_run *r, const mini_batch *b, const float *v, float *gradient, unet_report *report);

/** The average's loss on examples of test photos, each time with the same noise. */
dr_status unet_run_look(unet_run *r, double *loss);

/** What the run's course depends on, but its length. */
json_t *unet_fingerprint(const unet_options *o);

/** OUTPUT/model: the whole pipeline in f16, with the average's weights and the VAE. */
dr_status unet_result_write(unet_run *r);

#endif
