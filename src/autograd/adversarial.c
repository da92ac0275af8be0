#include "autograd/adversarial.h"

#include "autograd/shapes.h"

dr_tensor *dr_hinge(dr_tape *g, dr_tensor *x, float sign)
{
    return dr_sum_of(g, x, (dr_loss_args){.term = DR_TERM_HINGE, .of = (double)dr_numel(x), .s = sign});
}

dr_tensor *dr_mean(dr_tape *g, dr_tensor *x)
{
    return dr_sum_of(g, x, (dr_loss_args){.term = DR_TERM_VALUE, .of = (double)dr_numel(x)});
}

dr_tensor *dr_inner(dr_tape *g, dr_tensor *x, const float *w)
{
    return dr_sum_of(g, x, (dr_loss_args){.term = DR_TERM_PRODUCT, .of = 1, .w = w});
}
