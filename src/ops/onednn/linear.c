/* The rows of linear layers: which product in which arithmetic. */
#include "ops/onednn/rows.h"

dr_status dr_onednn_linear(const dr_linear_args *a)
{
    dr_status s = dr_linear_whole(a) ? dr_linear_y8(a, false) : DR_EUNSUPPORTED;
    if (s != DR_EUNSUPPORTED)
        return s;
    dr_dtype type = dr_linear_type(a, DR_LINEAR_Y);
    s = dr_linear_y(a, type);
    return s == DR_EUNSUPPORTED && type == DR_BF16 ? dr_linear_y(a, DR_F32) : s;
}

dr_status dr_onednn_linear_bwd(const dr_linear_args *a)
{
    dr_status s = DR_OK;
    if (a->dx)
        s = dr_linear_dx(a, dr_linear_type(a, DR_LINEAR_DX));
    if (s == DR_OK && a->dw)
        s = dr_linear_dw(a, dr_linear_type(a, DR_LINEAR_DW));
    if (s == DR_OK && a->db)
        dr_onednn_below()->sum_rows(1, a->M, a->N, a->dy, a->db);
    return s;
}
