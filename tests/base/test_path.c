/* Paths as text, and folders that go with all that is in them. */
#include "base/path.h"

#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* scratch/tree/deep/file, a link in it to scratch/kept */
static char scratch[64], path[8][128];

static char *at(int i, const char *name)
{
    dr_path(path[i], sizeof path[i], scratch, name);
    return path[i];
}

static int make(void **state)
{
    (void)state;
    strcpy(scratch, "/tmp/drape-path-XXXXXX");
    return !mkdtemp(scratch) || dr_mkdirs(at(0, "tree/deep")) || dr_mkdirs(at(1, "kept")) ||
           dr_file_write(at(2, "tree/deep/file"), "x", 1) || dr_file_write(at(3, "kept/file"), "x", 1) ||
           symlink(path[1], at(4, "tree/link"));
}

static int unmake(void **state)
{
    (void)state;
    return dr_tree_remove(scratch) || dr_exists(scratch);
}

static void a_tree_goes_with_all_that_is_in_it_but_not_what_links_point_to(void **state)
{
    (void)state;
    assert_int_equal(dr_tree_remove(at(5, "tree")), DR_OK);
    assert_false(dr_exists(path[5]));
    assert_true(dr_exists(path[3]));
    assert_int_equal(dr_tree_remove(path[3]), DR_OK); /* a file alone */
    assert_false(dr_exists(path[3]));
}

static void nothing_there_is_no_error(void **state)
{
    (void)state;
    assert_int_equal(dr_tree_remove(at(5, "never")), DR_OK);
}

/* of a folder that cannot be written to, what is in it stays; what lies beside it goes */
static void what_cannot_be_removed_stays_and_is_told(void **state)
{
    (void)state;
    if (geteuid() == 0)
        skip(); /* root may write everywhere */
    assert_int_equal(dr_mkdirs(at(5, "tree/other")), DR_OK);
    assert_int_equal(chmod(at(6, "tree/deep"), 0500), 0);
    assert_int_equal(dr_tree_remove(at(7, "tree")), DR_EIO);
    assert_non_null(strstr(dr_error(), "cannot remove '"));
    assert_true(dr_exists(path[2]));
    assert_false(dr_exists(path[5]));
    assert_int_equal(chmod(path[6], 0700), 0);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, make, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_joined_with_one_slash_and_empty_ones_left_out),
        cmocka_unit_test(what_does_not_fit_is_refused_and_named),
        cmocka_unit_test(a_formatted_name_lies_in_its_folder),
        cmocka_unit_test(a_name_is_what_stands_behind_the_last_slash),
        cmocka_unit_test(extensions_belong_to_names_and_not_to_folders),
        cmocka_unit_test(the_folder_of_a_path_is_what_holds_it),
        IN_SCRATCH(a_tree_goes_with_all_that_is_in_it_but_not_what_links_point_to),
        IN_SCRATCH(nothing_there_is_no_error),
        IN_SCRATCH(what_cannot_be_removed_stays_and_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
