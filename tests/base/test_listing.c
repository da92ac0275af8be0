#include "base/listing.h"

#include "train/scratch.h"

static bool is_picture(const char *name)
{
    return strcmp(dr_path_extension(name), ".png") == 0 || strcmp(dr_path_extension(name), ".jpg") == 0;
}

static void files_are_found_by_their_stems(void **state)
{
    dr_listing l;
    (void)state;
    put_text("b.png", "");
    put_text("a.png", "");
    put_text("a.jpg", "");
    put_text("notes.txt", "");
    put_text("._a.png", "");
    assert_int_equal(dr_mkdirs(scratch("folder.png")), DR_OK);
    assert_int_equal(dr_listing_open(&l, scratch_dir, is_picture), DR_OK);
    assert_int_equal(l.count, 3);
    assert_string_equal(dr_listing_find(&l, "a.webp"), "a.jpg"); /* the first of two */
    assert_string_equal(dr_listing_find(&l, "b"), "b.png");
    assert_null(dr_listing_find(&l, "c.png"));
    assert_null(dr_listing_find(&l, "notes.txt"));
    dr_listing_clear(&l);
    assert_int_equal(dr_listing_open(&l, scratch("nowhere"), is_picture), DR_ENOENT);
    dr_listing_clear(&l);
}

static void one_folder_has_many_paths(void **state)
{
    char other[600];
    (void)state;
    snprintf(other, sizeof other, "%s/../%s", scratch_dir, dr_path_name(scratch_dir));
    assert_true(dr_same_folder(scratch_dir, other));
    assert_false(dr_same_folder(scratch_dir, "/"));
    assert_false(dr_same_folder(scratch("nowhere"), scratch("nowhere")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_are_found_by_their_stems, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(one_folder_has_many_paths, scratch_make, scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
