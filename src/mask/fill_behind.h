/* Holes filled with what surrounds them, smoothly.
 *
 * Push-pull (Gortler et al. 1996, "The Lumigraph", section 3.4): means of what is known in ever larger squares, and
 * from the largest down each square without any takes what the larger one has. */
#ifndef DR_MASK_FILL_BEHIND_H
#define DR_MASK_FILL_BEHIND_H

#include "io/image.h"

/** Gives the pixels of `im` (1 to 4 channels) that `known` (1 channel, the same size) has at 0 values from those
 * around; the others stay. Untouched where nothing is known. */
dr_status dr_fill_behind(dr_image *im, const dr_image *known);

#endif
