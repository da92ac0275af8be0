#include "base/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void what_cannot_be_seen_is_shown_by_its_number(void **state)
{
    (void)state;
    dr_fail(DR_ENOENT, "cannot open '%s'", "\xef\xbb\xbfphotos/a.jpg");
    assert_string_equal(dr_error(), "cannot open '<U+FEFF>photos/a.jpg'");
    dr_fail(DR_EINVAL, "'%s'",
            "a\x1b[2J\x7f\xc2\x9b"
            "b\xe2\x80\xae\xe2\x80\x8b");
    assert_string_equal(dr_error(), "'a<U+001B>[2J<U+007F><U+009B>b<U+202E><U+200B>'");
    dr_fail_prefix(DR_EINVAL, "%s", "\xef\xbb\xbf");
    assert_string_equal(dr_error(), "<U+FEFF>: 'a<U+001B>[2J<U+007F><U+009B>b<U+202E><U+200B>'");
}

static void what_can_be_seen_stays(void **state)
{
    static const char text[] =
        "caf\xc3\xa9 \xe7\xba\xa2 \xf0\x9f\x91\x97\n\tline two \xc2\xa0 \xff \xe2\x80\x99 \xe2\x80";
    (void)state;
    dr_fail(DR_EINVAL, "%s", text);
    assert_string_equal(dr_error(), text);
    dr_fail(DR_EINVAL, "%s", dr_error()); /* of itself */
    assert_string_equal(dr_error(), text);
}

static void a_message_that_grows_by_being_shown_still_ends(void **state)
{
    static char hidden[20001];
    (void)state;
    memset(hidden, 1, sizeof hidden - 1);
    dr_fail(DR_EINVAL, "%s", hidden);
    assert_in_range(strlen(dr_error()), 16000, 16383);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_seen_is_shown_by_its_number),
        cmocka_unit_test(what_can_be_seen_stays),
        cmocka_unit_test(a_message_that_grows_by_being_shown_still_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
