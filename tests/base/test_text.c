/* Files that are not what their names say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"

#include "base/json.h"

#include <string.h>

#define POINTER                                                                                                        \
    "version https://git-lfs.github.com/spec/v1\noid sha256:"                                                          \
    "b4d65e2b9d5bda53a1e4b2b9a9a1f1b4b4d65e2b9d5bda53a1e4b2b9a9a1f1b4\nsize 3438167540\n"

static void says(const char *text, const char *why)
{
    assert_int_equal(dr_check_stand_in(text, strlen(text), "unet/x"), DR_EINVAL);
    if (!strstr(dr_error(), why) || !strstr(dr_error(), "'unet/x'"))
        fail_msg("'%s' does not say '%s'", dr_error(), why);
}

static void what_stands_for_a_file_is_told(void **state)
{
    (void)state;
    says(POINTER, "it is a git-lfs pointer and not the file of 3438167540 bytes");
    says("<!DOCTYPE html>\n<html>", "it is a web page");
    says("\xEF\xBB\xBF\n <HTML lang=en>", "it is a web page");
    says("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "a server's error message");
}

static void what_is_a_file_is_left_alone(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "", "{\"version\": 1}", "version https", "#version: 0.2\n", "\x89PNG", "<?xml version=\"1.0\"?><svg/>"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(dr_check_stand_in(cases[i], strlen(cases[i]), "x"), DR_OK);
}

static void json_may_begin_with_a_byte_order_mark(void **state)
{
    (void)state;
    json_t *j;
    const char *marked = "\xEF\xBB\xBF{\"a\": 1}";
    assert_int_equal(dr_json_parse(marked, strlen(marked), "x", &j), DR_OK);
    assert_int_equal(json_integer_value(json_object_get(j, "a")), 1);
    json_decref(j);
    assert_int_equal(dr_json_parse("\xFF\xFE{\0}\0", 6, "x.json", &j), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "'x.json': it is UTF-16 text"));
    assert_null(j);
    assert_int_equal(dr_json_parse(POINTER, strlen(POINTER), "x.json", &j), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "git-lfs"));
    assert_null(j);
}

static void a_byte_order_mark_is_no_word(void **state)
{
    (void)state;
    assert_string_equal(dr_skip_bom("\xEF\xBB\xBFred coat"), "red coat");
    assert_string_equal(dr_skip_bom("red\xEF\xBB\xBF"), "red\xEF\xBB\xBF");
    assert_string_equal(dr_skip_bom("\xEF\xBB"), "\xEF\xBB");
}

static int names(const char *a, const char *b)
{
    return dr_compare_names(a, strlen(a), b, strlen(b));
}

static void accents_compare_equal_however_they_are_stored(void **state)
{
    (void)state;
    assert_int_equal(names("caf\xC3\xA9 coat", "cafe\xCC\x81 coat"), 0);    /* composed, decomposed */
    assert_int_equal(names("\xEA\xB0\x80", "\xE1\x84\x80\xE1\x85\xA1"), 0); /* Hangul */
    assert_int_not_equal(names("caf\xC3\xA9", "cafe"), 0);
    assert_int_not_equal(names("caf\xC3\xA9", "caf\xC3\xA8"), 0);
    assert_true(names("a", "b") < 0 && names("b", "a") > 0 && names("a", "ab") < 0);
    assert_int_equal(names("\xFF\xFE", "\xFF\xFE"), 0); /* no UTF-8 */
    assert_int_not_equal(names("\xFF\xFE", "\xFF\xFD"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_stands_for_a_file_is_told),
        cmocka_unit_test(what_is_a_file_is_left_alone),
        cmocka_unit_test(json_may_begin_with_a_byte_order_mark),
        cmocka_unit_test(a_byte_order_mark_is_no_word),
        cmocka_unit_test(accents_compare_equal_however_they_are_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
