/* Attention: d = N, Lq, Lk, heads, D. */
#ifndef CASES_ATTENTION_H
#define CASES_ATTENTION_H

#include "ops/check_ops.h"

enum { ATT_Q, ATT_K, ATT_V };

/* q, k, v are tokens of C values each, contiguous, or (FUSED) slices of rows that hold three of them. Gradients are
 * contiguous always, so a fused case fills the slices of its rows from inputs that are contiguous. */
static void attention_setup(check_problem *p)
{
    int64_t N = p->c->d[0], Lq = p->c->d[1], Lk = p->c->d[2], D = p->c->d[4], C = p->c->d[3] * D;
    dr_attention_args *a = new_args(p, sizeof *a);
    *a = (dr_attention_args){.scratch = p->scratch,
                             .precision = p->precision,
                             .N = N,
                             .Lq = Lq,
                             .Lk = Lk,
                             .heads = (int)p->c->d[3],
                             .D = (int)D,
                             .causal = has(p, CAUSAL),
                             .ldq = C,
                             .ldk = C,
                             .ldv = C};
    a->q = add_in(p, "q", N * Lq * C, 0, has(p, SHARP) ? 12 : 1, Lk);
    a->k = add_in(p, "k", N * Lk * C, 0, 1, Lq);
    a->v = add_in(p, "v", N * Lk * C, 0, 1, Lq);
    a->y = add_out(p, "y", N * Lq * C, 1);
    a->lse = add_out(p, "lse", has(p, NO_STATS) ? 0 : N * p->c->d[3] * Lq, 1);
    a->dy = p->dy;
    if (has(p, FUSED)) {
        int64_t tokens = N * (Lq > Lk ? Lq : Lk);
        float *rows = check_buffer(p, tokens * 3 * C);
        for (int64_t i = 0; i < tokens * 3 * C; i++)
            rows[i] = NAN; /* until the forward puts the slices in */
        a->q = rows;
        a->k = rows + C;
        a->v = rows + 2 * C;
        a->ldq = a->ldk = a->ldv = 3 * C;
    }
}

static void fuse(check_problem *p)
{
    dr_attention_args *a = p->args;
    int64_t C = (int64_t)a->heads * a->D;
    float *slice[] = {(float *)a->q, (float *)a->k, (float *)a->v};
    for (int i = 0; i < 3 && has(p, FUSED); i++)
        for (int64_t t = 0; t < p->in[i].n / C; t++)
            memcpy(slice[i] + t * a->ldq, p->in[i].data + t * C, (size_t)C * sizeof(float));
}

static dr_status attention_forward(const dr_ops *ops, check_problem *p)
{
    fuse(p);
    return ops->attention(p->args);
}

static dr_status attention_backward(const dr_ops *ops, check_problem *p)
{
    dr_attention_args *a = p->args;
    a->dq = grad(p, ATT_Q);
    a->dk = grad(p, ATT_K);
    a->dv = grad(p, ATT_V);
    return ops->attention_bwd(a);
}

static double attention_work(const check_case *c)
{
    return 4 * (double)(c->d[0] * c->d[1] * c->d[2]) * (double)(c->d[3] * c->d[4]);
}

static const check_case attention_cases[] = {
    {.d = {1, 1, 1, 1, 6}},
    {.d = {1, 1, 33, 2, 8}},
    {.d = {2, 33, 77, 3, 40}},
    {.d = {1, 20, 20, 2, 6}, .opt = CAUSAL},
    {.d = {2, 9, 9, 2, 5}, .opt = CAUSAL | FUSED},
    {.d = {2, 7, 13, 2, 10}},
    {.d = {1, 77, 77, 2, 64}, .opt = CAUSAL},
    {.d = {2, 130, 130, 1, 16}, .opt = CAUSAL | FUSED},
    {.d = {1, 64, 64, 2, 64}},
    {.d = {1, 70, 130, 1, 80}},
    {.d = {1, 40, 65, 1, 160}},
    {.d = {2, 50, 50, 2, 40}, .opt = FUSED},
    {.d = {1, 300, 77, 2, 64}},
    {.d = {1, 35, 35, 1, 512}},
    {.d = {1, 200, 300, 1, 32}},
    {.d = {1, 48, 90, 2, 64}, .opt = SHARP, .slack = 20},
    /* inference: no lse is kept */
    {.d = {1, 1, 1, 1, 6}, .opt = NO_STATS},
    {.d = {1, 19, 40, 1, 40}, .opt = NO_STATS},
    {.d = {1, 21, 37, 2, 7}, .opt = NO_STATS},
    {.d = {2, 9, 9, 2, 5}, .opt = NO_STATS | CAUSAL | FUSED},
    {.d = {2, 130, 77, 2, 64}, .opt = NO_STATS},
    {.d = {1, 77, 77, 2, 64}, .opt = NO_STATS | CAUSAL},
    {.d = {2, 65, 65, 2, 40}, .opt = NO_STATS | CAUSAL | FUSED},
    {.d = {1, 33, 100, 1, 80}, .opt = NO_STATS},
    {.d = {1, 20, 35, 2, 160}, .opt = NO_STATS},
    {.d = {1, 70, 70, 1, 512}, .opt = NO_STATS | FUSED},
    {.d = {1, 600, 600, 1, 64}, .opt = NO_STATS},
    {.d = {1, 48, 90, 2, 64}, .opt = NO_STATS | SHARP, .slack = 20},
};

static const check_case attention_bench[] = {
    {.d = {2, 4096, 4096, 5, 64}},
    {.d = {2, 4096, 77, 5, 64}},
    {.d = {2, 4096, 4096, 8, 40}},
    {.d = {1, 4096, 4096, 1, 512}},
};

static const check_op op_attention = {
    .name = "attention",
    .axes = {"N", "Lq", "Lk", "heads", "D"},
    CASES(attention_cases),
    BENCH(attention_bench),
    .setup = attention_setup,
    .forward = attention_forward,
    .backward = attention_backward,
    .work = attention_work,
    .backward_work = 2.5,
    .bf16_chain = 2, /* scores and dy·v, whose product meets q and k */
};

#endif
