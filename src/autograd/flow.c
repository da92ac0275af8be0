/* Sampling where a flow says. */
#include "autograd/functions.h"
#include "autograd/shapes.h"

static void backward(dr_tape *g, dr_node *n)
{
    dr_flow_args *a = n->saved;
    a->dy = n->y->grad;
    a->dx = dr_grad(g, n->in[0]);
    a->dflow = dr_grad(g, n->in[1]);
    if (!g->status)
        g->ops->flow_sample_bwd(a);
}

dr_tensor *dr_flow_sample(dr_tape *g, dr_tensor *x, dr_tensor *flow, float div_x, float div_y)
{
    if (dr_tape_stopped(g))
        return &g->dummy;
    dr_assert_last(flow, 2, "flow_sample");
    DR_ASSERT(x->rank == 4 && flow->rank == 4 && x->dim[0] == flow->dim[0], "flow of %lld samples for %lld",
              (long long)flow->dim[0], (long long)x->dim[0]);
    dr_tensor *y = dr_new4(g, x->dim[0], flow->dim[1], flow->dim[2], x->dim[3]);
    if (g->status)
        return y;
    dr_flow_args a = {.N = x->dim[0],
                      .H = x->dim[1],
                      .W = x->dim[2],
                      .C = x->dim[3],
                      .OH = flow->dim[1],
                      .OW = flow->dim[2],
                      .div_x = div_x,
                      .div_y = div_y,
                      .x = dr_f32(x),
                      .flow = dr_f32(flow),
                      .y = y->data};
    g->ops->flow_sample(&a);
    dr_node *n = dr_record(g, backward, y, x, flow, NULL, NULL);
    if (n)
        n->saved = dr_save(g, &a, sizeof a);
    return y;
}
