/* Exponential moving average of the trained values.
 *
 * decay = min(max_decay, (1 + step) / (10 + step)), as diffusers' EMAModel without inverse-power warm-up. */
#ifndef DR_LEARN_EMA_H
#define DR_LEARN_EMA_H

#include "nn/params.h"

typedef struct dr_ema {
    dr_tensor **param; /* [count]; borrowed tensors */
    float *average;    /* one flat buffer in the parameters' order */
    size_t count, storage_size;
    double max_decay;
} dr_ema;

/** The average starts at the current values. */
dr_status dr_ema_init(dr_ema *e, dr_tensor *const *params, size_t count, double max_decay);
/** Safe on a zeroed struct. */
void dr_ema_clear(dr_ema *e);
/** What the average keeps of itself at optimizer step `step` (from 0): nothing at the first. */
double dr_ema_decay(double max_decay, int step);
/** After optimizer step `step` (from 0). */
void dr_ema_update(dr_ema *e, int step);
/** Exchanges the average and the parameters' values; a second call brings them back. */
void dr_ema_swap(dr_ema *e);
/** ema/NAME with prefix[i] in front of the name, as the optimizer's file. */
dr_status dr_ema_save(const dr_ema *e, const char *const *prefix, const char *path);
dr_status dr_ema_load(dr_ema *e, const char *const *prefix, const char *path);

#endif
