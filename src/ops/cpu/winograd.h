/* The pieces of a 3x3 convolution by F(4x4,3x3) (Lavin & Gray 2015, arXiv:1509.09308), per instruction set.
 *
 * A tile of 4x4 outputs comes from 6x6 inputs: both sides go through small linear maps into 36
 * positions, where the convolution is 36 independent matrix products over the channels. The maps
 * interpolate at 0, ±5/8, ±3/2 and infinity: exact in binary, and in f32 three times as accurate as the
 * textbook's 0, ±1, ±2. One product costs 36/144 of the direct sum's multiplications. */
#ifndef DR_OPS_CPU_WINOGRAD_H
#define DR_OPS_CPU_WINOGRAD_H

#include "tensor/tensor.h"

#define DR_WINOGRAD_POSITIONS 36
/** Channels come in blocks of this many words of 32 bits: one cache line. A word is an f32, or two 16-bit whole
 * numbers, of the block's channels i and i + 16. */
#define DR_WINOGRAD_BLOCK 16
/** Whole numbers are at most this large, so that the sum of 128 products fits 32 bits. */
#define DR_WINOGRAD_LARGEST 4095
#define DR_WINOGRAD_CHAIN 128

/* The weights, in panels of as many outputs as one product makes: [panel][channel][tap][outputs]. */
typedef struct dr_winograd_weights {
    const void *data;      /* Q8_0: the codes alone */
    dr_dtype dtype;        /* f32, f16, bf16 or Q8_0 */
    const uint16_t *scale; /* Q8_0: f16 [blocks][outputs], blocks of an output's 9 * channels weights */
    int64_t channels, outputs;
    bool flip;         /* taps in reverse order, for the gradient of the input; not of Q8_0 */
    const float *unit; /* whole numbers: [panel][36][outputs of a panel], what 1 stands for */
} dr_winograd_weights;

/* One tile's outputs: rows x cols of them (up to 4x4) at y, whose pixels are `pixel` and lines `line` floats
 * apart. bias and residual (laid out as y) may be NULL; residual may equal y. */
typedef struct dr_winograd_tile {
    float *y;
    const float *bias, *residual;
    const float *unit, *weight_unit; /* whole numbers: the tile's [36], the panel's [36][outputs] */
    int64_t line, pixel, outputs;
    int rows, cols;
} dr_winograd_tile;

typedef struct dr_winograd_kernels {
    int tiles;   /* most tiles that one product takes at once */
    int outputs; /* outputs that one product makes: the width of a panel */
    int per;     /* channels in a word: 1 or 2 */

    /* Whole numbers alone, else NULL: what 1 stands for in a panel of weights, [36][outputs]. */
    void (*units)(const dr_winograd_weights *w, int64_t panel, float *unit);

    /* Channels [from, to) of a panel of weights: u[p*step + (k-from)/per*outputs + lane]. Rows up to the next whole
     * block of channels are zero. */
    void (*weights)(const dr_winograd_weights *w, int64_t panel, int64_t from, int64_t to, float *u, int64_t step);

    /* One tile's 6x6 pixels (NULL: outside the image, zero) of `channels` floats, as row `r` of a group of
     * `tiles`: v[p*step + block*tiles*16 + r*16 + lane]; the last block is filled up with zeros. Of whole numbers
     * unit[36] gets what 1 stands for; `wide` is workspace of 36 floats for each channel of whole blocks. */
    void (*input)(const float *const pixel[36], int64_t channels, int tiles, int r, float *v, int64_t step, float *wide,
                  float *unit);

    /* c[tiles][outputs] = (or +=) the product of a group's `blocks` with a panel, of at most DR_WINOGRAD_CHAIN channels
     * where they are whole numbers. The sum is complete before it is added, so short calls also round less. */
    void (*product)(int tiles, int64_t blocks, const float *v, const float *u, float *c, bool add);

    /* The outputs of the tile whose products are m[p*step + lane]. */
    void (*output)(const float *m, int64_t step, const dr_winograd_tile *t);
} dr_winograd_kernels;

/** The kernels of the instruction set that dr_cpu_isa() gives. */
const dr_winograd_kernels *dr_cpu_winograd(void);

/** The same with products of whole numbers of 13 bits: each position of a tile, and of the weights of an output, has a
 *  step of its own, by its largest value. Twice as fast, and off by some 0.2 % of the output's deviation: bf16, which
 *  takes as long, is off by 1 %, since the maps enlarge what is rounded. NULL without AVX512_VNNI. */
const dr_winograd_kernels *dr_cpu_winograd16(void);

#endif
