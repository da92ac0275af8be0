/* The SIMD rows: one source (simd/), compiled per instruction set, picked at run time by the CPU. */
#ifndef DR_OPS_CPU_CPU_H
#define DR_OPS_CPU_CPU_H

#include "ops/ops.h"

typedef enum dr_isa { DR_ISA_BASE, DR_ISA_AVX2, DR_ISA_AVX512 } dr_isa;

/** The best instruction set that this CPU and its operating system support; DRAPE_ISA=base|avx2|avx512 lowers it. */
dr_isa dr_cpu_isa(void);
/** AVX512_BF16 (vdpbf16ps). */
bool dr_cpu_has_bf16(void);
/** "AMD EPYC 9R14" as the system names it; the key of the tuning file. Borrowed. */
const char *dr_cpu_name(void);

/** Overwrites the rows that SIMD does better. */
void dr_ops_cpu_init(dr_ops *ops);

/** f16, bf16 (and f32) to f32, and f32 to bf16: parallel and vectorised, for weights on their way to a kernel. */
void dr_cpu_to_f32(const void *src, dr_dtype from, float *dst, size_t n);
void dr_cpu_f32_to_bf16(const float *src, uint16_t *dst, size_t n);

#endif
