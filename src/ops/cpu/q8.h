/* Weights of 8 bits (tensor/blocks.h, Q8_0) in the order of a kernel: codes and scales apart.
 *
 * A kernel's order is rows of neighbouring outputs. Scales lie as [groups][outputs], so that those of a row are
 * neighbours, too; a list of runs says which rows share them. */
#ifndef DR_OPS_CPU_Q8_H
#define DR_OPS_CPU_Q8_H

#include <stddef.h>
#include <stdint.h>

/** The widest row, and what `scale` has beyond its end. */
#define DR_CPU_Q8_WIDTH 128

typedef struct dr_cpu_q8 {
    const int8_t *code;    /* [rows][width] */
    const uint16_t *scale; /* f16; value j of a row has scale[base + (j >> shift)] */
    const uint32_t *run;   /* [runs] base << 8 | rows that follow each other, 1 to 255 */
    size_t runs;
    int width, shift;
} dr_cpu_q8;

/** All values, in the order of the codes: parallel and vectorised. */
void dr_cpu_q8_to_f32(const dr_cpu_q8 *q, float *dst);
void dr_cpu_q8_to_bf16(const dr_cpu_q8 *q, uint16_t *dst);

#endif
