#include "learn/draw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static uint32_t first(uint64_t seed, int64_t step, int64_t which)
{
    dr_rng r;
    dr_draw(&r, seed, step, which);
    return dr_rng_u32(&r);
}

static void a_sample_is_the_same_whoever_draws_it(void **state)
{
    (void)state;
    dr_rng a, b;
    float x[40], y[40];
    dr_draw(&a, 3, 7, 2);
    first(3, 7, 1); /* others draw before */
    dr_draw(&b, 3, 7, 2);
    dr_rng_normal(&a, x, 40);
    dr_rng_normal(&b, y, 40);
    assert_memory_equal(x, y, sizeof x);
}

/* The numbers themselves: what trainings drew, checkpoints and trained models depend on them. */
static void draws_stay_what_they_are(void **state)
{
    (void)state;
    assert_int_equal(first(0, 0, 0), 3618308921u);
    assert_int_equal(first(3, 7, 2), 777597866u);
    assert_int_equal(first(3, 7, -1), 259661412u);
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* As many equal ones as among random numbers: 8,000 of 2^32 have 0.007 pairs. */
static void seeds_steps_and_samples_do_not_meet(void **state)
{
    (void)state;
    enum { N = 20 };
    static uint32_t all[N * N * N];
    size_t n = 0;
    for (int seed = 0; seed < N; seed++)
        for (int step = 0; step < N; step++)
            for (int which = -N / 2; which < N / 2; which++)
                all[n++] = first((uint64_t)seed, step, which);
    qsort(all, n, sizeof *all, by_value);
    for (size_t i = 1; i < n; i++)
        assert_int_not_equal(all[i], all[i - 1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sample_is_the_same_whoever_draws_it),
        cmocka_unit_test(draws_stay_what_they_are),
        cmocka_unit_test(seeds_steps_and_samples_do_not_meet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
