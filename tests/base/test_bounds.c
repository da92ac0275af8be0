/* Numbers within bounds, words of some. */
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

static void a_word_is_found_whole(void **state)
{
    int n;
    (void)state;
    assert_int_equal(dr_choice_index("up|down|left", "up"), 0);
    assert_int_equal(dr_choice_index("up|down|left", "left"), 2);
    static const char *const none[] = {"", "u", "upp", "up|down", "|", "right"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_int_equal(dr_choice_index("up|down|left", none[i]), -1);
    assert_int_equal(dr_choice_index(NULL, "up"), -1);
    assert_memory_equal(dr_choice_word("up|down", 1, &n), "down", 4);
    assert_int_equal(n, 4);
    assert_null(dr_choice_word("up|down", 2, &n));
    assert_null(dr_choice_word(NULL, 0, &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_belong_to_the_bounds_unless_said_otherwise),
        cmocka_unit_test(bounds_are_told_to_the_last_digit),
        cmocka_unit_test(a_word_is_found_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
