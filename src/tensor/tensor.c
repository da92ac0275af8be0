#include "tensor/tensor.h"

#include "base/status.h"
#include "tensor/blocks.h"

#include <stdio.h>
#include <string.h>

int64_t dr_numel(const dr_tensor *t)
{
    return t->dim[0] * t->dim[1] * t->dim[2] * t->dim[3];
}

size_t dr_nbytes(const dr_tensor *t)
{
    return dr_dtype_bytes(t->dtype, (size_t)dr_numel(t));
}

float *dr_f32(const dr_tensor *t)
{
    DR_ASSERT(t->dtype == DR_F32, "tensor is %s", dr_dtype_name(t->dtype));
    return t->data;
}

bool dr_same_shape(const dr_tensor *a, const dr_tensor *b)
{
    return a->rank == b->rank && memcmp(a->dim, b->dim, sizeof a->dim) == 0;
}

char *dr_shape_str(const dr_tensor *t, char *buf, size_t n)
{
    size_t at = 0;
    buf[0] = 0;
    for (int i = 0; i < t->rank && at < n; i++)
        at += (size_t)snprintf(buf + at, n - at, "%s%lld", i ? "," : "[", (long long)t->dim[i]);
    if (at < n)
        snprintf(buf + at, n - at, t->rank ? "]" : "[]");
    return buf;
}

void dr_to_f32(const void *src, dr_dtype from, float *dst, size_t n)
{
    switch (from) {
    case DR_F32:
        memcpy(dst, src, n * 4);
        return;
    case DR_F16:
        for (size_t i = 0; i < n; i++)
            dst[i] = dr_f16_to_f32(((const uint16_t *)src)[i]);
        return;
    case DR_BF16:
        for (size_t i = 0; i < n; i++)
            dst[i] = dr_bf16_to_f32(((const uint16_t *)src)[i]);
        return;
    case DR_F64:
        for (size_t i = 0; i < n; i++)
            dst[i] = (float)((const double *)src)[i];
        return;
    case DR_I32:
        for (size_t i = 0; i < n; i++)
            dst[i] = (float)((const int32_t *)src)[i];
        return;
    case DR_I64:
        for (size_t i = 0; i < n; i++)
            dst[i] = (float)((const int64_t *)src)[i];
        return;
    case DR_I16:
        for (size_t i = 0; i < n; i++)
            dst[i] = ((const int16_t *)src)[i];
        return;
    case DR_I8:
        for (size_t i = 0; i < n; i++)
            dst[i] = ((const int8_t *)src)[i];
        return;
    case DR_U8:
    case DR_BOOL:
        for (size_t i = 0; i < n; i++)
            dst[i] = ((const uint8_t *)src)[i];
        return;
    case DR_Q8_0:
    case DR_Q4_0:
    case DR_Q4_1:
    case DR_Q5_0:
    case DR_Q5_1:
    case DR_Q2_K:
    case DR_Q3_K:
    case DR_Q4_K:
    case DR_Q5_K:
    case DR_Q6_K:
        dr_blocks_to_f32(src, from, dst, n);
        return;
    case DR_DTYPES:
        break;
    }
    DR_ASSERT(0, "no conversion from dtype %d", (int)from);
}

void dr_from_f32(const float *src, void *dst, dr_dtype to, size_t n)
{
    switch (to) {
    case DR_F32:
        memcpy(dst, src, n * 4);
        return;
    case DR_F16:
        for (size_t i = 0; i < n; i++)
            ((uint16_t *)dst)[i] = dr_f32_to_f16(src[i]);
        return;
    case DR_BF16:
        for (size_t i = 0; i < n; i++)
            ((uint16_t *)dst)[i] = dr_f32_to_bf16(src[i]);
        return;
    case DR_I32:
        for (size_t i = 0; i < n; i++)
            ((int32_t *)dst)[i] = (int32_t)src[i];
        return;
    case DR_Q8_0:
        dr_f32_to_q8_0(src, dst, n);
        return;
    default:
        DR_ASSERT(0, "no conversion to dtype %s", dr_dtype_name(to));
    }
}

void dr_nchw_to_nhwc(const float *src, float *dst, int64_t N, int64_t C, int64_t H, int64_t W)
{
    for (int64_t n = 0; n < N; n++)
        for (int64_t p = 0; p < H * W; p++)
            for (int64_t c = 0; c < C; c++)
                dst[(n * H * W + p) * C + c] = src[(n * C + c) * H * W + p];
}

void dr_nhwc_to_nchw(const float *src, float *dst, int64_t N, int64_t C, int64_t H, int64_t W)
{
    for (int64_t n = 0; n < N; n++)
        for (int64_t c = 0; c < C; c++)
            for (int64_t p = 0; p < H * W; p++)
                dst[(n * C + c) * H * W + p] = src[(n * H * W + p) * C + c];
}
