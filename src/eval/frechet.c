/* The distance of two Gaussians, and their means and covariances as features come. */
#include "eval/frechet.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    WAITING = 32
}; /* vectors whose products are added at once: each time the whole matrix passes through the cache */

/* --- mean and covariance -------------------------------------------------------------------------------------- */

dr_status dr_fid_stats_init(dr_fid_stats *s, int dim)
{
    size_t n = (size_t)dim;
    *s = (dr_fid_stats){.dim = dim};
    s->shift = calloc(2 * n + n * n, sizeof *s->shift);
    s->waiting = malloc(WAITING * n * sizeof *s->waiting);
    if (!s->shift || !s->waiting) {
        dr_fid_stats_clear(s);
        return dr_fail(DR_ENOMEM, "out of memory for a covariance of %d features", dim);
    }
    s->sum = s->shift + n;
    s->products = s->sum + n;
    return DR_OK;
}

void dr_fid_stats_clear(dr_fid_stats *s)
{
    free(s->shift);
    free(s->waiting);
    *s = (dr_fid_stats){0};
}

/* row[j] += sum over k of x[k][i] x[k][j], j <= i */
static void add_row(double *row, const double *x, int n, int dim, int i)
{
    for (int k = 0; k + 3 < n; k += 4) {
        const double *a = x + (size_t)k * (size_t)dim, *b = a + dim, *c = b + dim, *d = c + dim;
        double ai = a[i], bi = b[i], ci = c[i], di = d[i];
        for (int j = 0; j <= i; j++)
            row[j] += ai * a[j] + bi * b[j] + ci * c[j] + di * d[j];
    }
    for (int k = n / 4 * 4; k < n; k++) {
        const double *a = x + (size_t)k * (size_t)dim;
        for (int j = 0; j <= i; j++)
            row[j] += a[i] * a[j];
    }
}

/* Every value is summed by one thread in the order of the vectors: the same whatever number of threads. */
static void add_waiting(dr_fid_stats *s)
{
    int dim = s->dim, n = s->waits;
    double *x = malloc((size_t)n * (size_t)dim * sizeof *x);
    if (!n || !x) { /* slower, and needs no memory */
        double *one = s->shift;
        for (int k = 0; k < n; k++)
            for (int i = 0; i < dim; i++) {
                double d = s->waiting[(size_t)k * (size_t)dim + (size_t)i] - one[i];
                s->sum[i] += d;
                for (int j = 0; j <= i; j++)
                    s->products[(size_t)i * (size_t)dim + (size_t)j] +=
                        d * (s->waiting[(size_t)k * (size_t)dim + (size_t)j] - one[j]);
            }
        s->waits = 0;
        free(x);
        return;
    }
    for (int k = 0; k < n; k++)
        for (int i = 0; i < dim; i++) {
            size_t at = (size_t)k * (size_t)dim + (size_t)i;
            x[at] = s->waiting[at] - s->shift[i];
            s->sum[i] += x[at];
        }
#pragma omp parallel for schedule(dynamic, 16)
    for (int i = 0; i < dim; i++)
        add_row(s->products + (size_t)i * (size_t)dim, x, n, dim, i);
    s->waits = 0;
    free(x);
}

void dr_fid_stats_add(dr_fid_stats *s, const float *features)
{
    size_t n = (size_t)s->dim;
    for (size_t i = 0; i < n && s->count == 0; i++)
        s->shift[i] = features[i];
    memcpy(s->waiting + (size_t)s->waits * n, features, n * sizeof *features);
    s->count++;
    if (++s->waits == WAITING)
        add_waiting(s);
}

bool dr_fid_stats_equal(dr_fid_stats *a, dr_fid_stats *b)
{
    add_waiting(a);
    add_waiting(b);
    size_t n = (size_t)a->dim;
    return a->dim == b->dim && a->count == b->count &&
           memcmp(a->shift, b->shift, (2 * n + n * n) * sizeof *a->shift) == 0;
}

static double mean_of(const dr_fid_stats *s, int i)
{
    return s->shift[i] + s->sum[i] / (double)s->count;
}

/* c [dim,dim], both halves. numpy.cov(rowvar=False). */
static void covariance(const dr_fid_stats *s, double *c)
{
    int dim = s->dim;
    double n = (double)s->count;
#pragma omp parallel for schedule(static)
    for (int i = 0; i < dim; i++)
        for (int j = 0; j <= i; j++) {
            double v = (s->products[(size_t)i * (size_t)dim + (size_t)j] - s->sum[i] * s->sum[j] / n) / (n - 1);
            c[(size_t)i * (size_t)dim + (size_t)j] = c[(size_t)j * (size_t)dim + (size_t)i] = v;
        }
}

/* --- the trace of a square root --------------------------------------------------------------------------------- */

/* f [rank][dim] with c = sum over k of f[k] f[k]^T, by Cholesky's decomposition with pivots: with fewer pictures than
 * features the covariance has no more columns than that. c is used up. */
