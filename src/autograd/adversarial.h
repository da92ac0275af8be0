/* What a game between a generator and a critic needs besides layers: the critic's hinge, the generator's share, and a
 * way for a gradient that was computed elsewhere to enter a tape.
 *
 * Lim & Ye 2017, arXiv:1705.02894; Miyato et al. 2018, arXiv:1802.05957. */
#ifndef DR_AUTOGRAD_ADVERSARIAL_H
#define DR_AUTOGRAD_ADVERSARIAL_H

#include "autograd/tape.h"

/** Mean of max(0, 1 - sign * x) -> [1]: `sign` is 1 where x judges real pictures, -1 where made ones. torch:
 *  relu(1 - sign * x).mean(). Differentiable in x. */
dr_tensor *dr_hinge(dr_tape *g, dr_tensor *x, float sign);

/** Mean of all values -> [1]. Differentiable in x. */
dr_tensor *dr_mean(dr_tape *g, dr_tensor *x);

/** Sum of x times w [same shape] -> [1]: going back from it, x's gradient is w. w outlives the tape's use of it.
 *  Differentiable in x. */
dr_tensor *dr_inner(dr_tape *g, dr_tensor *x, const float *w);

#endif
