/* The Frechet distance against numpy, and the parts that it is made of. */
#include "mini/frechet.h"

#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void near(double got, double want, double within)
{
    if (!(fabs(got - want) <= within))
        fail_msg("%.12g, expected %.12g", got, want);
}

static double distance(int dim, double *m1, double *c1, double *m2, double *c2)
{
    double d2 = -1;
    mini_gaussian a = {dim, m1, c1}, b = {dim, m2, c2};
    assert_int_equal(mini_frechet(&a, &b, &d2), DR_OK);
    return d2;
}

/* w = np.linalg.eigvals(C1 @ C2); ((m1 - m2)**2).sum() + np.trace(C1 + C2) - 2 * np.sqrt(w).sum() */
static void the_distance_is_numpy_s(void **state)
{
    double m1[] = {1, 2, -1}, m2[] = {0, 2.5, 1};
    double c1[] = {4, 1, 0.5, 1, 3, -0.25, 0.5, -0.25, 2}, c2[] = {1, 0.2, 0, 0.2, 2, 0.3, 0, 0.3, 5};
    (void)state;
    near(distance(3, m1, c1, m2, c2), 7.158519437003783, 1e-10);
    near(distance(3, m2, c2, m1, c1), 7.158519437003783, 1e-10);
    near(distance(3, m1, c1, m1, c1), 0, 1e-10);
    near(distance(3, m1, c1, m2, c1), 5.25, 1e-10); /* the means alone */
}

/* Along one axis: (difference of means)^2 + (difference of deviations)^2. */
static void along_one_axis_it_is_the_known_formula(void **state)
{
    double m1[] = {3}, c1[] = {4}, m2[] = {1}, c2[] = {25};
    (void)state;
    near(distance(1, m1, c1, m2, c2), 4 + 9, 1e-12);
}

/* A covariance without full rank is one all the same: a picture of flat cloth has features that never change. */
static void a_direction_without_any_spread_does_no_harm(void **state)
{
    double m[] = {0, 0}, c1[] = {1, 1, 1, 1}, c2[] = {1, 0, 0, 0};
    (void)state;
    near(distance(2, m, c1, m, c2), 1, 1e-7); /* 2 + 1 - 2 sqrt(1) */
}

static void eigenvectors_give_the_matrix_back(void **state)
{
    enum { N = 40 };
    static double a[N * N], used[N * N], v[N * N], value[N];
    dr_rng r;
    (void)state;
    dr_rng_seed(&r, 1);
    for (int i = 0; i < N; i++)
        for (int j = 0; j <= i; j++)
            a[i * N + j] = a[j * N + i] = (double)dr_rng_uniform(&r) - 0.5;
    memcpy(used, a, sizeof a);
    mini_symmetric_eigen(used, N, value, v);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double sum = 0, dot = 0;
            for (int k = 0; k < N; k++) {
                sum += v[i * N + k] * value[k] * v[j * N + k];
                dot += v[k * N + i] * v[k * N + j];
            }
            near(sum, a[i * N + j], 1e-10);
            near(dot, i == j, 1e-10);
        }
}

/* np.cov(x.T) is [[10/3, 3], [3, 10/3]]; four vectors of two numbers keep 4/6 of what is off the diagonal. */
static void a_fit_has_numpy_s_mean_and_covariance(void **state)
{
    static const float x[4][2] = {{1, 2}, {3, 5}, {4, 4}, {0, 1}};
    mini_samples s = {0};
    mini_gaussian g;
    (void)state;
    for (int i = 0; i < 4; i++)
        assert_int_equal(mini_samples_add(&s, x[i], 2), DR_OK);
    assert_int_equal(mini_gaussian_fit(&g, &s), DR_OK);
    near(g.mean[0], 2, 1e-12);
    near(g.mean[1], 3, 1e-12);
    near(g.cov[0], 10.0 / 3, 1e-12);
    near(g.cov[3], 10.0 / 3, 1e-12);
    near(g.cov[1], 2, 1e-12);
    near(g.cov[2], 2, 1e-12);
    mini_gaussian_clear(&g);
    s.count = 1;
    assert_int_equal(mini_gaussian_fit(&g, &s), DR_EINVAL);
    mini_samples_clear(&s);
}

/* Two sets of one distribution are near, and of another far. */
static void sets_that_differ_are_farther_apart(void **state)
{
    enum { DIM = 6, N = 400 };
    mini_samples set[3] = {{0}, {0}, {0}};
    mini_gaussian g[3];
    double same, other;
    dr_rng r;
    (void)state;
    dr_rng_seed(&r, 2);
    for (int k = 0; k < 3; k++) {
        for (int i = 0; i < N; i++) {
            float v[DIM];
            for (int c = 0; c < DIM; c++)
                v[c] = (k == 2 ? 2.0f : 1.0f) * (dr_rng_uniform(&r) - 0.5f) * 3.4641f;
            assert_int_equal(mini_samples_add(&set[k], v, DIM), DR_OK);
        }
        assert_int_equal(mini_gaussian_fit(&g[k], &set[k]), DR_OK);
    }
    assert_int_equal(mini_frechet(&g[0], &g[1], &same), DR_OK);
    assert_int_equal(mini_frechet(&g[0], &g[2], &other), DR_OK);
    near(same, 0, 0.1);
    near(other, DIM, 0.5); /* deviations 1 and 2 */
    for (int k = 0; k < 3; k++) {
        mini_gaussian_clear(&g[k]);
        mini_samples_clear(&set[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_distance_is_numpy_s),
        cmocka_unit_test(along_one_axis_it_is_the_known_formula),
        cmocka_unit_test(a_direction_without_any_spread_does_no_harm),
        cmocka_unit_test(eigenvectors_give_the_matrix_back),
        cmocka_unit_test(a_fit_has_numpy_s_mean_and_covariance),
        cmocka_unit_test(sets_that_differ_are_farther_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
