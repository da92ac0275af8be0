/* What the deep part of a UNet gave, kept for the calls that follow.
 *
 * DeepCache: Ma, Fang & Wang 2024, arXiv:2312.00858, section 3.3. From one denoising step to the next the deep features
 * of a UNet change little. A full call keeps what comes up from below skip connection `branch`; a call that reuses it
 * computes the down path as far as that skip, the up path from there, and nothing below:
 *
 *   conv_in ---- skip 0 ------------------------------------> last layer up -> conv_out
 *     layer ---- skip 1 ----------------------------> layer up ^
 *       halve -- skip 2 --------------------> ... up ^
 *         ...                                 ^ kept, with branch 2
 *
 * Skips are counted as the paper's branches, in the order in which the down path gives them: of Stable Diffusion's UNet
 * conv_in, layer, layer, halve, layer, ... 12 in all. */
#ifndef DR_MODELS_UNET_CACHE_H
#define DR_MODELS_UNET_CACHE_H

#include "autograd/tape.h"

typedef struct dr_unet_cache {
    int branch;  /* 0 to dr_unet_skips() - 1 */
    bool reuse;  /* the next forward takes what is kept; one that finds nothing of its kind computes and keeps it */
    bool reused; /* whether the last forward did */
    float *kept; /* [N,H,W,C] on the host; NULL: nothing yet */
    int64_t dim[4], h, w; /* of `kept`; and of the input that it came from */
    size_t room;          /* values that fit into `kept` */
} dr_unet_cache;

/** Forgets what is kept. `branch` and `reuse` stay. */
void dr_unet_cache_clear(dr_unet_cache *c);

/** Whether something is kept that serves N samples of h x w: as many, or one where two are kept, which stand for
 * guidance's halves; the second of these, with the condition, is the one that runs alone. `h` and `w` are the input's.
 */
bool dr_unet_cache_serves(const dr_unet_cache *c, int64_t N, int64_t h, int64_t w);

/** Keeps x [N,H,W,C], of an input of h x w. Out of memory is sticky on g. */
void dr_unet_cache_keep(dr_tape *g, dr_unet_cache *c, const dr_tensor *x, int64_t h, int64_t w);

/** What is kept, of the last N samples. */
dr_tensor *dr_unet_cache_take(dr_tape *g, const dr_unet_cache *c, int64_t N);

#endif
