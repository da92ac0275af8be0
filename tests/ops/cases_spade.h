/* Sampling by a flow, spatially-adaptive normalisation, softmax. */
#ifndef CASES_SPADE_H
#define CASES_SPADE_H

#include "ops/cases_elementwise.h"

/* --- flow_sample: d = N, H, W, C, OH, OW ------------------------------------------------------------------------ */

/* A flow whose positions lie near the middle between cells, some beyond the border: differences must not straddle a
 * cell, and so a flow of 1 moves by about one. */
static void flow_setup(check_problem *p)
{
    const int64_t *d = p->c->d;
    int64_t places = d[0] * d[4] * d[5];
    dr_flow_args *a = new_args(p, sizeof *a);
    *a = (dr_flow_args){.N = d[0],
                        .H = d[1],
                        .W = d[2],
                        .C = d[3],
                        .OH = d[4],
                        .OW = d[5],
                        .div_x = 0.5f * (float)d[2],
                        .div_y = 0.4f * (float)d[1]};
    a->x = add_in(p, "x", d[0] * d[1] * d[2] * d[3], 0, 1, 4 * (places / (d[1] * d[2]) + 1));
    float *flow = add_in(p, "flow", places * 2, 0, 1, d[3]);
    for (int64_t i = 0; i < places * 2; i++) {
        int64_t n = i % 2 ? d[4] : d[5], size = i % 2 ? d[1] : d[2], o = i % 2 ? i / 2 / d[5] % d[4] : i / 2 % d[5];
        double cell = floor((double)check_random(p) * 0.4 * (double)size + 0.5 * (double)size) + 0.5 +
                      0.1 * tanh((double)check_random(p));
        double grid = n > 1 ? -1 + 2 * (double)o / (double)(n - 1) : -1;
        flow[i] = (float)(((cell + 0.5) * 2 / (double)size - 1 - grid) * (double)(i % 2 ? a->div_y : a->div_x));
    }
    a->flow = flow;
    a->y = add_out(p, "y", places * d[3], 4);
    a->dy = p->dy;
}

static dr_status flow_forward(const dr_ops *ops, check_problem *p)
{
    ops->flow_sample(p->args);
    return DR_OK;
}

static dr_status flow_backward(const dr_ops *ops, check_problem *p)
{
    dr_flow_args *a = p->args;
    a->dx = grad(p, 0);
    a->dflow = grad(p, 1);
    ops->flow_sample_bwd(a);
    return DR_OK;
}

static double flow_work(const check_case *c)
{
    return 4 * (double)(c->d[0] * c->d[4] * c->d[5]) * (double)(5 * c->d[3] + 2);
}

static const check_case flow_cases[] = {
    {.d = {1, 4, 3, 1, 4, 3}},  {.d = {2, 7, 5, 3, 7, 5}},  {.d = {1, 8, 6, 4, 16, 12}},
    {.d = {1, 5, 9, 37, 4, 2}}, {.d = {2, 6, 6, 16, 6, 6}}, {.d = {1, 30, 20, 4, 60, 40}},
};
static const check_case flow_bench[] = {{.d = {1, 1024, 768, 4, 1024, 768}}, {.d = {1, 128, 96, 384, 128, 96}}};
static const check_op op_flow_sample = {.name = "flow_sample",
                                        .axes = {"N", "H", "W", "C", "OH", "OW"},
                                        CASES(flow_cases),
                                        BENCH(flow_bench),
                                        .setup = flow_setup,
                                        .forward = flow_forward,
                                        .backward = flow_backward,
                                        .work = flow_work,
                                        .backward_work = 2,
                                        .bytes = true};

/* --- spade: d = N, S, C, P (0: every place has gamma and beta of its own) --------------------------------------- */

