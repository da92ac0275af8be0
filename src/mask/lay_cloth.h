/* Cloth laid where a garment is to be.
 *
 * Small models that dress from a photo of the garment are helped: instead of a grey hole they see the person with the
 * cloth of the photo roughly in place, and have to make a worn garment of it. That is how the field did it before
 * attention was asked to (Han et al. 2018, arXiv:1711.08447: a warp, then a refinement), here without a warp that would
 * have to be learnt. `_drape_lay_cloth` in a model's scheduler_config.json asks for it; no published model does. */
#ifndef DR_MASK_LAY_CLOTH_H
#define DR_MASK_LAY_CLOTH_H

#include "mask/mask_shape.h"

/* Of a garment's photo that is neither very wide nor very high, the shares of its width and height that are cloth. */
#define DR_CLOTH_WIDTH 0.42
#define DR_CLOTH_HEIGHT 0.56
#define DR_CLOTH_WIDEST 0.714 /* cloth is no wider, in parts of its height */

/** What of a garment's photo is cloth, whatever lies around it: the middle, without collar, sleeves and hem. */
dr_rect dr_cloth_of(int width, int height);

/** A photo whose middle is this cloth (RGB; at most 0.71 times as wide as high, or it loses both edges; what is less
 * than 0.35 times as wide as high is repeated in it); around it the cloth goes on, mirrored. */
dr_status dr_cloth_photo(dr_image *photo, const dr_image *cloth);

/** Puts the middle of the garment's photo over what the mask has white in `picture`, as high as that is, and mirrors
 * its outer thirds where that is wider. Both are of the picture's size; a mask that is all black changes nothing. */
dr_status dr_lay_cloth(dr_image *picture, const dr_image *mask, const dr_image *garment);

#endif
