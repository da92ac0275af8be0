/* A person, what is masked, and a photo of the garment that belongs there: what a net learns dressing from.
 *
 * Nobody has photos of the same garment worn and lying flat for us, so pairs are made, of two kinds:
 *
 *   worn   the garment is cut out of the person's photo, turned, stretched and bent, and laid on a ground; often it
 *          got another colour or a pattern before. Collars, hems and folds agree, the light too: too easy alone.
 *   flat   a true photo of a garment; its cloth is painted onto the person's garment, with that one's folds. Nothing
 *          but the cloth agrees: colours, stripes, prints, about where they are.
 *
 * A third kind is for the beginning only: what the mask hides, laid where it is in the picture. It teaches a net to
 * look at the same place of the other half, which it finds very slowly by itself. */
#ifndef MINI_PAIR_H
#define MINI_PAIR_H

#include "mini/example.h"
#include "mini/flats.h"

/** Draws example `k` and its garment's photo (square, of the wardrobe's size; clear it). `aligned`: share of the third
 * kind. */
dr_status mini_pair_draw(mini_example *e, dr_image *garment, const mini_wardrobe *w, const mini_flats *f, float aligned,
                         uint64_t seed, int64_t k);

/** A garment's photo on a square of `size`, in its own shape, on white: as dressing takes it. */
dr_status mini_garment_fit(dr_image *out, const dr_image *photo, int size);

#endif
