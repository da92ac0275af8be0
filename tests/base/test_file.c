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

static void a_file_is_read_up_to_its_bound(void **state)
{
    char *text;
    size_t n;
    (void)state;
    assert_int_equal(dr_file_write(at("f"), "0123456789", 10), DR_OK);
    assert_int_equal(dr_file_read(at("f"), 10, &text, &n), DR_OK);
    assert_int_equal(n, 10);
    assert_string_equal(text, "0123456789");
    free(text);
    assert_int_equal(dr_file_read(at("f"), 9, &text, &n), DR_EINVAL);
    assert_null(text);
    assert_int_equal(dr_file_read(at("none"), 9, &text, &n), DR_ENOENT);
    assert_non_null(strstr(dr_error(), "none'"));
}

static void an_output_appears_complete_or_not_at_all(void **state)
{
    dr_out o;
    char *text;
    size_t n;
    (void)state;
    assert_int_equal(dr_mkdirs(at("own")), DR_OK);
    assert_int_equal(dr_file_write(at("own/old"), "old", 3), DR_OK);
    assert_int_equal(dr_out_open(&o, at("own/old")), DR_OK);
    assert_int_equal(dr_out_write(&o, "new and longer", 14), DR_OK);
    assert_int_equal(dr_file_read(at("own/old"), 99, &text, &n), DR_OK);
    assert_string_equal(text, "old");
    free(text);
    dr_out_abort(&o);
    dr_out_abort(&o); /* safe twice */
    assert_int_equal(dr_out_open(&o, at("own/old")), DR_OK);
    assert_int_equal(dr_out_write(&o, "new", 3), DR_OK);
    assert_int_equal(dr_out_commit(&o), DR_OK);
    assert_int_equal(dr_file_read(at("own/old"), 99, &text, &n), DR_OK);
    assert_string_equal(text, "new");
    free(text);
    assert_int_equal(unlink(at("own/old")), 0);
    assert_int_equal(rmdir(at("own")), 0); /* nothing temporary is left */
    assert_int_equal(dr_out_open(&o, at("no/folder")), DR_EIO);
}

static void folders_are_made_with_their_parents_but_not_over_files(void **state)
{
    (void)state;
    assert_int_equal(dr_mkdirs(at("p/q/r")), DR_OK);
    assert_true(dr_is_dir(at("p/q/r")));
    assert_int_equal(dr_mkdirs(at("p/q/")), DR_OK);
    assert_int_equal(dr_file_write(at("p/file"), "x", 1), DR_OK);
    assert_int_equal(dr_mkdirs(at("p/file")), DR_EIO);
    assert_int_equal(dr_mkdirs(at("p/file/below")), DR_EIO);
    assert_true(dr_is_file(at("p/file")));
    assert_false(dr_is_file(at("p/q")));
    assert_true(dr_disk_free(at("p/not/there")) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_goes_with_all_that_is_in_it),
        cmocka_unit_test(what_a_link_points_to_outlives_its_tree),
        cmocka_unit_test(a_tree_that_is_not_there_is_gone_already),
        cmocka_unit_test(a_file_is_removed_like_a_tree),
        cmocka_unit_test(a_file_is_read_up_to_its_bound),
        cmocka_unit_test(an_output_appears_complete_or_not_at_all),
        cmocka_unit_test(folders_are_made_with_their_parents_but_not_over_files),
    };
    return cmocka_run_group_tests(tests, make, remove_all);
}
