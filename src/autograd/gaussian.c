#include "autograd/gaussian.h"

#include "autograd/shapes.h"

#include <string.h>

static void sample_backward(dr_tape *g, dr_node *n)
{
    dr_gaussian_args *a = n->saved;
    a->dy = n->y->grad;
    a->dx = dr_grad(g, n->in[0]);
    if (!g->status)
        g->ops->gaussian_sample_bwd(a);
}

static void kl_backward(dr_tape *g, dr_node *n)
{
    dr_gaussian_args *a = n->saved;
    a->dy = n->y->grad;
    a->dx = dr_grad(g, n->in[0]);
    if (!g->status)
        g->ops->gaussian_kl_bwd(a);
}

static dr_gaussian_args args_of(const dr_tensor *moments, const float *noise, dr_tensor *y)
{
    int64_t C = moments->dim[moments->rank - 1] / 2;
    dr_assert_last(moments, 2 * C, "gaussian moments");
    return (dr_gaussian_args){
        .R = dr_numel(moments) / (2 * C), .C = C, .x = dr_f32(moments), .noise = noise, .y = y->data};
}

static dr_tensor *finish(dr_tape *g, dr_backward_fn *fn, dr_tensor *moments, const dr_gaussian_args *a, dr_tensor *y)
{
    dr_node *n = dr_record(g, fn, y, moments, NULL, NULL, NULL);
    if (n)
        n->saved = dr_save(g, a, sizeof *a);
    return y;
}

dr_tensor *dr_gaussian_sample(dr_tape *g, dr_tensor *moments, const dr_tensor *noise)
{
    if (dr_tape_stopped(g))
        return &g->dummy;
    int64_t dim[4];
    memcpy(dim, moments->dim, sizeof dim);
    dim[moments->rank - 1] /= 2;
    dr_tensor *y = dr_new(g, moments->rank, dim);
    if (g->status)
        return y;
    dr_assert_same(noise, y, "gaussian noise");
    dr_gaussian_args a = args_of(moments, dr_f32(noise), y);
    g->ops->gaussian_sample(&a);
    return finish(g, sample_backward, moments, &a, y);
}

dr_tensor *dr_gaussian_kl(dr_tape *g, dr_tensor *moments)
{
    dr_tensor *y = dr_tape_stopped(g) ? &g->dummy : dr_new(g, 1, (int64_t[]){1});
    if (g->status)
        return y;
    dr_gaussian_args a = args_of(moments, NULL, y);
    g->ops->gaussian_kl(&a);
    return finish(g, kl_backward, moments, &a, y);
}
