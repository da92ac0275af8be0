#include "eval/kid.h"

#include "eval/numpy_random.h"
#include "ops/ops.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LARGEST 1000

/* What one subset after the other is computed in. */
typedef struct room {
    int m, dim;
    float *x, *y, *gram; /* [m][dim] twice, [m][m]: the rows' */
    float *host, *gathered;
    int64_t *index;
} room;

static void *take(size_t n, size_t size)
{
    return dr_ops_get()->take(n * size, false);
}

static dr_status room_init(room *r, int m, int dim, int64_t most)
{
    size_t rows = (size_t)m * (size_t)dim, pairs = (size_t)m * (size_t)m;
    *r = (room){.m = m, .dim = dim};
    r->x = take(rows, sizeof *r->x);
    r->y = take(rows, sizeof *r->y);
    r->gram = take(pairs, sizeof *r->gram);
    r->host = malloc(pairs * sizeof *r->host);
    r->gathered = malloc(rows * sizeof *r->gathered);
    r->index = malloc((size_t)most * sizeof *r->index);
    bool ok = r->x && r->y && r->gram && r->host && r->gathered && r->index;
    return ok ? DR_OK : dr_fail(DR_ENOMEM, "out of memory for KID of subsets of %d", m);
}

static void room_clear(room *r)
{
    size_t rows = (size_t)r->m * (size_t)r->dim, pairs = (size_t)r->m * (size_t)r->m;
    if (r->x)
        dr_ops_get()->give(r->x, rows * sizeof *r->x);
    if (r->y)
        dr_ops_get()->give(r->y, rows * sizeof *r->y);
    if (r->gram)
        dr_ops_get()->give(r->gram, pairs * sizeof *r->gram);
    free(r->host);
    free(r->gathered);
    free(r->index);
}

/* The next subset of a set as values of the rows. */
static void choose(room *r, dr_numpy_random *random, const float *set, int64_t count, float *to)
{
    dr_numpy_permutation(random, count, r->index);
    size_t row = (size_t)r->dim;
    for (size_t i = 0; i < (size_t)r->m; i++)
        memcpy(r->gathered + i * row, set + (size_t)r->index[i] * row, row * sizeof *set);
    dr_ops_get()->put(to, r->gathered, (size_t)r->m * row * sizeof *to);
}

/* The kernel's sum over all pairs of a and b, or over those of different pictures. */
static dr_status kernel_sum(room *r, dr_arena *scratch, const float *a, float *b, bool different, double *out)
{
    int m = r->m;
    dr_tensor w = {.dtype = DR_F32, .rank = 2, .dim = {m, r->dim, 1, 1}, .data = b};
    dr_linear_args args = {.scratch = scratch, .M = m, .N = m, .K = r->dim, .w = &w, .x = a, .y = r->gram};
    dr_status st = dr_ops_get()->linear(&args);
    dr_weight_unpack(&w);
    if (st)
        return st;
    dr_ops_get()->get(r->host, r->gram, (size_t)m * (size_t)m * sizeof *r->host);
    double sum = 0;
    for (int i = 0; i < m; i++)
        for (int j = 0; j < m; j++) {
            double k = (double)r->host[(size_t)i * (size_t)m + (size_t)j] / r->dim + 1;
            sum += different && i == j ? 0 : k * k * k;
        }
    *out = sum;
    return DR_OK;
}

static dr_status discrepancy(room *r, dr_arena *scratch, double *out)
{
    double xx = 0, yy = 0, xy = 0, m = r->m;
    dr_status st = kernel_sum(r, scratch, r->x, r->x, true, &xx);
    if (!st)
        st = kernel_sum(r, scratch, r->y, r->y, true, &yy);
    if (!st)
        st = kernel_sum(r, scratch, r->x, r->y, false, &xy);
    *out = (xx + yy) / (m * (m - 1)) - 2 * xy / (m * m);
    return st;
}

static dr_status subset_size(const dr_kid_options *o, int64_t count_a, const char *name_a, int64_t count_b,
                             const char *name_b, int *out)
{
    int64_t least = count_a < count_b ? count_a : count_b;
    const char *name = count_a < count_b ? name_a : name_b;
    *out = o->subset_size > 0 ? o->subset_size : (int)(least < LARGEST ? least : LARGEST);
    if (least < 2)
        return dr_fail(DR_EINVAL, "KID compares sets of pictures, and '%s' has %s; give at least 2, better hundreds",
                       name, least ? "a single one" : "none");
    if (*out < 2 || *out > least)
        return dr_fail(DR_EINVAL, "KID's subsets of %d pictures cannot be drawn from '%s', which has %lld", *out, name,
                       (long long)least);
    return DR_OK;
}

static dr_status run(room *r, const float *a, int64_t count_a, const float *b, int64_t count_b, const dr_kid_options *o,
                     dr_kid_result *out)
{
    dr_arena scratch = {0};
    dr_numpy_random random;
    double *value = malloc((size_t)o->subsets * sizeof *value);
    dr_status st = dr_arena_init_in(&scratch, 0, dr_ops_get()->take, dr_ops_get()->give);
    if (!st && !value)
        st = dr_fail(DR_ENOMEM, "out of memory for KID");
    dr_numpy_seed(&random, o->seed);
    for (int i = 0; !st && i < o->subsets; i++) {
        choose(r, &random, a, count_a, r->x);
        choose(r, &random, b, count_b, r->y);
        st = discrepancy(r, &scratch, &value[i]);
        out->mean += st ? 0 : value[i] / o->subsets;
    }
    dr_arena_clear(&scratch);
    for (int i = 0; !st && i < o->subsets; i++)
        out->deviation += (value[i] - out->mean) * (value[i] - out->mean) / o->subsets;
    out->deviation = sqrt(out->deviation);
    free(value);
    if (!st && !isfinite(out->mean))
        st = dr_fail(DR_EINVAL, "KID is not finite: the features are too large");
    return st;
}

dr_status dr_kid(const float *a, int64_t count_a, const char *name_a, const float *b, int64_t count_b,
                 const char *name_b, int dim, const dr_kid_options *o, dr_kid_result *out)
{
    room r;
    *out = (dr_kid_result){0};
    dr_status st = subset_size(o, count_a, name_a, count_b, name_b, &out->subset_size);
    if (st)
        return st;
    st = room_init(&r, out->subset_size, dim, count_a > count_b ? count_a : count_b);
    if (!st)
        st = run(&r, a, count_a, b, count_b, o, out);
    room_clear(&r);
    return st;
}
