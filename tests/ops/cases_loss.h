/* Losses, draws, and the layers that pick rows of a weight or fold statistics. */
#ifndef CASES_LOSS_H
#define CASES_LOSS_H

#include "ops/cases_elementwise.h"

/* --- loss: d = n, term ------------------------------------------------------------------------------------- */

static void loss_setup(check_problem *p)
{
    int64_t n = p->c->d[0];
    dr_loss_args *a = new_args(p, sizeof *a);
    *a = (dr_loss_args){.term = (dr_term)p->c->d[1], .n = n, .of = (double)n, .s = 0.5f};
    float *x = add_in(p, "a", n, 0, 1, 1);
    a->b = add_in(p, "b", n, 0, 1, 0);
    a->w = add_in(p, "w", a->term == DR_TERM_PRODUCT || has(p, AFFINE) ? n : 0, 1, 0.3f, 0);
    for (int64_t i = 0; i < n && a->term == DR_TERM_HINGE; i++) /* differences must not straddle the corner at 2 */
        x[i] += x[i] < 2 ? -0.3f : 0.3f;
    a->a = x;
    a->y = add_out(p, "y", 1, 1);
    a->dy = p->dy;
}

static dr_status loss_forward(const dr_ops *ops, check_problem *p)
{
    ops->loss(p->args);
    return DR_OK;
}

static dr_status loss_backward(const dr_ops *ops, check_problem *p)
{
    dr_loss_args *a = p->args;
    a->da = grad(p, 0);
    ops->loss_bwd(a);
    return DR_OK;
}

static double first_size(const check_case *c)
{
    return 12 * (double)c->d[0];
}

static const check_case loss_cases[] = {
    {.d = {1, DR_TERM_SQUARE}},       {.d = {1003, DR_TERM_SQUARE}}, {.d = {70, DR_TERM_SQUARE}, .opt = AFFINE},
    {.d = {64, DR_TERM_CHARBONNIER}}, {.d = {64, DR_TERM_HINGE}},    {.d = {64, DR_TERM_VALUE}},
    {.d = {64, DR_TERM_PRODUCT}},
};
static const check_case loss_bench[] = {{.d = {1048576, DR_TERM_SQUARE}}, {.d = {1048576, DR_TERM_CHARBONNIER}}};
static const check_op op_loss = {.name = "loss",
                                 .axes = {"n", "term"},
                                 CASES(loss_cases),
                                 BENCH(loss_bench),
                                 .setup = loss_setup,
                                 .forward = loss_forward,
                                 .backward = loss_backward,
                                 .work = first_size,
                                 .backward_work = 1,
                                 .bytes = true};

/* --- edge_loss: d = N, H, W, C ----------------------------------------------------------------------------- */

static void edge_setup(check_problem *p)
{
    const int64_t *d = p->c->d;
    int64_t n = d[0] * d[1] * d[2] * d[3];
    dr_edge_args *a = new_args(p, sizeof *a);
    *a = (dr_edge_args){.N = d[0], .H = d[1], .W = d[2], .C = d[3], .s = 0.5f};
    a->a = add_in(p, "a", n, 0, 1, 4);
    a->b = add_in(p, "b", n, 0, 1, 0);
    a->y = add_out(p, "y", 1, 1);
    a->dy = p->dy;
}

static dr_status edge_forward(const dr_ops *ops, check_problem *p)
{
    ops->edge_loss(p->args);
    return DR_OK;
}

static dr_status edge_backward(const dr_ops *ops, check_problem *p)
{
    dr_edge_args *a = p->args;
    a->da = grad(p, 0);
    ops->edge_loss_bwd(a);
    return DR_OK;
}

static const check_case edge_cases[] = {{.d = {1, 2, 2, 1}}, {.d = {2, 3, 5, 3}}, {.d = {1, 17, 9, 4}}};
static const check_case edge_bench[] = {{.d = {4, 256, 256, 3}}};
static const check_op op_edge_loss = {.name = "edge_loss",
                                      .axes = {"N", "H", "W", "C"},
                                      CASES(edge_cases),
                                      BENCH(edge_bench),
                                      .setup = edge_setup,
                                      .forward = edge_forward,
                                      .backward = edge_backward,
                                      .work = two_arrays,
                                      .backward_work = 1.5,
                                      .bytes = true};

