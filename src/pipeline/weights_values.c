#include "pipeline/weights.h"

#include <stdlib.h>

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
