/* What a mask covers and nobody wears, before or after.
 *
 * A mask for a new garment is wider than the garment: it may be longer, or have sleeves. Around what is painted there
 * the model has to guess what was behind, and the photo knows: where the old garment was not and the new one is not,
 * the photo's own pixels are right. Where only the old one was, and background is now, the photo's background around it
 * is a better guess than a small model's. All are found by a clothes parser. */
#ifndef DR_MASK_UNWORN_H
#define DR_MASK_UNWORN_H

#include "io/image.h"

/**
 * Gives the photo's pixels back to `picture`, where inside the mask neither garment is, and fills in the background
 * where the old one alone was and it shows. Which labels count as garment (upper, lower, or all) follows from what the
 * mask covers most of. What holes and specks that leaves stays as painted.
 *
 * @param picture  RGB, the result, of the photo's size; changed in place, untouched on failure
 * @param mask     1 channel, the photo's size, as it was painted with: binarised here
 * @param before   label map (dr_label) of the photo; its size
 * @param after    that of the picture
 * @param kept     whether anything was done: false where the parser sees no garment in the picture's mask, since then
 *                 it would all go
 */
dr_status dr_keep_unworn(dr_image *picture, const dr_image *photo, const dr_image *mask, const dr_image *before,
                         const dr_image *after, bool *kept);

#endif
