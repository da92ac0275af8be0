#include "mini/frechet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- samples ----------------------------------------------------------------------------------------- */

dr_status mini_samples_add(mini_samples *s, const float *x, int dim)
{
    if (s->count == s->room) {
        int64_t room = s->room ? 2 * s->room : 256;
        float *grown = realloc(s->x, (size_t)room * (size_t)dim * sizeof *grown);
        if (!grown)
            return dr_fail(DR_ENOMEM, "out of memory");
        s->x = grown;
        s->room = room;
        s->dim = dim;
    }
    DR_ASSERT(s->dim == dim, "a vector of %d among those of %d", dim, s->dim);
    memcpy(s->x + s->count++ * dim, x, (size_t)dim * sizeof *x);
    return DR_OK;
}

void mini_samples_clear(mini_samples *s)
{
    free(s->x);
    *s = (mini_samples){0};
}

/* --- fitting ----------------------------------------------------------------------------------------- */

static void add_products(mini_gaussian *g, const float *x, double *spare)
{
    for (int i = 0; i < g->dim; i++)
        spare[i] = (double)x[i] - g->mean[i];
    for (int i = 0; i < g->dim; i++)
        for (int j = 0; j <= i; j++)
            g->cov[i * g->dim + j] += spare[i] * spare[j];
}

dr_status mini_gaussian_fit(mini_gaussian *g, const mini_samples *s)
{
    int dim = s->dim;
    size_t n = (size_t)dim;
    *g = (mini_gaussian){.dim = dim};
    if (s->count < 2)
        return dr_fail(DR_EINVAL, "%lld patches of cloth are too few to compare", (long long)s->count);
    g->mean = calloc(n + n * n + n, sizeof *g->mean);
    if (!g->mean)
        return dr_fail(DR_ENOMEM, "out of memory");
    g->cov = g->mean + n;
    for (int64_t k = 0; k < s->count; k++)
        for (int i = 0; i < dim; i++)
            g->mean[i] += (double)s->x[k * dim + i] / (double)s->count;
    for (int64_t k = 0; k < s->count; k++)
        add_products(g, s->x + k * dim, g->cov + n * n);
    double kept = (double)s->count / (double)(s->count + dim);
    for (int i = 0; i < dim; i++)
        for (int j = 0; j <= i; j++) {
            double c = g->cov[i * dim + j] / (double)(s->count - 1);
            g->cov[i * dim + j] = g->cov[j * dim + i] = i == j ? c : kept * c;
        }
    return DR_OK;
}

void mini_gaussian_clear(mini_gaussian *g)
{
    free(g->mean);
    *g = (mini_gaussian){0};
}

/* --- symmetric matrices ------------------------------------------------------------------------------ */

/* Rows and columns p and q turned so that a[p][q] becomes 0. */
static void rotate(double *a, double *v, int n, int p, int q)
{
    double apq = a[p * n + q], theta = (a[q * n + q] - a[p * n + p]) / (2 * apq);
    double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1)), c = 1 / sqrt(t * t + 1), s = t * c;
    for (int k = 0; k < n; k++) {
        double x = a[k * n + p], y = a[k * n + q];
        a[k * n + p] = c * x - s * y;
        a[k * n + q] = s * x + c * y;
    }
    for (int k = 0; k < n; k++) {
        double x = a[p * n + k], y = a[q * n + k];
        a[p * n + k] = c * x - s * y;
        a[q * n + k] = s * x + c * y;
        x = v[k * n + p];
        y = v[k * n + q];
        v[k * n + p] = c * x - s * y;
        v[k * n + q] = s * x + c * y;
    }
}

void mini_symmetric_eigen(double *a, int n, double *value, double *vector)
{
    enum { SWEEPS = 60 };
    for (int i = 0; i < n * n; i++)
        vector[i] = i % (n + 1) == 0;
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        double off = 0, all = 0;
        for (int i = 0; i < n * n; i++) {
            all += a[i] * a[i];
            off += i % (n + 1) == 0 ? 0 : a[i] * a[i];
        }
        if (off <= 1e-24 * all)
            break;
        for (int p = 0; p < n; p++)
            for (int q = p + 1; q < n; q++)
                if (fabs(a[p * n + q]) > 1e-300)
                    rotate(a, vector, n, p, q);
    }
    for (int i = 0; i < n; i++)
        value[i] = a[i * n + i];
}

static void multiply(double *out, const double *a, const double *b, int n)
{
    for (int i = 0; i < n; i++) {
        double *row = out + (size_t)i * (size_t)n;
        memset(row, 0, (size_t)n * sizeof *row);
        for (int k = 0; k < n; k++)
            for (int j = 0; j < n; j++)
                row[j] += a[i * n + k] * b[k * n + j];
    }
}

/* --- the distance ------------------------------------------------------------------------------------ */

/* The square root of a covariance into `out`; spare [2][n][n] and [n]. */
static void square_root(double *out, const double *cov, int n, double *spare)
{
    double *a = spare, *v = spare + n * n, *value = v + n * n;
    memcpy(a, cov, (size_t)n * (size_t)n * sizeof *a);
    mini_symmetric_eigen(a, n, value, v);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            double sum = 0;
            for (int k = 0; k < n; k++)
                sum += v[i * n + k] * sqrt(fmax(value[k], 0)) * v[j * n + k];
            out[i * n + j] = sum;
        }
}

/* tr((C1 C2)^(1/2)) = tr((R C2 R)^(1/2)) with R = C1^(1/2), whose inside is symmetric. */
dr_status mini_frechet(const mini_gaussian *a, const mini_gaussian *b, double *d2)
{
    int n = a->dim;
    size_t square = (size_t)n * (size_t)n;
    DR_ASSERT(a->dim == b->dim, "vectors of %d and of %d", a->dim, b->dim);
    double *root = malloc((4 * square + (size_t)n) * sizeof *root);
    if (!root)
        return dr_fail(DR_ENOMEM, "out of memory");
    double *product = root + square, *spare = product + square, *value = spare + 2 * square, sum = 0;
    square_root(root, a->cov, n, spare);
    multiply(product, root, b->cov, n);
    multiply(spare, product, root, n);
    mini_symmetric_eigen(spare, n, value, product);
    for (int i = 0; i < n; i++) {
        double d = a->mean[i] - b->mean[i];
        sum += d * d + a->cov[i * n + i] + b->cov[i * n + i] - 2 * sqrt(fmax(value[i], 0));
    }
    *d2 = fmax(sum, 0);
    free(root);
    return DR_OK;
}
