/* A small convolutional clothes parser: a U-Net whose blocks are depthwise 5x5, then two 1x1 convolutions.
 *
 * Ronneberger et al. 2015, arXiv:1505.04597; blocks after ConvNeXt, Liu et al. 2022, arXiv:2201.03545, with group
 * normalisation, which does not care how large a batch is.
 *
 *   [N,H,W,3] -> stem [N,H/2,W/2,c0] -> L x (halve, blocks) -> L x (double, add the skip, blocks) -> [N,H/2,W/2,labels]
 *
 * Details that have caused bugs: H and W must be multiples of 2^levels (dr_clothes_net_multiple). */
#ifndef DR_MODELS_CLOTHES_NET_H
#define DR_MODELS_CLOTHES_NET_H

#include "base/json.h"
#include "nn/layers.h"

#define DR_CLOTHES_MAX_LEVELS 6
#define DR_CLOTHES_MAX_DEPTH 12

typedef struct dr_clothes_net_config {
    int levels;                         /* the stem's included */
    int width[DR_CLOTHES_MAX_LEVELS];   /* hidden_sizes; level i has 1/2^(i+1) of the photo's size */
    int depth[DR_CLOTHES_MAX_LEVELS];   /* depths: blocks on the way down */
    int decoder[DR_CLOTHES_MAX_LEVELS]; /* decoder_depths: blocks on the way up; the last level has none */
    int kernel, expansion, groups, labels;
} dr_clothes_net_config;

typedef struct dr_clothes_block {
    dr_conv depthwise;
    dr_norm norm;
    dr_lin expand, project;
} dr_clothes_block;

typedef struct dr_clothes_level {
    dr_conv down; /* 3x3, stride 2, from the level above */
    dr_norm norm;
    dr_clothes_block block[DR_CLOTHES_MAX_DEPTH];
    dr_lin up; /* 1x1, to the width of the level above */
    dr_clothes_block up_block[DR_CLOTHES_MAX_DEPTH];
} dr_clothes_level;

typedef struct dr_clothes_net {
    dr_clothes_net_config config;
    dr_clothes_level level[DR_CLOTHES_MAX_LEVELS];
    dr_norm norm_out;
    dr_lin head;
} dr_clothes_net;

/** From config.json. */
dr_status dr_clothes_net_config_parse(dr_clothes_net_config *c, const json_t *j, const char *where);
dr_status dr_clothes_net_init(dr_clothes_net *m, const dr_clothes_net_config *c, dr_params *p);

/** Pixels that height and width must be multiples of: 2^levels. */
int dr_clothes_net_multiple(const dr_clothes_net_config *c);

/** The way down alone: x [N,H,W,3], normalised -> level[i] [N,H/2^(i+1),W/2^(i+1),width[i]]. */
void dr_clothes_net_encode(dr_tape *g, const dr_clothes_net *m, dr_tensor *x, dr_tensor *level[DR_CLOTHES_MAX_LEVELS]);

/** x [N,H,W,3], normalised -> logits [N,H/2,W/2,labels]. */
dr_tensor *dr_clothes_net_forward(dr_tape *g, const dr_clothes_net *m, dr_tensor *x);

#endif
