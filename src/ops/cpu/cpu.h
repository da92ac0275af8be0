/* The SIMD rows: one source (simd/), compiled per instruction set, picked at run time by the CPU. */
#ifndef DR_OPS_CPU_CPU_H
#define DR_OPS_CPU_CPU_H

#include "ops/ops.h"

/** Overwrites the rows that SIMD does better. */
void dr_ops_cpu_init(dr_ops *ops);

/** f16, bf16 (and f32) to f32, and f32 to bf16: parallel and vectorised, for weights on their way to a kernel. */
void dr_cpu_to_f32(const void *src, dr_dtype from, float *dst, size_t n);
void dr_cpu_f32_to_bf16(const float *src, uint16_t *dst, size_t n);

#endif