static void spade_setup(check_problem *p)
{
    int64_t N = p->c->d[0], S = p->c->d[1], C = p->c->d[2], P = p->c->d[3] ? p->c->d[3] : N * S;
    bool noisy = !has(p, BIAS), shared = p->c->d[3] > 0;
    dr_spade_args *a = new_args(p, sizeof *a);
    *a = (dr_spade_args){.scratch = p->scratch,
                         .N = N,
                         .S = S,
                         .C = C,
                         .P = P,
                         .eps = 1e-5f,
                         .slope = has(p, SHARP) ? DR_LEAKY_SLOPE : 1,
                         .gain = 0.7f};
    a->x = add_in(p, "x", N * S * C, has(p, OFFSET) ? 30 : 0.5f, 2, S);
    a->noise_scale = add_in(p, "noise_scale", noisy ? C : 0, 0, 0.5f, N * S);
    a->gamma = add_in(p, "gamma", P * C, 0, 0.3f, shared ? N * S : 1);
    a->beta = add_in(p, "beta", P * C, 0, 0.3f, shared ? N * S : 1);
    a->noise = add_in(p, "noise", noisy ? N * S : 0, 0, 1, 0);
    if (shared) {
        int32_t *id = (int32_t *)(void *)check_buffer(p, N * S);
        for (int64_t i = 0; i < N * S; i++)
            id[i] = (int32_t)((i * 7 + i / 3) % P);
        a->id = id;
    }
    a->y = add_out(p, "y", N * S * C, S);
    a->mean = add_out(p, "mean", has(p, NO_STATS) ? 0 : N * C, S);
    a->rstd = add_out(p, "rstd", has(p, NO_STATS) ? 0 : N * C, S);
    a->dy = p->dy;
}

static dr_status spade_forward(const dr_ops *ops, check_problem *p)
{
    return ops->spade(p->args);
}

static dr_status spade_backward(const dr_ops *ops, check_problem *p)
{
    dr_spade_args *a = p->args;
    a->dx = grad(p, 0);
    a->dnoise_scale = grad(p, 1);
    a->dgamma = grad(p, 2);
    a->dbeta = grad(p, 3);
    return ops->spade_bwd(a);
}

static double spade_work(const check_case *c)
{
    return 12 * (double)(c->d[0] * c->d[1] * c->d[2]);
}

/* SHARP: with the leaky slope, which bends at 0. BIAS: without noise. */
static const check_case spade_cases[] = {
    {.d = {1, 2, 3, 2}, .opt = NO_STATS},
    {.d = {1, 6, 3, 2}},
    {.d = {2, 35, 24, 7}},
    {.d = {1, 35, 17}},
    {.d = {2, 48, 5, 3}, .opt = BIAS},
    {.d = {2, 100, 33, 9}, .opt = SHARP},
    {.d = {1, 1500, 36, 50}, .opt = SHARP | NO_STATS},
    {.d = {1, 256, 40, 4}, .opt = OFFSET, .slack = 10},
};
static const check_case spade_bench[] = {{.d = {1, 786432, 80, 1500}, .opt = SHARP},
                                         {.d = {1, 786432, 32, 1500}, .opt = SHARP}};
static const check_op op_spade = {.name = "spade",
                                  .axes = {"N", "S", "C", "P"},
                                  CASES(spade_cases),
                                  BENCH(spade_bench),
                                  .setup = spade_setup,
                                  .forward = spade_forward,
                                  .backward = spade_backward,
                                  .work = spade_work,
                                  .backward_work = 2,
                                  .bytes = true};

/* --- label_conv: d = P, labels, O ------------------------------------------------------------------------------ */

static void label_conv_setup(check_problem *p)
{
    int64_t P = p->c->d[0], labels = p->c->d[1], O = p->c->d[2];
    dr_label_conv_args *a = new_args(p, sizeof *a);
    *a = (dr_label_conv_args){.scratch = p->scratch, .P = P, .labels = labels, .O = O};
    uint8_t *window = (uint8_t *)check_buffer(p, P * 25 / 4 + 1);
    for (int64_t i = 0; i < P * 25; i++) /* every third window at the picture's left edge, some at its top */
        window[i] = (i / 25 % 3 == 1 && i % 5 < 2) || (i / 25 % 4 == 1 && i % 25 < 5)
                        ? DR_LABEL_OUTSIDE
                        : (uint8_t)((i * i / 3 + i / 25) % labels);
    a->window = window;
    add_in(p, "w", O * labels * 9, 0, 0.4f, P * 9);
    a->w = weight_of(p, 0, 4, (const int64_t[]){O, labels, 3, 3});
    a->b = add_in(p, "b", O, 1.5f, 0.3f, P * 9);
    a->y = add_out(p, "y", P * O * 9, 9);
    a->dy = p->dy;
}

static dr_status label_conv_forward(const dr_ops *ops, check_problem *p)
{
    return ops->label_conv(p->args);
}

static dr_status label_conv_backward(const dr_ops *ops, check_problem *p)
{
    dr_label_conv_args *a = p->args;
    a->dw = grad(p, 0);
    a->db = grad(p, 1);
    ops->label_conv_bwd(a);
    return DR_OK;
}

