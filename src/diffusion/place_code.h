/* Noise that says where a place is.
 *
 * A net that dresses from a photo of the garment sees the person's latents and below them the garment's, and its
 * self-attention has to find in the one what belongs into the other. A large net learns where a token lies from the
 * borders of the picture, a small one hardly ever does. So a small model may ask (`_drape_place_code` in its
 * scheduler_config.json) that half of its noise's power be a wave across each of the two pictures, the same in both:
 *
 *   x = sqrt(1/2) noise + sin, cos of 0.9 pi u and sin, cos of 0.9 pi v       u, v in -1..1 from left to right, top to
 *                                                                             bottom, of one of the pictures
 *
 * The variance stays about 1, and seeds still differ. Our own; no published model has it. */
#ifndef DR_DIFFUSION_PLACE_CODE_H
#define DR_DIFFUSION_PLACE_CODE_H

/** `noise` is that of two pictures one above the other, [2h,w,channels], channels 4 (asserted): changed in place. */
void dr_place_code_mix(float *noise, int h, int w, int channels);

#endif
