/* FID: the Frechet Inception Distance of two sets of pictures.
 *
 * Heusel et al. 2017, arXiv:1706.08500: the features of Inception v3 (models/inception.h) are taken for two Gaussians;
 * d^2 = |m1 - m2|^2 + tr(C1 + C2 - 2 sqrt(C1 C2)).
 *
 * Two ways to the 299x299 pixels that Inception sees, which give different numbers: that of pytorch-fid 0.3.0 (bilinear
 * without antialiasing, then 2x-1) and of clean-fid 0.1 (PIL's bicubic in floats, then (x-128)/128; Parmar et al. 2021,
 * arXiv:2104.11222).
 *
 * Mean and covariance run along in double: nothing grows with the number of pictures. */
#ifndef DR_EVAL_FID_H
#define DR_EVAL_FID_H

#include "eval/frechet.h"
#include "io/image.h"

typedef enum dr_fid_resize { DR_FID_PYTORCH, DR_FID_CLEAN } dr_fid_resize;

typedef struct dr_fid dr_fid;

/** `weights` is pytorch-fid's pt_inception-2015-12-05-6726825d.pth, or a file of its tensors. */
dr_status dr_fid_open(dr_fid **out, const char *weights, dr_fid_resize how);
/** The same from a folder as `drape pull --backbones` makes it. */
dr_status dr_fid_open_in(dr_fid **out, const char *dir, dr_fid_resize how);
/** Safe on NULL. */
void dr_fid_close(dr_fid *f);

/** Values of one picture's features: 2048. */
int dr_fid_size(const dr_fid *f);
/** What its features depend on, as text: the way of resizing, and the weights' checksum. For whoever keeps them. */
#define DR_FID_WHAT 64
void dr_fid_what(const dr_fid *f, char out[DR_FID_WHAT]);
/** How many pictures at a time are quickest. */
#define DR_FID_BATCH 8

/** The features of n pictures of 3 channels and any sizes: out [n][dr_fid_size()]. DR_EINVAL when one is not finite. */
dr_status dr_fid_features(dr_fid *f, const dr_image *pictures, int n, float *out);

#endif
