#include "ops/cpu/simd/rows.h"

static void fill(dr_ops *ops)
{
    (void)ops;
}

const dr_simd SIMD(table) = {fill, SIMD(to_f32), SIMD(f32_to_bf16)};
