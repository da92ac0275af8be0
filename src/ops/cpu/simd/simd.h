/* The rows of one instruction set, as cpu.c sees them.
 *
 * Every source in this folder is compiled once per instruction set with DR_ISA=base, avx2 or avx512;
 * SIMD(name) gives each build its own symbols. Nothing here may define a function with external
 * linkage under a plain name: the linker would keep one copy of three, perhaps the AVX-512 one. */
#ifndef DR_OPS_CPU_SIMD_SIMD_H
#define DR_OPS_CPU_SIMD_SIMD_H

#include "ops/cpu/q8.h"
#include "ops/ops.h"

/** What one build of this folder offers. */
typedef struct dr_simd {
    void (*fill)(dr_ops *ops);
    void (*to_f32)(const void *src, dr_dtype from, float *dst, size_t n);
    void (*f32_to_bf16)(const float *src, uint16_t *dst, size_t n);
    void (*q8_to_f32)(const dr_cpu_q8 *q, float *dst);
    void (*q8_to_bf16)(const dr_cpu_q8 *q, uint16_t *dst);
} dr_simd;

extern const dr_simd dr_simd_table_base, dr_simd_table_avx2, dr_simd_table_avx512;

#ifdef DR_ISA
#define DR_SIMD_PASTE(name, isa) dr_simd_##name##_##isa
#define DR_SIMD_NAME(name, isa) DR_SIMD_PASTE(name, isa)
/** The name of a row in this build: SIMD(add) is dr_simd_add_avx2, say. */
#define SIMD(name) DR_SIMD_NAME(name, DR_ISA)
#endif

#endif
