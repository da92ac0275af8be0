/* Dressing a person: the region around the mask is cut out, inpainted at the model's size, and pasted back. */
#ifndef DR_TRYON_TRYON_H
#define DR_TRYON_TRYON_H

#include "io/fit.h"
#include "tryon/inpaint.h"
#include "tryon/region.h"

typedef struct dr_tryon_options {
    dr_inpaint_options inpaint; /* width, height 0: the model's; preview is set by `picture` below */
    bool whole;                 /* the whole photo instead of the region around the mask */
    int padding;                /* pixels of the photo; -1: 32, or an eighth of the mask's box */
    int mask_grow;              /* pixels of the photo; negative shrinks */
    int mask_blur;              /* pixels of feather; -1: 1 per 128 pixels of the region, at least 2 */
    bool paste;                 /* with `whole` and without this the numbers are diffusers' */
    bool color_match;
    const dr_image *garment; /* RGB: a photo of it, for an engine that dresses; NULL for others */
    dr_fit fit;              /* other than DR_FIT_REGION: the published pictures, at the working size */
    bool hard_mask;          /* of a published fit; see dr_raw_mask */
    bool repaint;            /* the same: dr_fit_repaint() */
    /* gets the picture as far as it is, at the working size; may be NULL */
    void (*picture)(void *user, int step, const dr_image *im);
    /* gets a doubt, one sentence; may be NULL */
    void (*warn)(void *user, const char *message);
} dr_tryon_options;

/** The working size that width and height 0 stand for. */
void dr_tryon_size(const dr_engine *e, int *width, int *height);

/** mask: 1 channel, the photo's size; binarised here. For a published fit it is as its file has it, 1 or 3 channels.
 *  `out` is allocated here, untouched on failure. */
dr_status dr_tryon(dr_engine *e, const dr_tryon_options *o, const dr_image *photo, const dr_image *mask, dr_image *out);

/** A quick picture of latents [h,w,latent], at the latents' size: a linear map for Stable Diffusion's own latents,
 *  otherwise their first three channels. */
dr_status dr_latent_preview(const dr_engine *e, const float *latents, int h, int w, dr_image *out);

#endif
