/* Shapes of masks: growing, feathering, and the box around the white. */
#ifndef DR_MASK_MASK_SHAPE_H
#define DR_MASK_MASK_SHAPE_H

#include "io/mask.h"

/* Pixels x <= i < x + width, y <= j < y + height. */
typedef struct dr_rect {
    int x, y, width, height;
} dr_rect;

#define DR_MASK_MAX_RADIUS 4096 /* pixels, for growing and feathering */

/** Grows the white by a disc of `pixels` (all pixels at a distance of at most that become white); shrinks it where
 *  negative (the picture's edge does not eat into it). Takes any mask, leaves a binary one. Exact, and of the same
 *  cost for every radius. DR_EINVAL beyond DR_MASK_MAX_RADIUS. */
dr_status dr_mask_grow(dr_image *mask, int pixels);

/** Turns a mask into the alpha of a paste: 255 where it is white, falling smoothly with the distance d to the
 *  nearest white pixel, exactly 0 for d > `pixels`. With 0 pixels it is the binary mask. The feather lies outside
 *  the mask, so that what was to be replaced is replaced wholly. DR_EINVAL beyond DR_MASK_MAX_RADIUS or below 0. */
dr_status dr_mask_feather(dr_image *mask, int pixels);

/** The smallest rectangle around all white pixels (at least one half); false if there are none. */
bool dr_mask_bbox(const dr_image *mask, dr_rect *box);

#endif
