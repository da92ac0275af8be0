/* AdamW over a list of parameters, with 32-bit or 8-bit moments.
 *
 * Loshchilov & Hutter 2017, arXiv:1711.05101; torch.optim.AdamW. 8 bit: block-wise dynamic quantisation of both
 * moments, Dettmers et al. 2021, arXiv:2110.02861: blocks of 256 values with one f32 scale each, a 256-entry dynamic
 * code (signed for the first moment, unsigned for the second); tensors under 4,096 values keep 32 bits. */
#ifndef DR_LEARN_OPTIMIZER_H
#define DR_LEARN_OPTIMIZER_H

#include "learn/exchange.h"
#include "nn/params.h"
#include "ops/quant8.h"

typedef struct dr_adamw_options {
    double beta1, beta2, eps, weight_decay;
    bool eight_bit;
} dr_adamw_options;

/* Moments of one parameter, or of the part of it that is this rank's: either f32, or codes with a scale per block. */
typedef struct dr_moments {
    dr_tensor *param;         /* f32, with `grad` set when a step is taken */
    dr_span own;              /* of its values; begins with a block */
    float *m, *v;             /* [own.n] or NULL */
    uint8_t *m8, *v8;         /* [own.n] or NULL */
    float *m_scale, *v_scale; /* [ceil(own.n/256)] */
} dr_moments;

typedef struct dr_adamw {
    dr_adamw_options options;
    dr_moments *moments;
    size_t count;
    int64_t step;  /* steps taken */
    void *storage; /* one flat mapping for all moments */
    size_t storage_size;
} dr_adamw;

/** Bytes of moments for n values of a parameter (for memory estimates). */
size_t dr_adamw_bytes(int64_t n, bool eight_bit);

/** Moments start at zero. `params` (count pointers) is only read during the call; tensors must outlive the optimizer.
 */
dr_status dr_adamw_init(dr_adamw *a, const dr_adamw_options *o, dr_tensor *const *params, size_t count);
/** The same for a part of each parameter, own[count]. */
dr_status dr_adamw_init_shares(dr_adamw *a, const dr_adamw_options *o, dr_tensor *const *params, size_t count,
                               const dr_span *own);
void dr_adamw_clear(dr_adamw *a);

/** sqrt of the sum of squares of all gradients, in double. Parameters without a gradient count as zero. */
double dr_adamw_grad_norm(const dr_adamw *a, const dr_ops *ops);
/** Its square, of what is this rank's. */
double dr_adamw_grad_squares(const dr_adamw *a, const dr_ops *ops);

/** What torch's clip_grad_norm_ multiplies gradients with: max_norm / (norm + 1e-6), at most 1.
 *  A max_norm of 0 or less does not clip. */
float dr_adamw_clip_scale(double norm, double max_norm);

/** Counts one step; then dr_adamw_apply() for every parameter (all at once, or as gradients become ready). */
void dr_adamw_begin(dr_adamw *a);
/** One parameter's update with its gradient times `scale`; none if it has no gradient. Drops a packed copy. */
void dr_adamw_apply(dr_adamw *a, const dr_ops *ops, size_t i, float lr, float scale);
/** begin, and apply to all that have a gradient. */
void dr_adamw_step(dr_adamw *a, const dr_ops *ops, float lr, float scale);

/** Saving and loading of the moments as a safetensors file: exp_avg/NAME, exp_avg_sq/NAME as F32, or U8 with
 *  exp_avg_scale/NAME, exp_avg_sq_scale/NAME; NAME is prefix[i] + the parameter's name (prefix may tell models apart).
 *  Loading checks names, dtypes and shapes (state_file.h), and takes what is this rank's. `step` is kept by the
 * caller's state file. */
dr_status dr_adamw_save(const dr_adamw *a, const char *const *prefix, const char *path);
dr_status dr_adamw_load(dr_adamw *a, const char *const *prefix, const char *path);
/** With moments in shares, on all ranks: rank 0 writes the same file, of all. `x` NULL: as above. */
dr_status dr_adamw_save_shares(const dr_adamw *a, const char *const *prefix, const char *path, const dr_exchange *x);

#endif
