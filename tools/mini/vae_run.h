/* Training of the small model's VAE: what its parts share.
 *
 *   vae_step.c   model, optimizer, loss, one step
 *   vae_made.c   one step on latents that a net made
 *   vae_look.c   how good it is: PSNR on test photos, a sheet of reconstructions
 *   vae_save.c   the result as a diffusers folder
 *
 * Every draw depends on (seed, step) alone: weights, moments, average and the step are all the state there is, and a
 * resumed run goes on bit for bit (with as many threads, and the same choice of algorithms, DRAPE_CACHE_DIR). */
#ifndef MINI_VAE_RUN_H
#define MINI_VAE_RUN_H

#include "learn/jsonl.h"
#include "mini/critic.h"
#include "mini/made.h"
#include "mini/photos.h"
#include "models/vae.h"

typedef struct vae_options {
    const char *photos, *config, *init, *output;
    const char *made;        /* mini_made's file: every other step learns from it; NULL: none */
    bool freeze_encoder;     /* the decoder alone learns, from the latents' means and `latent_noise` */
    int photo_limit;         /* 0: all */
    int batch, crop, frame;  /* pictures a step; pixels of their side, cut out of pictures of `frame` pixels */
    int steps, warmup, cool; /* of the learning rate: rising, even, and falling to 0 over the last `cool` */
    double lr, weight_decay, max_norm, ema_decay;
    double edge_weight;               /* of each of the three scales */
    double square_weight;             /* of the pixels' squared errors */
    double colour_weight;             /* of the colours of 8x8 pixels */
    double vivid;                     /* share of crops with other, stronger colours */
    double kl_weight;                 /* of the mean divergence of a latent value */
    double latent_noise;              /* deviation of noise on latents for a decoder that learns alone */
    mini_adversary_options adversary; /* pull 0: none */
    int look_every, look_photos, look_size;
    double minutes, checkpoint_minutes;
    uint64_t seed;
    int threads;
    bool resume, exact;
} vae_options;

/* What one step was like. */
typedef struct vae_report {
    double loss, pixels, edges, squares, colour, kl; /* the terms without their weights */
    double lr, norm, seconds;
    mini_adversary_report critic;
} vae_report;

typedef struct vae_run {
    const vae_options *o;
    mini_photos train, test;
    mini_made made;
    json_t *config; /* the file, for the result */
    dr_vae net;
    dr_params params;
    dr_training t;
    dr_checkpoint c;         /* c.step: steps done */
    dr_tape tape, loss_tape; /* the losses are walked back to the picture on a tape of their own */
    mini_adversary adversary;
    mini_crop *crop; /* [batch] */
    dr_jsonl log;
} vae_run;

/** Photos, model (random, or the checkpoint's), optimizer; opens the log. */
dr_status vae_run_open(vae_run *r, const vae_options *o);
/** Safe on a zeroed struct. */
void vae_run_close(vae_run *r);
dr_status vae_run_step(vae_run *r, vae_report *report);

/** Forward and back of a step from latents that a net made; the gradients are in the parameters' buffers. */
dr_status vae_made_gradients(vae_run *r, vae_report *report);

/** Of the average: mean PSNR in dB of the reconstructed test photos, and OUTPUT/sheet-STEP.png. */
dr_status vae_look(vae_run *r, double *psnr);

/** What the run's course depends on, but its length: that may change, as the rate is even until the last steps. */
json_t *vae_fingerprint(const vae_run *r);

/** OUTPUT/vae: config.json and the average in f16. Latents are brought to mean 0 and deviation 1 in every channel, by
 *  the weights of quant_conv and post_quant_conv; what is left goes into scaling_factor. */
dr_status vae_result_write(vae_run *r);

#endif
