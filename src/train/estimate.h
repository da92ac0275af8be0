/* How much memory a run will need, told before anything is loaded. */
#ifndef DR_TRAIN_ESTIMATE_H
#define DR_TRAIN_ESTIMATE_H

#include "drape.h"
#include "models/clip_text.h"
#include "models/unet.h"
#include "models/vae.h"

typedef struct dr_train_estimate_in {
    const drape_train_options *options;
    const dr_unet_config *unet;
    const dr_clip_config *text; /* NULL with pairs */
    const dr_vae_config *vae;
    dr_dtype stored; /* of the weights in the files: what frozen ones keep in memory. Trained ones are f32 */
    bool distilled;  /* the folder has two UNets: train/distilled.h */
    int pairs;       /* whose latents are kept; 0: not known, or no pairs */
    int ranks;       /* that train together, with the options' batch each; 0 or 1: alone */
} dr_train_estimate_in;

/* Bytes. */
typedef struct dr_train_memory {
    uint64_t weights;
    uint64_t gradients;
    uint64_t moments;     /* of AdamW */
    uint64_t average;     /* of --use_ema */
    uint64_t latents;     /* of pairs, kept for the whole run; those of a few photos are not worth a word */
    uint64_t activations; /* what the tape keeps until it goes back */
    uint64_t scratch;     /* what comes on top: gradients in flight, the block that runs again, workspace of ops */
    uint64_t validation;  /* the other models, while validation pictures are made */
    uint64_t program;     /* code, libraries, threads */
    uint64_t total;
    uint64_t encoding; /* not in it: of the VAE while it encodes a photo */
} dr_train_memory;

/** Without clipping and accumulation nothing needs all gradients at once: with checkpointing they are used as they
 * come. */
bool dr_train_as_they_come(const drape_train_options *o);

/**
 * What a training step needs at its peak. Texts are encoded before, with less; photos before, too, unless there is room
 * for the VAE beside the step.
 *
 * Weights, gradients and moments are exact; what the tape takes is found by a step that computes nothing
 * (train/rehearse.h). With gradient checkpointing, no clipping and no accumulation, gradients are used block by block
 * and never held all at once.
 *
 * @return DR_ENOMEM only
 */
dr_status dr_train_estimate(const dr_train_estimate_in *in, dr_train_memory *out);

/**
 * One sentence: "this run needs 9.9 GiB (weights 3.2, ...), 22.0 GiB are free". When it does not fit, the flags that
 * make it fit are named with what each saves: the fewest that do, in the order of what they cost.
 *
 * @param available  bytes (dr_mem_available()); 0 if unknown, then everything fits
 * @param text       gets the sentence; on DR_ENOMEM dr_error() says the same
 */
dr_status dr_train_estimate_tell(const dr_train_estimate_in *in, uint64_t available, char *text, size_t size);

#endif
