/* Weights of 8 bits on their way to a kernel. */
#include "ops/cpu/q8.h"

#include "ops/cpu/simd/rows.h"
#include "ops/cpu/simd/vec.h"

#include <omp.h>

#define WIDTH DR_CPU_Q8_WIDTH

/* One row as f32; `scale` are its own. */
static inline __attribute__((always_inline)) void row_f32(const int8_t *code, const float *scale, int width, float *y)
{
    int j = 0;
    for (; j + VW <= width; j += VW)
        vstore(y + j, vload_i8(code + j) * vload(scale + j));
    for (; j < width; j++)
        y[j] = (float)code[j] * scale[j];
}

static inline __attribute__((always_inline)) void row_bf16(const int8_t *code, const float *scale, int width,
                                                           uint16_t *y)
{
    int j = 0;
    for (; j + VW <= width; j += VW)
        vstore_bf16(y + j, vload_i8(code + j) * vload(scale + j));
    for (; j < width; j++)
        y[j] = dr_f32_to_bf16((float)code[j] * scale[j]);
}

static void row_scales(const dr_cpu_q8 *q, uint32_t base, float *scale)
{
    float near[WIDTH];
    int n = (q->width - 1) / (1 << q->shift) + 1;
    for (int j = 0; j < n; j += VW)
        vstore(near + j, vload_f16(q->scale + base + j));
    for (int j = 0; j < q->width; j++)
        scale[j] = near[j >> q->shift];
}

/* Rows [from, to) of all, into one of the two. */
static void some_rows(const dr_cpu_q8 *q, int64_t from, int64_t to, float *f32, uint16_t *bf16)
{
    float scale[WIDTH];
    int64_t row = 0;
    for (size_t i = 0; i < q->runs && row < to; i++) {
        int64_t end = row + (q->run[i] & 255);
        if (end > from) {
            row_scales(q, q->run[i] >> 8, scale);
            for (int64_t r = row < from ? from : row; r < end && r < to; r++)
                if (f32)
                    row_f32(q->code + r * q->width, scale, q->width, f32 + r * q->width);
                else
                    row_bf16(q->code + r * q->width, scale, q->width, bf16 + r * q->width);
        }
        row = end;
    }
}

static void all_rows(const dr_cpu_q8 *q, float *f32, uint16_t *bf16)
{
    int64_t rows = 0;
    for (size_t i = 0; i < q->runs; i++)
        rows += q->run[i] & 255;
#pragma omp parallel if (rows * q->width > 65536)
    {
        int64_t n = omp_get_num_threads(), k = omp_get_thread_num();
        some_rows(q, rows * k / n, rows * (k + 1) / n, f32, bf16);
    }
}

void SIMD(q8_to_f32)(const dr_cpu_q8 *q, float *dst)
{
    all_rows(q, dst, NULL);
}

void SIMD(q8_to_bf16)(const dr_cpu_q8 *q, uint16_t *dst)
{
    all_rows(q, NULL, dst);
}
