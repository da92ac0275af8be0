/* Layers' functions: linear, convolution, norms, attention, embedding. */
#include "autograd/functions.h"

#include "autograd/shapes.h"

#include <string.h>

static void linear_backward(dr_tape *g, dr_node *n)
{
    dr_linear_args *a = n->saved;
    a->dy = n->y->grad;
    a->dx = dr_grad(g, n->in[0]);
    a->dw = dr_grad(g, n->in[1]);
    a->db = dr_grad(g, n->in[2]);
    if (!g->status)
        dr_tape_fail(g, g->ops->linear_bwd(a));
    dr_pass_grad(g, n->in[3], n->y->grad);
}

dr_tensor *dr_linear(dr_tape *g, dr_tensor *x, dr_tensor *w, dr_tensor *b, dr_tensor *residual)
{
    if (dr_tape_stopped(g))
        return &g->dummy;
    int64_t N = w->dim[0], K = dr_numel(w) / N, dim[4];
    dr_assert_last(x, K, w->name);
    memcpy(dim, x->dim, sizeof dim);
    dim[x->rank - 1] = N;
    dr_tensor *y = dr_new(g, x->rank, dim);
    if (g->status)
        return y;
    if (residual)
        dr_assert_same(residual, y, "linear residual");
    dr_linear_args a = {.scratch = &g->values,
                        .precision = g->precision,
                        .M = dr_numel(x) / K,
                        .N = N,
                        .K = K,
                        .w = w,
                        .x = dr_f32(x),
                        .b = b ? dr_f32(b) : NULL,
                        .residual = residual ? dr_f32(residual) : NULL,
                        .y = y->data};
    dr_tape_fail(g, g->ops->linear(&a));
    dr_node *n = dr_record(g, linear_backward, y, x, w, b, residual);
    if (n)
        n->saved = dr_save(g, &a, sizeof a);
    return y;
}

static void conv2d_backward(dr_tape *g, dr_node *n)
{
    dr_conv_args *a = n->saved;
    a->dy = n->y->grad;
    a->dx = dr_grad(g, n->in[0]);
    a->dw = dr_grad(g, n->in[1]);
    a->db = dr_grad(g, n->in[2]);
    if (!g->status)
        dr_tape_fail(g, g->ops->conv2d_bwd(a));
    dr_pass_grad(g, n->in[3], n->y->grad);
}

dr_tensor *dr_conv2d(dr_tape *g, dr_tensor *x, dr_tensor *w, dr_tensor *b, dr_conv_geom geom, dr_tensor *residual)
{
    if (dr_tape_stopped(g))
        return &g->dummy;
    int64_t groups = geom.groups > 1 ? geom.groups : 1;
    dr_assert_last(x, w->dim[1] * groups, w->name);
    int64_t N = x->dim[0], H = x->dim[1], W = x->dim[2], O = w->dim[0];
    int64_t OH = (H + geom.top + geom.bottom - geom.kh) / geom.stride + 1;
    int64_t OW = (W + geom.left + geom.right - geom.kw) / geom.stride + 1;
    DR_ASSERT(x->rank == 4 && OH > 0 && OW > 0, "'%s': input of %lldx%lld is too small", w->name, (long long)H,
              (long long)W);
    dr_tensor *y = dr_new4(g, N, OH, OW, O);
    if (g->status)
        return y;
    if (residual)
        dr_assert_same(residual, y, "conv2d residual");
    dr_conv_args a = {.scratch = &g->values,
                      .precision = g->precision,
                      .N = N,
                      .H = H,
                      .W = W,
                      .I = x->dim[3],
                      .O = O,
                      .OH = OH,
                      .OW = OW,
                      .whole_h = g->whole_h,
                      .whole_w = g->whole_w,
                      .geom = geom,
                      .w = w,
                      .b = b ? dr_f32(b) : NULL,
                      .x = dr_f32(x),
                      .residual = residual ? dr_f32(residual) : NULL,
                      .y = y->data};
    dr_tape_fail(g, g->ops->conv2d(&a));
    dr_node *n = dr_record(g, conv2d_backward, y, x, w, b, residual);
    if (n)
        n->saved = dr_save(g, &a, sizeof a);
    return y;
}

static void groupnorm_backward(dr_tape *g, dr_node *n)
{
    dr_groupnorm_args *a = n->saved;
    a->dy = n->y->grad;
    a->dx = dr_grad(g, n->in[0]);
    a->dgamma = dr_grad(g, n->in[1]);
    a->dbeta = dr_grad(g, n->in[2]);
    if (!g->status)
        dr_tape_fail(g, g->ops->groupnorm_bwd(a));
}

dr_tensor *dr_groupnorm(dr_tape *g, dr_tensor *x, dr_tensor *gamma, dr_tensor *beta, int groups, float eps, dr_act act)
{
    if (dr_tape_stopped(g))
        return &g->dummy;
    int64_t C = x->dim[x->rank - 1], N = x->dim[0];
    DR_ASSERT(groups > 0 && C % groups == 0, "groupnorm: %d groups do not divide %lld channels", groups, (long long)C);
    dr_assert_last(x, gamma ? dr_numel(gamma) : C, "groupnorm");
    dr_tensor *y = dr_new_like(g, x);
    dr_tensor *stats = g->recording ? dr_new2(g, 2, N * groups) : NULL;
    if (g->status)
        return y;
    dr_groupnorm_args a = {.scratch = &g->values,
                           .N = N,
                           .S = dr_numel(x) / (N * C),
                           .C = C,
                           .groups = groups,
                           .eps = eps,
                           .act = act,
                           .gamma = gamma ? dr_f32(gamma) : NULL,
                           .beta = beta ? dr_f32(beta) : NULL,
                           .x = dr_f32(x),
                           .y = y->data};
    if (stats) {
        a.mean = stats->data;
        a.rstd = a.mean + N * groups;
    }
    dr_tape_fail(g, g->ops->groupnorm(&a));
    dr_node *n = dr_record(g, groupnorm_backward, y, x, gamma, beta, NULL);
    if (n)
        n->saved = dr_save(g, &a, sizeof a);
    return y;
}

