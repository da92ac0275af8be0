#include "base/status.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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

static void *fail_there(void *message)
{
    assert_string_equal(dr_error(), "");
    dr_fail(DR_EIO, "there");
    snprintf(message, 16, "%s", dr_error());
    return NULL;
}

static void each_thread_has_its_own_message(void **state)
{
    char there[16];
    pthread_t thread;
    (void)state;
    assert_int_equal(dr_fail(DR_EINVAL, "here %d", 1), DR_EINVAL);
    assert_int_equal(pthread_create(&thread, NULL, fail_there, there), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(there, "there");
    assert_string_equal(dr_error(), "here 1");
    dr_error_clear();
    assert_string_equal(dr_error(), "");
}

static void a_prefix_stands_before_what_was_said(void **state)
{
    (void)state;
    dr_fail(DR_EIO, "no space");
    assert_int_equal(dr_fail_prefix(DR_ENOENT, "cannot write '%s'", "a.png"), DR_ENOENT);
    assert_string_equal(dr_error(), "cannot write 'a.png': no space");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_seen_is_shown_by_its_number),
        cmocka_unit_test(what_can_be_seen_stays),
        cmocka_unit_test(each_thread_has_its_own_message),
        cmocka_unit_test(a_prefix_stands_before_what_was_said),
        cmocka_unit_test(a_message_that_grows_by_being_shown_still_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
