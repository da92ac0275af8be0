/* Reading JSON objects with checks. */
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static json_t *object;

static json_t *parsed(const char *text)
{
    json_decref(object);
    assert_int_equal(dr_json_parse(text, strlen(text), "a.json", &object), DR_OK);
    return object;
}

static void what_is_no_object_is_refused_with_its_place(void **state)
{
    static const char *const texts[] = {"", "[1]", "1", "{", "{\"a\":1} x", "{\"a\":1,\"a\":}", "\xff\xfe{"};
    json_t *j;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(dr_json_parse(texts[i], strlen(texts[i]), "a.json", &j), DR_EINVAL);
        assert_non_null(strstr(dr_error(), "a.json"));
    }
}

static void numbers_have_bounds_and_defaults(void **state)
{
    const json_t *j = parsed("{\"a\":5, \"b\":\"5\", \"c\":null, \"d\":2.5, \"e\":1e30}");
    int64_t n;
    double x;
    (void)state;
    assert_int_equal(dr_json_int(j, "a.json", "a", 0, 5, 5, &n), DR_OK);
    assert_int_equal(n, 5);
    assert_int_equal(dr_json_int(j, "a.json", "a", 0, 6, 9, &n), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "a.json"));
    assert_non_null(strstr(dr_error(), "\"a\""));
    assert_int_equal(dr_json_int(j, "a.json", "a", 0, 1, 4, &n), DR_EINVAL);
    assert_int_equal(dr_json_int(j, "a.json", "b", 0, 0, 9, &n), DR_EINVAL);
    assert_int_equal(dr_json_int(j, "a.json", "c", 7, 0, 9, &n), DR_OK);
    assert_int_equal(n, 7);
    assert_int_equal(dr_json_int(j, "a.json", "absent", 8, 0, 9, &n), DR_OK);
    assert_int_equal(n, 8);
    assert_int_equal(dr_json_double(j, "a.json", "d", 0, &x), DR_OK);
    assert_true(x == 2.5);
    assert_int_equal(dr_json_double(j, "a.json", "a", 0, &x), DR_OK); /* a whole number is one as well */
    assert_true(x == 5);
    assert_int_equal(dr_json_double(j, "a.json", "b", 0, &x), DR_EINVAL);
    assert_int_equal(dr_json_double(j, "a.json", "absent", 0.5, &x), DR_OK);
    assert_true(x == 0.5);
}

static void texts_and_flags_have_their_type(void **state)
{
    const json_t *j = parsed("{\"s\":\"t\", \"n\":1, \"y\":true, \"z\":null}");
    const char *s;
    bool b;
    (void)state;
    assert_int_equal(dr_json_string(j, "a.json", "s", "d", &s), DR_OK);
    assert_string_equal(s, "t");
    assert_int_equal(dr_json_string(j, "a.json", "z", "d", &s), DR_OK);
    assert_string_equal(s, "d");
    assert_int_equal(dr_json_string(j, "a.json", "n", "d", &s), DR_EINVAL);
    assert_int_equal(dr_json_bool(j, "a.json", "y", false, &b), DR_OK);
    assert_true(b);
    assert_int_equal(dr_json_bool(j, "a.json", "n", false, &b), DR_EINVAL);
    assert_int_equal(dr_json_bool(j, "a.json", "absent", true, &b), DR_OK);
    assert_true(b);
}

static void a_list_of_numbers_is_bounded_and_one_number_fills_it(void **state)
{
    const json_t *j = parsed("{\"l\":[1,2,3], \"one\":4, \"no\":[1,\"2\"], \"big\":[1,99]}");
    int v[3], n;
    (void)state;
    assert_int_equal(dr_json_ints(j, "a.json", "l", 1, 1, 9, 3, v, &n), DR_OK);
    assert_int_equal(n, 3);
    assert_int_equal(v[2], 3);
    assert_int_equal(dr_json_ints(j, "a.json", "l", 1, 1, 9, 2, v, &n), DR_EINVAL);
    assert_int_equal(dr_json_ints(j, "a.json", "one", 3, 1, 9, 3, v, &n), DR_OK);
    assert_int_equal(n, 3);
    assert_int_equal(v[0] + v[1] + v[2], 12);
    assert_int_equal(dr_json_ints(j, "a.json", "no", 1, 1, 9, 3, v, &n), DR_EINVAL);
    assert_int_equal(dr_json_ints(j, "a.json", "big", 1, 1, 9, 3, v, &n), DR_EINVAL);
    assert_int_equal(dr_json_ints(j, "a.json", "absent", 1, 1, 9, 3, v, &n), DR_OK);
    assert_int_equal(n, 0);
}

static void of_what_was_checked_the_rest_is_nothing(void **state)
{
    const json_t *j = parsed("{\"s\":\"t\", \"n\":3, \"x\":1.5, \"y\":true}");
    (void)state;
    assert_string_equal(dr_json_text(j, "s"), "t");
    assert_null(dr_json_text(j, "n"));
    assert_int_equal(dr_json_whole(j, "n"), 3);
    assert_int_equal(dr_json_whole(j, "s"), 0);
    assert_true(dr_json_number(j, "x") == 1.5 && dr_json_number(j, "n") == 3 && dr_json_number(j, "s") == 0);
    assert_true(dr_json_flag(j, "y"));
    assert_false(dr_json_flag(j, "absent"));
}

static void what_is_saved_is_read_again(void **state)
{
    char path[] = "/tmp/drape-json-XXXXXX";
    json_t *back;
    (void)state;
    int fd = mkstemp(path);
    assert_true(fd >= 0 && close(fd) == 0);
    const json_t *j = parsed("{\"b\":[1,2.5,\"\xc3\xa9\"], \"a\":{}}");
    assert_int_equal(dr_json_save(path, j), DR_OK);
    assert_int_equal(dr_json_load(path, &back), DR_OK);
    assert_true(json_equal(j, back));
    json_decref(back);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(dr_json_load(path, &back), DR_ENOENT);
    assert_int_equal(dr_json_save("/nonexistent/a.json", j), DR_EIO);
}

static int drop(void **state)
{
    (void)state;
    json_decref(object);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_object_is_refused_with_its_place),
        cmocka_unit_test(numbers_have_bounds_and_defaults),
        cmocka_unit_test(texts_and_flags_have_their_type),
        cmocka_unit_test(a_list_of_numbers_is_bounded_and_one_number_fills_it),
        cmocka_unit_test(of_what_was_checked_the_rest_is_nothing),
        cmocka_unit_test(what_is_saved_is_read_again),
    };
    return cmocka_run_group_tests(tests, NULL, drop);
}
