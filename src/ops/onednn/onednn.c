#include "ops/onednn/onednn.h"

#include "ops/onednn/rows.h"

#include <stdio.h>

#include <oneapi/dnnl/dnnl.h>

static dr_status linear(const dr_linear_args *a)
{
    dr_status s = dr_onednn_linear(a);
    return s == DR_EUNSUPPORTED ? dr_onednn_below()->linear(a) : s;
}

static dr_status conv2d(const dr_conv_args *a)
{
    dr_status s = dr_onednn_conv2d(a);
    return s == DR_EUNSUPPORTED ? dr_onednn_below()->conv2d(a) : s;
}

/* One gradient at a time, so that a fallback never adds one twice. */
static dr_status linear_bwd(const dr_linear_args *a)
{
    dr_status s = DR_OK;
    for (int i = 0; i < 3 && s == DR_OK; i++) {
        dr_linear_args one = *a;
        one.dx = i == 0 ? a->dx : NULL;
        one.dw = i == 1 ? a->dw : NULL;
        one.db = i == 2 ? a->db : NULL;
        if (!one.dx && !one.dw && !one.db)
            continue;
        s = dr_onednn_linear_bwd(&one);
        if (s == DR_EUNSUPPORTED)
            s = dr_onednn_below()->linear_bwd(&one);
    }
    return s;
}

static dr_status conv2d_bwd(const dr_conv_args *a)
{
    dr_status s = DR_OK;
    for (int i = 0; i < 3 && s == DR_OK; i++) {
        dr_conv_args one = *a;
        one.dx = i == 0 ? a->dx : NULL;
        one.dw = i == 1 ? a->dw : NULL;
        one.db = i == 2 ? a->db : NULL;
        if (!one.dx && !one.dw && !one.db)
            continue;
        s = dr_onednn_conv2d_bwd(&one);
        if (s == DR_EUNSUPPORTED)
            s = dr_onednn_below()->conv2d_bwd(&one);
    }
    return s;
}

void dr_ops_onednn_init(dr_ops *ops)
{
    if (!dr_onednn_ok())
        return;
    dr_onednn_set_below(ops);
    ops->linear = linear;
    ops->linear_bwd = linear_bwd;
    ops->conv2d = conv2d;
    ops->conv2d_bwd = conv2d_bwd;
}

void dr_onednn_version(char *out, size_t n)
{
    const dnnl_version_t *v = dnnl_version();
    snprintf(out, n, "%d.%d.%d", v->major, v->minor, v->patch);
}
