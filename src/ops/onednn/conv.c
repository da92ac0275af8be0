/* The rows of convolutions: as a linear layer, by the algorithm chosen, or by those below. */
#include "ops/onednn/rows.h"

static bool is_pointwise(const dr_conv_args *a)
{
    const dr_conv_geom *g = &a->geom;
    return g->kh == 1 && g->kw == 1 && g->stride == 1 && dr_conv_groups(a) == 1 && a->OH == a->H && a->OW == a->W;
}

static dr_linear_args as_linear(const dr_conv_args *a)
{
    return (dr_linear_args){.scratch = a->scratch,
                            .precision = a->precision,
                            .M = a->N * a->H * a->W,
                            .N = a->O,
                            .K = a->I,
                            .w = a->w,
                            .b = a->b,
                            .x = a->x,
                            .residual = a->residual,
                            .y = a->y,
                            .dy = a->dy,
                            .dx = a->dx,
                            .dw = a->dw,
                            .db = a->db};
}

#define FEW                                                                                                            \
    4 /* outputs that DIRECT leaves to plain C, whose sums are in double: the library would waste most lanes on them   \
       */

/* Depthwise windows are better served below: channels last needs no copy there. */
dr_status dr_onednn_conv2d(const dr_conv_args *a)
{
    if (dr_conv_groups(a) > 1 && a->geom.stride == 1)
        return DR_EUNSUPPORTED;
    if (is_pointwise(a)) {
        dr_linear_args l = as_linear(a);
        return dr_onednn_linear(&l);
    }
    if (a->precision == DR_PRECISION_DIRECT && a->O <= FEW)
        return DR_EUNSUPPORTED;
    return dr_conv_chosen(a);
}

dr_status dr_onednn_conv2d_bwd(const dr_conv_args *a)
{
    if (dr_conv_groups(a) > 1 && a->geom.stride == 1)
        return DR_EUNSUPPORTED;
    if (is_pointwise(a)) {
        dr_linear_args l = as_linear(a);
        return dr_onednn_linear_bwd(&l);
    }
    dr_status s = a->dx ? dr_conv_chosen_dx(a) : DR_OK;
    if (s == DR_OK && a->dw)
        s = dr_conv_chosen_dw(a);
    if (s == DR_OK && a->db)
        dr_onednn_below()->sum_rows(1, a->N * a->OH * a->OW, a->O, a->dy, a->db);
    return s;
}
