/* Diagonal Gaussians, as an encoder gives them: a mean and a log variance for every latent value.
 *
 * Kingma & Welling 2013, arXiv:1312.6114; diffusers' DiagonalGaussianDistribution. The log variance is clamped
 * (DR_LOGVAR_MIN, DR_LOGVAR_MAX), and beyond the clamp it gets no gradient. */
#ifndef DR_AUTOGRAD_GAUSSIAN_H
#define DR_AUTOGRAD_GAUSSIAN_H

#include "autograd/tape.h"

/**
 * A draw that gradients pass through (the reparametrisation trick): mean + exp(logvar / 2) * noise.
 *
 * @param moments [...,2C]: means, then log variances
 * @param noise   [...,C], standard normal; must outlive the tape's use of it
 * @return [...,C]; differentiable in moments
 */
dr_tensor *dr_gaussian_sample(dr_tape *g, dr_tensor *moments, const dr_tensor *noise);

/** Divergence from the standard normal, per latent value: the mean of (mean^2 + variance - 1 - logvar) / 2.
 *  moments [...,2C] -> [1], differentiable. */
dr_tensor *dr_gaussian_kl(dr_tape *g, dr_tensor *moments);

#endif
