/* How CatVTON's published programs bring a photo, its mask and the photo of a garment to the working size, with
 * Pillow's 8-bit arithmetic (that of Pillow 10.3, which they ask for), and what they do afterwards. */
#ifndef DR_IO_FIT_H
#define DR_IO_FIT_H

#include "io/image.h"

typedef enum dr_fit {
    DR_FIT_REGION,   /* none of theirs: drape's own, by the region (tryon/region.h) */
    DR_FIT_CROP_PAD, /* the pipeline's: photo and mask are cropped in the middle, the garment padded with white */
    DR_FIT_STRETCH,  /* inference.py's: all are stretched */
    DR_FIT_APP       /* app.py's: as CROP_PAD; every grey of the mask counts, and its outline is smoothed */
} dr_fit;

/* A photo's mask as its file has it, 1 or 3 channels. */
typedef struct dr_raw_mask {
    const dr_image *image;
    bool hard; /* of a palette or one bit a pixel: Pillow resizes such by nearest neighbour */
} dr_raw_mask;

/** Photo and mask at W x H; the mask has one channel and is binary. DR_EINVAL where they are of different sizes and
 *  would be cropped, or so narrow that nothing is left. After a failure there is nothing to clear. */
dr_status dr_fit_person(dr_fit fit, const dr_image *photo, const dr_raw_mask *mask, int W, int H, dr_image *photo_out,
                        dr_image *mask_out);

/** The garment's photo at W x H. For DR_FIT_REGION as for CROP_PAD. */
dr_status dr_fit_garment(dr_fit fit, const dr_image *garment, int W, int H, dr_image *out);

/** inference.py's --repaint: the photo (stretched) where the mask (stretched, blurred by a fiftieth of the height) is
 *  not white, over `result`, which has the working size and is changed in place. */
dr_status dr_fit_repaint(dr_image *result, const dr_image *photo, const dr_image *mask);

#endif
