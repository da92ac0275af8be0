/* How much a training step keeps on the tape, reckoned from the configs alone.
 *
 * Counts what models/unet.c, transformer2d.c, resnet.c and clip_text.c allocate, op by op: a change there is a change
 * here. In values, times the batch; gradients of activations are counted in `block` alone. */
#ifndef DR_TRAIN_ACTIVATIONS_H
#define DR_TRAIN_ACTIVATIONS_H

#include "models/clip_text.h"
#include "models/unet.h"

typedef struct dr_activations {
    int64_t between;      /* blocks' results and what lies between blocks: kept in any case */
    int64_t inside;       /* in all blocks together: kept unless they run again */
    int64_t block;        /* of the block that takes most to run again and go back: activations, gradients, workspace */
    int64_t workspace;    /* of the op that needs most */
    int64_t outer_params; /* values of the parameters that no block has */
    int64_t largest_params; /* of the block with the most parameters */
} dr_activations;

/**
 * @param batch  pictures at a time
 * @param h, w   of the latents
 * @param rank   of the adapters, 0 without
 */
dr_activations dr_unet_activations(const dr_unet *u, int64_t batch, int64_t h, int64_t w, int64_t tokens, int64_t rank);
dr_activations dr_clip_activations(const dr_clip_text *m, int64_t batch, int64_t tokens, int64_t rank);

#endif
