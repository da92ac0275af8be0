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
#include "train/pairs_options.h"

/* --- pictures ------------------------------------------------------------------------------------------ */

/**
 * Reads the folder and checks every pair, as dr_dataset_open() does: all faults in one message, doubts in `warnings`.
 *
 *   person/, mask/, garment/        files of one stem; pairs.txt (if there is one): "PERSON GARMENT" in each line
 *   image/, agnostic-mask/, cloth/  VITON-HD's: masks are STEM_mask.*; train_pairs.txt, there or beside the folder,
 *                                   chooses by its first names. Its second ones are for tests: whoever wears another
 *                                   garment than that is no example of it
 */
dr_status dr_garment_pairs_open(dr_dataset *d, const char *dir, char *warnings, size_t size);

/** One pair's three pictures at the size of `crop`: person and mask cut in the middle, the garment on white. The mask
 *  is binary. */
dr_status dr_garment_pair_load(const dr_example *e, const dr_crop *crop, dr_image *person, dr_image *mask,
                               dr_image *garment);

/* --- steps --------------------------------------------------------------------------------------------- */

/** Rows of latents that a sample has: twice those of its picture with a garment under it. */
int dr_encoded_rows(const dr_encoded *e);

/** Draws the garment's latents under the person's in x0 and in z [2h,w,C]. */
dr_status dr_garment_pair_stack(const dr_vae_config *vae, const dr_encoded *e, dr_rng *rng, dr_arena *scratch,
                                float *x0, float *z);
/** Takes it out of z again, in as many of the samples as are to be without. */
void dr_garment_pair_drop(const dr_encoded *e, int channels, double dropout, dr_rng *rng, float *z);

#endif
