/* Expected numbers: torch 2.15, torch.Generator().manual_seed(seed) on the CPU, drawn in the order of the struct's
 * fields from one generator: rand(4), randint(0,1000,(4,)), randint(0,2**30,(3,)), randperm(10), randn(3), randn(17),
 * randn(2), rand(1). */
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct expected {
    uint64_t seed;
    double uniform[4];
    int64_t below1000[4], below2to30[3], perm[10];
    double normal3[3], normal17[17], normal2[2], last;
} expected;

static const expected torch_says[] = {
    {0,
     {0.49625659, 0.768221796, 0.0884774327, 0.132030487},
     {963, 379, 427, 503},
     {530702035, 577165042, 204159575},
     {8, 3, 2, 5, 6, 0, 1, 9, 7, 4},
     {1.04820621, -0.0445004664, -0.722884417},
     {-0.111609332, -0.673089921, 0.872831225, 1.05535746, 0.17784372, -0.230335474, -0.391754389, 0.543294728,
      -0.395157546, -0.446217179, 0.7440207, 1.52097952, 3.41050267, -1.53118432, -1.23413503, 1.81972528,
      -0.551528692},
     {2.86634016, 0.191995069},
     0.810188293},
    {1099511627781, /* 2^40 + 5: the low 32 bits count */
     {0.830251873, 0.126110911, 0.90746969, 0.819927037},
     {6, 70, 792, 233},
     {385778404, 630228926, 447269488},
     {8, 7, 9, 0, 2, 4, 1, 6, 3, 5},
     {-0.302975804, 1.57286561, -0.473927826},
     {0.779625773, 0.816791952, 0.409641892, 0.216234729, 1.0898087, 0.173027143, 0.166767105, -1.13724351,
      -0.820833504, -1.79272604, 0.877188206, 2.1641233, -0.185533687, 0.990644217, 0.742589355, 1.27019215,
      1.32271993},
     {0.204768747, -0.201712444},
     0.870871305},
    {4294967295,
     {0.993799388, 0.571306348, 0.570008039, 0.0495037436},
     {820, 800, 942, 114},
     {144146208, 18838139, 839661675},
     {5, 6, 0, 9, 8, 1, 3, 2, 4, 7},
     {0.758303046, -0.0386256985, -0.816008389},
     {-1.02801955, -0.110284738, 1.60357618, -1.51675355, -0.51875788, -2.76936936, 1.12338841, -0.722224116,
      -0.170792878, 0.0687813982, 1.98685932, 0.626141846, 0.0158337522, 0.186491311, -1.71983051, 2.61646771,
      -0.118877999},
     {-2.19618511, -0.838388622},
     0.39849335},
};

static void check_normals(dr_rng *r, const double *want, size_t n)
{
    float got[17];

    dr_rng_normal(r, got, n);
    for (size_t i = 0; i < n; i++)
        assert_float_equal(got[i], (float)want[i], 1e-6F);
}

static void every_distribution_gives_torch_numbers_in_sequence(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof torch_says / sizeof *torch_says; k++) {
        const expected *e = &torch_says[k];
        dr_rng r;
        int64_t perm[10];
        dr_rng_seed(&r, e->seed);
        for (int i = 0; i < 4; i++)
            assert_float_equal(dr_rng_uniform(&r), (float)e->uniform[i], 1e-8F);
        for (int i = 0; i < 4; i++)
            assert_int_equal(dr_rng_below(&r, 1000), e->below1000[i]);
        for (int i = 0; i < 3; i++)
            assert_int_equal(dr_rng_below(&r, INT64_C(1) << 30), e->below2to30[i]);
        dr_rng_perm(&r, 10, perm);
        for (int i = 0; i < 10; i++)
            assert_int_equal(perm[i], e->perm[i]);
        check_normals(&r, e->normal3, 3);   /* leaves one value behind, */
        check_normals(&r, e->normal17, 17); /* which the blocked form does not touch, */
        check_normals(&r, e->normal2, 2);   /* and this takes first */
        assert_float_equal(dr_rng_uniform(&r), (float)e->last, 1e-8F);
    }
}

/* torch.randn(1,4,64,64) from seed 3: sum in double, the last four values, and the next rand(1) */
static void a_latent_of_noise_matches_torch(void **state)
{
    (void)state;
    static float x[4 * 64 * 64];
    const float tail[4] = {-0.80534643F, -0.44009164F, -0.61805642F, -1.69210136F};
    size_t n = sizeof x / sizeof *x;
    double sum = 0;
    dr_rng r;

    dr_rng_seed(&r, 3);
    dr_rng_normal(&r, x, n);
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    assert_true(fabs(sum - 104.92064080323689) < 1e-3);
    for (size_t i = 0; i < 4; i++)
        assert_float_equal(x[n - 4 + i], tail[i], 1e-6F);
    assert_float_equal(dr_rng_uniform(&r), 0.184590816F, 1e-8F);
}

static void a_copied_generator_goes_on_alike(void **state)
{
    (void)state;
    dr_rng a, b;
    float first[3], x[40], y[40];

    dr_rng_seed(&a, 77);
    dr_rng_normal(&a, first, 3);
    b = a;
    dr_rng_normal(&a, x, 5);
    dr_rng_normal(&a, x + 5, 35);
    dr_rng_normal(&b, y, 5);
    dr_rng_normal(&b, y + 5, 35);
    assert_memory_equal(x, y, sizeof x);
}

static void small_ranges_and_lengths_are_taken(void **state)
{
    (void)state;
    int64_t one = -1;
    dr_rng r;

    dr_rng_seed(&r, 1);
    assert_int_equal(dr_rng_below(&r, 1), 0);
    dr_rng_perm(&r, 0, &one);
    assert_int_equal(one, -1);
    dr_rng_perm(&r, 1, &one);
    assert_int_equal(one, 0);
    dr_rng_normal(&r, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_distribution_gives_torch_numbers_in_sequence),
        cmocka_unit_test(a_latent_of_noise_matches_torch),
        cmocka_unit_test(a_copied_generator_goes_on_alike),
        cmocka_unit_test(small_ranges_and_lengths_are_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
