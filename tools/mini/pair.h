/* A person, what is masked, and a photo of the garment that belongs there: what a net learns dressing from.
 *
 * Nobody has photos of the same garment worn and lying flat for us, so pairs are made. The net sees the garment's cloth
 * laid over the mask (mask/lay_cloth.h), and the target is one of two kinds:
 *
 * Flat: the cloth of a true photo of a garment, or of a swatch with a pattern, laid in the same way where the person's
 * garment is, with that one's folds: colours, stripes and prints go through as they are.
 *
 * Worn: the person's own garment; its photo is cut out of the person's, turned, stretched and bent, on a ground.
 *
 * Flat garments have long sleeves where the person's are long: else the net could not know.
 */
#ifndef MINI_PAIR_H
#define MINI_PAIR_H

#include "mini/example.h"
#include "mini/flats.h"

/** Draws example `k`, with the cloth laid (mask/lay_cloth.h), and its garment's photo (square, of the wardrobe's size;
 * clear it). */
dr_status mini_pair_draw(mini_example *e, dr_image *garment, const mini_wardrobe *w, const mini_flats *f, uint64_t seed,
                         int64_t k);

/** A garment's photo on a square of `size`, in its own shape, on white: as dressing takes it. */
dr_status mini_garment_fit(dr_image *out, const dr_image *photo, int size);

#endif
