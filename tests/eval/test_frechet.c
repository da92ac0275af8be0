/* The distance of two Gaussians, and KID. Numbers of the libraries are in the golden cases
 * (tests/golden/backbones-nano-cases); here is what they cannot show. */
#include "eval/frechet.h"
#include "eval/kid.h"
#include "eval/numpy_random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { DIM = 5 };

/* Numbers that look drawn; `shift` moves them all. */
static void vectors(float *out, int n, int dim, uint32_t seed, float shift)
{
    for (int i = 0; i < n * dim; i++) {
        seed = seed * 1664525u + 1013904223u;
        out[i] = shift + (float)(seed >> 8) / (1 << 24);
    }
}

static dr_fid_stats stats_of(const float *x, int n, int dim)
{
    dr_fid_stats s;
    assert_int_equal(dr_fid_stats_init(&s, dim), DR_OK);
    for (int i = 0; i < n; i++)
        dr_fid_stats_add(&s, x + i * dim);
    return s;
}

static double distance(const float *x, int n, const float *y, int m, int dim)
{
    double d = NAN;
    dr_fid_stats a = stats_of(x, n, dim), b = stats_of(y, m, dim);
    dr_status st = dr_fid_distance(&a, &b, "results", "reference", &d);
    dr_fid_stats_clear(&a);
    dr_fid_stats_clear(&b);
    assert_int_equal(st, DR_OK);
    return d;
}

static void in_one_dimension_it_is_the_textbooks(void **state)
{
    /* means 2 and 5, variances 1 and 4: (2 - 5)^2 + (1 - 2)^2 */
    const float x[] = {1, 2, 3}, y[] = {3, 5, 7};
    (void)state;
    assert_true(fabs(distance(x, 3, y, 3, 1) - 10) < 1e-12);
}

static void a_shift_alone_is_the_squared_length_of_it(void **state)
{
    float x[40 * DIM], y[40 * DIM];
    (void)state;
    vectors(x, 40, DIM, 1, 0);
    for (int i = 0; i < 40 * DIM; i++)
        y[i] = x[i] + 2;
    assert_true(fabs(distance(x, 40, y, 40, DIM) - 4 * DIM) < 1e-5);
}

static void features_far_from_zero_lose_no_digits(void **state)
{
    float x[100 * DIM], y[100 * DIM];
    double near;
    (void)state;
    vectors(x, 100, DIM, 1, 0);
    vectors(y, 100, DIM, 2, 0);
    for (int i = 0; i < 100 * DIM; i++) { /* so that adding 4096 is exact */
        x[i] = roundf(x[i] * 1024) / 1024;
        y[i] = roundf(y[i] * 1024) / 1024;
    }
    near = distance(x, 100, y, 100, DIM);
    for (int i = 0; i < 100 * DIM; i++) {
        x[i] += 4096;
        y[i] += 4096;
    }
    assert_true(fabs(distance(x, 100, y, 100, DIM) - near) < 1e-9 * near);
}

/* With fewer pictures than features the covariances are singular; the square root of their product drowns in rounding.
 */
static void fewer_pictures_than_features_are_measured(void **state)
{
    enum { WIDE = 200, FEW = 6 };
    float x[FEW * WIDE], y[FEW * WIDE];
    (void)state;
    vectors(x, FEW, WIDE, 1, 0);
    memcpy(y, x, sizeof y);
    assert_true(fabs(distance(x, FEW, y, FEW, WIDE)) < 1e-12);
    vectors(y, FEW, WIDE, 2, 0);
    assert_true(distance(x, FEW, y, FEW, WIDE) > 1);
}

static void a_set_is_equal_to_itself_alone(void **state)
{
    float x[40 * DIM];
    (void)state;
    vectors(x, 40, DIM, 1, 0);
    dr_fid_stats a = stats_of(x, 40, DIM), b = stats_of(x, 40, DIM), c = stats_of(x, 39, DIM);
    assert_true(dr_fid_stats_equal(&a, &b));
    assert_false(dr_fid_stats_equal(&a, &c));
    dr_fid_stats_clear(&a);
    dr_fid_stats_clear(&b);
    dr_fid_stats_clear(&c);
}

