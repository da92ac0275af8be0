/* Numbers within bounds. */
#include "base/bounds.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void ends_belong_to_the_bounds_unless_said_otherwise(void **state)
{
    (void)state;
    assert_true(dr_within(0, 0, 1, false) && dr_within(1, 0, 1, false));
    assert_false(dr_within(-1e-9, 0, 1, false) || dr_within(1 + 1e-9, 0, 1, false));
    assert_false(dr_within(0, 0, 1, true));
    assert_true(dr_within(1e-300, 0, 1, true) && dr_within(1, 0, 1, true));
    assert_false(dr_within(NAN, 0, 1, false) || dr_within(INFINITY, 0, 1, false));
}

static void bounds_are_told_to_the_last_digit(void **state)
{
    char text[DR_BOUNDS_TEXT];
    (void)state;
    assert_string_equal(dr_bounds_text(text, 0, 0.9999999, false), "0 to 0.9999999");
    assert_string_equal(dr_bounds_text(text, 1, 10000000, false), "1 to 10000000");
    assert_string_equal(dr_bounds_text(text, 0, 1, true), "above 0 and at most 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_belong_to_the_bounds_unless_said_otherwise),
        cmocka_unit_test(bounds_are_told_to_the_last_digit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
