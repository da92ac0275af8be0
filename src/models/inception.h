/* Inception v3 in the form that the Frechet Inception Distance is defined on: the network of the TensorFlow archive of
 * 2015-12-05 as pytorch-fid brought it over, up to the last mean over all places.
 *
 * Szegedy et al. 2015, arXiv:1512.00567; Heusel et al. 2017, arXiv:1706.08500.
 *
 *   x [N,H,W,3] in [-1,1], 299x299 -> stem: 3x3/2, 3x3, 3x3, max/2, 1x1, 3x3, max/2      [N,35,35,192]
 *   -> Mixed_5b 5c 5d (A)  [N,35,35,288]  -> Mixed_6a (B), 6b..6e (C)  [N,17,17,768]
 *   -> Mixed_7a (D), 7b 7c (E)  [N,8,8,2048]  -> mean  [N,2048]
 *
 * Every convolution has no bias, and batch norm and relu behind it. Widths are read from the file's tensors.
 *
 * Details that have caused bugs: it is not torchvision's Inception. The means in A, C and E leave the padding out
 * (count_include_pad=False), the last E takes the maximum in place of the mean, and batch norm's eps is 1e-3. The
 * classifier has 1008 classes and is not read. */
#ifndef DR_MODELS_INCEPTION_H
#define DR_MODELS_INCEPTION_H

#include "models/shapes.h"
#include "nn/layers.h"

#define DR_INCEPTION_UNITS 94
#define DR_INCEPTION_SIZE 299 /* pixels of height and width that the metrics resize to */
#define DR_INCEPTION_LEAST 75 /* of each edge */

typedef struct dr_inception_config {
    int out[DR_INCEPTION_UNITS]; /* channels that each convolution gives, in the order of the forward */
    int features;                /* 2048 */
} dr_inception_config;

/* torchvision's BasicConv2d. */
typedef struct dr_inception_unit {
    dr_conv conv;
    dr_tensor *gamma, *beta, *mean, *var; /* [out]; no gradients for the statistics */
    bool folded;                          /* see dr_inception_fold */
} dr_inception_unit;

typedef struct dr_inception {
    dr_inception_config config;
    dr_inception_unit unit[DR_INCEPTION_UNITS];
} dr_inception;

/** From the shapes of a file's tensors, under torchvision's names. */
dr_status dr_inception_config_read(dr_inception_config *c, const dr_shapes *s);
dr_status dr_inception_init(dr_inception *m, const dr_inception_config *c, dr_params *p);

/** For a model that computes and does not learn: batch norm's factors go into the convolutions' weights, and its shift
 *  becomes their bias. Parameters must be f32 and their own. DR_EINVAL naming a variance below zero and `where`. */
dr_status dr_inception_fold(dr_inception *m, dr_params *p, const char *where);

/** x [N,H,W,3] in [-1,1], edges of at least DR_INCEPTION_LEAST -> [N,features]. */
dr_tensor *dr_inception_forward(dr_tape *g, const dr_inception *m, dr_tensor *x);

#endif
