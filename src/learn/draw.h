/* Random draws that depend on nothing but where in a training they are made.
 *
 * Each sample of each step has a generator of its own. So a resumed run draws what it would have drawn, without any
 * saved state; and sample k is the same whoever draws it: in one batch, in several that add up, or on another machine.
 */
#ifndef DR_LEARN_DRAW_H
#define DR_LEARN_DRAW_H

#include "base/rng.h"

/** The generator of sample `which` of step `step`; what else a step draws may have numbers of its own, below 0 for
 *  instance. */
void dr_draw(dr_rng *r, uint64_t seed, int64_t step, int64_t which);

#endif
