/* Matrices the other way round: for products of two weights. */
#include "autograd/functions.h"
#include "autograd/shapes.h"

static void backward(dr_tape *g, dr_node *n)
{
    dr_pick_args *a = n->saved;
    a->dy = n->y->grad;
    a->dx = dr_grad(g, n->in[0]);
    if (!g->status)
        g->ops->transpose_bwd(a);
}

dr_tensor *dr_transpose(dr_tape *g, dr_tensor *x, int64_t from, int64_t count)
{
    if (dr_tape_stopped(g))
        return &g->dummy;
    int64_t R = x->dim[0], K = dr_numel(x) / R;
    DR_ASSERT(from >= 0 && count > 0 && from + count <= K, "columns %lld+%lld of %lld", (long long)from,
              (long long)count, (long long)K);
    dr_tensor *y = dr_new2(g, count, R);
    if (g->status)
        return y;
    dr_pick_args a = {.scratch = &g->values, .x = x, .from = from, .n = count, .y = y->data};
    dr_tape_fail(g, g->ops->transpose(&a));
    dr_node *n = dr_record(g, backward, y, x, NULL, NULL, NULL);
    if (n)
        n->saved = dr_save(g, &a, sizeof a);
    return y;
}
