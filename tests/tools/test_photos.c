/* The crops that the small model learns from. */
#include "train/scratch.h"

#include "mini/photos.h"

#define PHOTOS 5
#define BATCH 3

static mini_photos photos;

static int open_photos(void **state)
{
    char name[32];
    if (scratch_make(state) || dr_mkdirs(scratch("photos")))
        return -1;
    for (int i = 0; i < PHOTOS + 1; i++) {
        snprintf(name, sizeof name, "photos/%d.jpg", i);
        put_photo(name, 60, 90 + i);
    }
    put_text("photos/notes.txt", "no photo");
    put_text("splits.json", "{\"test_open\": [\"2\", \"absent\"]}");
    return mini_photos_open(&photos, scratch_dir, MINI_TRAIN, 0);
}

static int close_photos(void **state)
{
    mini_photos_clear(&photos);
    return scratch_remove(state);
}

static void the_test_photos_are_kept_apart(void **state)
{
    (void)state;
    mini_photos test;
    assert_int_equal(photos.count, PHOTOS);
    for (int i = 0; i < PHOTOS; i++)
        assert_string_not_equal(photos.photo[i].id, "2");
    assert_int_equal(mini_photos_open(&test, scratch_dir, MINI_TEST, 0), DR_OK);
    assert_int_equal(test.count, 1);
    assert_string_equal(test.photo[0].id, "2");
    assert_int_equal(test.photo[0].image.height, 92);
    mini_photos_clear(&test);
}

static bool same_crops(const mini_crop *a, const mini_crop *b)
{
    for (int i = 0; i < BATCH; i++)
        if (a[i].photo != b[i].photo || a[i].x != b[i].x || a[i].y != b[i].y || a[i].side != b[i].side ||
            a[i].flip != b[i].flip)
            return false;
    return true;
}

static void a_step_s_crops_do_not_depend_on_what_came_before(void **state)
{
    (void)state;
    mini_crop there[BATCH], here[BATCH], other[BATCH];
    for (int step = 0; step < 40; step++)
        mini_crops_draw(&photos, 7, step, BATCH, 32, 64, there);
    mini_crops_draw(&photos, 7, 2, BATCH, 32, 64, here);
    mini_crops_draw(&photos, 7, 39, BATCH, 32, 64, here);
    assert_true(same_crops(here, there));
    mini_crops_draw(&photos, 8, 39, BATCH, 32, 64, other);
    assert_false(same_crops(here, other));
}

static void every_photo_comes_once_in_a_pass(void **state)
{
    (void)state;
    int seen[PHOTOS] = {0};
    for (int step = 0; step < 2 * PHOTOS; step++) {
        mini_crop c;
        mini_crops_draw(&photos, 1, step, 1, 32, 64, &c);
        seen[c.photo]++;
        for (int i = 0; i < PHOTOS; i++)
            assert_in_range(seen[i], step / PHOTOS, step / PHOTOS + 1);
    }
}

static void crops_lie_inside_and_have_many_framings(void **state)
{
    (void)state;
    int least = 1000, most = 0, flips = 0;
    for (int step = 0; step < 300; step++) {
        mini_crop c;
        mini_crops_draw(&photos, 1, step, 1, 12, 24, &c);
        const dr_image *im = &photos.photo[c.photo].image;
        assert_true(c.x >= 0 && c.y >= 0 && c.x + c.side <= im->width && c.y + c.side <= im->height);
        least = c.side < least ? c.side : least;
        most = c.side > most ? c.side : most;
        flips += c.flip;
    }
    assert_in_range(least, 12, 14); /* half of 0.28 of a height of 90 */
    assert_in_range(most, 43, 48);
    assert_in_range(flips, 110, 190);
}

static void no_crop_is_enlarged_where_the_photo_is_large_enough(void **state)
{
    (void)state;
    for (int step = 0; step < 100; step++) {
        mini_crop c;
        mini_crops_draw(&photos, 1, step, 1, 32, 64, &c);
        assert_in_range(c.side, 32, 48);
    }
}

static void a_crop_is_the_photo_s_part_in_minus_one_to_one(void **state)
{
    (void)state;
    mini_crop c[2] = {{.photo = 0, .x = 5, .y = 9, .side = 8}, {.photo = 0, .x = 5, .y = 9, .side = 8, .flip = true}};
    float out[2][8][8][3];
    assert_int_equal(mini_crops_load(&photos, c, 2, 8, &out[0][0][0][0]), DR_OK);
    const dr_image *im = &photos.photo[0].image;
    for (int y = 0; y < 8; y++)
        for (int x = 0; x < 8; x++)
            for (int k = 0; k < 3; k++) {
                float want = (float)im->data[((y + 9) * im->width + x + 5) * 3 + k] / 127.5f - 1;
                assert_true(out[0][y][x][k] == want && out[1][y][7 - x][k] == want);
            }
}

static void the_middle_is_the_largest_square(void **state)
{
    (void)state;
    mini_crop c = mini_crop_middle(&photos, 0);
    assert_int_equal(c.side, 60);
    assert_int_equal(c.x, 0);
    assert_int_equal(c.y, 15);
}

static void a_missing_list_or_a_folder_without_photos_is_said(void **state)
{
    (void)state;
    mini_photos p;
    put_text("splits.json", "{}");
    assert_int_equal(mini_photos_open(&p, scratch_dir, MINI_TRAIN, 0), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "test_open"));
    put_text("splits.json", "{\"test_open\": []}");
    assert_int_equal(mini_photos_open(&p, scratch_dir, MINI_TEST, 0), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "no photos"));
    put_text("photos/9.jpg", "no picture");
    assert_int_equal(mini_photos_open(&p, scratch_dir, MINI_TRAIN, 0), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "9.jpg"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_photos, close_photos)
    const struct CMUnitTest tests[] = {
        TEST(the_test_photos_are_kept_apart),
        TEST(a_step_s_crops_do_not_depend_on_what_came_before),
        TEST(every_photo_comes_once_in_a_pass),
        TEST(crops_lie_inside_and_have_many_framings),
        TEST(no_crop_is_enlarged_where_the_photo_is_large_enough),
        TEST(a_crop_is_the_photo_s_part_in_minus_one_to_one),
        TEST(the_middle_is_the_largest_square),
        TEST(a_missing_list_or_a_folder_without_photos_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
