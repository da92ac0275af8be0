/* What the small model is shown: a square picture of a dressed person, what is masked in it, and words for the garment
 * under the mask. Example k of a seed is always the same. */
#ifndef MINI_EXAMPLE_H
#define MINI_EXAMPLE_H

#include "mini/wardrobe.h"

typedef struct mini_example {
    dr_image photo, mask; /* square, of the wardrobe's size, RGB; 0 and 255 */
    dr_image start;       /* what the net sees of the picture, if that is not the photo with a grey hole */
    char caption[128];
} mini_example;

/** Draws example `k`; clear it with mini_example_clear(). */
dr_status mini_example_draw(mini_example *e, const mini_wardrobe *w, uint64_t seed, int64_t k);
void mini_example_clear(mini_example *e);

/* The parts that examples are made of. */

/** Most garments get a new colour; `colour` gets the names of all. */
void mini_recolour_all(dr_image *photo, const mini_person *p, dr_rng *r, const char *colour[MINI_GARMENTS]);
/** One of those that are large enough to be told. */
int mini_choose_garment(const mini_person *p, dr_rng *r);
/** As try-on, fine-tuning or a hand would mask it; of the photo's size. */
dr_status mini_draw_mask(dr_image *mask, const mini_person *p, int garment, dr_rng *r);
/** As fine-tuning masks it: the garment, more or less exactly. */
dr_status mini_mask_garment(dr_image *mask, const mini_person *p, int garment, dr_rng *r);
/** Pixels that a mask hides: of garment i in hidden[i + 1], of all else in hidden[0]; returns all. */
int64_t mini_hidden(const mini_person *p, const dr_image *mask, int64_t hidden[MINI_GARMENTS + 1]);
/** Photo and mask as try-on frames them, or nearer, or from farther away; half of them mirrored. */
dr_status mini_example_cut(mini_example *e, const dr_image *photo, const dr_image *mask, int size, dr_rng *r,
                           bool *mirrored);

#endif
