#include "eval/kid.h"

#include "eval/numpy_random.h"
#include "ops/ops.h"

#include <math.h>
#include <stdlib.h>

#define LARGEST 1000

/* A set, and what its vectors have in common with the middle of the first set.
 *
 * Features of all pictures are much alike, and KID is a small difference of large sums. So the products are made of
 * what is left when the middle c is taken off, in f32, and x.y = (x - c).(y - c) + x.c + y.c - c.c put together in
 * double. */
typedef struct set {
    const float *x; /* [count][dim] */
    int64_t count;
    double *common; /* [count]: x.c - c.c / 2 */
} set;

/* What one subset after the other is computed in. */
typedef struct room {
    int m, dim;
    float *x, *y, *gram; /* [m][dim] twice, [m][m]: the rows' */
    float *host, *gathered, *middle;
    double *common_x, *common_y; /* [m] */
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
    r->middle = malloc((size_t)dim * sizeof *r->middle);
    r->common_x = malloc((size_t)m * sizeof *r->common_x);
    r->common_y = malloc((size_t)m * sizeof *r->common_y);
    r->index = malloc((size_t)most * sizeof *r->index);
    bool ok = r->x && r->y && r->gram && r->host && r->gathered && r->middle && r->common_x && r->common_y && r->index;
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
    free(r->middle);
    free(r->common_x);
    free(r->common_y);
    free(r->index);
}

static void find_middle(room *r, const set *s)
{
    for (int i = 0; i < r->dim; i++) {
        double sum = 0;
        for (int64_t k = 0; k < s->count; k++)
            sum += s->x[k * r->dim + i];
        r->middle[i] = (float)(sum / (double)s->count);
    }
}

static dr_status find_common(const room *r, set *s)
{
    double own = 0;
    s->common = malloc((size_t)s->count * sizeof *s->common);
    if (!s->common)
        return dr_fail(DR_ENOMEM, "out of memory for KID");
    for (int i = 0; i < r->dim; i++)
        own += (double)r->middle[i] * r->middle[i];
    for (int64_t k = 0; k < s->count; k++) {
        s->common[k] = -own / 2;
        for (int i = 0; i < r->dim; i++)
            s->common[k] += (double)s->x[k * r->dim + i] * r->middle[i];
    }
    return DR_OK;
}

/* The next subset of a set as values of the rows, without the middle. */
static void choose(room *r, dr_numpy_random *random, const set *s, float *to, double *common)
{
    dr_numpy_permutation(random, s->count, r->index);
    for (int k = 0; k < r->m; k++) {
        const float *x = s->x + r->index[k] * r->dim;
        float *out = r->gathered + (size_t)k * (size_t)r->dim;
        common[k] = s->common[r->index[k]];
        for (int i = 0; i < r->dim; i++)
            out[i] = x[i] - r->middle[i];
    }
    dr_ops_get()->put(to, r->gathered, (size_t)r->m * (size_t)r->dim * sizeof *to);
}

/* The kernel's sum over all pairs of a and b, or over those of different pictures. */
static dr_status kernel_sum(room *r, dr_arena *scratch, const float *a, const double *common_a, float *b,
                            const double *common_b, bool different, double *out)
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
            double dot = common_a[i] + common_b[j] + (double)r->host[(size_t)i * (size_t)m + (size_t)j];
            double k = dot / r->dim + 1;
            sum += different && i == j ? 0 : k * k * k;
        }
    *out = sum;
    return DR_OK;
}

static dr_status discrepancy(room *r, dr_arena *scratch, double *out)
{
    double xx = 0, yy = 0, xy = 0, m = r->m;
    dr_status st = kernel_sum(r, scratch, r->x, r->common_x, r->x, r->common_x, true, &xx);
    if (!st)
        st = kernel_sum(r, scratch, r->y, r->common_y, r->y, r->common_y, true, &yy);
    if (!st)
        st = kernel_sum(r, scratch, r->x, r->common_x, r->y, r->common_y, false, &xy);
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

static dr_status run(room *r, const set *a, const set *b, const dr_kid_options *o, dr_kid_result *out)
{
    dr_arena scratch = {0};
    dr_numpy_random random;
    double *value = malloc((size_t)o->subsets * sizeof *value);
    dr_status st = dr_arena_init_in(&scratch, 0, dr_ops_get()->take, dr_ops_get()->give);
    if (!st && !value)
        st = dr_fail(DR_ENOMEM, "out of memory for KID");
    dr_numpy_seed(&random, o->seed);
    for (int i = 0; !st && i < o->subsets; i++) {
        choose(r, &random, a, r->x, r->common_x);
        choose(r, &random, b, r->y, r->common_y);
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
    set first = {a, count_a, NULL}, second = {b, count_b, NULL};
    *out = (dr_kid_result){0};
    dr_status st = subset_size(o, count_a, name_a, count_b, name_b, &out->subset_size);
    if (st)
        return st;
    st = room_init(&r, out->subset_size, dim, count_a > count_b ? count_a : count_b);
    if (!st) {
        find_middle(&r, &first);
        st = find_common(&r, &first);
    }
    if (!st)
        st = find_common(&r, &second);
    if (!st)
        st = run(&r, &first, &second, o, out);
    free(first.common);
    free(second.common);
    room_clear(&r);
    return st;
}
