#include "pipeline/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

dr_status dr_check_finite(const void *data, dr_dtype dtype, size_t n, const char *name, const char *path)
{
    if (dr_ops_get()->finite((int64_t)n, dtype, data))
        return DR_OK;
    return dr_fail(DR_EINVAL, "'%s': tensor '%s' contains NaN or infinity", path, name);
}

dr_status dr_param_make_own_f32(dr_param *q)
{
    if (q->owned && q->t.dtype == DR_F32)
        return DR_OK;
    if (!q->t.data)
        return dr_fail(DR_EINVAL, "'%s' is to be changed, but the model's files do not have it", q->t.name);
    DR_ASSERT(!q->t.yielded, "the values of '%s' were given up", q->t.name);
    dr_param old = *q;
    q->owned = NULL;
    dr_status st = dr_param_own(q, DR_F32);
    if (st) {
        *q = old;
        return st;
    }
    dr_ops_get()->convert(dr_numel(&old.t), old.t.dtype, old.t.data, q->t.data);
    if (old.t.mapped)
        dr_map_drop(old.t.data, dr_nbytes(&old.t));
    dr_param_disown(&old);
    dr_weight_unpack(&q->t);
    return DR_OK;
}

/* --- in fewer bits ------------------------------------------------------------------------------------------ */

#define PIECE ((size_t)1 << 20) /* values converted in one go */
#define SHARE ((size_t)4096)    /* of these by a thread */
#define SMALL 16384             /* values of a weight that are not worth it */

static bool is_for_q8(const dr_tensor *t)
{
    int64_t n = dr_numel(t);
    return t->rank > 1 && t->dtype != DR_Q8_0 && n >= SMALL && n / t->dim[0] % (int64_t)dr_dtype_block(DR_Q8_0) == 0 &&
           !strstr(t->name, "embedding");
}

/* `n` values at `from`, of q's old type, as `to`; false when one is no number in it. */
static bool narrow(const char *from, dr_dtype old, char *to, dr_dtype type, size_t n)
{
    int bad = 0;
#pragma omp parallel for schedule(static) reduction(| : bad)
    for (size_t at = 0; at < n; at += SHARE) {
        float f32[SHARE];
        size_t m = n - at < SHARE ? n - at : SHARE, block = dr_dtype_block(type), size = dr_dtype_size(type);
        char *out = to + dr_dtype_bytes(type, at);
        dr_to_f32(from + dr_dtype_bytes(old, at), old, f32, m);
        dr_from_f32(f32, out, type, m);
        for (size_t i = 0; i < m; i++)
            bad |= !isfinite(f32[i]);
        for (size_t b = 0; b < m / block; b++) { /* f16: the value; a block: its scale, which stands first */
            uint16_t half;
            memcpy(&half, out + b * size, sizeof half);
            bad |= (half & 0x7c00) == 0x7c00;
        }
    }
    return !bad;
}

/* The values of a parameter in new storage of another type. */
static dr_status hold(dr_param *q, dr_dtype type, char *raw, char *made, const char *path)
{
    dr_param old = *q;
    size_t n = (size_t)dr_numel(&q->t);
    q->owned = NULL;
    dr_weight_unpack(&q->t);
    old.t.pack = NULL;
    dr_status st = dr_param_own(q, type);
    for (size_t at = 0; !st && at < n; at += PIECE) {
        size_t m = n - at < PIECE ? n - at : PIECE;
        const char *from = raw;
        if (old.t.mapped)
            from = (const char *)old.t.data + dr_dtype_bytes(old.t.dtype, at);
        else
            dr_param_get(&old, at, m, raw);
        if (!narrow(from, old.t.dtype, made, type, m))
            st = dr_fail(DR_EINVAL, "'%s': tensor '%s' has values that are NaN, infinite or too large for %s", path,
                         old.t.name, dr_dtype_name(type));
        else
            dr_param_set(q, at, m, made);
    }
    if (st) {
        dr_param_disown(q);
        *q = old;
        return st;
    }
    if (old.t.mapped)
        dr_map_drop(old.t.data, dr_nbytes(&old.t));
    dr_param_disown(&old);
    q->t.yields = q->t.constant;
    return DR_OK;
}

dr_status dr_params_hold(dr_params *p, bool q8, const char *path)
{
    char *raw = malloc(PIECE * sizeof(float)), *made = malloc(PIECE * sizeof(uint16_t));
    dr_status st = raw && made ? DR_OK : dr_fail(DR_ENOMEM, "out of memory loading '%s'", path);
    for (dr_param *q = p->first; !st && q; q = q->next) {
        dr_dtype t = q->t.dtype;
        if (!q->t.data) /* optional, and not there */
            continue;
        if (q8 && is_for_q8(&q->t))
            st = hold(q, DR_Q8_0, raw, made, path);
        else if (dr_dtype_block(t) > 1 && t != DR_Q8_0)
            st = hold(q, DR_F16, raw, made, path);
    }
    free(raw);
    free(made);
    return st;
}
