#include "ops/cpu/winograd_dw.h"

#include "ops/cpu/isa.h"

#if defined(__x86_64__)
extern const dr_winograd_dw_kernels dr_simd_winograd_dw_avx512;
#endif

const dr_winograd_dw_kernels *dr_cpu_winograd_dw(void)
{
#if defined(__x86_64__)
    if (dr_cpu_isa() == DR_ISA_AVX512)
        return &dr_simd_winograd_dw_avx512;
#endif
    return NULL;
}
