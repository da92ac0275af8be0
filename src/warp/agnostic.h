/* A person without the garment: what is hidden from the networks, so that they paint the new one and do not copy the
 * old. Pixel for pixel as the published preprocessing of VITON-HD and HR-VITON, but that lengths go by the picture's
 * size where that has 768x1024 alone.
 *
 * Parse maps have the labels of warp/human.h and the photo's size; the pose was checked for it (dr_pose_check()). */
#ifndef DR_WARP_AGNOSTIC_H
#define DR_WARP_AGNOSTIC_H

#include "warp/human.h"
#include "warp/pose.h"

#define DR_AGNOSTIC_MAX_SIDE 16384 /* pixels of a photo */

/** The unit of lengths in dr_agnostic_parse(): 10 pixels at a height of 1024. */
int dr_agnostic_radius(int height);

/** The parse map without upper garment, neck, and arms but for the hands. */
dr_status dr_agnostic_parse(dr_image *out, const dr_image *parse, const dr_pose *pose, int radius);

/** The photo with trunk, neck and arms grey; hands beyond the sleeve, face and what is worn below stay. `hidden` (or
 *  NULL) gets 255 where it is grey. */
dr_status dr_agnostic_picture(dr_image *out, const dr_image *photo, const dr_image *parse, const dr_pose *pose,
                              dr_image *hidden);

#endif
