/* Batch normalisation with the statistics of training, which are constants by now. */
#include "autograd/functions.h"
#include "autograd/shapes.h"

static void backward(dr_tape *g, dr_node *n)
{
    dr_batchnorm_args *a = n->saved;
    a->dy = n->y->grad;
    a->dx = dr_grad(g, n->in[0]);
    a->dgamma = dr_grad(g, n->in[1]);
    a->dbeta = dr_grad(g, n->in[2]);
    if (!g->status)
        g->ops->batchnorm_bwd(a);
}

dr_tensor *dr_batchnorm(dr_tape *g, dr_tensor *x, dr_tensor *gamma, dr_tensor *beta, const dr_tensor *mean,
                        const dr_tensor *var, float eps)
{
    if (dr_tape_stopped(g))
        return &g->dummy;
    int64_t C = dr_numel(gamma), R = dr_numel(x) / C;
    dr_assert_last(x, C, "batchnorm");
    dr_tensor *y = dr_new_like(g, x), *folded = dr_new2(g, 3, C);
    if (g->status)
        return y;
    dr_batchnorm_args a = {.R = R,
                           .C = C,
                           .eps = eps,
                           .gamma = dr_f32(gamma),
                           .beta = dr_f32(beta),
                           .mean = dr_f32(mean),
                           .var = dr_f32(var),
                           .x = dr_f32(x),
                           .y = y->data,
                           .folded = folded->data};
    g->ops->batchnorm(&a);
    dr_node *n = dr_record(g, backward, y, x, gamma, beta, NULL);
    if (n)
        n->saved = dr_save(g, &a, sizeof a);
    return y;
}
