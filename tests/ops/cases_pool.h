/* Pooling: d = N, H, W, C, OH, OW; PADDED counts the padding, MEAN does not. */
#ifndef CASES_POOL_H
#define CASES_POOL_H

#include "ops/check_ops.h"

/* ADD and OFFSET have no other meaning here. */
#define POOL_MEAN ADD
#define POOL_PADDED OFFSET

static void pool_setup(check_problem *p)
{
    const int64_t *d = p->c->d;
    const dr_conv_geom *g = &p->c->geom;
    dr_pool_args *a = new_args(p, sizeof *a);
    *a = (dr_pool_args){.kind = has(p, POOL_PADDED) ? DR_POOL_MEAN_PADDED
                                : has(p, POOL_MEAN) ? DR_POOL_MEAN
                                                    : DR_POOL_MAX,
                        .N = d[0],
                        .H = d[1],
                        .W = d[2],
                        .C = d[3],
                        .OH = d[4],
                        .OW = d[5],
                        .geom = *g};
    int64_t n = d[0] * d[1] * d[2] * d[3];
    float *x = add_in(p, "x", n, 0, 1, g->kh * g->kw);
    /* far enough from each other that a difference changes no maximum */
    for (int64_t i = 0; a->kind == DR_POOL_MAX && i < n; i++)
        x[i] = 0.25f * (float)((i * 7919) % 4001) / 40.0f + 0.001f * x[i];
    a->x = x;
    a->y = add_out(p, "y", d[0] * d[4] * d[5] * d[3], g->kh * g->kw);
}

static dr_status pool_forward(const dr_ops *ops, check_problem *p)
{
    dr_pool_args *a = p->args;
    a->x = p->in[0].data;
    a->y = p->out[0].data;
    ops->pool2d(a);
    return DR_OK;
}

static dr_status pool_backward(const dr_ops *ops, check_problem *p)
{
    dr_pool_args *a = p->args;
    a->x = p->in[0].data;
    a->dy = p->dy;
    a->dx = grad(p, 0);
    ops->pool2d_bwd(a);
    return DR_OK;
}

static double pool_work(const check_case *c)
{
    return 4 * (double)(c->d[0] * c->d[3]) * (double)(c->d[1] * c->d[2] + c->d[4] * c->d[5]);
}

/* Inception's, VGG's and SqueezeNet's windows; the last windows of `ceil` reach beyond the picture */
static const check_case pool_cases[] = {
    {.d = {1, 1, 1, 1, 1, 1}, .geom = {1, 1, 1}},
    {.d = {2, 7, 9, 5, 3, 4}, .geom = {3, 3, 2}},
    {.d = {2, 8, 6, 17, 4, 3}, .geom = {2, 2, 2}},
    {.d = {1, 8, 6, 33, 4, 3}, .geom = {3, 3, 2}},
    {.d = {1, 5, 6, 19, 5, 6}, .geom = {3, 3, 1, 1, 1, 1, 1}},
    {.d = {2, 5, 6, 19, 5, 6}, .geom = {3, 3, 1, 1, 1, 1, 1}, .opt = POOL_MEAN},
    {.d = {2, 5, 6, 19, 5, 6}, .geom = {3, 3, 1, 1, 1, 1, 1}, .opt = POOL_PADDED},
    {.d = {1, 8, 6, 7, 4, 3}, .geom = {3, 3, 2}, .opt = POOL_MEAN},
    {.d = {1, 8, 7, 7, 5, 4}, .geom = {3, 3, 2, 1, 1, 1, 1}, .opt = POOL_PADDED},
    {.d = {2, 8, 5, 40, 1, 1}, .geom = {8, 5, 1}, .opt = POOL_MEAN},
};
static const check_case pool_bench[] = {
    {.d = {8, 147, 147, 64, 73, 73}, .geom = {3, 3, 2}},
    {.d = {8, 35, 35, 288, 35, 35}, .geom = {3, 3, 1, 1, 1, 1, 1}, .opt = POOL_MEAN}};

static const check_op op_pool2d = {.name = "pool2d",
                                   .axes = {"N", "H", "W", "C", "OH", "OW"},
                                   CASES(pool_cases),
                                   BENCH(pool_bench),
                                   .setup = pool_setup,
                                   .forward = pool_forward,
                                   .backward = pool_backward,
                                   .work = pool_work,
                                   .backward_work = 1,
                                   .bytes = true};

#endif
