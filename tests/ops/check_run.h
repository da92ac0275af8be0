/* What check_ops.h's descriptions are used for. */
#ifndef CHECK_RUN_H
#define CHECK_RUN_H

#include "base/progress.h"
#include "ops/check_ops.h"

#include <stdlib.h>

static dr_arena check_arena, check_scratch;
static dr_precision check_precision; /* of the rows that multiply matrices */

static void problem_init(check_problem *p, const check_op *op, const check_case *c)
{
    *p = (check_problem){
        .c = c, .arena = &check_arena, .scratch = &check_scratch, .precision = check_precision, .random = 1};
    op->setup(p);
}

/* --- (a) the active backend against ref ------------------------------------------------------------------------ */

/* The largest difference, in units of the wanted values' deviation (of their size, for a single value). */
static double difference(const float *got, const float *want, int64_t n)
{
    double mean = 0, squares = 0, worst = 0, size = 0;
    for (int64_t i = 0; i < n; i++)
        mean += (double)want[i] / (double)n;
    for (int64_t i = 0; i < n; i++) {
        double d = fabs((double)got[i] - (double)want[i]);
        squares += ((double)want[i] - mean) * ((double)want[i] - mean);
        size = fmax(size, fabs((double)want[i]));
        if (!(d <= worst)) /* NaN is the worst */
            worst = d;
    }
    double deviation = sqrt(squares / (double)n);
    /* values that are all alike (one value; a gradient that is zero but for rounding) are judged by their size */
    double unit = fmax(deviation, fmax(0.1 * size, check_precision == DR_PRECISION_AUTO ? 1e-3 : 1e-6));
    return worst / unit;
}

/* 1e-5 of the deviation for sums of up to 256 products, growing as rounding errors do. With bf16 products each
 * factor is off by up to 2^-9, whatever the length. */
static double tolerance(const check_case *c, int64_t terms)
{
    double slack = c->slack > 0 ? c->slack : 1;
    if (check_precision == DR_PRECISION_AUTO)
        return 3e-2 * slack;
    return 1e-5 * slack * fmax(1, sqrt((double)terms / 256));
}

static int complain(const check_op *op, const check_case *c, const char *what, const char *name, double got,
                    double limit)
{
    char label[256];
    fprintf(stderr, "%s %s: %s%s%s", op->name, case_label(op, c, label, sizeof label), what, name ? " " : "",
            name ? name : "");
    if (limit > 0)
        fprintf(stderr, " is off by %.2e, allowed %.2e", got, limit);
    fprintf(stderr, "\n");
    return 1;
}

static int compare_within(const check_op *op, const check_case *c, const char *what, const check_value *v,
                          const float *got, const float *want, double slack)
{
    double limit = slack * tolerance(c, v->terms), off = difference(got, want, v->n);
    return off <= limit ? 0 : complain(op, c, what, v->name, off, limit);
}

static int compare(const check_op *op, const check_case *c, const char *what, const check_value *v, const float *got,
                   const float *want)
{
    return compare_within(op, c, what, v, got, want, 1);
}

static int compare_gradient(const check_op *op, const check_case *c, const char *what, const check_value *v,
                            const float *got, const float *want)
{
    bool chained = check_precision == DR_PRECISION_AUTO && op->bf16_chain > 0;
    return compare_within(op, c, what, v, got, want, chained ? op->bf16_chain : 1);
}

/* Inputs unchanged, nothing written behind any buffer, scratch given back. */
static int check_manners(const check_op *op, const check_problem *got, const check_problem *want)
{
    int bad = 0;
    for (int i = 0; i < got->ins; i++) {
        const check_value *v = &got->in[i];
        if (v->n > 0 && memcmp(v->data, want->in[i].data, (size_t)v->n * sizeof(float)) != 0)
            bad += complain(op, got->c, "changed its input", v->name, 0, 0);
        if (!guard_kept(v->data, v->n) || !guard_kept(v->grad, v->n))
            bad += complain(op, got->c, "wrote behind", v->name, 0, 0);
    }
    for (int i = 0; i < got->outs; i++)
        if (!guard_kept(got->out[i].data, got->out[i].n))
            bad += complain(op, got->c, "wrote behind", got->out[i].name, 0, 0);
    if (check_scratch.used != 0)
        bad += complain(op, got->c, "left memory in scratch", NULL, 0, 0);
    return bad;
}