/* --- cross_entropy: d = places, C -------------------------------------------------------------------------- */

enum { NO_LABEL = 255 };

static void entropy_setup(check_problem *p)
{
    int64_t places = p->c->d[0], C = p->c->d[1];
    dr_entropy_args *a = new_args(p, sizeof *a);
    *a = (dr_entropy_args){.places = places, .C = C, .ignore = NO_LABEL};
    uint8_t *label = (uint8_t *)check_buffer(p, places);
    for (int64_t i = 0; i < places; i++)
        label[i] = i % 5 == 3 ? NO_LABEL : (uint8_t)(i * 7 % C);
    a->label = label;
    a->x = add_in(p, "x", places * C, 0, 1, C);
    float *w = add_in(p, "w", has(p, AFFINE) ? C : 0, 1, 0.2f, 0);
    for (int64_t i = 0; w && i < C; i++)
        w[i] = fabsf(w[i]);
    a->w = w;
    a->y = add_out(p, "y", 1, C);
    a->probability = add_out(p, "probability", places * C, C);
    a->total = (double *)(void *)check_buffer(p, 2);
    a->dy = p->dy;
}

static dr_status entropy_forward(const dr_ops *ops, check_problem *p)
{
    ops->cross_entropy(p->args);
    return DR_OK;
}

static dr_status entropy_backward(const dr_ops *ops, check_problem *p)
{
    dr_entropy_args *a = p->args;
    a->dx = grad(p, 0);
    ops->cross_entropy_bwd(a);
    return DR_OK;
}

static const check_case entropy_cases[] = {
    {.d = {1, 2}}, {.d = {37, 5}}, {.d = {60, 18}, .opt = AFFINE}, {.d = {2000, 18}}};
static const check_case entropy_bench[] = {{.d = {65536, 18}}};
static const check_op op_cross_entropy = {.name = "cross_entropy",
                                          .axes = {"places", "C"},
                                          CASES(entropy_cases),
                                          BENCH(entropy_bench),
                                          .setup = entropy_setup,
                                          .forward = entropy_forward,
                                          .backward = entropy_backward,
                                          .work = two_arrays,
                                          .backward_work = 1,
                                          .bytes = true};

/* --- gaussian_sample, gaussian_kl: d = R, C ---------------------------------------------------------------- */

static dr_gaussian_args *moments_setup(check_problem *p)
{
    int64_t R = p->c->d[0], C = p->c->d[1];
    dr_gaussian_args *a = new_args(p, sizeof *a);
    *a = (dr_gaussian_args){.R = R, .C = C};
    float *x = add_in(p, "x", R * 2 * C, 0, 0.7f, 1);
    if (R > 2) { /* beyond the clamp on both sides */
        x[C] = -40;
        x[3 * C] = 25;
    }
    a->x = x;
    return a;
}

static void sample_setup(check_problem *p)
{
    dr_gaussian_args *a = moments_setup(p);
    a->noise = add_in(p, "noise", a->R * a->C, 0, 1, 0);
    a->y = add_out(p, "y", a->R * a->C, 1);
    a->dy = p->dy;
}

static void kl_setup(check_problem *p)
{
    dr_gaussian_args *a = moments_setup(p);
    a->y = add_out(p, "y", 1, 1);
    a->dy = p->dy;
}

static dr_status sample_forward(const dr_ops *ops, check_problem *p)
{
    ops->gaussian_sample(p->args);
    return DR_OK;
}

static dr_status sample_backward(const dr_ops *ops, check_problem *p)
{
    dr_gaussian_args *a = p->args;
    a->dx = grad(p, 0);
    ops->gaussian_sample_bwd(a);
    return DR_OK;
}

static dr_status kl_forward(const dr_ops *ops, check_problem *p)
{
    ops->gaussian_kl(p->args);
    return DR_OK;
}

static dr_status kl_backward(const dr_ops *ops, check_problem *p)
{
    dr_gaussian_args *a = p->args;
    a->dx = grad(p, 0);
    ops->gaussian_kl_bwd(a);
    return DR_OK;
}

