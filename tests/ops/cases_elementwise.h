/* Elementwise rows, row sums and copies. */
#ifndef CASES_ELEMENTWISE_H
#define CASES_ELEMENTWISE_H

#include "ops/check_ops.h"

/* In-place cases give the row its output's storage as first input. */
static const float *first_input(check_problem *p)
{
    if (!has(p, IN_PLACE))
        return p->in[0].data;
    memcpy(p->out[0].data, p->in[0].data, (size_t)p->in[0].n * sizeof(float));
    return p->out[0].data;
}

static double elements(const check_case *c, double arrays)
{
    double n = 4 * arrays;
    for (int i = 0; i < 6 && c->d[i]; i++)
        n *= (double)c->d[i];
    return n;
}

static double two_arrays(const check_case *c)
{
    return elements(c, 2);
}

static double three_arrays(const check_case *c)
{
    return elements(c, 3);
}

/* --- act: d = n -------------------------------------------------------------------------------------------- */

static void act_setup(check_problem *p)
{
    float *x = add_in(p, "x", p->c->d[0], 0, 3, 1);
    for (int64_t i = 0; i < p->c->d[0]; i++)
        if (p->c->act == DR_ACT_RELU || p->c->act == DR_ACT_LEAKY_RELU) /* differences must not straddle the corner */
            x[i] += x[i] < 0 ? -0.5f : 0.5f;
    add_out(p, "y", p->c->d[0], 1);
}

static dr_status act_forward(const dr_ops *ops, check_problem *p)
{
    ops->act(p->c->act, p->c->d[0], first_input(p), p->out[0].data);
    return DR_OK;
}

static dr_status act_backward(const dr_ops *ops, check_problem *p)
{
    if (grad(p, 0))
        ops->act_bwd(p->c->act, p->c->d[0], p->in[0].data, p->dy, grad(p, 0));
    return DR_OK;
}

static const check_case act_cases[] = {
    {.d = {1}, .act = DR_ACT_SILU},
    {.d = {1003}, .act = DR_ACT_SILU},
    {.d = {1003}, .act = DR_ACT_GELU},
    {.d = {1003}, .act = DR_ACT_QUICK_GELU},
    {.d = {1003}, .act = DR_ACT_RELU},
    {.d = {1003}, .act = DR_ACT_LEAKY_RELU},
    {.d = {1003}, .act = DR_ACT_TANH},
    {.d = {37}, .act = DR_ACT_NONE},
    {.d = {40000}, .act = DR_ACT_SILU},
    {.d = {515}, .act = DR_ACT_SILU, .opt = IN_PLACE},
    {.d = {515}, .act = DR_ACT_GELU, .opt = IN_PLACE},
};
static const check_case act_bench[] = {{.d = {2621440}, .act = DR_ACT_SILU}, {.d = {2621440}, .act = DR_ACT_GELU}};
static const check_op op_act = {.name = "act",
                                .axes = {"n"},
                                CASES(act_cases),
                                BENCH(act_bench),
                                .setup = act_setup,
                                .forward = act_forward,
                                .backward = act_backward,
                                .work = two_arrays,
                                .backward_work = 2,
                                .bytes = true};

/* --- add, mul, axpy, scale: d = n; no backward of their own ---------------------------------------------------- */

static const check_case flat_cases[] = {
    {.d = {1}}, {.d = {37}}, {.d = {1003}}, {.d = {40000}}, {.d = {515}, .opt = IN_PLACE}};
static const check_case flat_bench[] = {{.d = {2621440}}};

static void binary_setup(check_problem *p)
{
    add_in(p, "a", p->c->d[0], 0, 1, 0);
    add_in(p, "b", p->c->d[0], 0, 1, 0);
    add_out(p, "y", p->c->d[0], 1);
}

static dr_status add_forward(const dr_ops *ops, check_problem *p)
{
    ops->add(p->c->d[0], first_input(p), p->in[1].data, p->out[0].data);
    return DR_OK;
}

static dr_status mul_forward(const dr_ops *ops, check_problem *p)
{
    ops->mul(p->c->d[0], first_input(p), p->in[1].data, p->out[0].data);
    return DR_OK;
}

static void axpy_setup(check_problem *p)
{
    add_in(p, "x", p->c->d[0], 0, 1, 0);
    add_inout(p, "y", p->c->d[0], 0, 1);
}

static dr_status axpy_forward(const dr_ops *ops, check_problem *p)
{
    ops->axpy(p->c->d[0], -0.37f, p->in[0].data, p->out[0].data);
    return DR_OK;
}

static void scale_setup(check_problem *p)
{
    add_in(p, "x", p->c->d[0], 0, 1, 0);
    add_out(p, "y", p->c->d[0], 1);
}

static dr_status scale_forward(const dr_ops *ops, check_problem *p)
{
    ops->scale(p->c->d[0], 0.18215f, first_input(p), p->out[0].data);
    return DR_OK;
}

#define FLAT_OP(op, prepare, arrays)                                                                                   \
    static const check_op op_##op = {.name = #op,                                                                      \
                                     .axes = {"n"},                                                                    \
                                     CASES(flat_cases),                                                                \
                                     BENCH(flat_bench),                                                                \
                                     .setup = prepare,                                                                 \
                                     .forward = op##_forward,                                                          \
                                     .work = arrays,                                                                   \
                                     .bytes = true}
