/* What the photo of a garment shows: which kind of garment, and whether somebody wears it; and the garment alone. */
#ifndef DR_MASK_GARMENT_PHOTO_H
#define DR_MASK_GARMENT_PHOTO_H

#include "mask/garment.h"

typedef struct dr_garment_photo {
    dr_mask_category category; /* DR_MASK_UPPER, DR_MASK_LOWER or DR_MASK_DRESS */
    bool worn;
} dr_garment_photo;

/** labels: what each pixel of the photo shows. DR_EINVAL, naming `name`, when there is no garment in it. */
dr_status dr_garment_photo_look(dr_garment_photo *out, const dr_image *labels, const char *name);

/** The pixels of the garment: of the person who wears it, or of all there is where it lies. 0 and 255, the labels'
 * size. DR_EINVAL when the photo shows none of that category. */
dr_status dr_garment_photo_mask(dr_image *out, const dr_image *labels, const dr_garment_photo *what, const char *name);

/** The garment on white, cut to its box with a little air around it. */
dr_status dr_garment_photo_cut(dr_image *out, const dr_image *photo, const dr_image *mask);

#endif
