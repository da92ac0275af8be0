/* SegFormer: semantic segmentation with a hierarchical transformer and an all-MLP head; transformers'
 * SegformerForSemanticSegmentation.
 *
 * Xie et al. 2021, arXiv:2105.15203, figure 2. B0 to B5 differ in config.json alone. With S stages (4) of widths
 * C[i], strides 4, 2, 2, 2, and D = decoder_hidden_size:
 *
 *   x [N,H,W,3] -> stage 0 [N,H/4,W/4,C0] -> stage 1 [N,H/8,W/8,C1] -> .. -> stage 3 [N,H/32,W/32,C3]
 *   stage:  overlapping patches (k x k convolution, stride), norm -> depth x layer -> norm
 *   layer:  + attention(norm), keys and values from a map that is `reduction` times smaller along each axis
 *           + Mix-FFN(norm): linear, depthwise 3x3, gelu, linear
 *   head:   each stage through a linear layer to D, enlarged to stage 0's size; joined, the last stage first; linear
 *           to D, batch norm, relu; linear -> logits [N,H/4,W/4,labels]
 *
 * The head's first two linear layers have nothing but an enlargement and a join between them. Both let linear
 * layers pass (an enlarged sum is the sum of enlarged ones, weights of bilinear neighbours add up to 1), so each
 * stage's two matrices are multiplied with each other first, and the product runs at the stage's own size: the head
 * then costs a fifteenth, and no map of S * D channels exists. The result is the same but for rounding.
 *
 * Details that have caused bugs: layer norm's eps is 1e-5 whatever `layer_norm_eps` says, because transformers never
 * passes it on; the join begins with the LAST stage; the depthwise convolution comes before the activation; keys are
 * normalised again after the reduction, and a reduction of 1 has neither convolution nor norm; the reduction has no
 * padding: what does not fill a cell at the right and bottom is not looked at; `reshape_last_stage` concerns how
 * transformers stores the last stage, not the result. */
#ifndef DR_MODELS_SEGFORMER_H
#define DR_MODELS_SEGFORMER_H

#include "base/json.h"
#include "nn/layers.h"

#define DR_SEGFORMER_MAX_STAGES 4
#define DR_SEGFORMER_MAX_DEPTH 64

typedef struct dr_segformer_config {
    int stages; /* num_encoder_blocks; each list below has one entry per stage */
    int depth[DR_SEGFORMER_MAX_STAGES];
    int width[DR_SEGFORMER_MAX_STAGES];     /* hidden_sizes */
    int heads[DR_SEGFORMER_MAX_STAGES];     /* num_attention_heads */
    int reduction[DR_SEGFORMER_MAX_STAGES]; /* sr_ratios */
    int patch[DR_SEGFORMER_MAX_STAGES], stride[DR_SEGFORMER_MAX_STAGES];
    int expansion[DR_SEGFORMER_MAX_STAGES]; /* mlp_ratios */
    int decoder;                            /* decoder_hidden_size */
    int labels;                             /* entries of id2label */
    int ignore;                             /* semantic_loss_ignore_index */
} dr_segformer_config;

typedef struct dr_segformer_layer {
    dr_norm norm1, norm2;
    int heads;
    dr_conv reduce; /* w is NULL where the ratio is 1 */
    dr_norm reduce_norm;
    dr_lin q, k, v, out;
    dr_lin ff1, ff2;
    dr_conv depthwise;
} dr_segformer_layer;

typedef struct dr_segformer_stage {
    dr_conv patches;
    dr_norm norm_in, norm_out;
    int depth;
    dr_segformer_layer layer[DR_SEGFORMER_MAX_DEPTH];
    dr_lin unify;    /* decode_head.linear_c, [D,C] */
    dr_tensor *fuse; /* decode_head.linear_fuse, [D,S*D], of which this stage has the columns from `fuse_from` */
    int fuse_from;
} dr_segformer_stage;

typedef struct dr_segformer {
    dr_segformer_config config;
    dr_segformer_stage stage[DR_SEGFORMER_MAX_STAGES];
    dr_norm norm;          /* batch norm's gamma and beta */
    dr_tensor *mean, *var; /* its statistics [D], no gradients */
    dr_lin classifier;
} dr_segformer;

/** From config.json. */
dr_status dr_segformer_config_parse(dr_segformer_config *c, const json_t *j, const char *where);

dr_status dr_segformer_init(dr_segformer *m, const dr_segformer_config *c, dr_params *p);

/** DR_EINVAL, naming `where`, if a picture of HxW pixels is so small that a stage or a reduction has nothing left. */
dr_status dr_segformer_check_size(const dr_segformer_config *c, int64_t H, int64_t W, const char *where);

/** x [N,H,W,3], normalised, any size that passed the check -> logits [N,H/4,W/4,labels], sizes rounded up. */
dr_tensor *dr_segformer_forward(dr_tape *g, const dr_segformer *m, dr_tensor *x);

#endif
