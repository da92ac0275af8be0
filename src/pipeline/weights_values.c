#include "ops/ops.h"
#include "pipeline/weights.h"

#include <sys/mman.h>

#define BLOCK ((int64_t)1 << 18) /* values that one thread looks at in one go */

/* A float is NaN or infinite when all bits of its exponent are set. */
static bool f32_bad(const uint32_t *v, int64_t n)
{
    uint32_t bad = 0;
#pragma omp simd reduction(| : bad)
    for (int64_t i = 0; i < n; i++)
        bad |= (uint32_t)((v[i] & 0x7f800000u) == 0x7f800000u);
    return bad;
}

static bool half_bad(const uint16_t *v, int64_t n, uint16_t exponent)
{
    uint16_t bad = 0;
#pragma omp simd reduction(| : bad)
    for (int64_t i = 0; i < n; i++)
        bad = (uint16_t)(bad | ((v[i] & exponent) == exponent));
    return bad;
}

dr_status dr_check_finite(const void *data, dr_dtype dtype, size_t n, const char *name, const char *path)
{
    int64_t count = (int64_t)n;
    int bad = 0;
#pragma omp parallel for schedule(static) reduction(| : bad) if (count > BLOCK)
    for (int64_t at = 0; at < count; at += BLOCK) {
        int64_t m = count - at < BLOCK ? count - at : BLOCK;
        if (dtype == DR_F32)
            bad |= f32_bad((const uint32_t *)data + at, m);
        else
            bad |= half_bad((const uint16_t *)data + at, m, dtype == DR_F16 ? 0x7c00 : 0x7f80);
    }
    if (!bad)
        return DR_OK;
    return dr_fail(DR_EINVAL, "'%s': tensor '%s' contains NaN or infinity", path, name);
}

dr_status dr_param_make_own_f32(dr_param *q)
{
    if (q->owned && q->t.dtype == DR_F32)
        return DR_OK;
    dr_param old = *q;
    q->owned = NULL;
    dr_status st = dr_param_own(q, DR_F32);
    if (st) {
        *q = old;
        return st;
    }
    int64_t n = dr_numel(&old.t);
    size_t size = dr_dtype_size(old.t.dtype);
#pragma omp parallel for schedule(static) if (n > BLOCK)
    for (int64_t at = 0; at < n; at += BLOCK)
        dr_to_f32((const char *)old.t.data + (size_t)at * size, old.t.dtype, (float *)q->t.data + at,
                  (size_t)(n - at < BLOCK ? n - at : BLOCK));
    if (old.t.mapped)
        dr_map_drop(old.t.data, dr_nbytes(&old.t));
    if (old.owned)
        munmap(old.owned, old.owned_size);
    dr_weight_unpack(&q->t);
    return DR_OK;
}
