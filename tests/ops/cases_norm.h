/* Group and layer normalisation. */
#ifndef CASES_NORM_H
#define CASES_NORM_H

#include "ops/check_ops.h"

enum { NORM_X, NORM_GAMMA, NORM_BETA };

/* --- groupnorm: d = N, S, C, groups ------------------------------------------------------------------------- */

static void groupnorm_setup(check_problem *p)
{
    int64_t N = p->c->d[0], S = p->c->d[1], C = p->c->d[2], affine = has(p, AFFINE) ? C : 0;
    int groups = (int)p->c->d[3];
    dr_groupnorm_args *a = new_args(p, sizeof *a);
    *a = (dr_groupnorm_args){
        .scratch = p->scratch, .N = N, .S = S, .C = C, .groups = groups, .eps = 1e-5f, .act = p->c->act};
    a->x = add_in(p, "x", N * S * C, has(p, OFFSET) ? 30 : 0.5f, 2, S * C / groups);
    a->gamma = add_in(p, "gamma", affine, 1, 0.3f, N * S);
    a->beta = add_in(p, "beta", affine, 0, 0.3f, N * S);
    a->y = add_out(p, "y", N * S * C, S * C / groups);
    a->mean = add_out(p, "mean", has(p, NO_STATS) ? 0 : N * groups, S * C / groups);
    a->rstd = add_out(p, "rstd", has(p, NO_STATS) ? 0 : N * groups, S * C / groups);
    a->dy = p->dy;
}

static dr_status groupnorm_forward(const dr_ops *ops, check_problem *p)
{
    return ops->groupnorm(p->args);
}

static dr_status groupnorm_backward(const dr_ops *ops, check_problem *p)
{
    dr_groupnorm_args *a = p->args;
    a->dx = grad(p, NORM_X);
    a->dgamma = grad(p, NORM_GAMMA);
    a->dbeta = grad(p, NORM_BETA);
    return ops->groupnorm_bwd(a);
}

static double groupnorm_work(const check_case *c)
{
    return 8 * (double)(c->d[0] * c->d[1] * c->d[2]);
}

static const check_case groupnorm_cases[] = {
    {.d = {1, 1, 128, 32}, .opt = AFFINE | SHARP, .slack = 10},
    {.d = {2, 35, 24, 4}, .opt = AFFINE},
    {.d = {2, 35, 24, 4}},
    {.d = {1, 64, 320, 32}, .opt = AFFINE, .act = DR_ACT_SILU},
    {.d = {2, 9, 96, 32}, .opt = AFFINE, .act = DR_ACT_SILU},
    {.d = {1, 1000, 30, 3}, .opt = AFFINE},
    {.d = {1, 77, 34, 2}, .act = DR_ACT_SILU},
    {.d = {1, 12, 32, 32}, .opt = AFFINE},
    {.d = {3, 50, 64, 1}, .opt = AFFINE},
    {.d = {1, 256, 64, 8}, .opt = AFFINE | OFFSET, .slack = 10},
    {.d = {2, 16, 48, 4}, .opt = AFFINE | NO_STATS, .act = DR_ACT_SILU},
};

static const check_case groupnorm_bench[] = {
    {.d = {2, 4096, 320, 32}, .opt = AFFINE, .act = DR_ACT_SILU},
    {.d = {1, 262144, 128, 32}, .opt = AFFINE, .act = DR_ACT_SILU},
};

static const check_op op_groupnorm = {
    .name = "groupnorm",
    .axes = {"N", "S", "C", "groups"},
    CASES(groupnorm_cases),
    BENCH(groupnorm_bench),
    .setup = groupnorm_setup,
    .forward = groupnorm_forward,
    .backward = groupnorm_backward,
    .work = groupnorm_work,
    .backward_work = 2,
    .bytes = true,
};

/* --- layernorm: d = R, C ------------------------------------------------------------------------------------ */

static void layernorm_setup(check_problem *p)
{
    int64_t R = p->c->d[0], C = p->c->d[1];
    dr_layernorm_args *a = new_args(p, sizeof *a);
    *a = (dr_layernorm_args){.scratch = p->scratch, .R = R, .C = C, .eps = 1e-5f};
    a->x = add_in(p, "x", R * C, has(p, OFFSET) ? 30 : 0.5f, 2, C);
    a->gamma = add_in(p, "gamma", C, 1, 0.3f, R);
    a->beta = add_in(p, "beta", C, 0, 0.3f, R);
    a->y = add_out(p, "y", R * C, C);
    a->mean = add_out(p, "mean", has(p, NO_STATS) ? 0 : R, C);
    a->rstd = add_out(p, "rstd", has(p, NO_STATS) ? 0 : R, C);
    a->dy = p->dy;
}

static dr_status layernorm_forward(const dr_ops *ops, check_problem *p)
{
    return ops->layernorm(p->args);
}

static dr_status layernorm_backward(const dr_ops *ops, check_problem *p)
{
    dr_layernorm_args *a = p->args;
    a->dx = grad(p, NORM_X);
    a->dgamma = grad(p, NORM_GAMMA);
    a->dbeta = grad(p, NORM_BETA);
    return ops->layernorm_bwd(a);
}

static double layernorm_work(const check_case *c)
{
    return 8 * (double)(c->d[0] * c->d[1]);
}

static const check_case layernorm_cases[] = {
    {.d = {1, 7}},    {.d = {19, 50}},  {.d = {64, 320}},
    {.d = {5, 1280}}, {.d = {77, 768}}, {.d = {40, 33}, .opt = OFFSET, .slack = 10},
    {.d = {3, 1}},    {.d = {300, 16}}, {.d = {6, 100}, .opt = NO_STATS},
};

static const check_case layernorm_bench[] = {{.d = {8192, 320}}, {.d = {512, 1280}}};

static const check_op op_layernorm = {
    .name = "layernorm",
    .axes = {"R", "C"},
    CASES(layernorm_cases),
    BENCH(layernorm_bench),
    .setup = layernorm_setup,
    .forward = layernorm_forward,
    .backward = layernorm_backward,
    .work = layernorm_work,
    .backward_work = 2,
    .bytes = true,
};

#endif
