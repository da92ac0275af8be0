/* Masks: 8-bit pictures of one channel, white where the photo is to be replaced. */
#ifndef DR_TRYON_MASK_H
#define DR_TRYON_MASK_H

#include "io/image.h"

/* Pixels x <= i < x + width, y <= j < y + height. */
typedef struct dr_rect {
    int x, y, width, height;
} dr_rect;

#define DR_MASK_MAX_RADIUS 4096 /* pixels, for growing and feathering */

/* Where warnings go, one sentence each, without a newline. */
typedef void (*dr_warn_fn)(void *user, const char *message);

typedef struct dr_mask_options {
    bool whole;      /* the whole picture may be masked: no warning about an all white mask */
    dr_warn_fn warn; /* may be NULL */
    void *user;
} dr_mask_options;

/** Reads a mask for a photo and brings it to the photo's size (LANCZOS, as diffusers does); still grey, see
 *  dr_mask_binarize(). Editors often save the mask as transparency: where the colour is one and the same
 *  everywhere and alpha is not, alpha is the mask. `o` may be NULL.
 *
 *  DR_EINVAL when the shapes differ by more than 1 % and 2 pixels, or nothing is white. Warnings for a mask that
 *  is all white, looks inverted, or has many grey values. */
dr_status dr_mask_load(dr_image *out, const char *path, int photo_width, int photo_height, const char *photo_path,
                       const dr_mask_options *o);

/** The same for a picture already read with 1 or 4 channels; `name` stands in messages. */
dr_status dr_mask_from_image(dr_image *out, const dr_image *in, const char *name, int photo_width, int photo_height,
                             const char *photo_name, const dr_mask_options *o);

/** 0 below one half and 255 from there on, as diffusers' VaeImageProcessor.binarize: 127 is black, 128 white. */
void dr_mask_binarize(dr_image *mask);

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
