/* What an optimizer step takes: d = n. */
#ifndef CASES_OPTIMIZER_H
#define CASES_OPTIMIZER_H

#include "ops/check_ops.h"

static const check_case optimizer_cases[] = {{.d = {1}}, {.d = {37}}, {.d = {1003}}, {.d = {70001}}};
static const check_case optimizer_bench[] = {{.d = {10000000}}};

static void sumsq_setup(check_problem *p)
{
    add_in(p, "x", p->c->d[0], 0, 1, 0);
    add_out(p, "sum", 1, 1);
}

static dr_status sumsq_forward(const dr_ops *ops, check_problem *p)
{
    p->out[0].data[0] = (float)ops->sumsq(p->c->d[0], p->in[0].data);
    return DR_OK;
}

static double sumsq_work(const check_case *c)
{
    return 4 * (double)c->d[0];
}

static const check_op op_sumsq = {.name = "sumsq",
                                  .axes = {"n"},
                                  CASES(optimizer_cases),
                                  BENCH(optimizer_bench),
                                  .setup = sumsq_setup,
                                  .forward = sumsq_forward,
                                  .work = sumsq_work,
                                  .bytes = true};

/* The third step of a run: moments that are not zero, v positive. */
static void adamw_setup(check_problem *p)
{
    int64_t n = p->c->d[0];
    add_in(p, "g", n, 0, 1, 0);
    add_inout(p, "p", n, 0, 1);
    add_inout(p, "m", n, 0, 0.1f);
    float *v = add_inout(p, "v", n, 0, 0.1f);
    for (int64_t i = 0; i < n; i++)
        v[i] *= v[i];
}

static dr_status adamw_forward(const dr_ops *ops, check_problem *p)
{
    ops->adamw(p->c->d[0], p->out[0].data, p->in[0].data, p->out[1].data, p->out[2].data, 0.7f, 1e-2f, 0.9f, 0.999f,
               1e-8f, 1e-2f, 1 - 0.9 * 0.9 * 0.9, 1 - 0.999 * 0.999 * 0.999);
    return DR_OK;
}

static double adamw_work(const check_case *c)
{
    return 28 * (double)c->d[0];
}

static const check_op op_adamw = {.name = "adamw",
                                  .axes = {"n"},
                                  CASES(optimizer_cases),
                                  BENCH(optimizer_bench),
                                  .setup = adamw_setup,
                                  .forward = adamw_forward,
                                  .work = adamw_work,
                                  .bytes = true};

#endif
