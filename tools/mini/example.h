/* What the small model is shown: a square picture of a dressed person, what is masked in it, and words for the garment
 * under the mask. Example k of a seed is always the same. */
#ifndef MINI_EXAMPLE_H
#define MINI_EXAMPLE_H

#include "mini/wardrobe.h"

#define MINI_SIZE 256 /* pixels of a side */

typedef struct mini_example {
    dr_image photo, mask; /* MINI_SIZE square, RGB; 0 and 255 */
    char caption[128];
} mini_example;

/** Draws example `k`; clear it with mini_example_clear(). */
dr_status mini_example_draw(mini_example *e, const mini_wardrobe *w, uint64_t seed, int64_t k);
void mini_example_clear(mini_example *e);

#endif