static void one_picture_and_nan_are_a_sentence(void **state)
{
    float x[3 * DIM];
    double d;
    (void)state;
    vectors(x, 3, DIM, 1, 0);
    dr_fid_stats one = stats_of(x, 1, DIM), none = stats_of(x, 0, DIM), three = stats_of(x, 3, DIM);
    assert_int_equal(dr_fid_distance(&three, &one, "results", "reference", &d), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "'reference' has a single one"));
    assert_int_equal(dr_fid_distance(&none, &three, "results", "reference", &d), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "'results' has none"));
    x[DIM + 2] = NAN;
    dr_fid_stats bad = stats_of(x, 3, DIM);
    assert_int_equal(dr_fid_distance(&bad, &three, "results", "reference", &d), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "the covariance of the features of 'results' is not finite"));
    dr_fid_stats_clear(&one);
    dr_fid_stats_clear(&none);
    dr_fid_stats_clear(&three);
    dr_fid_stats_clear(&bad);
}

/* --- KID ------------------------------------------------------------------------------------------------ */

static void permutations_are_numpys(void **state)
{
    /* numpy.random.RandomState(2020).permutation(10), twice */
    static const int64_t want[2][10] = {{2, 4, 9, 1, 5, 7, 6, 3, 8, 0}, {5, 7, 6, 4, 3, 1, 2, 8, 9, 0}};
    dr_numpy_random r;
    int64_t got[10];
    (void)state;
    dr_numpy_seed(&r, 2020);
    for (int k = 0; k < 2; k++) {
        dr_numpy_permutation(&r, 10, got);
        assert_memory_equal(got, want[k], sizeof got);
    }
}

static void kid_of_halves_of_a_set_is_near_zero_and_of_others_is_not(void **state)
{
    float x[60 * DIM], y[60 * DIM];
    dr_kid_options o = DR_KID_DEFAULTS;
    dr_kid_result same, other;
    (void)state;
    vectors(x, 60, DIM, 1, 0);
    vectors(y, 60, DIM, 2, 0.5f);
    assert_int_equal(dr_kid(x, 30, "a", x + 30 * DIM, 30, "b", DIM, &o, &same), DR_OK);
    assert_int_equal(same.subset_size, 30);
    assert_int_equal(dr_kid(x, 60, "a", y, 60, "b", DIM, &o, &other), DR_OK);
    assert_true(fabs(same.mean) < 0.05 && other.mean > 0.3);
}

static void subsets_that_cannot_be_drawn_are_a_sentence(void **state)
{
    float x[8 * DIM];
    dr_kid_options o = DR_KID_DEFAULTS;
    dr_kid_result r;
    (void)state;
    vectors(x, 8, DIM, 1, 0);
    o.subset_size = 50;
    assert_int_equal(dr_kid(x, 8, "results", x, 5, "reference", DIM, &o, &r), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "subsets of 50 pictures cannot be drawn from 'reference', which has 5"));
    o.subset_size = 0;
    assert_int_equal(dr_kid(x, 8, "results", x, 1, "reference", DIM, &o, &r), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "'reference' has a single one"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_one_dimension_it_is_the_textbooks),
        cmocka_unit_test(a_shift_alone_is_the_squared_length_of_it),
        cmocka_unit_test(features_far_from_zero_lose_no_digits),
        cmocka_unit_test(fewer_pictures_than_features_are_measured),
        cmocka_unit_test(a_set_is_equal_to_itself_alone),
        cmocka_unit_test(one_picture_and_nan_are_a_sentence),
        cmocka_unit_test(permutations_are_numpys),
        cmocka_unit_test(kid_of_halves_of_a_set_is_near_zero_and_of_others_is_not),
        cmocka_unit_test(subsets_that_cannot_be_drawn_are_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