/* the clamp's exp(20) leaves no room for differences beside it: SHARP */
static const check_case gaussian_cases[] = {{.d = {1, 1}}, {.d = {2, 4}}, {.d = {2, 50}}, {.d = {64, 4}, .opt = SHARP}};
static const check_case gaussian_bench[] = {{.d = {16384, 4}}};
#define GAUSSIAN_OP(op, label)                                                                                         \
    static const check_op op_gaussian_##op = {.name = label,                                                           \
                                              .axes = {"R", "C"},                                                      \
                                              CASES(gaussian_cases),                                                   \
                                              BENCH(gaussian_bench),                                                   \
                                              .setup = op##_setup,                                                     \
                                              .forward = op##_forward,                                                 \
                                              .backward = op##_backward,                                               \
                                              .work = three_arrays,                                                    \
                                              .backward_work = 1,                                                      \
                                              .bytes = true}
GAUSSIAN_OP(sample, "gaussian_sample");
GAUSSIAN_OP(kl, "gaussian_kl");

/* --- batchnorm: d = R, C ----------------------------------------------------------------------------------- */

static void batchnorm_setup(check_problem *p)
{
    int64_t R = p->c->d[0], C = p->c->d[1];
    dr_batchnorm_args *a = new_args(p, sizeof *a);
    *a = (dr_batchnorm_args){.R = R, .C = C, .eps = 1e-5f};
    a->x = add_in(p, "x", R * C, 0.5f, 2, 1);
    a->gamma = add_in(p, "gamma", C, 1, 0.3f, R);
    a->beta = add_in(p, "beta", C, 0, 0.3f, R);
    a->mean = add_in(p, "mean", C, 0, 1, 0);
    float *var = add_in(p, "var", C, 1, 0.2f, 0);
    for (int64_t i = 0; i < C; i++)
        var[i] = fabsf(var[i]) + 0.1f;
    a->var = var;
    a->y = add_out(p, "y", R * C, 1);
    a->folded = add_out(p, "folded", 3 * C, 1);
    a->dy = p->dy;
}

static dr_status batchnorm_forward(const dr_ops *ops, check_problem *p)
{
    ops->batchnorm(p->args);
    return DR_OK;
}

static dr_status batchnorm_backward(const dr_ops *ops, check_problem *p)
{
    dr_batchnorm_args *a = p->args;
    a->dx = grad(p, 0);
    a->dgamma = grad(p, 1);
    a->dbeta = grad(p, 2);
    ops->batchnorm_bwd(a);
    return DR_OK;
}

static const check_case batchnorm_cases[] = {{.d = {1, 1}}, {.d = {19, 50}}, {.d = {300, 16}}};
static const check_case batchnorm_bench[] = {{.d = {16384, 256}}};
static const check_op op_batchnorm = {.name = "batchnorm",
                                      .axes = {"R", "C"},
                                      CASES(batchnorm_cases),
                                      BENCH(batchnorm_bench),
                                      .setup = batchnorm_setup,
                                      .forward = batchnorm_forward,
                                      .backward = batchnorm_backward,
                                      .work = two_arrays,
                                      .backward_work = 2,
                                      .bytes = true};

/* --- embedding: d = n, V, C; transpose: d = n, V, C, from --------------------------------------------------- */

static dr_pick_args *pick_setup(check_problem *p, int64_t V, int64_t C)
{
    dr_pick_args *a = new_args(p, sizeof *a);
    *a = (dr_pick_args){.scratch = p->scratch, .n = p->c->d[0], .from = p->c->d[3]};
    add_in(p, "x", V * C, 0, 1, 1);
    a->x = weight_of(p, 0, 2, (int64_t[4]){V, C, 1, 1});
    return a;
}

static void embedding_setup(check_problem *p)
{
    int64_t n = p->c->d[0], V = p->c->d[1], C = p->c->d[2];
    dr_pick_args *a = pick_setup(p, V, C);
    int32_t *id = (int32_t *)(void *)check_buffer(p, n);
    for (int64_t i = 0; i < n; i++)
        id[i] = (int32_t)(i * 5 % V);
    a->id = id;
    a->y = add_out(p, "y", n * C, 1);
    a->dy = p->dy;
}

static dr_status embedding_forward(const dr_ops *ops, check_problem *p)
{
    dr_pick_args *a = p->args;
    a->x = &p->w;
    ops->embedding(a);
    return DR_OK;
}

