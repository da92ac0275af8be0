/* One description per op, four uses: the active backend against the plain C rows, gradients against finite
 * differences, timing, and the list of who serves what.
 *
 * A description (check_op) says how to make the inputs of a case, how to call the row forward and backward, and how
 * much work it is; cases_*.h hold them by family, with tables of sizes. check_run.h uses them. */
#ifndef CHECK_OPS_H
#define CHECK_OPS_H

#include "ops/ops.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum check_opt {
    BIAS = 1 << 0,
    RESIDUAL = 1 << 1,
    IN_PLACE = 1 << 2, /* the output is an input's storage, where the row allows it */
    CONSTANT = 1 << 3, /* a frozen weight: the backend may keep a packed copy */
    RANK4 = 1 << 4,    /* a linear layer's weight as [N,K,1,1] */
    AFFINE = 1 << 5,   /* with gamma and beta */
    OFFSET = 1 << 6,   /* inputs far from zero, where one-pass variances fail */
    NO_STATS = 1 << 7, /* the caller wants no mean, rstd or lse; forward only */
    CAUSAL = 1 << 8,
    FUSED = 1 << 9,  /* q, k, v are slices of one projection */
    SHARP = 1 << 10, /* bends too sharply for differences; attention's scores become large */
    ADD = 1 << 11,
};

typedef struct check_case {
    int64_t d[6]; /* sizes, in the order of check_op.axes */
    unsigned opt;
    dr_dtype weight;
    dr_act act;
    dr_conv_geom geom;
    double slack; /* multiplies the tolerance; 0 means 1 */
} check_case;

/* An input or an output of a case. */
typedef struct check_value {
    const char *name;
    int64_t n; /* 0: absent, data is NULL */
    float *data;
    float *grad;   /* inputs that have one */
    bool wanted;   /* its gradient is asked for in the next backward */
    bool steady;   /* not to be perturbed (its stored values are f16 or bf16) */
    int64_t terms; /* how many products make one value of an output, or of an input's gradient */
} check_value;

#define CHECK_VALUES 6
typedef struct check_problem {
    const check_case *c;
    dr_arena *arena, *scratch;
    dr_precision precision;
    uint64_t random;
    check_value in[CHECK_VALUES], out[CHECK_VALUES]; /* out[0] is the one that has a gradient, dy */
    int ins, outs;
    float *dy;
    dr_tensor w;
    void *args;
} check_problem;

typedef struct check_op {
    const char *name;
    const char *axes[6];
    const check_case *cases, *bench;
    int n_cases, n_bench;
    void (*setup)(check_problem *p);
    dr_status (*forward)(const dr_ops *ops, check_problem *p);
    dr_status (*backward)(const dr_ops *ops, check_problem *p); /* NULL: the op has none */
    double (*work)(const check_case *c);                        /* of a forward, in units */
    double backward_work;                                       /* times the forward's */
    double bf16_chain; /* products that follow one another on the way back, each with bf16 factors; 0 means 1 */
    bool bytes;        /* work is bytes moved, not operations */
} check_op;

#define CASES(table) .cases = (table), .n_cases = (int)(sizeof(table) / sizeof(table)[0])
#define BENCH(table) .bench = (table), .n_bench = (int)(sizeof(table) / sizeof(table)[0])

/* Written behind every buffer; vector code that stores past the end changes it. */
#define CHECK_GUARD 16
#define CHECK_GUARD_VALUE 12345.0f

static inline bool has(const check_problem *p, unsigned opt)
{
    return (p->c->opt & opt) != 0;
}

