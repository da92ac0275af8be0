/* The region of a photo that the model works on: cut out, worked on at the model's size, pasted back.
 *
 * The region is a rectangle of the photo with the model's shape around the mask. The model has one good size, so
 * the region is at least that large where the photo allows it: a small mask is then worked on at the photo's own
 * resolution instead of being blown up. Where the photo is too narrow or too low for the shape, the part that the
 * photo has lies in the middle of the model's canvas and the rest is its mirror image, not masked. */
#ifndef DR_TRYON_REGION_H
#define DR_TRYON_REGION_H

#include "io/image.h"
#include "mask/mask_shape.h"

typedef struct dr_region {
    dr_rect photo;                   /* inside the photo */
    dr_rect canvas;                  /* where that lies on the model's canvas */
    int canvas_width, canvas_height; /* the model's size */
} dr_region;

typedef struct dr_region_options {
    int width, height; /* the model's size */
    int padding;       /* pixels of the photo around the mask */
    int feather;       /* of the paste; the region has at least this much around the mask */
} dr_region_options;

/** The region around `box` (dr_mask_bbox()) of a photo. Cannot fail; sizes are asserted. */
dr_region dr_region_around(dr_rect box, int photo_width, int photo_height, const dr_region_options *o);

/** The whole photo, resized to the model's size whatever its shape, as diffusers does without cropping. */
dr_region dr_region_whole(int photo_width, int photo_height, int width, int height);

/** Cuts the region out at the model's size: the photo by LANCZOS; the mask (binarised) such that a canvas pixel is
 *  white if any photo pixel under it is, so that thin masks survive. `mask_out` and `mask` may be NULL. */
dr_status dr_region_extract(dr_image *photo_out, dr_image *mask_out, const dr_image *photo, const dr_image *mask,
                            const dr_region *r);

/** The part of the model's canvas that a paste over `box` of the photo, widened by `feather` pixels, takes its colours
 *  from; with dr_paste_options it looks beyond. */
dr_rect dr_region_needed(const dr_region *r, dr_rect box, int feather);

typedef struct dr_paste_options {
    bool color_match; /* shift the picture's mean colour so that it agrees with the photo around the mask */
} dr_paste_options;

/** Pastes a generated picture of the model's size into the photo, in place: photo * (1 - alpha) + picture * alpha.
 *  `alpha` has the photo's size, see dr_mask_feather(). Where alpha is 0 no byte of the photo changes. `o` may be
 *  NULL. On DR_ENOMEM the photo is unchanged. */
dr_status dr_region_paste(dr_image *photo, const dr_image *generated, const dr_region *r, const dr_image *alpha,
                          const dr_paste_options *o);

#endif
