/* One photo as the UNet sees it in training: its latents with noise, beside what should be predicted. */
#ifndef DR_TRAIN_NOISY_H
#define DR_TRAIN_NOISY_H

#include "base/rng.h"
#include "diffusion/schedule.h"
#include "train/cache.h"

typedef struct dr_noisy {
    const dr_vae_config *vae;
    const dr_schedule *schedule;
    const dr_encoded *photo;
    double noise_offset;
    double garment_dropout; /* of pairs */
} dr_noisy;

/**
 * Draws, in this order: the photo's latents, those of the masked photo, (those of the garment,) noise, its offset, the
 * timestep, (and whether the garment is shown). Of pairs h is that of both halves: dr_encoded_rows().
 *
 * @param timestep  *timestep below 0 is drawn, else taken as it is
 * @param x         [h,w,2C+1]: noisy latents, mask, masked latents
 * @param target    [h,w,C]: noise, or v
 * @return DR_ENOMEM when `a` is full
 */
dr_status dr_noisy_fill(const dr_noisy *n, dr_arena *a, dr_rng *rng, int *timestep, float *x, float *target);

#endif