/* About normal: the sum of four uniforms has deviation 1/sqrt(3). splitmix64, so that cases need nothing else. */
static inline float check_random(check_problem *p)
{
    uint64_t z = (p->random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    double sum = 0;
    for (int i = 0; i < 4; i++)
        sum += (double)(z >> (16 * i) & 0xffff) / 65536.0 - 0.5;
    return (float)(sum * 1.7320508);
}

static inline float *check_buffer(check_problem *p, int64_t n)
{
    if (n == 0)
        return NULL;
    float *b = dr_arena_alloc(p->arena, (size_t)(n + CHECK_GUARD) * sizeof *b);
    DR_ASSERT(b, "no memory for a test of %lld values", (long long)n);
    for (int i = 0; i < CHECK_GUARD; i++)
        b[n + i] = CHECK_GUARD_VALUE;
    return b;
}

static inline bool guard_kept(const float *b, int64_t n)
{
    for (int i = 0; b && i < CHECK_GUARD; i++)
        if (b[n + i] != CHECK_GUARD_VALUE)
            return false;
    return true;
}

/* An input of n values, mean + scale * normal. terms > 0 gives it a gradient. */
static inline float *add_in(check_problem *p, const char *name, int64_t n, float mean, float scale, int64_t terms)
{
    check_value *v = &p->in[p->ins++];
    *v = (check_value){.name = name, .n = n, .data = check_buffer(p, n), .terms = terms, .wanted = true};
    for (int64_t i = 0; i < n; i++)
        v->data[i] = mean + scale * check_random(p);
    if (n > 0 && terms > 0) {
        v->grad = check_buffer(p, n);
        memset(v->grad, 0, (size_t)n * sizeof *v->grad);
    }
    return v->data;
}

/* An output, each value the sum of `terms` products. NaN before the row runs, so that a value which is read or left
 * out shows. */
static inline float *add_out(check_problem *p, const char *name, int64_t n, int64_t terms)
{
    check_value *v = &p->out[p->outs++];
    *v = (check_value){.name = name, .n = n, .data = check_buffer(p, n), .terms = terms};
    for (int64_t i = 0; i < n; i++)
        v->data[i] = NAN;
    if (v == &p->out[0] && n > 0) {
        p->dy = check_buffer(p, n);
        for (int64_t i = 0; i < n; i++)
            p->dy[i] = check_random(p);
    }
    return v->data;
}

/* An output that the row adds to or changes in place: it starts with values. */
static inline float *add_inout(check_problem *p, const char *name, int64_t n, float mean, float scale)
{
    float *data = add_out(p, name, n, 1);
    for (int64_t i = 0; i < n; i++)
        data[i] = mean + scale * check_random(p);
    return data;
}

/* The gradient of input i as a backward row should get it. */
static inline float *grad(const check_problem *p, int i)
{
    return p->in[i].wanted ? p->in[i].grad : NULL;
}

static inline void *new_args(check_problem *p, size_t size)
{
    p->args = dr_arena_zalloc(p->arena, size);
    DR_ASSERT(p->args, "no memory for arguments of %zu bytes", size);
    return p->args;
}

/* Makes p->w of input i, in the case's dtype; the input then holds the rounded values. */
static inline dr_tensor *weight_of(check_problem *p, int i, int rank, const int64_t dim[4])
{
    check_value *v = &p->in[i];
    p->w = (dr_tensor){.dtype = p->c->weight, .rank = rank, .data = v->data, .constant = has(p, CONSTANT)};
    memcpy(p->w.dim, dim, sizeof p->w.dim);
    if (p->c->weight != DR_F32) {
        p->w.data = check_buffer(p, v->n);
        dr_from_f32(v->data, p->w.data, p->w.dtype, (size_t)v->n);
        dr_to_f32(p->w.data, p->w.dtype, v->data, (size_t)v->n);
        v->steady = true;
    }
    return &p->w;
}

/* "M=7 N=5 K=3 bias" */
static inline const char *case_label(const check_op *op, const check_case *c, char *buf, size_t n)
{
    static const char *const opts[] = {"bias",   "residual", "in-place", "constant", "rank4", "affine",
                                       "offset", "no-stats", "causal",   "fused",    "sharp", "add"};
    static const char *const acts[] = {"", " silu", " gelu", " quick_gelu", " relu", " leaky_relu", " tanh"};
    size_t at = 0;
    for (int i = 0; i < 6 && op->axes[i]; i++)
        at += (size_t)snprintf(buf + at, n - at, "%s%s=%lld", i ? " " : "", op->axes[i], (long long)c->d[i]);
    const dr_conv_geom *g = &c->geom;
    if (g->kh)
        at += (size_t)snprintf(buf + at, n - at, " %dx%d/%d pad=%d,%d,%d,%d%s", g->kh, g->kw, g->stride, g->top,
                               g->left, g->bottom, g->right, g->groups > 1 ? " depthwise" : "");
    if (c->weight != DR_F32)
        at += (size_t)snprintf(buf + at, n - at, " %s", dr_dtype_name(c->weight));
    at += (size_t)snprintf(buf + at, n - at, "%s", acts[c->act]);
    for (size_t i = 0; i < sizeof opts / sizeof opts[0]; i++)
        if (c->opt & 1u << i)
            at += (size_t)snprintf(buf + at, n - at, " %s", opts[i]);
    return buf;
}

#endif
