/* Paths as text. */
#include "base/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void parts_are_joined_with_one_slash_and_empty_ones_left_out(void **state)
{
    char p[32];
    (void)state;
    assert_int_equal(dr_path(p, sizeof p, "a", "b", "c.d"), DR_OK);
    assert_string_equal(p, "a/b/c.d");
    assert_int_equal(dr_path(p, sizeof p, "a", "", "c"), DR_OK);
    assert_string_equal(p, "a/c");
    assert_int_equal(dr_path(p, sizeof p, "a/", "c", ""), DR_OK);
    assert_string_equal(p, "a/c");
    assert_int_equal(dr_path(p, sizeof p, "/", "c"), DR_OK);
    assert_string_equal(p, "/c");
    assert_int_equal(dr_path(p, sizeof p, "", "c"), DR_OK);
    assert_string_equal(p, "c");
    assert_int_equal(dr_path(p, sizeof p, "", ""), DR_OK);
    assert_string_equal(p, "");
    char *own = dr_path_new("a", "", "b/", "c");
    assert_string_equal(own, "a/b/c");
    free(own);
}

static void what_does_not_fit_is_refused_and_named(void **state)
{
    char p[8];
    (void)state;
    assert_int_equal(dr_path(p, sizeof p, "abc", "def"), DR_OK);
    assert_int_equal(dr_path(p, sizeof p, "abc", "defg"), DR_EINVAL);
    assert_string_equal(dr_error(), "the path 'abc' is too long");
    assert_int_equal(dr_path(p, sizeof p, "abcdefghijkl", "m", "n"), DR_EINVAL);
    assert_int_equal(dr_path_format(p, sizeof p, "abc", "%03d", 7), DR_OK);
    assert_string_equal(p, "abc/007");
    for (int n = 1; n < 8; n++)
        assert_int_equal(dr_path_format(p, (size_t)n, "abc", "%03d", 7), DR_EINVAL);
    assert_int_equal(dr_path_format(p, sizeof p, "abcdefg", "%s", ""), DR_EINVAL);
}

static void a_formatted_name_lies_in_its_folder(void **state)
{
    char p[64];
    (void)state;
    assert_int_equal(dr_path_format(p, sizeof p, "out/", "step-%06d-%d.png", 20, 1), DR_OK);
    assert_string_equal(p, "out/step-000020-1.png");
    assert_int_equal(dr_path_format(p, sizeof p, "", "%s", "x"), DR_OK);
    assert_string_equal(p, "x");
}

static void a_name_is_what_stands_behind_the_last_slash(void **state)
{
    (void)state;
    assert_string_equal(dr_path_name("a/b/c.png"), "c.png");
    assert_string_equal(dr_path_name("c.png"), "c.png");
    assert_string_equal(dr_path_name("a/"), "");
}

static void extensions_belong_to_names_and_not_to_folders(void **state)
{
    static const struct {
        const char *path, *extension;
    } t[] = {{"a/b.png", ".png"},
             {"b.tar.gz", ".gz"},
             {"t-shirt (1).jpg", ".jpg"},
             {"a.b/c", ""},
             {"c", ""},
             {"", ""},
             {".png", ""},
             {"a/.png", ""},
             {"..", ""},
             {"a/..", ""},
             {".hidden.png", ".png"},
             {"a.", "."}};
    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        assert_string_equal(dr_path_extension(t[i].path), t[i].extension);
        assert_int_equal(dr_path_stem(t[i].path) + strlen(t[i].extension), strlen(t[i].path));
    }
}

static void the_folder_of_a_path_is_what_holds_it(void **state)
{
    static const char *const t[][2] = {{"a/b", "a"}, {"a/b/", "a"}, {"a/b//", "a"}, {"a//b", "a"},
                                       {"b", "."},   {"b/", "."},   {"/b", "/"},    {"/", "/"},
                                       {"//", "/"},  {"", "."},     {".", "."},     {"/a/b/c", "/a/b"}};
    char p[16];
    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        assert_int_equal(dr_path_folder(p, sizeof p, t[i][0]), DR_OK);
        assert_string_equal(p, t[i][1]);
    }
    strcpy(p, "a/b/c");
    assert_int_equal(dr_path_folder(p, sizeof p, p), DR_OK);
    assert_string_equal(p, "a/b");
    assert_int_equal(dr_path_folder(p, 4, "abcd/e"), DR_EINVAL);
    assert_int_equal(dr_path_trimmed("a/b//"), 3);
    assert_int_equal(dr_path_trimmed("//"), 1);
    assert_int_equal(dr_path_trimmed(""), 0);
}

static void an_ending_alone_ends_nothing(void **state)
{
    (void)state;
    assert_true(dr_path_ends_with("a.png", ".png"));
    assert_false(dr_path_ends_with(".png", ".png"));
    assert_false(dr_path_ends_with("a.PNG", ".png"));
    assert_false(dr_path_ends_with("g", ".png"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_joined_with_one_slash_and_empty_ones_left_out),
        cmocka_unit_test(what_does_not_fit_is_refused_and_named),
        cmocka_unit_test(a_formatted_name_lies_in_its_folder),
        cmocka_unit_test(a_name_is_what_stands_behind_the_last_slash),
        cmocka_unit_test(extensions_belong_to_names_and_not_to_folders),
        cmocka_unit_test(the_folder_of_a_path_is_what_holds_it),
        cmocka_unit_test(an_ending_alone_ends_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
