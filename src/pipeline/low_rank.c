#include "pipeline/low_rank.h"

#include "base/rng.h"
#include "pipeline/host_matrix.h"

#include <lapacke.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MORE = 16, ROUNDS = 4, SMALL = 160 };

static dr_status failed(lapack_int info)
{
    if (info == LAPACK_WORK_MEMORY_ERROR || info == LAPACK_TRANSPOSE_MEMORY_ERROR)
        return dr_fail(DR_ENOMEM, "out of memory decomposing a matrix");
    return dr_fail(DR_EINVAL, "a matrix cannot be decomposed: its singular values do not converge");
}

/* Orthonormal columns that span those of y [rows,n], in its place. */
static dr_status orthonormal(float *y, int64_t rows, int64_t n)
{
    float *tau = malloc((size_t)n * sizeof *tau);
    if (!tau)
        return dr_fail(DR_ENOMEM, "out of memory decomposing a matrix");
    lapack_int m = (lapack_int)rows, k = (lapack_int)n;
    lapack_int info = LAPACKE_sgeqrf(LAPACK_ROW_MAJOR, m, k, y, k, tau);
    if (!info)
        info = LAPACKE_sorgqr(LAPACK_ROW_MAJOR, m, k, k, y, k, tau);
    free(tau);
    return info ? failed(info) : DR_OK;
}

/* q [rows,n]: an orthonormal basis in which nearly all of d [rows,columns] lies. `t` is d transposed. */
static dr_status basis(const float *d, const float *t, int64_t rows, int64_t columns, int64_t n, float *q)
{
    dr_rng rng;
    float *z = malloc((size_t)(columns * n) * sizeof *z);
    if (!z)
        return dr_fail(DR_ENOMEM, "out of memory decomposing a matrix");
    dr_rng_seed(&rng, 1);
    dr_rng_normal(&rng, z, (size_t)(columns * n));
    dr_status st = dr_host_product(rows, columns, n, d, z, q);
    for (int i = 0; !st && i < ROUNDS; i++) {
        st = orthonormal(q, rows, n);
        if (!st)
            st = dr_host_product(columns, rows, n, t, q, z);
        if (!st)
            st = orthonormal(z, columns, n);
        if (!st)
            st = dr_host_product(rows, columns, n, d, z, q);
    }
    free(z);
    return st ? st : orthonormal(q, rows, n);
}

/* The first `rank` singular values of b [m,n], with u [m,rank] and v [rank,n], the values' roots in each. */
static dr_status decompose(float *b, int64_t m, int64_t n, int64_t rank, float *u, float *v, double *squares)
{
    int64_t k = m < n ? m : n;
    float *all_u = malloc((size_t)(m * k) * sizeof *all_u), *all_v = malloc((size_t)(k * n) * sizeof *all_v);
    float *s = malloc((size_t)k * sizeof *s);
    dr_status st = all_u && all_v && s ? DR_OK : dr_fail(DR_ENOMEM, "out of memory decomposing a matrix");
    if (!st) {
        lapack_int info = LAPACKE_sgesdd(LAPACK_ROW_MAJOR, 'S', (lapack_int)m, (lapack_int)n, b, (lapack_int)n, s,
                                         all_u, (lapack_int)k, all_v, (lapack_int)n);
        st = info ? failed(info) : DR_OK;
    }
    for (int64_t j = 0; !st && j < rank; j++) {
        float root = sqrtf(s[j]);
        *squares += (double)s[j] * (double)s[j];
        for (int64_t i = 0; i < m; i++)
            u[i * rank + j] = all_u[i * k + j] * root;
        for (int64_t i = 0; i < n; i++)
            v[j * n + i] = all_v[j * n + i] * root;
    }
    free(all_u);
    free(all_v);
    free(s);
    return st;
}

static dr_status whole(const float *d, int64_t rows, int64_t columns, int64_t rank, float *up, float *down,
                       double *held)
{
    size_t bytes = (size_t)(rows * columns) * sizeof(float);
    float *copy = malloc(bytes); /* gesdd destroys it */
    if (!copy)
        return dr_fail(DR_ENOMEM, "out of memory decomposing a matrix");
    memcpy(copy, d, bytes);
    dr_status st = decompose(copy, rows, columns, rank, up, down, held);
    free(copy);
    return st;
}

static dr_status by_basis(const float *d, int64_t rows, int64_t columns, int64_t rank, float *up, float *down,
                          double *held)
{
    int64_t n = rank + MORE;
    float *t = malloc((size_t)(rows * columns) * sizeof *t), *q = malloc((size_t)(rows * n) * sizeof *q);
    float *qt = malloc((size_t)(rows * n) * sizeof *qt), *b = malloc((size_t)(n * columns) * sizeof *b);
    float *u = malloc((size_t)(n * rank) * sizeof *u);
    dr_status st = t && q && qt && b && u ? DR_OK : dr_fail(DR_ENOMEM, "out of memory decomposing a matrix");
    if (!st) {
        dr_host_transpose(d, rows, columns, t);
        st = basis(d, t, rows, columns, n, q);
    }
    if (!st) {
        dr_host_transpose(q, rows, n, qt);
        st = dr_host_product(n, rows, columns, qt, d, b);
    }
    if (!st)
        st = decompose(b, n, columns, rank, u, down, held);
    if (!st)
        st = dr_host_product(rows, n, rank, q, u, up);
    free(t);
    free(q);
    free(qt);
    free(b);
    free(u);
    return st;
}

dr_status dr_low_rank(const float *d, int64_t rows, int64_t columns, int64_t rank, float *up, float *down, double *kept)
{
    int64_t small = rows < columns ? rows : columns;
    double held = 0, all = 0;
    DR_ASSERT(rank >= 1 && rank <= small, "rank %lld of [%lld,%lld]", (long long)rank, (long long)rows,
              (long long)columns);
    for (int64_t i = 0; i < rows * columns; i++)
        all += (double)d[i] * (double)d[i];
    bool direct = small <= SMALL || small < 2 * (rank + MORE);
    dr_status st =
        direct ? whole(d, rows, columns, rank, up, down, &held) : by_basis(d, rows, columns, rank, up, down, &held);
    *kept = all > 0 ? fmin(held / all, 1) : 1;
    return st;
}
