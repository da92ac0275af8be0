/* From numbers to pictures: the result, the same pasted into the photo, and what came about on the way. */
#ifndef DR_WARP_RESULT_H
#define DR_WARP_RESULT_H

#include "warp/warp.h"

typedef struct dr_warp_result {
    dr_image picture;                              /* 3 channels, the working size; the photo's when pasted */
    dr_image warped_cloth, warped_mask;            /* 3 channels, 1 */
    dr_image classes;                              /* 0 to 12 */
    dr_image flow;                                 /* colours: the hue is where to, white is nowhere */
    dr_image agnostic, parse_agnostic, cloth_mask; /* what the networks were given */
} dr_warp_result;

/**
 * Takes what it needs out of `in`.
 *
 * @param composite  the picture only where the agnostic picture hides the photo; all else is the photo's, byte for byte
 */
dr_status dr_warp_result_make(dr_warp_result *out, dr_warp_inputs *in, const dr_warp_values *v, bool composite);
void dr_warp_result_clear(dr_warp_result *r);

#endif
