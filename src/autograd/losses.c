#include "autograd/losses.h"

#include "autograd/shapes.h"

dr_tensor *dr_charbonnier(dr_tape *g, dr_tensor *a, const dr_tensor *b, float eps)
{
    if (dr_tape_stopped(g))
        return &g->dummy;
    dr_assert_same(a, b, "charbonnier");
    return dr_sum_of(g, a,
                     (dr_loss_args){.term = DR_TERM_CHARBONNIER, .of = (double)dr_numel(a), .s = eps, .b = dr_f32(b)});
}

static void edge_backward(dr_tape *g, dr_node *n)
{
    dr_edge_args *a = n->saved;
    a->dy = n->y->grad;
    a->da = dr_grad(g, n->in[0]);
    if (!g->status)
        g->ops->edge_loss_bwd(a);
}

dr_tensor *dr_edge_charbonnier(dr_tape *g, dr_tensor *a, const dr_tensor *b, float eps)
{
    dr_tensor *y = dr_tape_stopped(g) ? &g->dummy : dr_new(g, 1, (int64_t[]){1});
    if (g->status)
        return y;
    const int64_t *d = a->dim;
    dr_assert_same(a, b, "edge_charbonnier");
    DR_ASSERT(a->rank == 4 && d[1] > 1 && d[2] > 1, "edges of %lldx%lld", (long long)d[1], (long long)d[2]);
    dr_edge_args e = {
        .N = d[0], .H = d[1], .W = d[2], .C = d[3], .s = eps, .a = dr_f32(a), .b = dr_f32(b), .y = y->data};
    g->ops->edge_loss(&e);
    dr_node *n = dr_record(g, edge_backward, y, a, NULL, NULL, NULL);
    if (n)
        n->saved = dr_save(g, &e, sizeof e);
    return y;
}
