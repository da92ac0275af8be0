#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "learn/golden.h"
#include "learn/lr.h"

#include <math.h>
#include <string.h>

/* NAME/WARMUP/STEPS/CYCLES/POWER: the rates from step 0, also beyond the end */
static void compare(const dr_st_entry *e)
{
    char name[64];
    dr_lr_schedule s = {.name = name, .lr = 5e-6};
    assert_int_equal(sscanf(e->name, "%63[^/]/%d/%d/%d/%lf", name, &s.warmup, &s.steps, &s.num_cycles, &s.power), 5);
    assert_int_equal(dr_lr_check_schedule(&s), DR_OK);
    const double *want = e->data;
    for (int i = 0; i < e->dim[0]; i++)
        if (!(fabs(dr_lr_at(&s, i) - want[i]) <= 1e-20))
            fail_msg("'%s' at step %d: %.17g, expected %.17g", e->name, i, dr_lr_at(&s, i), want[i]);
}

static void every_schedule_matches_diffusers(void **state)
{
    (void)state;
    dr_safetensors f;
    golden_open(&f, "lr");
    assert_int_equal(f.count, 6 * 3 * 2 * 2 * 2);
    for (size_t i = 0; i < f.count; i++)
        compare(&f.entry[i]);
    dr_st_close(&f);
}

static void an_unknown_name_is_answered_with_the_list(void **state)
{
    (void)state;
    assert_int_equal(dr_lr_check("cosine"), DR_OK);
    assert_int_equal(dr_lr_check("Cosine"), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "'Cosine'"));
    assert_non_null(strstr(dr_error(), "cosine_with_restarts"));
    assert_non_null(strstr(dr_error(), "constant_with_warmup"));
}

static void rates_that_cannot_be_followed_are_refused(void **state)
{
    (void)state;
    dr_lr_schedule s = {.name = "polynomial", .lr = 1e-7, .steps = 10, .power = 1};
    assert_int_equal(dr_lr_check_schedule(&s), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "--learning_rate"));
    s.name = "linear";
    assert_int_equal(dr_lr_check_schedule(&s), DR_OK);
    s.lr = NAN;
    assert_int_equal(dr_lr_check_schedule(&s), DR_EINVAL);
    s.lr = -1;
    assert_int_equal(dr_lr_check_schedule(&s), DR_EINVAL);
}

/* Nothing divides by the number of steps when there is no room for any. */
static void a_run_without_steps_has_finite_rates(void **state)
{
    (void)state;
    static const char *const names[] = {"linear", "cosine", "cosine_with_restarts", "polynomial"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        dr_lr_schedule s = {.name = names[i], .lr = 1e-3, .warmup = 5, .steps = 5, .num_cycles = 1, .power = 0.5};
        for (int step = 0; step < 9; step++)
            assert_true(isfinite(dr_lr_at(&s, step)));
    }
}

static void a_trapezoid_rises_stays_and_falls(void **state)
{
    (void)state;
    const double want[] = {0.5, 1, 1.5, 2, 2, 2, 1.5, 1, 0.5, 0};
    for (int step = 0; step < 10; step++)
        assert_true(dr_lr_trapezoid(2, step, 9, 4, 4) == want[step]);
    assert_true(dr_lr_trapezoid(2, 0, 9, 0, 0) == 2);
    assert_true(dr_lr_trapezoid(2, 8, 9, 0, 0) == 2);
    assert_true(dr_lr_trapezoid(2, 10, 9, 0, 4) == 0); /* beyond the end */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_schedule_matches_diffusers),
        cmocka_unit_test(an_unknown_name_is_answered_with_the_list),
        cmocka_unit_test(rates_that_cannot_be_followed_are_refused),
        cmocka_unit_test(a_run_without_steps_has_finite_rates),
        cmocka_unit_test(a_trapezoid_rises_stays_and_falls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
