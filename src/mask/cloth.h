/* The mask of a garment in a product photo: one thing on plain ground, with nobody in it. */
#ifndef DR_MASK_CLOTH_H
#define DR_MASK_CLOTH_H

#include "io/image.h"

/**
 * 255 on the garment, 0 around it, of the photo's size.
 *
 * The ground's colour is taken from the photo's border, as a smooth surface, since grounds are seldom lit evenly. What
 * can be reached from the border over the ground's colour is ground, all else the garment: so white parts of a garment
 * on white stay, and what is seen through a neckline does.
 *
 * @return DR_EINVAL, naming `name`, when the border is no plain ground, or nothing or everything stands out from it
 */
dr_status dr_cloth_mask(dr_image *out, const dr_image *photo, const char *name);

#endif