static double label_conv_work(const check_case *c)
{
    return 8 * (double)(c->d[0] * c->d[2]) * 9;
}

static const check_case label_conv_cases[] = {
    {.d = {1, 2, 1}},
    {.d = {9, 7, 5}, .opt = SHARP},
    {.d = {40, 7, 33}, .opt = SHARP},
    {.d = {5, 3, 128}, .opt = SHARP, .weight = DR_F16},
};
static const check_case label_conv_bench[] = {{.d = {1500, 7, 128}}};
static const check_op op_label_conv = {.name = "label_conv",
                                       .axes = {"P", "labels", "O"},
                                       CASES(label_conv_cases),
                                       BENCH(label_conv_bench),
                                       .setup = label_conv_setup,
                                       .forward = label_conv_forward,
                                       .backward = label_conv_backward,
                                       .work = label_conv_work,
                                       .backward_work = 1,
                                       .bytes = true};

/* --- region_norm: d = N, S, C ----------------------------------------------------------------------------------- */

static void region_norm_setup(check_problem *p)
{
    int64_t N = p->c->d[0], S = p->c->d[1], C = p->c->d[2];
    dr_region_norm_args *a = new_args(p, sizeof *a);
    *a = (dr_region_norm_args){.scratch = p->scratch, .N = N, .S = S, .C = C, .eps = 1e-5f};
    a->x = add_in(p, "x", N * S * C, 0.5f, 2, S);
    float *m = add_in(p, "m", N * S, 0, 1, 0);
    for (int64_t i = 0; i < N * S; i++) /* the last sample has one side alone */
        m[i] = N > 1 && i / S == N - 1 ? 1 : has(p, AFFINE) ? 0.5f + 0.5f * tanhf(m[i]) : m[i] > 0;
    a->m = m;
    a->y = add_out(p, "y", N * S * C, S);
    a->dy = p->dy;
}

static dr_status region_norm_forward(const dr_ops *ops, check_problem *p)
{
    return ops->region_norm(p->args);
}

static dr_status region_norm_backward(const dr_ops *ops, check_problem *p)
{
    dr_region_norm_args *a = p->args;
    a->dx = grad(p, 0);
    return ops->region_norm_bwd(a);
}

/* AFFINE: a soft mask. */
static const check_case region_norm_cases[] = {{.d = {1, 12, 3}}, {.d = {2, 35, 5}}, {.d = {1, 40, 4}, .opt = AFFINE}};
static const check_case region_norm_bench[] = {{.d = {1, 65536, 32}}};
static const check_op op_region_norm = {.name = "region_norm",
                                        .axes = {"N", "S", "C"},
                                        CASES(region_norm_cases),
                                        BENCH(region_norm_bench),
                                        .setup = region_norm_setup,
                                        .forward = region_norm_forward,
                                        .backward = region_norm_backward,
                                        .work = two_arrays,
                                        .backward_work = 1.5,
                                        .bytes = true};

/* --- softmax: d = R, C ------------------------------------------------------------------------------------------ */

static void softmax_setup(check_problem *p)
{
    add_in(p, "x", p->c->d[0] * p->c->d[1], 0, 1, p->c->d[1]);
    add_out(p, "y", p->c->d[0] * p->c->d[1], p->c->d[1]);
}

static dr_status softmax_forward(const dr_ops *ops, check_problem *p)
{
    ops->softmax(p->c->d[0], p->c->d[1], p->in[0].data, p->out[0].data);
    return DR_OK;
}

static dr_status softmax_backward(const dr_ops *ops, check_problem *p)
{
    if (grad(p, 0))
        ops->softmax_bwd(p->c->d[0], p->c->d[1], p->out[0].data, p->dy, grad(p, 0));
    return DR_OK;
}

static const check_case softmax_cases[] = {{.d = {2, 3}}, {.d = {19, 13}}, {.d = {3, 200}}};
static const check_case softmax_bench[] = {{.d = {786432, 13}}};
static const check_op op_softmax = {.name = "softmax",
                                    .axes = {"R", "C"},
                                    CASES(softmax_cases),
                                    BENCH(softmax_bench),
                                    .setup = softmax_setup,
                                    .forward = softmax_forward,
                                    .backward = softmax_backward,
                                    .work = two_arrays,
                                    .backward_work = 1.5,
                                    .bytes = true};

#endif