static dr_status embedding_backward(const dr_ops *ops, check_problem *p)
{
    dr_pick_args *a = p->args;
    a->dx = grad(p, 0);
    ops->embedding_bwd(a);
    return DR_OK;
}

static void transpose_setup(check_problem *p)
{
    dr_pick_args *a = pick_setup(p, p->c->d[1], p->c->d[2]);
    a->y = add_out(p, "y", p->c->d[0] * p->c->d[1], 1);
    a->dy = p->dy;
}

static dr_status transpose_forward(const dr_ops *ops, check_problem *p)
{
    dr_pick_args *a = p->args;
    a->x = &p->w;
    return ops->transpose(a);
}

static dr_status transpose_backward(const dr_ops *ops, check_problem *p)
{
    dr_pick_args *a = p->args;
    a->dx = grad(p, 0);
    ops->transpose_bwd(a);
    return DR_OK;
}

static double picked(const check_case *c)
{
    return 8 * (double)(c->d[0] * c->d[2]);
}

static const check_case embedding_cases[] = {
    {.d = {1, 1, 1}}, {.d = {77, 12, 33}}, {.d = {20, 50, 16}, .weight = DR_F16}};
static const check_case embedding_bench[] = {{.d = {154, 49408, 1024}}};
static const check_op op_embedding = {.name = "embedding",
                                      .axes = {"n", "V", "C"},
                                      CASES(embedding_cases),
                                      BENCH(embedding_bench),
                                      .setup = embedding_setup,
                                      .forward = embedding_forward,
                                      .backward = embedding_backward,
                                      .work = picked,
                                      .backward_work = 1,
                                      .bytes = true};

static const check_case transpose_cases[] = {
    {.d = {1, 1, 1, 0}}, {.d = {5, 9, 12, 4}}, {.d = {64, 40, 64, 0}, .weight = DR_BF16}};
static const check_case transpose_bench[] = {{.d = {320, 320, 640, 320}}};
static const check_op op_transpose = {.name = "transpose",
                                      .axes = {"n", "V", "C", "from"},
                                      CASES(transpose_cases),
                                      BENCH(transpose_bench),
                                      .setup = transpose_setup,
                                      .forward = transpose_forward,
                                      .backward = transpose_backward,
                                      .work = picked,
                                      .backward_work = 1,
                                      .bytes = true};

/* --- add_product: d = out, rank, in; a matrix product, but always in f32 ------------------------------------ */

static void product_setup(check_problem *p)
{
    int64_t out = p->c->d[0], rank = p->c->d[1], in = p->c->d[2];
    add_in(p, "up", out * rank, 0, 1, 0);
    add_in(p, "down", rank * in, 0, 1, 0);
    add_inout(p, "w", out * in, 0, 1);
}

static dr_status product_forward(const dr_ops *ops, check_problem *p)
{
    const int64_t *d = p->c->d;
    return ops->add_product(d[0], d[1], d[2], 0.7f, p->in[0].data, p->in[1].data, p->out[0].data);
}

static const check_case product_cases[] = {{.d = {1, 1, 1}}, {.d = {17, 4, 33}}, {.d = {40, 16, 130}}};
static const check_case product_bench[] = {{.d = {1280, 16, 1280}}};
static const check_op op_add_product = {.name = "add_product",
                                        .axes = {"out", "rank", "in"},
                                        CASES(product_cases),
                                        BENCH(product_bench),
                                        .setup = product_setup,
                                        .forward = product_forward,
                                        .work = two_arrays,
                                        .bytes = true};

/* --- average, exchange, fill, move: d = n ------------------------------------------------------------------- */

static void average_setup(check_problem *p)
{
    add_in(p, "x", p->c->d[0], 0, 1, 0);
    add_inout(p, "average", p->c->d[0], 0, 1);
}

static dr_status average_forward(const dr_ops *ops, check_problem *p)
{
    ops->average(p->c->d[0], 0.3f, p->in[0].data, p->out[0].data);
    return DR_OK;
}

static void exchange_setup(check_problem *p)
{
    add_inout(p, "a", p->c->d[0], 0, 1);
    add_inout(p, "b", p->c->d[0], 3, 1);
}