static void layernorm_backward(dr_tape *g, dr_node *n)
{
    dr_layernorm_args *a = n->saved;
    a->dy = n->y->grad;
    a->dx = dr_grad(g, n->in[0]);
    a->dgamma = dr_grad(g, n->in[1]);
    a->dbeta = dr_grad(g, n->in[2]);
    if (!g->status)
        dr_tape_fail(g, g->ops->layernorm_bwd(a));
}

dr_tensor *dr_layernorm(dr_tape *g, dr_tensor *x, dr_tensor *gamma, dr_tensor *beta, float eps)
{
    if (dr_tape_stopped(g))
        return &g->dummy;
    int64_t C = dr_numel(gamma), R = dr_numel(x) / C;
    dr_assert_last(x, C, "layernorm");
    dr_tensor *y = dr_new_like(g, x);
    dr_tensor *stats = g->recording ? dr_new2(g, 2, R) : NULL;
    if (g->status)
        return y;
    dr_layernorm_args a = {.scratch = &g->values,
                           .R = R,
                           .C = C,
                           .eps = eps,
                           .gamma = dr_f32(gamma),
                           .beta = dr_f32(beta),
                           .x = dr_f32(x),
                           .y = y->data};
    if (stats) {
        a.mean = stats->data;
        a.rstd = a.mean + R;
    }
    dr_tape_fail(g, g->ops->layernorm(&a));
    dr_node *n = dr_record(g, layernorm_backward, y, x, gamma, beta, NULL);
    if (n)
        n->saved = dr_save(g, &a, sizeof a);
    return y;
}

static void attention_backward(dr_tape *g, dr_node *n)
{
    dr_attention_args *a = n->saved;
    a->dy = n->y->grad;
    a->dq = dr_grad(g, n->in[0]);
    a->dk = dr_grad(g, n->in[1]);
    a->dv = dr_grad(g, n->in[2]);
    if (!g->status)
        dr_tape_fail(g, g->ops->attention_bwd(a));
}

dr_tensor *dr_attention(dr_tape *g, dr_tensor *q, dr_tensor *k, dr_tensor *v, int heads, bool causal)
{
    if (dr_tape_stopped(g))
        return &g->dummy;
    int64_t C = q->dim[2];
    dr_assert_same(k, v, "attention keys and values");
    DR_ASSERT(q->rank == 3 && k->rank == 3 && q->dim[0] == k->dim[0] && k->dim[2] == C && C % heads == 0,
              "attention of [%lld,%lld,%lld] with [%lld,%lld,%lld], %d heads", (long long)q->dim[0],
              (long long)q->dim[1], (long long)C, (long long)k->dim[0], (long long)k->dim[1], (long long)k->dim[2],
              heads);
    dr_tensor *y = dr_new_like(g, q);
    dr_tensor *lse = g->recording ? dr_new3(g, q->dim[0], heads, q->dim[1]) : NULL;
    if (g->status)
        return y;
    dr_attention_args a = {.scratch = &g->values,
                           .precision = g->precision,
                           .N = q->dim[0],
                           .Lq = q->dim[1],
                           .Lk = k->dim[1],
                           .heads = heads,
                           .D = (int)(C / heads),
                           .causal = causal,
                           .ldq = C,
                           .ldk = C,
                           .ldv = C,
                           .q = dr_f32(q),
                           .k = dr_f32(k),
                           .v = dr_f32(v),
                           .y = y->data,
                           .lse = lse ? lse->data : NULL};
    dr_tape_fail(g, g->ops->attention(&a));
    dr_node *n = dr_record(g, attention_backward, y, q, k, v, NULL);
    if (n)
        n->saved = dr_save(g, &a, sizeof a);
    return y;
}

static void embedding_backward(dr_tape *g, dr_node *n)
{
    dr_pick_args *a = n->saved;
    a->dy = n->y->grad;
    a->dx = dr_grad(g, n->in[0]);
    if (!g->status)
        g->ops->embedding_bwd(a);
}

dr_tensor *dr_embedding(dr_tape *g, dr_tensor *table, const int32_t *ids, int64_t N, int64_t L)
{
    if (dr_tape_stopped(g))
        return &g->dummy;
    int64_t V = table->dim[0], C = table->dim[1];
    for (int64_t i = 0; i < N * L; i++)
        DR_ASSERT(ids[i] >= 0 && ids[i] < V, "token %d of %lld", ids[i], (long long)V);
    dr_tensor *y = dr_new3(g, N, L, C);
    dr_pick_args a = {.x = table, .id = dr_put(g, ids, (size_t)(N * L) * sizeof *ids), .n = N * L, .y = y->data};
    if (g->status)
        return y;
    g->ops->embedding(&a);
    dr_node *n = dr_record(g, embedding_backward, y, table, NULL, NULL, NULL);
    if (n)
        n->saved = dr_save(g, &a, sizeof a);
    return y;
}