static dr_status factor(double *c, int dim, double **f, int *rank)
{
    lapack_int *pivot = malloc((size_t)dim * sizeof *pivot), r = 0;
    *f = NULL;
    lapack_int info =
        pivot ? LAPACKE_dpstrf(LAPACK_COL_MAJOR, 'L', dim, c, dim, pivot, &r, -1) : LAPACK_WORK_MEMORY_ERROR;
    *rank = (int)r;
    if (info >= 0)
        *f = calloc((size_t)(r > 0 ? r : 1) * (size_t)dim, sizeof **f);
    for (int k = 0; *f && k < r; k++)
        for (int i = k; i < dim; i++)
            (*f)[(size_t)k * (size_t)dim + (size_t)pivot[i] - 1] = c[(size_t)k * (size_t)dim + (size_t)i];
    free(pivot);
    return *f ? DR_OK : dr_fail(DR_ENOMEM, "out of memory decomposing a covariance of %d features", dim);
}

static double dot(const double *a, const double *b, int n)
{
    double s[4] = {0};
    int i = 0;
    for (; i + 3 < n; i += 4)
        for (int k = 0; k < 4; k++)
            s[k] += a[i + k] * b[i + k];
    for (; i < n; i++)
        s[0] += a[i] * b[i];
    return (s[0] + s[1]) + (s[2] + s[3]);
}

/* tr sqrt(C1 C2) with C1 = F1 F1^T and C2 = F2 F2^T: the sum of the singular values of F1^T F2. Nothing is squared, so
 * that nothing near zero drowns in rounding, as it does in the square root of the product. */
static dr_status trace_of_root(const double *f1, int r1, const double *f2, int r2, int dim, double *out)
{
    int least = r1 < r2 ? r1 : r2;
    *out = 0;
    if (!least)
        return DR_OK;
    double *m = malloc((size_t)r1 * (size_t)r2 * sizeof *m), *value = malloc((size_t)least * sizeof *value);
    dr_status st = m && value ? DR_OK : dr_fail(DR_ENOMEM, "out of memory for FID");
    if (!st) {
        double none = 0;
#pragma omp parallel for schedule(static) collapse(2)
        for (int i = 0; i < r1; i++)
            for (int j = 0; j < r2; j++)
                m[(size_t)j * (size_t)r1 + (size_t)i] =
                    dot(f1 + (size_t)i * (size_t)dim, f2 + (size_t)j * (size_t)dim, dim);
        lapack_int info = LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'N', r1, r2, m, r1, value, &none, 1, &none, 1);
        if (info == LAPACK_WORK_MEMORY_ERROR)
            st = dr_fail(DR_ENOMEM, "out of memory for FID");
        else if (info)
            st = dr_fail(DR_EINVAL, "LAPACK finds no singular values of the features' covariances");
    }
    for (int i = 0; !st && i < least; i++)
        *out += value[i];
    free(m);
    free(value);
    return st;
}

/* --- the distance ------------------------------------------------------------------------------------------------ */

static dr_status check(dr_fid_stats *s, const char *name)
{
    if (s->count < 2)
        return dr_fail(DR_EINVAL, "FID compares sets of pictures, and '%s' has %s; give at least 2, better thousands",
                       name, s->count ? "a single one" : "none");
    add_waiting(s);
    for (int i = 0; i < s->dim; i++)
        for (int j = 0; j <= i; j++)
            if (!isfinite(s->products[(size_t)i * (size_t)s->dim + (size_t)j]))
                return dr_fail(DR_EINVAL, "the covariance of the features of '%s' is not finite (features %d and %d)",
                               name, j, i);
    return DR_OK;
}

static dr_status factor_of(const dr_fid_stats *s, double *spare, double *trace, double **f, int *rank)
{
    covariance(s, spare);
    *trace = 0;
    for (int i = 0; i < s->dim; i++)
        *trace += spare[(size_t)i * (size_t)s->dim + (size_t)i];
    return factor(spare, s->dim, f, rank);
}

dr_status dr_fid_distance(dr_fid_stats *a, dr_fid_stats *b, const char *name_a, const char *name_b, double *out)
{
    DR_ASSERT(a->dim == b->dim, "sets of %d and %d features", a->dim, b->dim);
    int dim = a->dim, r1, r2;
    double *f1 = NULL, *f2 = NULL, trace1, trace2, root;
    dr_status st = check(a, name_a);
    if (!st)
        st = check(b, name_b);
    if (st)
        return st;
    double *spare = malloc((size_t)dim * (size_t)dim * sizeof *spare);
    st = spare ? factor_of(a, spare, &trace1, &f1, &r1) : dr_fail(DR_ENOMEM, "out of memory for FID");
    if (!st)
        st = factor_of(b, spare, &trace2, &f2, &r2);
    free(spare);
    if (!st)
        st = trace_of_root(f1, r1, f2, r2, dim, &root);
    if (!st) {
        *out = trace1 + trace2 - 2 * root;
        for (int i = 0; i < dim; i++)
            *out += (mean_of(a, i) - mean_of(b, i)) * (mean_of(a, i) - mean_of(b, i));
    }
    free(f1);
    free(f2);
    return st;
}