static dr_status exchange_forward(const dr_ops *ops, check_problem *p)
{
    ops->exchange(p->c->d[0], p->out[0].data, p->out[1].data);
    return DR_OK;
}

static void fill_setup(check_problem *p)
{
    add_out(p, "y", p->c->d[0], 1);
}

static dr_status fill_forward(const dr_ops *ops, check_problem *p)
{
    ops->fill(p->c->d[0], 1.25f, p->out[0].data);
    return DR_OK;
}

/* down by three values, over itself */
static dr_status move_forward(const dr_ops *ops, check_problem *p)
{
    int64_t n = p->c->d[0], by = n > 3 ? 3 : 0;
    ops->move(p->out[0].data, p->out[0].data + by, (size_t)(n - by) * sizeof(float));
    return DR_OK;
}

static void move_setup(check_problem *p)
{
    add_inout(p, "y", p->c->d[0], 0, 1);
}

static void convert_setup(check_problem *p)
{
    add_in(p, "x", p->c->d[0], 0, 1, 0);
    weight_of(p, 0, 1, (int64_t[4]){p->c->d[0], 1, 1, 1});
    add_out(p, "y", p->c->d[0], 1);
}

static dr_status convert_forward(const dr_ops *ops, check_problem *p)
{
    ops->convert(p->c->d[0], p->w.dtype, p->w.data, p->out[0].data);
    return DR_OK;
}

/* 1 where the n values are finite as they are, 0 with a NaN or an infinity as the last. */
static void finite_setup(check_problem *p)
{
    add_in(p, "x", p->c->d[0], 0, 1, 0);
    weight_of(p, 0, 1, (int64_t[4]){p->c->d[0], 1, 1, 1});
    float *bad = check_buffer(p, 1);
    p->args = bad;
    *bad = p->c->opt & SHARP ? INFINITY : NAN;
    add_out(p, "finite", 2, 1);
}

static dr_status finite_forward(const dr_ops *ops, check_problem *p)
{
    int64_t n = p->c->d[0];
    size_t size = dr_dtype_size(p->w.dtype);
    char keep[4], *last = (char *)p->w.data + (size_t)(n - 1) * size;
    p->out[0].data[0] = ops->finite(n, p->w.dtype, p->w.data);
    memcpy(keep, last, size);
    dr_from_f32(p->args, last, p->w.dtype, 1);
    p->out[0].data[1] = ops->finite(n, p->w.dtype, p->w.data);
    memcpy(last, keep, size);
    if (p->out[0].data[0] != 1 || p->out[0].data[1] != 0)
        return dr_fail(DR_EINVAL, "finite: %g before, %g after", (double)p->out[0].data[0], (double)p->out[0].data[1]);
    return DR_OK;
}

static const check_case stored_cases[] = {{.d = {1}},
                                          {.d = {1003}, .weight = DR_F16},
                                          {.d = {37}, .weight = DR_BF16},
                                          {.d = {600000}, .weight = DR_F16, .opt = SHARP},
                                          {.d = {515}, .weight = DR_BF16, .opt = SHARP},
                                          {.d = {515}, .opt = SHARP}};
#define STORED_OP(op)                                                                                                  \
    static const check_op op_##op = {.name = #op,                                                                      \
                                     .axes = {"n"},                                                                    \
                                     CASES(stored_cases),                                                              \
                                     BENCH(flat_bench),                                                                \
                                     .setup = op##_setup,                                                              \
                                     .forward = op##_forward,                                                          \
                                     .work = two_arrays,                                                               \
                                     .bytes = true}
STORED_OP(convert);
STORED_OP(finite);

static const check_case own_cases[] = {{.d = {1}}, {.d = {37}}, {.d = {1003}}, {.d = {40000}}, {.d = {400000}}};
#define OWN_OP(op)                                                                                                     \
    static const check_op op_##op = {.name = #op,                                                                      \
                                     .axes = {"n"},                                                                    \
                                     CASES(own_cases),                                                                 \
                                     BENCH(flat_bench),                                                                \
                                     .setup = op##_setup,                                                              \
                                     .forward = op##_forward,                                                          \
                                     .work = two_arrays,                                                               \
                                     .bytes = true}
OWN_OP(average);
OWN_OP(exchange);
OWN_OP(fill);
OWN_OP(move);

#endif
