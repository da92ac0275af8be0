/* f16 and bf16 weights to f32 and back, streaming through gigabytes. */
#include "ops/cpu/simd/rows.h"
#include "ops/cpu/simd/vec.h"

#define CHUNK 16384 /* values per piece of work */

static void convert_piece(const void *src, dr_dtype from, float *dst, size_t n)
{
    const uint16_t *h = src;
    if (dr_dtype_block(from) > 1) {
        dr_to_f32(src, from, dst, n);
        return;
    }
    size_t i = 0;
    if (from == DR_F16)
        for (; i + VW <= n; i += VW)
            vstore(dst + i, vload_f16(h + i));
    else if (from == DR_BF16)
        for (; i + VW <= n; i += VW)
            vstore(dst + i, vload_bf16(h + i));
    const char *rest = (const char *)src + i * dr_dtype_size(from);
    dr_to_f32(rest, from, dst + i, n - i);
}

void SIMD(to_f32)(const void *src, dr_dtype from, float *dst, size_t n)
{
    int64_t pieces = (int64_t)((n + CHUNK - 1) / CHUNK);
#pragma omp parallel for schedule(static) if (pieces > 4)
    for (int64_t p = 0; p < pieces; p++) {
        size_t at = (size_t)p * CHUNK, len = n - at < CHUNK ? n - at : CHUNK;
        convert_piece((const char *)src + dr_dtype_bytes(from, at), from, dst + at, len);
    }
}

void SIMD(f32_to_bf16)(const float *src, uint16_t *dst, size_t n)
{
    int64_t pieces = (int64_t)((n + CHUNK - 1) / CHUNK);
#pragma omp parallel for schedule(static) if (pieces > 4)
    for (int64_t p = 0; p < pieces; p++) {
        size_t at = (size_t)p * CHUNK, end = n - at < CHUNK ? n : at + CHUNK;
        for (; at + VW <= end; at += VW)
            vstore_bf16(dst + at, vload(src + at));
        for (; at < end; at++)
            dst[at] = dr_f32_to_bf16(src[at]);
    }
}
