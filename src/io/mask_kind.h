/* What kind of picture a mask came as: black and white, marks of one colour, strokes on a transparent layer, a photo
 * with an erased hole; or a photo, which is none. web/js/mask/kind.js follows the same rules. */
#ifndef DR_IO_MASK_KIND_H
#define DR_IO_MASK_KIND_H

#include "io/image.h"

/** One channel, white = replace, of a picture of 1 or 4 channels:
 *  - black, white and greys between: their luma over black;
 *  - two colours of which one is black or white (soft edges between them allowed): black is kept and white replaced,
 *    whatever the other colour is. Two exact values count however near they are (a label map of 0 and 1);
 *  - a transparent layer with marks of one colour: how opaque they are;
 *  - a photo of which something is erased: how transparent it is.
 *  DR_EINVAL for a photo, for marks of several colours, and for one colour throughout: the sentence says which. */
dr_status dr_mask_to_grey(dr_image *out, const dr_image *in, const char *name);

#endif
