/* What this CPU can do. */
#ifndef DR_OPS_CPU_ISA_H
#define DR_OPS_CPU_ISA_H

#include <stdbool.h>

typedef enum dr_isa { DR_ISA_BASE, DR_ISA_AVX2, DR_ISA_AVX512 } dr_isa;

/** The best instruction set that this CPU and its operating system support; DRAPE_ISA=base|avx2|avx512 lowers it. */
dr_isa dr_cpu_isa(void);
/** AVX512_BF16 (vdpbf16ps). */
bool dr_cpu_has_bf16(void);
/** AVX512_VNNI (vpdpbusd, vpdpwssd). */
bool dr_cpu_has_vnni(void);
/** "AMD EPYC 9R14" as the system names it; the key of the tuning file. Borrowed. */
const char *dr_cpu_name(void);

#endif
