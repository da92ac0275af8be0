/* Between 8-bit pictures and what the models take, number for number as diffusers' VaeImageProcessor and
 * StableDiffusionInpaintPipeline do it in float32. */
#ifndef DR_IO_PREPARE_H
#define DR_IO_PREPARE_H

#include "io/image.h"

/** [0,255] to [-1,1]: 2 * (v / 255) - 1. `out` is [H,W,C] with the picture's own channels. */
void dr_image_to_f32(const dr_image *im, float *out);

/** [-1,1] as [H,W,3] to a picture: x / 2 + 0.5 clamped to [0,1], times 255, rounded half to even. Allocates `out`.
 *  DR_EINVAL if a value is not a number, which is a fault of the weights, not a dark pixel. */
dr_status dr_image_from_f32(dr_image *out, const float *data, int width, int height);

/** The photo with the masked pixels at 0 (grey): pixels * (mask < 0.5). `pixels` and `out` are [H,W,3] in [-1,1]
 *  and may be the same; the mask has their size. */
void dr_masked_f32(const float *pixels, const dr_image *mask, float *out);

/** A binarised mask as 0 and 1 on the grid of the latents, `out` [height,width]: nearest neighbour as
 *  torch.nn.functional.interpolate(mode="nearest"), source index floor(i * float(in / out)). */
void dr_mask_to_latent(const dr_image *mask, int width, int height, float *out);

/** The same, but 1 for every cell that has any white in it: no part of a mask is too thin. */
void dr_mask_to_latent_any(const dr_image *mask, int width, int height, float *out);

/** How much of a mask's white, 0 to 1, the first of the two loses: what lies in cells that are 0 there as all their
 *  neighbours are, so that a strap or a belt is gone and no edge merely moved. */
double dr_mask_lost(const dr_image *mask, int width, int height);

#endif
