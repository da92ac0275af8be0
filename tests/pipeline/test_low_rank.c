#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "pipeline/low_rank.h"

#include <math.h>
#include <stdlib.h>

/* u [m,k] v [k,n] with columns and rows orthonormal: then the singular values are known. */
static void orthonormal(dr_rng *rng, double *a, int64_t k, int64_t n)
{
    for (int64_t i = 0; i < k; i++) {
        for (int64_t j = 0; j < n; j++)
            a[i * n + j] = (double)dr_rng_uniform(rng) - 0.5;
        for (int round = 0; round < 2; round++)
            for (int64_t p = 0; p < i; p++) {
                double dot = 0;
                for (int64_t j = 0; j < n; j++)
                    dot += a[i * n + j] * a[p * n + j];
                for (int64_t j = 0; j < n; j++)
                    a[i * n + j] -= dot * a[p * n + j];
            }
        double norm = 0;
        for (int64_t j = 0; j < n; j++)
            norm += a[i * n + j] * a[i * n + j];
        for (int64_t j = 0; j < n; j++)
            a[i * n + j] /= sqrt(norm);
    }
}

/* A matrix of singular values value(0) >= value(1) >= ..., k of them. */
static float *matrix(int64_t m, int64_t n, int64_t k, double (*value)(int64_t))
{
    dr_rng rng;
    double *u = malloc((size_t)(k * m) * sizeof *u), *v = malloc((size_t)(k * n) * sizeof *v);
    float *d = malloc((size_t)(m * n) * sizeof *d);
    dr_rng_seed(&rng, 7);
    orthonormal(&rng, u, k, m);
    orthonormal(&rng, v, k, n);
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            for (int64_t r = 0; r < k; r++)
                sum += value(r) * u[r * m + i] * v[r * n + j];
            d[i * n + j] = (float)sum;
        }
    free(u);
    free(v);
    return d;
}

/* Squares of d - up down. */
static double rest(const float *d, int64_t m, int64_t n, int64_t rank, const float *up, const float *down)
{
    double squares = 0;
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            double x = (double)d[i * n + j];
            for (int64_t r = 0; r < rank; r++)
                x -= (double)up[i * rank + r] * (double)down[r * n + j];
            squares += x * x;
        }
    return squares;
}

static double slowly(int64_t i)
{
    return 1 / (1 + 0.1 * (double)i);
}

static double steps(int64_t i)
{
    return i < 5 ? 3 - 0.1 * (double)i : 0;
}

static void check(int64_t m, int64_t n, int64_t rank, int64_t k, double (*value)(int64_t), double more)
{
    float *d = matrix(m, n, k, value), *up = malloc((size_t)(m * rank) * sizeof *up),
          *down = malloc((size_t)(rank * n) * sizeof *down);
    double kept, best = 0, all = 0;
    assert_int_equal(dr_low_rank(d, m, n, rank, up, down, &kept), DR_OK);
    for (int64_t i = 0; i < k; i++) {
        all += value(i) * value(i);
        best += i < rank ? 0 : value(i) * value(i);
    }
    double left = rest(d, m, n, rank, up, down);
    if (left > best * more + 1e-9 * all)
        fail_msg("[%d,%d] rank %d: %g is left, the best is %g", (int)m, (int)n, (int)rank, left, best);
    assert_true(fabs(kept - (all - best) / all) < 1e-3);
    free(d);
    free(up);
    free(down);
}

static void small_matrices_get_the_best_of_all(void **state)
{
    (void)state;
    check(20, 30, 4, 20, slowly, 1.0001);
    check(30, 20, 20, 20, slowly, 1.0001);
    check(7, 90, 1, 7, slowly, 1.0001);
    check(1, 9, 1, 1, slowly, 1.0001);
}

static void large_ones_come_within_a_thousandth(void **state)
{
    (void)state;
    check(300, 420, 8, 200, slowly, 1.001);
    check(420, 300, 32, 200, slowly, 1.001);
    check(260, 900, 5, 5, steps, 1); /* of that rank: nothing is left */
}

static void nothing_gives_nothing(void **state)
{
    (void)state;
    float d[6] = {0}, up[2], down[3];
    double kept;
    assert_int_equal(dr_low_rank(d, 2, 3, 1, up, down, &kept), DR_OK);
    for (int i = 0; i < 2; i++)
        assert_true(up[i] == 0);
    assert_true(kept == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_matrices_get_the_best_of_all),
        cmocka_unit_test(large_ones_come_within_a_thousandth),
        cmocka_unit_test(nothing_gives_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
