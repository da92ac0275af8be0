/* Teaching a model to dress a person from a photo of the garment, instead of teaching it one garment.
 *
 * Chong et al. 2024, arXiv:2407.15886 ("CatVTON"). Per step and pair, person above and garment below in latents of
 * twice the height, and no text:
 *
 *   g = draw(VAE(garment)), x0 = [draw(VAE(person)); g], z = [draw(VAE(person with the hole grey)); g]
 *   m = [mask; zeros], t uniform, noise normal over both halves
 *   predict noise (or v) of x0 from [noisy x0, m, z]; mean squared error over both halves
 *
 * In a part of the samples the garment's half of z is zeros, as it is for the unconditional half of guidance. The self-
 * attention is what learns, and all that sees both pictures; the rest is frozen, unless it is told to learn as well.
 *
 * The rest of the trainer is the other training's: plan, steps, checkpoints, logs, result. */
#ifndef DR_TRAIN_PAIRS_H
#define DR_TRAIN_PAIRS_H

#include "base/rng.h"
#include "train/cache.h"
#include "train/pairs_dataset.h"
#include "train/pairs_options.h"

/** Rows of latents that a sample has: twice those of its picture with a garment under it. */
int dr_encoded_rows(const dr_encoded *e);

/** Draws the garment's latents under the person's in x0 and in z [2h,w,C]. */
dr_status dr_garment_pair_stack(const dr_vae_config *vae, const dr_encoded *e, dr_rng *rng, dr_arena *scratch,
                                float *x0, float *z);
/** Takes it out of z again, in as many of the samples as are to be without. */
void dr_garment_pair_drop(const dr_encoded *e, int channels, double dropout, dr_rng *rng, float *z);

#endif
