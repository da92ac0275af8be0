/* A training step without its numbers: what it takes in memory.
 *
 * The same forward and backward as the step's, on a tape over rows that compute nothing (dr_ops_dry), in addresses that
 * are never touched. Weights need shapes alone. */
#ifndef DR_TRAIN_REHEARSE_H
#define DR_TRAIN_REHEARSE_H

#include "drape.h"
#include "models/clip_text.h"
#include "models/unet.h"
#include "models/vae.h"

/* The models without values. */
typedef struct dr_rehearsal {
    dr_unet unet;
    dr_clip_text text;
    dr_vae vae;
    dr_params unet_params, text_params, vae_params;
    dr_params adapters; /* of a rehearsal with them, else empty */
} dr_rehearsal;

/* Bytes. */
typedef struct dr_rehearsed {
    uint64_t kept;      /* on the tape when the loss is there */
    uint64_t peak;      /* on the way back; gradients of weights are elsewhere */
    uint64_t gradients; /* of weights, when they are used as they come: what they add to the peak */
} dr_rehearsed;

/** `text` may be NULL where none is asked for. */
dr_status dr_rehearsal_open(dr_rehearsal **out, const dr_unet_config *unet, const dr_clip_config *text,
                            const dr_vae_config *vae);
void dr_rehearsal_close(dr_rehearsal *r);

/** A step with these options. stored: the dtype of frozen matrices. as_they_come: gradients are dropped as soon as
 * their block has given them. */
dr_status dr_rehearse_step(dr_rehearsal *r, const drape_train_options *o, dr_dtype stored, bool as_they_come,
                           dr_rehearsed *out);

/** What a tape holds at most while the VAE makes a picture of width x height pixels of its latents. */
dr_status dr_rehearse_decode(dr_rehearsal *r, int width, int height, dr_dtype stored, uint64_t *peak);
/** The same of a picture that is encoded. */
dr_status dr_rehearse_encode(dr_rehearsal *r, int width, int height, dr_dtype stored, uint64_t *peak);

#endif
