/* Self- and cross-attention over a feature map: diffusers' Transformer2DModel, as SD 1 and 2 use it.
 *
 *   x [N,h,w,C] -> norm, proj_in -> depth x (self-attention, cross-attention to text, GEGLU) -> proj_out -> + x
 *
 * Vaswani et al. 2017; Shazeer 2020 (GEGLU, arXiv:2002.05202). Channels last makes the view as tokens free. */
#ifndef DR_MODELS_TRANSFORMER2D_H
#define DR_MODELS_TRANSFORMER2D_H

#include "nn/layers.h"

#define DR_TRANSFORMER_MAX_DEPTH 12

typedef struct dr_attn {
    dr_lin q, k, v, out;
    int heads;
} dr_attn;

typedef struct dr_transformer_layer {
    dr_norm norm1, norm2, norm3;
    dr_attn self, cross;
    dr_lin ff1, ff2; /* [8C,C] into GEGLU, [C,4C] */
} dr_transformer_layer;

typedef struct dr_transformer2d {
    const char *name; /* "mid_block.attentions.0" */
    dr_norm norm;
    dr_lin proj_in, proj_out;
    int depth;
    dr_transformer_layer layer[DR_TRANSFORMER_MAX_DEPTH];
} dr_transformer2d;

/** `linear`: projections stored as matrices (SD 2), else as 1x1 convolutions (SD 1): the same sums. */
void dr_transformer2d_init(dr_params *p, dr_transformer2d *t, const char *name, int width, int heads, int context,
                           int depth, int groups, bool linear);

/** x [N,h,w,C], text [N,L,context] -> [N,h,w,C]. x may be one sample for several texts: what comes before the first
 *  look at the text is then computed once. Without a text (NULL) cross-attention is skipped: the layer adds norm2 of
 *  its input to it, and reads no other weight of it. */
dr_tensor *dr_transformer2d_forward(dr_tape *g, const dr_transformer2d *t, dr_tensor *x, dr_tensor *text);

#endif
