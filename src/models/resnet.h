/* The residual block that VAE and UNet share. He et al. 2015; as diffusers' ResnetBlock2D.
 *
 *   x -> norm, silu, conv -> (+ time) -> norm, silu, conv -> + x (through a 1x1 convolution if channels differ) */
#ifndef DR_MODELS_RESNET_H
#define DR_MODELS_RESNET_H

#include "nn/layers.h"

typedef struct dr_resnet {
    const char *name; /* "down_blocks.0.resnets.1" */
    dr_norm norm1, norm2;
    dr_conv conv1, conv2;
    dr_lin time;     /* UNet: [out, time channels]; w is NULL in the VAE */
    dr_lin shortcut; /* w is NULL when in == out */
} dr_resnet;

/** `time` 0: none. */
void dr_resnet_init(dr_params *p, dr_resnet *r, const char *name, int in, int out, int time, int groups, float eps);

/** x [N,H,W,in], emb [N,time] (already through silu; NULL without) -> [N,H,W,out] */
dr_tensor *dr_resnet_forward(dr_tape *g, const dr_resnet *r, dr_tensor *x, dr_tensor *emb);

#endif
