/* Differentiable functions on tensors: allocate the result, call the op's row, record the way back.
 *
 * Results live in the step arena. Arguments run tape, input, weights, rest. Shapes that do not fit are
 * our own mistakes and abort with both shapes. */
#ifndef DR_AUTOGRAD_FUNCTIONS_H
#define DR_AUTOGRAD_FUNCTIONS_H

#include "autograd/tape.h"

/** x [...,K], w [N,K] (or [N,K,1,1]), b [N] or NULL, residual [...,N] or NULL -> [...,N].
 *  torch.nn.functional.linear. Differentiable in all four. */
dr_tensor *dr_linear(dr_tape *g, dr_tensor *x, dr_tensor *w, dr_tensor *b, dr_tensor *residual);

/** x [N,H,W,I], w [O,I/groups,KH,KW], b [O] or NULL, residual [N,OH,OW,O] or NULL -> [N,OH,OW,O]. */
dr_tensor *dr_conv2d(dr_tape *g, dr_tensor *x, dr_tensor *w, dr_tensor *b, dr_conv_geom geom, dr_tensor *residual);

/** x [N,H,W,C] or [N,L,C]; gamma, beta [C] f32; act NONE or SILU applied last. */
dr_tensor *dr_groupnorm(dr_tape *g, dr_tensor *x, dr_tensor *gamma, dr_tensor *beta, int groups, float eps, dr_act act);

/** Over the last axis; gamma, beta [C] f32. */
dr_tensor *dr_layernorm(dr_tape *g, dr_tensor *x, dr_tensor *gamma, dr_tensor *beta, float eps);

/** Batch normalisation as it is after training: x [...,C] times gamma / sqrt(var + eps), shifted; gamma, beta, mean,
 *  var [C] f32. Ioffe & Szegedy 2015, arXiv:1502.03167. Differentiable in x, gamma and beta. */
dr_tensor *dr_batchnorm(dr_tape *g, dr_tensor *x, dr_tensor *gamma, dr_tensor *beta, const dr_tensor *mean,
                        const dr_tensor *var, float eps);

/** x [N,H,W,C] -> [N,OH,OW,C], the largest value or the mean of each window; geom.groups is not looked at. `ceil`:
 * windows that reach beyond the padding count, if they begin before it ends. torch.nn.functional.max_pool2d,
 * avg_pool2d. */
dr_tensor *dr_pool2d(dr_tape *g, dr_tensor *x, dr_pool kind, dr_conv_geom geom, bool ceil);
/** The mean over all places: x [N,H,W,C] -> [N,1,1,C]. torch's adaptive_avg_pool2d to 1x1. */
dr_tensor *dr_mean_places(dr_tape *g, dr_tensor *x);
/** x [N,H,W,C], flow [N,OH,OW,2] (x, y) -> [N,OH,OW,C]: x at grid + flow / (div_x, div_y), bilinear, clamped at the
 * border (dr_flow_args in ops.h). Differentiable in both. */
dr_tensor *dr_flow_sample(dr_tape *g, dr_tensor *x, dr_tensor *flow, float div_x, float div_y);

/** q [N,Lq,C], k, v [N,Lk,C], C = heads*D -> [N,Lq,C]. Softmax of q·k/sqrt(D) per head. */
dr_tensor *dr_attention(dr_tape *g, dr_tensor *q, dr_tensor *k, dr_tensor *v, int heads, bool causal);

dr_tensor *dr_activation(dr_tape *g, dr_tensor *x, dr_act kind);
/** The same for an x that nothing else reads: where nothing is recorded, its values are overwritten. */
dr_tensor *dr_activation_over(dr_tape *g, dr_tensor *x, dr_act kind);
/** Over the last axis. */
dr_tensor *dr_softmax(dr_tape *g, dr_tensor *x);
/** x [...,2C] -> [...,C]: first half times gelu of the second. */
dr_tensor *dr_geglu(dr_tape *g, dr_tensor *x);
dr_tensor *dr_add(dr_tape *g, dr_tensor *a, dr_tensor *b);
dr_tensor *dr_mul(dr_tape *g, dr_tensor *a, dr_tensor *b);
dr_tensor *dr_scale(dr_tape *g, dr_tensor *x, float s);
/** x [N,...,C] + e [N,C] (or [1,C], the same for every sample), over all places between. */
dr_tensor *dr_add_rows(dr_tape *g, dr_tensor *x, dr_tensor *e);
/** On the last axis. */
dr_tensor *dr_concat(dr_tape *g, dr_tensor *a, dr_tensor *b);
dr_tensor *dr_slice(dr_tape *g, dr_tensor *x, int64_t from, int64_t count);
/** Columns from..from+count of a matrix [R,K] (or [R,K,1,1]) of any float dtype, as rows -> [count,R]. */
dr_tensor *dr_transpose(dr_tape *g, dr_tensor *x, int64_t from, int64_t count);
dr_tensor *dr_resize_nearest(dr_tape *g, dr_tensor *x, int64_t OH, int64_t OW);
dr_tensor *dr_resize_bilinear(dr_tape *g, dr_tensor *x, int64_t OH, int64_t OW);
/** x [1,...] n times over -> [n,...]. */
dr_tensor *dr_repeat(dr_tape *g, dr_tensor *x, int64_t n);
/** The same data under another shape; no copy. */
dr_tensor *dr_view(dr_tape *g, dr_tensor *x, int rank, const int64_t *dim);
dr_tensor *dr_view3(dr_tape *g, dr_tensor *x, int64_t a, int64_t b, int64_t c);
dr_tensor *dr_view4(dr_tape *g, dr_tensor *x, int64_t a, int64_t b, int64_t c, int64_t d);
/** Rows `ids` [N*L] of table [V,C] -> [N,L,C]. Differentiable in table (dense gradient). */
dr_tensor *dr_embedding(dr_tape *g, dr_tensor *table, const int32_t *ids, int64_t N, int64_t L);
/** Mean of (a-b)^2 times weight [same shape] (NULL: ones) -> [1]. Differentiable in a. */
dr_tensor *dr_mse(dr_tape *g, dr_tensor *a, const dr_tensor *b, const dr_tensor *weight);
/** Mean of -log softmax(logits)[label] over the places whose label is not `ignore` -> [1]; logits [...,C], labels
 *  [places], weight [C] per class or NULL (with it the mean is weighted). torch.nn.functional.cross_entropy.
 *  Differentiable in logits. Without any place to judge the loss is 0. */
dr_tensor *dr_cross_entropy(dr_tape *g, dr_tensor *logits, const uint8_t *labels, int ignore, const float *weight);

#endif
