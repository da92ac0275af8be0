/* Layers: parameters plus a few functions. Each is declared into a model's table under its checkpoint name. */
#ifndef DR_NN_LAYERS_H
#define DR_NN_LAYERS_H

#include "autograd/functions.h"
#include "nn/params.h"

/* y = x wᵀ + b, plus a low-rank adapter when one is attached: + scale · (x downᵀ) upᵀ.
 * Hu et al. 2021, arXiv:2106.09685. */
typedef struct dr_lin {
    dr_tensor *w, *b;     /* [out,in], [out] or NULL */
    dr_tensor *down, *up; /* [rank,in], [out,rank]; NULL without an adapter */
    float lora_scale;
} dr_lin;

typedef struct dr_conv {
    dr_tensor *w, *b; /* [out,in,k,k] ([C,1,k,k] depthwise), [out] */
    dr_conv_geom geom;
} dr_conv;

typedef struct dr_norm {
    dr_tensor *gamma, *beta; /* [C] */
    int groups;              /* 0: layer norm */
    float eps;
} dr_norm;

/* Batch normalisation as it is after training. */
typedef struct dr_batch_norm {
    dr_tensor *gamma, *beta; /* [C] */
    dr_tensor *mean, *var;   /* its statistics [C], no gradients */
    float eps;
} dr_batch_norm;

void dr_lin_init(dr_params *p, dr_lin *l, const char *name, int in, int out, bool bias);
/** The same, stored as a 1x1 convolution [out,in,1,1]. */
void dr_lin_init_1x1(dr_params *p, dr_lin *l, const char *name, int in, int out);
/** k x k with stride; padding k/2 on every side. */
void dr_conv_init(dr_params *p, dr_conv *c, const char *name, int in, int out, int k, int stride);
/** The same without a bias. */
void dr_conv_init_bare(dr_params *p, dr_conv *c, const char *name, int in, int out, int k, int stride);
/** k x k, stride 1, every channel for itself. */
void dr_depthwise_init(dr_params *p, dr_conv *c, const char *name, int channels, int k);
void dr_groupnorm_init(dr_params *p, dr_norm *n, const char *name, int channels, int groups, float eps);
void dr_layernorm_init(dr_params *p, dr_norm *n, const char *name, int channels, float eps);
void dr_batchnorm_init(dr_params *p, dr_batch_norm *n, const char *name, int channels, float eps);

/** residual may be NULL. */
dr_tensor *dr_lin_forward(dr_tape *g, const dr_lin *l, dr_tensor *x, dr_tensor *residual);
dr_tensor *dr_conv_forward(dr_tape *g, const dr_conv *c, dr_tensor *x, dr_tensor *residual);
/** act is for group norms: NONE or SILU. */
dr_tensor *dr_norm_forward(dr_tape *g, const dr_norm *n, dr_tensor *x, dr_act act);
dr_tensor *dr_batch_norm_forward(dr_tape *g, const dr_batch_norm *n, dr_tensor *x);

/** "prefix.name", or "prefix.i", in a buffer of the caller's. Returns buf. */
#define DR_NAME_MAX 192
char *dr_join(char buf[DR_NAME_MAX], const char *prefix, const char *name);
char *dr_join_index(char buf[DR_NAME_MAX], const char *prefix, const char *name, int i);

#endif