/* Each gradient asked for alone, on top of what is there: it must add, and skip the others. */
static int check_adding(const check_op *op, check_problem *got, const check_problem *want)
{
    int bad = 0;
    for (int i = 0; i < got->ins; i++) {
        if (!got->in[i].grad)
            continue;
        for (int j = 0; j < got->ins; j++)
            got->in[j].wanted = j == i;
        if (op->backward(dr_ops_get(), got) != DR_OK)
            bad += complain(op, got->c, dr_error(), NULL, 0, 0);
        for (int64_t k = 0; k < got->in[i].n; k++)
            got->in[i].grad[k] *= 0.5f; /* twice the gradient, if it added */
        bad += compare_gradient(op, got->c, "alone and added, the gradient of", &got->in[i], got->in[i].grad,
                                want->in[i].grad);
    }
    return bad;
}

static int check_backward(const check_op *op, check_problem *got, check_problem *want)
{
    int bad = 0;
    if (op->backward(dr_ops_ref(), want) != DR_OK || op->backward(dr_ops_get(), got) != DR_OK)
        return complain(op, got->c, dr_error(), NULL, 0, 0);
    for (int i = 0; i < got->ins; i++)
        if (got->in[i].grad)
            bad += compare_gradient(op, got->c, "the gradient of", &got->in[i], got->in[i].grad, want->in[i].grad);
    return bad ? bad : check_adding(op, got, want);
}

/** One case forward and backward on both tables; returns the number of mismatches, each told on stderr. */
static int check_backend(const check_op *op, const check_case *c)
{
    check_problem got, want;
    problem_init(&got, op, c);
    problem_init(&want, op, c);
    int bad = 0;
    if (op->forward(dr_ops_ref(), &want) != DR_OK || op->forward(dr_ops_get(), &got) != DR_OK)
        bad = complain(op, c, dr_error(), NULL, 0, 0);
    for (int i = 0; i < got.outs; i++)
        if (got.out[i].n > 0)
            bad += compare(op, c, "forward", &got.out[i], got.out[i].data, want.out[i].data);
    if (!bad && op->backward && !has(&got, NO_STATS)) /* a wrong forward would only be told again */
        bad += check_backward(op, &got, &want);
    bad += check_manners(op, &got, &want);
    dr_weight_unpack(&got.w);
    dr_arena_rewind(&check_arena, 0);
    return bad;
}

/* --- (b) ref's gradients against finite differences ------------------------------------------------------------- */

/* sum of y * dy after a forward of ref */
static double projection(const check_op *op, check_problem *p)
{
    DR_ASSERT(op->forward(dr_ops_ref(), p) == DR_OK, "%s", dr_error());
    double sum = 0;
    for (int64_t i = 0; i < p->out[0].n; i++)
        sum += (double)p->out[0].data[i] * (double)p->dy[i];
    return sum;
}

/* The projection at x + step * u less that at x - step * u, as a slope. The steps really taken differ from those asked
 * for by f32 rounding, so `slope` collects grad · (the step taken) to compare with. */
static double central(const check_op *op, check_problem *p, check_value *v, const float *x, const float *u, float step,
                      double *slope)
{
    *slope = 0;
    for (int64_t i = 0; i < v->n; i++)
        v->data[i] = x[i] + step * u[i];
    double up = projection(op, p);
    for (int64_t i = 0; i < v->n; i++) {
        float down = x[i] - step * u[i];
        *slope += (double)v->grad[i] * ((double)v->data[i] - (double)down);
        v->data[i] = down;
    }
    return up - projection(op, p);
}

/* Richardson's combination of two step sizes: the error falls with the fourth power of the step, so that the step can
 * be large against f32 rounding of the output. */
