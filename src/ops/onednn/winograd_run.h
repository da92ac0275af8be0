/* The loops of a 3x3 convolution by F(4x4,3x3): which tiles meet which weights in which cache. */
#ifndef DR_OPS_ONEDNN_WINOGRAD_RUN_H
#define DR_OPS_ONEDNN_WINOGRAD_RUN_H

#include "base/arena.h"
#include "base/status.h"
#include "ops/cpu/winograd.h"

/* y[N,OH,OW,O] = x[N,H,W,I] convolved, with `top` rows and `left` columns of zeros before x and as many behind it
 * as the outputs reach; + b + residual (may be NULL; residual may equal y). */
typedef struct dr_winograd {
    const dr_winograd_kernels *k;
    dr_winograd_weights w;
    int64_t N, H, W, I, O, OH, OW;
    int top, left;
    const float *x, *b, *residual;
    float *y;
} dr_winograd;

dr_status dr_winograd_run(const dr_winograd *p, dr_arena *scratch);

#endif
