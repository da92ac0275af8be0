/* Resizing: d = N, H, W, C, OH, OW. */
#ifndef CASES_RESIZE_H
#define CASES_RESIZE_H

#include "ops/check_ops.h"

static void resize_setup(check_problem *p)
{
    const int64_t *d = p->c->d;
    int64_t across = (d[4] + d[1] - 1) / d[1] * ((d[5] + d[2] - 1) / d[2]);
    add_in(p, "x", d[0] * d[1] * d[2] * d[3], 0, 1, 4 * across);
    add_out(p, "y", d[0] * d[4] * d[5] * d[3], 4);
}

static dr_status nearest_forward(const dr_ops *ops, check_problem *p)
{
    const int64_t *d = p->c->d;
    ops->resize_nearest(d[0], d[1], d[2], d[3], d[4], d[5], p->in[0].data, p->out[0].data);
    return DR_OK;
}

static dr_status nearest_backward(const dr_ops *ops, check_problem *p)
{
    const int64_t *d = p->c->d;
    if (grad(p, 0))
        ops->resize_nearest_bwd(d[0], d[1], d[2], d[3], d[4], d[5], p->dy, grad(p, 0));
    return DR_OK;
}

static dr_status bilinear_forward(const dr_ops *ops, check_problem *p)
{
    const int64_t *d = p->c->d;
    ops->resize_bilinear(d[0], d[1], d[2], d[3], d[4], d[5], p->in[0].data, p->out[0].data);
    return DR_OK;
}

static dr_status bilinear_backward(const dr_ops *ops, check_problem *p)
{
    const int64_t *d = p->c->d;
    if (grad(p, 0))
        ops->resize_bilinear_bwd(d[0], d[1], d[2], d[3], d[4], d[5], p->dy, grad(p, 0));
    return DR_OK;
}

static double resize_work(const check_case *c)
{
    return 4 * (double)(c->d[0] * c->d[3]) * (double)(c->d[1] * c->d[2] + c->d[4] * c->d[5]);
}

static const check_case resize_cases[] = {
    {.d = {1, 1, 1, 1, 1, 1}},     {.d = {2, 7, 5, 3, 14, 10}},   {.d = {1, 8, 8, 20, 3, 5}},
    {.d = {2, 5, 6, 17, 13, 7}},   {.d = {1, 16, 16, 4, 64, 64}}, {.d = {1, 1, 1, 33, 4, 3}},
    {.d = {1, 9, 7, 150, 18, 14}},
};
static const check_case resize_bench[] = {{.d = {2, 32, 32, 640, 64, 64}}, {.d = {1, 256, 256, 256, 512, 512}}};

#define RESIZE_OP(kind)                                                                                                \
    static const check_op op_resize_##kind = {.name = "resize_" #kind,                                                 \
                                              .axes = {"N", "H", "W", "C", "OH", "OW"},                                \
                                              CASES(resize_cases),                                                     \
                                              BENCH(resize_bench),                                                     \
                                              .setup = resize_setup,                                                   \
                                              .forward = kind##_forward,                                               \
                                              .backward = kind##_backward,                                             \
                                              .work = resize_work,                                                     \
                                              .backward_work = 1,                                                      \
                                              .bytes = true}
RESIZE_OP(nearest);
RESIZE_OP(bilinear);

#endif
