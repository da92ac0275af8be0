#include "ops/cpu/winograd.h"

#include "ops/cpu/isa.h"

extern const dr_winograd_kernels dr_simd_winograd_base;
#if defined(__x86_64__)
extern const dr_winograd_kernels dr_simd_winograd_avx2, dr_simd_winograd_avx512;
extern const dr_winograd_kernels dr_simd_winograd16_avx512;
#endif

const dr_winograd_kernels *dr_cpu_winograd(void)
{
#if defined(__x86_64__)
    switch (dr_cpu_isa()) {
    case DR_ISA_AVX512:
        return &dr_simd_winograd_avx512;
    case DR_ISA_AVX2:
        return &dr_simd_winograd_avx2;
    case DR_ISA_BASE:
        break;
    }
#endif
    return &dr_simd_winograd_base;
}

const dr_winograd_kernels *dr_cpu_winograd16(void)
{
#if defined(__x86_64__)
    return dr_cpu_has_vnni() ? &dr_simd_winograd16_avx512 : NULL;
#else
    return NULL;
#endif
}
