/* Folders and files on disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

static const char *at(const char *name)
{
    static char path[2][128];
    static int next;
    char *p = path[next = !next];
    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

static int make(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/drape-file-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_all(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static void a_tree_goes_with_all_that_is_in_it(void **state)
{
    (void)state;
    assert_int_equal(dr_mkdirs(at("a/b/c")), DR_OK);
    assert_int_equal(dr_file_write(at("a/b/c/file"), "x", 1), DR_OK);
    assert_int_equal(dr_file_write(at("a/.hidden"), "x", 1), DR_OK);
    assert_int_equal(dr_remove_tree(at("a")), DR_OK);
    assert_false(dr_exists(at("a")));
}

static void what_a_link_points_to_outlives_its_tree(void **state)
{
    (void)state;
    assert_int_equal(dr_mkdirs(at("kept")), DR_OK);
    assert_int_equal(dr_file_write(at("kept/file"), "x", 1), DR_OK);
    assert_int_equal(dr_mkdirs(at("gone")), DR_OK);
    assert_int_equal(symlink(at("kept"), at("gone/link")), 0);
    assert_int_equal(dr_remove_tree(at("gone")), DR_OK);
    assert_false(dr_exists(at("gone")));
    assert_true(dr_is_file(at("kept/file")));
}

static void a_tree_that_is_not_there_is_gone_already(void **state)
{
    (void)state;
    assert_int_equal(dr_remove_tree(at("never")), DR_OK);
}

static void a_file_is_removed_like_a_tree(void **state)
{
    (void)state;
    assert_int_equal(dr_file_write(at("file"), "x", 1), DR_OK);
    assert_int_equal(dr_remove_tree(at("file")), DR_OK);
    assert_false(dr_exists(at("file")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_goes_with_all_that_is_in_it),
        cmocka_unit_test(what_a_link_points_to_outlives_its_tree),
        cmocka_unit_test(a_tree_that_is_not_there_is_gone_already),
        cmocka_unit_test(a_file_is_removed_like_a_tree),
    };
    return cmocka_run_group_tests(tests, make, remove_all);
}