FLAT_OP(add, binary_setup, three_arrays);
FLAT_OP(mul, binary_setup, three_arrays);
FLAT_OP(axpy, axpy_setup, three_arrays);
FLAT_OP(scale, scale_setup, two_arrays);

/* --- geglu: d = R, C -------------------------------------------------------------------------------------- */

static void geglu_setup(check_problem *p)
{
    add_in(p, "x", p->c->d[0] * 2 * p->c->d[1], 0, 2, 1);
    add_out(p, "y", p->c->d[0] * p->c->d[1], 1);
}

static dr_status geglu_forward(const dr_ops *ops, check_problem *p)
{
    ops->geglu(p->c->d[0], p->c->d[1], p->in[0].data, p->out[0].data);
    return DR_OK;
}

static dr_status geglu_backward(const dr_ops *ops, check_problem *p)
{
    if (grad(p, 0))
        ops->geglu_bwd(p->c->d[0], p->c->d[1], p->in[0].data, p->dy, grad(p, 0));
    return DR_OK;
}

static const check_case geglu_cases[] = {
    {.d = {1, 1}}, {.d = {11, 13}}, {.d = {7, 64}}, {.d = {1, 1283}}, {.d = {130, 160}}};
static const check_case geglu_bench[] = {{.d = {8192, 1280}}, {.d = {512, 5120}}};
static const check_op op_geglu = {.name = "geglu",
                                  .axes = {"R", "C"},
                                  CASES(geglu_cases),
                                  BENCH(geglu_bench),
                                  .setup = geglu_setup,
                                  .forward = geglu_forward,
                                  .backward = geglu_backward,
                                  .work = three_arrays,
                                  .backward_work = 2,
                                  .bytes = true};

/* --- add_rows, whose backward for e is sum_rows: d = N, S, C ------------------------------------------------------ */

static void add_rows_setup(check_problem *p)
{
    int64_t N = p->c->d[0], S = p->c->d[1], C = p->c->d[2];
    add_in(p, "x", N * S * C, 0, 1, 0);
    add_in(p, "e", N * C, 0, 1, S);
    add_out(p, "y", N * S * C, 1);
}

static dr_status add_rows_forward(const dr_ops *ops, check_problem *p)
{
    const int64_t *d = p->c->d;
    ops->add_rows(d[0], d[1], d[2], first_input(p), p->in[1].data, p->out[0].data);
    return DR_OK;
}

static dr_status add_rows_backward(const dr_ops *ops, check_problem *p)
{
    const int64_t *d = p->c->d;
    if (grad(p, 1))
        ops->sum_rows(d[0], d[1], d[2], p->dy, grad(p, 1));
    return DR_OK;
}

static const check_case add_rows_cases[] = {
    {.d = {1, 1, 1}}, {.d = {2, 35, 24}}, {.d = {3, 7, 17}}, {.d = {1, 4000, 5}}, {.d = {2, 9, 33}, .opt = IN_PLACE}};
static const check_case add_rows_bench[] = {{.d = {2, 4096, 320}}};
static const check_op op_add_rows = {.name = "add_rows",
                                     .axes = {"N", "S", "C"},
                                     CASES(add_rows_cases),
                                     BENCH(add_rows_bench),
                                     .setup = add_rows_setup,
                                     .forward = add_rows_forward,
                                     .backward = add_rows_backward,
                                     .work = two_arrays,
                                     .backward_work = 0.5,
                                     .bytes = true};

/* --- copy2d: d = R, C, lds, ldd ----------------------------------------------------------------------------- */

static void copy2d_setup(check_problem *p)
{
    add_in(p, "src", p->c->d[0] * p->c->d[2], 0, 1, 0);
    add_inout(p, "dst", p->c->d[0] * p->c->d[3], 0, 1); /* what lies between the rows must stay */
}

static dr_status copy2d_forward(const dr_ops *ops, check_problem *p)
{
    const int64_t *d = p->c->d;
    ops->copy2d(d[0], d[1], p->in[0].data, d[2], p->out[0].data, d[3], has(p, ADD));
    return DR_OK;
}

static double copy2d_work(const check_case *c)
{
    return 8 * (double)(c->d[0] * c->d[1]);
}

static const check_case copy2d_cases[] = {
    {.d = {1, 1, 1, 1}},
    {.d = {7, 5, 9, 6}},
    {.d = {7, 5, 9, 6}, .opt = ADD},
    {.d = {64, 33, 33, 97}},
    {.d = {64, 33, 97, 33}, .opt = ADD},
};
static const check_case copy2d_bench[] = {{.d = {8192, 320, 320, 640}}, {.d = {8192, 320, 640, 320}, .opt = ADD}};
static const check_op op_copy2d = {.name = "copy2d",
                                   .axes = {"R", "C", "lds", "ldd"},
                                   CASES(copy2d_cases),
                                   BENCH(copy2d_bench),
                                   .setup = copy2d_setup,
                                   .forward = copy2d_forward,
                                   .work = copy2d_work,
                                   .bytes = true};

#endif
