#include "autograd/spade.h"

#include "autograd/shapes.h"

static void spade_backward(dr_tape *g, dr_node *n)
{
    dr_spade_args *a = n->saved;
    a->dy = n->y->grad;
    a->dx = dr_grad(g, n->in[0]);
    a->dnoise_scale = dr_grad(g, n->in[1]);
    a->dgamma = dr_grad(g, n->in[2]);
    a->dbeta = dr_grad(g, n->in[3]);
    if (!g->status)
        dr_tape_fail(g, g->ops->spade_bwd(a));
}

dr_tensor *dr_spade(dr_tape *g, dr_tensor *x, const dr_tensor *noise, dr_tensor *noise_scale, dr_tensor *gamma,
                    dr_tensor *beta, const int32_t *id, dr_spade_options o)
{
    if (dr_tape_stopped(g))
        return &g->dummy;
    int64_t C = x->dim[x->rank - 1], N = x->dim[0], S = dr_numel(x) / (N * C);
    dr_assert_last(gamma, C, "spade");
    dr_assert_same(gamma, beta, "spade");
    DR_ASSERT(id || dr_numel(gamma) == dr_numel(x), "spade: gamma of %lld values for %lld", (long long)dr_numel(gamma),
              (long long)dr_numel(x));
    DR_ASSERT(!noise || (dr_numel(noise) == N * S && dr_numel(noise_scale) == C),
              "spade: noise of %lld values for %lld", (long long)dr_numel(noise), (long long)(N * S));
    dr_tensor *y = dr_new_like(g, x);
    dr_tensor *stats = g->recording ? dr_new2(g, 2, N * C) : NULL;
    if (g->status)
        return y;
    dr_spade_args a = {.scratch = &g->values,
                       .N = N,
                       .S = S,
                       .C = C,
                       .P = dr_numel(gamma) / C,
                       .eps = o.eps,
                       .slope = o.slope,
                       .gain = o.gain,
                       .x = dr_f32(x),
                       .noise = noise ? dr_f32(noise) : NULL,
                       .noise_scale = noise ? dr_f32(noise_scale) : NULL,
                       .gamma = dr_f32(gamma),
                       .beta = dr_f32(beta),
                       .id = id,
                       .y = y->data};
    if (stats) {
        a.mean = stats->data;
        a.rstd = a.mean + N * C;
    }
    dr_tape_fail(g, g->ops->spade(&a));
    dr_node *n = dr_record(g, spade_backward, y, x, noise ? noise_scale : NULL, gamma, beta);
    if (n)
        n->saved = dr_save(g, &a, sizeof a);
    return y;
}

static void label_conv_backward(dr_tape *g, dr_node *n)
{
    dr_label_conv_args *a = n->saved;
    a->dy = n->y->grad;
    a->dw = dr_grad(g, n->in[0]);
    a->db = dr_grad(g, n->in[1]);
    if (!g->status)
        g->ops->label_conv_bwd(a);
}

dr_tensor *dr_label_conv(dr_tape *g, const uint8_t *window, int64_t P, dr_tensor *w, dr_tensor *b)
{
    if (dr_tape_stopped(g))
        return &g->dummy;
    dr_tensor *y = dr_new3(g, P, w->dim[0], 9);
    if (g->status)
        return y;
    DR_ASSERT(w->rank == 4 && w->dim[2] == 3 && w->dim[3] == 3, "'%s': a window of %lldx%lld, expected 3x3", w->name,
              (long long)w->dim[2], (long long)w->dim[3]);
    dr_label_conv_args a = {.scratch = &g->values,
                            .P = P,
                            .labels = w->dim[1],
                            .O = w->dim[0],
                            .window = window,
                            .w = w,
                            .b = dr_f32(b),
                            .y = y->data};
    dr_tape_fail(g, g->ops->label_conv(&a));
    dr_node *n = dr_record(g, label_conv_backward, y, w, b, NULL, NULL);
    if (n)
        n->saved = dr_save(g, &a, sizeof a);
    return y;
}

static void region_norm_backward(dr_tape *g, dr_node *n)
{
    dr_region_norm_args *a = n->saved;
    a->dy = n->y->grad;
    a->dx = dr_grad(g, n->in[0]);
    if (!g->status)
        dr_tape_fail(g, g->ops->region_norm_bwd(a));
}

dr_tensor *dr_region_norm(dr_tape *g, dr_tensor *x, const dr_tensor *mask, float eps)
{
    dr_tensor *y = dr_tape_stopped(g) ? &g->dummy : dr_new_like(g, x);
    if (g->status)
        return y;
    int64_t C = x->dim[x->rank - 1], N = x->dim[0], S = dr_numel(x) / (N * C);
    DR_ASSERT(dr_numel(mask) == N * S, "region norm: a mask of %lld values for %lld places", (long long)dr_numel(mask),
              (long long)(N * S));
    dr_region_norm_args a = {
        .scratch = &g->values, .N = N, .S = S, .C = C, .eps = eps, .x = dr_f32(x), .m = dr_f32(mask), .y = y->data};
    dr_tape_fail(g, g->ops->region_norm(&a));
    dr_node *n = dr_record(g, region_norm_backward, y, x, NULL, NULL, NULL);
    if (n)
        n->saved = dr_save(g, &a, sizeof a);
    return y;
}
