#include "train/sheet.h"

#include "scratch.h"

static dr_image plain(int width, int height, int channels, uint8_t value)
{
    dr_image im;
    assert_int_equal(dr_image_alloc(&im, width, height, channels), DR_OK);
    memset(im.data, value, (size_t)width * (size_t)height * (size_t)channels);
    return im;
}

static void tiles_keep_their_aspect_in_rows_on_white(void **state)
{
    enum { SIZE = 64, GAP = 3, PITCH = SIZE + GAP };
    dr_image tiles[] = {plain(128, 64, 3, 10), plain(16, 32, 1, 20), {0}, plain(10, 10, 4, 0)}, sheet;
    (void)state;
    assert_int_equal(dr_contact_sheet(&sheet, tiles, 4, 3, SIZE), DR_OK);
    assert_true(sheet.width == 3 * PITCH + GAP && sheet.height == 2 * PITCH + GAP && sheet.channels == 3);
    for (int y = 0; y < sheet.height; y++)
        for (int x = 0; x < sheet.width; x++) {
            int first = x >= GAP && x < GAP + 64 && y >= GAP + 16 && y < GAP + 48;
            int second = x >= GAP + PITCH + 16 && x < GAP + PITCH + 48 && y >= GAP && y < GAP + 64;
            const uint8_t *p = sheet.data + 3 * (y * sheet.width + x);
            int want = first ? 10 : second ? 20 : 255;
            assert_true(p[0] == want && p[1] == want && p[2] == want);
        }
    dr_image_clear(&sheet);
    for (int i = 0; i < 4; i++)
        dr_image_clear(&tiles[i]);
}

static void extreme_tiles_and_sheets_are_bounded(void **state)
{
    dr_image strip = plain(500, 1, 3, 0), sheet;
    (void)state;
    assert_int_equal(dr_contact_sheet(&sheet, &strip, 1, 5, 8), DR_OK);
    assert_true(sheet.width == 12 && sheet.height == 12);
    dr_image_clear(&sheet);
    assert_int_equal(dr_contact_sheet(&sheet, &strip, 1, 1, 1000000), DR_EINVAL);
    assert_null(sheet.data);
    dr_image_clear(&strip);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiles_keep_their_aspect_in_rows_on_white),
        cmocka_unit_test(extreme_tiles_and_sheets_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
