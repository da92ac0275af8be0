#include "ops/cpu/cpu.h"

#include "ops/cpu/isa.h"
#include "ops/cpu/simd/simd.h"

static const dr_simd *simd(void)
{
#if defined(__x86_64__)
    dr_isa isa = dr_cpu_isa();
    if (isa == DR_ISA_AVX512)
        return &dr_simd_table_avx512;
    if (isa == DR_ISA_AVX2)
        return &dr_simd_table_avx2;
#endif
    return &dr_simd_table_base;
}

void dr_ops_cpu_init(dr_ops *ops)
{
    simd()->fill(ops);
}

void dr_cpu_to_f32(const void *src, dr_dtype from, float *dst, size_t n)
{
    simd()->to_f32(src, from, dst, n);
}

void dr_cpu_f32_to_bf16(const float *src, uint16_t *dst, size_t n)
{
    simd()->f32_to_bf16(src, dst, n);
}

void dr_cpu_q8_to_f32(const dr_cpu_q8 *q, float *dst)
{
    simd()->q8_to_f32(q, dst);
}

void dr_cpu_q8_to_bf16(const dr_cpu_q8 *q, uint16_t *dst)
{
    simd()->q8_to_bf16(q, dst);
}
