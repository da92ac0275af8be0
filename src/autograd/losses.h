/* Losses of pictures against pictures. Each is a mean over all its terms -> [1].
 *
 * Charbonnier et al. 1994, doi:10.1109/ICIP.1994.413553: sqrt(d^2 + eps^2), which is |d| for differences well above
 * eps and smooth below. Unlike squares it does not prefer many small errors to a few sharp ones. */
#ifndef DR_AUTOGRAD_LOSSES_H
#define DR_AUTOGRAD_LOSSES_H

#include "autograd/tape.h"

/** Mean of sqrt((a-b)^2 + eps^2). a, b of one shape, b outliving the tape's use of it. Differentiable in a. */
dr_tensor *dr_charbonnier(dr_tape *g, dr_tensor *a, const dr_tensor *b, float eps);

/** The same of the differences between neighbours: what an edge of a has too little or too much against b's. a, b
 *  [N,H,W,C] with H, W >= 2; the mean is over right and lower neighbours together. Differentiable in a. */
dr_tensor *dr_edge_charbonnier(dr_tape *g, dr_tensor *a, const dr_tensor *b, float eps);

#endif