static int check_direction(const check_op *op, check_problem *p, check_value *v)
{
    const float step = 1.0f / 64;
    size_t mark = dr_arena_mark(p->arena);
    float *x = check_buffer(p, v->n), *u = check_buffer(p, v->n);
    memcpy(x, v->data, (size_t)v->n * sizeof *x);
    double norm = 0;
    for (int64_t i = 0; i < v->n; i++) {
        u[i] = check_random(p);
        norm += (double)v->grad[i] * (double)v->grad[i];
    }
    double slope1, slope2;
    double one = central(op, p, v, x, u, step, &slope1), two = central(op, p, v, x, u, 2 * step, &slope2);
    memcpy(v->data, x, (size_t)v->n * sizeof *x);
    dr_arena_rewind(p->arena, mark);
    double want = (8 * one - two) / 6, got = (8 * slope1 - slope2) / 6;
    double unit = 2 * (double)step * fmax(sqrt(norm), 1e-2);
    return fabs(got - want) <= 1e-4 * unit
               ? 0
               : complain(op, p->c, "by differences, the gradient of", v->name, fabs(got - want) / unit, 1e-4);
}

/** Every gradient of one case along two random directions. Cases too large to be run often are passed over. */
static int check_gradient(const check_op *op, const check_case *c)
{
    check_problem p;
    int bad = 0;
    if (op->work(c) > 2e5 || c->opt & (NO_STATS | SHARP | OFFSET))
        return 0;
    problem_init(&p, op, c);
    projection(op, &p);
    DR_ASSERT(op->backward(dr_ops_ref(), &p) == DR_OK, "%s", dr_error());
    for (int i = 0; i < p.ins; i++)
        for (int k = 0; k < 2 && p.in[i].grad && !p.in[i].steady; k++)
            bad += check_direction(op, &p, &p.in[i]);
    dr_arena_rewind(&check_arena, 0);
    return bad;
}

/* --- (c) timing ------------------------------------------------------------------------------------------------ */

/* Seconds of one call, the best of several; one call is enough where it is long. */
static double seconds(dr_status (*row)(const dr_ops *, check_problem *), const dr_ops *ops, check_problem *p)
{
    double best = 1e30, spent = 0;
    for (int i = 0; i < 2 || (i < 50 && spent < 0.5); i++) {
        double t = dr_now();
        if (row(ops, p) != DR_OK)
            return -1;
        t = dr_now() - t;
        best = t < best ? t : best;
        spent += t;
        if (spent > 3)
            break;
    }
    return best;
}

static void bench_case(const check_op *op, const check_case *c)
{
    check_problem p;
    char label[256];
    problem_init(&p, op, c);
    double work = op->work(c) * 1e-9, f = seconds(op->forward, dr_ops_get(), &p), b = 0, r;
    printf("%-16s %-68s %9.2f %8.1f", op->name, case_label(op, c, label, sizeof label), f * 1e3, work / f);
    if (op->backward)
        b = seconds(op->backward, dr_ops_get(), &p);
    if (b > 0)
        printf(" %9.2f %8.1f", b * 1e3, work * op->backward_work / b);
    else
        printf(" %9s %8s", "", "");
    fflush(stdout);
    dr_weight_unpack(&p.w);
    r = seconds(op->forward, dr_ops_ref(), &p);
    printf(" %9.2f %8.1f %s\n", r * 1e3, work / r, op->bytes ? "GB/s" : "GFLOP/s");
    dr_arena_rewind(&check_arena, 0);
}

/** Times the real sizes of the ops whose name contains `filter` (NULL: all). */
static void bench(const check_op *const *ops, size_t n, const char *filter)
{
    printf("%-16s %-68s %18s %18s %18s\n", "", "", "forward ms, rate", "backward ms, rate", "plain C ms, rate");
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < ops[i]->n_bench; k++)
            if (!filter || strstr(ops[i]->name, filter))
                bench_case(ops[i], &ops[i]->bench[k]);
}

#endif
