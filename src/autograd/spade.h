/* Spatially-adaptive normalisation as differentiable functions. Park et al. 2019, arXiv:1903.07291.
 *
 * gamma and beta are convolutions of a convolution of a map of labels, so that at any place they depend on the 5x5
 * labels around it alone. A map of a few regions has a few hundred such windows where it has a million places: gamma
 * and beta are made once for each window (dr_label_conv(), then a linear layer each), and dr_spade() is told which
 * place has which. */
#ifndef DR_AUTOGRAD_SPADE_H
#define DR_AUTOGRAD_SPADE_H

#include "autograd/tape.h"

typedef struct dr_spade_options {
    float eps;
    float slope; /* of what is negative in the result; 1: none */
    float gain;  /* of the result */
} dr_spade_options;

/**
 * @param x            [N,H,W,C]
 * @param noise        [N,H,W,1], not differentiable, or NULL
 * @param noise_scale  [C], or NULL without noise
 * @param gamma, beta  [P,C], or of x's shape with `id` NULL
 * @param id           [N*H*W], which row of gamma and beta each place has, 0..P-1 (the caller's word); values of the
 * step (dr_put)
 * @return [N,H,W,C]: gain * leaky(norm(x + noise * noise_scale) (1 + gamma) + beta); differentiable in x, noise_scale,
 *         gamma and beta
 */
dr_tensor *dr_spade(dr_tape *g, dr_tensor *x, const dr_tensor *noise, dr_tensor *noise_scale, dr_tensor *gamma,
                    dr_tensor *beta, const int32_t *id, dr_spade_options o);

/** window: P windows of 25 labels each (DR_LABEL_OUTSIDE beyond the picture), values of the step; w [O,labels,3,3], b
 * [O]
 *  -> [P,O,9]: ReLU of the convolution at the middle cells, 0 outside. Differentiable in w and b. */
dr_tensor *dr_label_conv(dr_tape *g, const uint8_t *window, int64_t P, dr_tensor *w, dr_tensor *b);

/** x [N,H,W,C], mask [N,H,W,1]: instance norm apart for its two sides (dr_region_norm_args in ops.h). Differentiable in
 *  x. */
dr_tensor *dr_region_norm(dr_tape *g, dr_tensor *x, const dr_tensor *mask, float eps);

#endif
