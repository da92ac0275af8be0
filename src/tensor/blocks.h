/* Values in blocks, as GGUF files have them: 32 or 256 neighbours of a row share scales, the rest of each is 2 to 8
 * bits.
 *
 * The layouts are ggml's (ggml-common.h); decoded values are those of ggml and of the Python package gguf, bit for bit:
 * no sum below rounds more than once. Only Q8_0 is also written. */
#ifndef DR_TENSOR_BLOCKS_H
#define DR_TENSOR_BLOCKS_H

#include "tensor/tensor.h"

/* A block of 32 values, each scale * code. */
typedef struct dr_q8_0 {
    uint16_t scale; /* f16 */
    int8_t code[32];
} dr_q8_0;
_Static_assert(sizeof(dr_q8_0) == 34, "as in files");

/** n values, whole blocks, of a type with dr_dtype_block() > 1; `src` may lie anywhere. */
void dr_blocks_to_f32(const void *src, dr_dtype from, float *dst, size_t n);

/** n values, a multiple of 32, to Q8_0: the largest of a block becomes 127 or -127, the others are rounded as
 *  ggml's quantize_row_q8_0_ref() does, halves away from zero. */
void dr_f32_to_q8_0(const float *src, dr_q8_0 *dst, size_t n);

#endif
