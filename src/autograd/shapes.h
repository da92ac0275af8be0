/* Checks and small helpers that the differentiable functions share. */
#ifndef DR_AUTOGRAD_SHAPES_H
#define DR_AUTOGRAD_SHAPES_H

#include "autograd/tape.h"

/** x's last axis must have C values. */
void dr_assert_last(const dr_tensor *x, int64_t C, const char *what);
void dr_assert_same(const dr_tensor *a, const dr_tensor *b, const char *what);

/** A copy in the tape's arena of what the way back needs; NULL (and sticky) when out of memory. */
void *dr_save(dr_tape *g, const void *data, size_t size);

/** Adds dy to t's gradient, or makes it t's gradient when it is the first: no copy. dy is the gradient of an
 *  output that nothing reads any more, so this comes last in a backward function. */
void dr_pass_grad(dr_tape *g, dr_tensor *t, float *dy);

/** Sum of a term of every value of x over a.of -> [1]; a has the term and what it needs besides x. */
dr_tensor *dr_sum_of(dr_tape *g, dr_tensor *x, dr_loss_args a);

#endif
