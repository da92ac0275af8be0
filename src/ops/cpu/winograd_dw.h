/* The gradient of a 3x3 convolution's weights in the domain of F(4x4,3x3) (winograd.h has the points): with U = B^T d B
 * of a tile's 6x6 inputs and V = A dy A^T of its 4x4 gradients,
 *
 *     dw = G^T (sum over tiles of V U) G
 *
 * in each of 36 positions a matrix product over the tiles: 36/144 of the plain sum's multiplications. In f32. */
#ifndef DR_OPS_CPU_WINOGRAD_DW_H
#define DR_OPS_CPU_WINOGRAD_DW_H

#include "ops/cpu/winograd.h"

/** Outputs and inputs of one unit of work: the products of its positions fit a second-level cache. */
#define DR_WINOGRAD_DW_SIDE 64

/* dw of `outputs` x `inputs` channels, at most DR_WINOGRAD_DW_SIDE each. U and V lie as dr_winograd_kernels' input
 * writes them: [position][block of 16 channels][tiles][16]. */
typedef struct dr_winograd_dw_unit {
    const float *u, *v; /* of the unit's first blocks */
    int64_t u_step, v_step, tiles;
    int64_t outputs, inputs;
    float *dw; /* its first weight: [outputs][inputs][9], outputs `row` floats apart; is added to */
    int64_t row;
    float *m; /* [36][side][side], the caller's buffer */
} dr_winograd_dw_unit;

typedef struct dr_winograd_dw_kernels {
    /* One tile's 4x4 gradients, as dr_winograd_kernels' input takes its 6x6 pixels. */
    void (*gradient)(const float *const pixel[16], int64_t channels, int tiles, int r, float *v, int64_t step);
    void (*unit)(const dr_winograd_dw_unit *p);
} dr_winograd_dw_kernels;

/** NULL where this CPU has none. */
const dr_winograd_dw_kernels *dr_cpu_winograd_dw(void);

#endif
