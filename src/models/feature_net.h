/* The convolutions of AlexNet, VGG16 and SqueezeNet 1.1, as far as LPIPS reads them; torchvision's `features`.
 *
 * Krizhevsky et al. 2012 and arXiv:1404.5997; Simonyan & Zisserman 2014, arXiv:1409.1556, table 1, column D; Iandola et
 * al. 2016, arXiv:1602.07360. What is read: Zhang et al. 2018, arXiv:1801.03924.
 *
 *   x [N,H,W,3] -> slices: each a pooling (but the first) and some convolutions with relu, or fires; the last relu of a
 *   slice is what is read.
 *   alexnet     5 slices, H/4, H/8, then H/16:       64 192 384 256 256
 *   vgg16       5 slices, H, H/2, .. H/16:           64 128 256 512 512
 *   squeezenet  7 slices, H/2, H/4, H/8, then H/16:  64 128 256 384 384 512 512
 *   fire:       1x1 to `squeeze` -> 1x1 to `expand1x1` and 3x3 to `expand3x3`, joined; relu after each
 *
 * The widths are read from the file's tensors.
 *
 * Details that have caused bugs: names count relus and poolings; SqueezeNet pools with ceil_mode, the others without;
 * AlexNet's windows overlap (3x3, stride 2); VGG's last pooling, and all that follows, is not read. */
#ifndef DR_MODELS_FEATURE_NET_H
#define DR_MODELS_FEATURE_NET_H

#include "models/shapes.h"
#include "nn/layers.h"

#define DR_FEATURE_STEPS 20
#define DR_FEATURE_SLICES 7

typedef enum dr_feature_kind { DR_ALEXNET, DR_VGG16, DR_SQUEEZENET } dr_feature_kind;

typedef struct dr_feature_config {
    dr_feature_kind kind;
    int width[DR_FEATURE_STEPS][3]; /* of a convolution; of a fire: squeeze, expand1x1, expand3x3 */
} dr_feature_config;

/* A convolution with relu, a pooling, or a fire. */
typedef struct dr_feature_step {
    dr_conv conv, expand1, expand3; /* a fire's `squeeze` is its `conv`; unused ones have no weight */
    bool pool, ceil;
    dr_conv_geom window;
    bool last; /* of its slice */
    int index; /* in `features` */
} dr_feature_step;

typedef struct dr_feature_net {
    dr_feature_config config;
    int steps, slices;
    int channels[DR_FEATURE_SLICES]; /* of what each slice gives */
    dr_feature_step step[DR_FEATURE_STEPS];
} dr_feature_net;

/** "AlexNet" and so on. */
const char *dr_feature_name(dr_feature_kind kind);

/** From the shapes of a file's tensors, under torchvision's names. */
dr_status dr_feature_config_read(dr_feature_config *c, dr_feature_kind kind, const dr_shapes *s);
dr_status dr_feature_init(dr_feature_net *m, const dr_feature_config *c, dr_params *p);

/** Pixels that each edge of a picture has to have so that every slice gives something. */
int dr_feature_least(dr_feature_kind kind);

/** x [N,H,W,3], scaled -> slice[i] [N,h,w,channels[i]]. */
void dr_feature_forward(dr_tape *g, const dr_feature_net *m, dr_tensor *x, dr_tensor *slice[DR_FEATURE_SLICES]);

#endif
