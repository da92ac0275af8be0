/* Gradients and weights between ranks: every rank has its share of the parameters, whose gradients it sums, whose
 * moments it keeps and whose new values it hands to the others (ZeRO, stage 1; Rajbhandari et al. 2020,
 * arXiv:1910.02054).
 *
 *     dr_exchange_begin(x);                    before a step's last backward
 *     dr_exchange_complete(x, i), ...          in it, as gradients become complete: they leave while it still runs
 *     dr_exchange_gradients(x);                what is left; the sums are in the own shares
 *     dr_exchange_share(x, i), ...             a bucket's parameters are updated: their new values leave
 *     dr_exchange_weights(x);                  what is left; all parameters are everywhere
 *
 * Parameters lie in buckets of some megabytes, in the order of their tables; each bucket is cut into one piece per
 * rank. A piece begins at a parameter or at a multiple of 256 values in it, so that no block of 8-bit moments is cut.
 */
#ifndef DR_LEARN_EXCHANGE_H
#define DR_LEARN_EXCHANGE_H

#include "learn/gradients.h"
#include "learn/ranks.h"
#include "learn/span.h"

typedef struct dr_exchange dr_exchange;

/** The gradients, which are flat, and parameters must stay. `bf16`: what leaves is rounded to it, sums are f32. */
dr_status dr_exchange_open(dr_exchange **out, dr_ranks *ranks, const dr_gradients *g, bool bf16);
/** Safe on NULL. */
void dr_exchange_close(dr_exchange *x);
dr_ranks *dr_exchange_ranks(const dr_exchange *x);

/** The share of parameter i that a rank has; all of it where x is NULL. */
dr_span dr_exchange_span(const dr_exchange *x, const dr_tensor *p, size_t i, int rank);
/** The own ones, [parameters]. */
const dr_span *dr_exchange_own(const dr_exchange *x);

void dr_exchange_begin(dr_exchange *x);
/** `p` is one of the parameters; others are no matter. */
void dr_exchange_complete(dr_exchange *x, const dr_tensor *p);
dr_status dr_exchange_gradients(dr_exchange *x);

/** Parameters [first, first + count) of bucket b; false behind the last. */
bool dr_exchange_bucket(const dr_exchange *x, int b, size_t *first, size_t *count);
void dr_exchange_share(dr_exchange *x, int b);
dr_status dr_exchange_weights(dr_exchange *x);

/** Bytes that it takes in between, for estimates. */
size_t dr_exchange_bytes(void);

#endif
