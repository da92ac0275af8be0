/* Exponential moving average of the trained values.
 *
 * decay = min(max_decay, (1 + step) / (10 + step)), as diffusers' EMAModel without inverse-power warm-up. */
#ifndef DR_LEARN_EMA_H
#define DR_LEARN_EMA_H

#include "learn/exchange.h"

typedef struct dr_ema {
    dr_tensor **param; /* [count]; borrowed tensors */
    dr_span *own;      /* [count]: what of each is this rank's */
    float *average;    /* of these, one flat buffer in the parameters' order */
    size_t count, storage_size;
    double max_decay;
} dr_ema;

/** The average starts at the current values. */
dr_status dr_ema_init(dr_ema *e, dr_tensor *const *params, size_t count, double max_decay);
/** The same of a part of each parameter, own[count]. */
dr_status dr_ema_init_shares(dr_ema *e, dr_tensor *const *params, size_t count, double max_decay, const dr_span *own);
/** Safe on a zeroed struct. */
void dr_ema_clear(dr_ema *e);
/** What the average keeps of itself at optimizer step `step` (from 0): nothing at the first. */
double dr_ema_decay(double max_decay, int step);
/** After optimizer step `step` (from 0). */
void dr_ema_update(dr_ema *e, int step);
/** Exchanges the average and the parameters' values, of what is this rank's; a second call brings them back. */
void dr_ema_swap(dr_ema *e);
/** ema/NAME with prefix[i] in front of the name, as the optimizer's file. */
dr_status dr_ema_save(const dr_ema *e, const char *const *prefix, const char *path);
dr_status dr_ema_load(dr_ema *e, const char *const *prefix, const char *path);
/** As dr_adamw_save_shares(). */
dr_status dr_ema_save_shares(const dr_ema *e, const char *const *prefix, const char *path, const dr_exchange *x);

#endif
