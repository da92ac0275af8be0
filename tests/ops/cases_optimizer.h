/* What an optimizer step takes: d = n. */
#ifndef CASES_OPTIMIZER_H
#define CASES_OPTIMIZER_H

#include "ops/check_ops.h"
#include "ops/quant8.h"

static const check_case optimizer_cases[] = {{.d = {1}}, {.d = {37}}, {.d = {1003}}, {.d = {1024}}, {.d = {70001}}};
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

/* The same with moments in codes; a whole block without gradients and moments, as an unused embedding has. The results
 * are the codes themselves: the row promises the same ones on every machine. */
typedef struct adamw8_problem {
    dr_adamw8_args args;
    float *m, *v;
} adamw8_problem;

static void adamw8_setup(check_problem *p)
{
    int64_t n = p->c->d[0], blocks = dr_quant8_blocks(n);
    adamw8_problem *s = new_args(p, sizeof *s);
    float *g = add_in(p, "g", n, 0, 1, 0);
    float *values = add_inout(p, "p", n, 0, 1);
    s->m = add_out(p, "m", n, 1);
    s->v = add_out(p, "v", n, 1);
    float *m_scale = add_inout(p, "m_scale", blocks, 0, 0.1f), *v_scale = add_inout(p, "v_scale", blocks, 0, 0.1f);
    uint8_t *codes = (uint8_t *)check_buffer(p, n);
    for (int64_t i = 0; i < 2 * n; i++)
        codes[i] = (uint8_t)(check_random(p) * 60 + 128);
    for (int64_t b = 0; b < blocks; b++) {
        m_scale[b] = fabsf(m_scale[b]);
        v_scale[b] = v_scale[b] * v_scale[b];
    }
    for (int64_t i = 256; i < n && i < 512; i++)
        g[i] = m_scale[1] = v_scale[1] = 0;
    s->args = (dr_adamw8_args){.n = n,
                               .p = values,
                               .g = g,
                               .m = codes,
                               .v = codes + n,
                               .m_scale = m_scale,
                               .v_scale = v_scale,
                               .lr = 1e-2f,
                               .scale = 0.7f,
                               .beta1 = 0.9,
                               .beta2 = 0.999,
                               .eps = 1e-8,
                               .weight_decay = 1e-2,
                               .bc1 = 1 - 0.9 * 0.9 * 0.9,
                               .bc2 = 1 - 0.999 * 0.999 * 0.999};
}

static dr_status adamw8_forward(const dr_ops *ops, check_problem *p)
{
    const adamw8_problem *s = p->args;
    const dr_adamw8_args *a = &s->args;
    ops->adamw8(a);
    for (int64_t i = 0; i < a->n; i++) {
        s->m[i] = a->m[i];
        s->v[i] = a->v[i];
    }
    return DR_OK;
}

static double adamw8_work(const check_case *c)
{
    return 16 * (double)c->d[0];
}

static const check_op op_adamw8 = {.name = "adamw8",
                                   .axes = {"n"},
                                   CASES(optimizer_cases),
                                   BENCH(optimizer_bench),
                                   .setup = adamw8_setup,
                                   .forward = adamw8_forward,
                                   .work = adamw8_work,
                                   .bytes = true};

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
