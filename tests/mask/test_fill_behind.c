/* Holes filled with what is around them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/status.h"
#include "mask/fill_behind.h"

enum { W = 61, H = 45 };

static dr_image filled(int channels, int value)
{
    dr_image im;
    assert_int_equal(dr_image_alloc(&im, W, H, channels), DR_OK);
    memset(im.data, value, (size_t)W * H * (size_t)channels);
    return im;
}

static void a_hole_in_one_colour_gets_it(void **state)
{
    dr_image im = filled(3, 0), known = filled(1, 0);
    (void)state;
    for (int i = 0; i < W * H; i++)
        if (i % W < 9 || i / W > 40) {
            known.data[i] = 1;
            memcpy(im.data + 3 * i, "\x10\x80\xf0", 3);
        }
    assert_int_equal(dr_fill_behind(&im, &known), DR_OK);
    for (int i = 0; i < W * H; i++)
        assert_memory_equal(im.data + 3 * i, "\x10\x80\xf0", 3);
    dr_image_clear(&im);
    dr_image_clear(&known);
}

static void between_two_sides_it_goes_from_the_one_to_the_other(void **state)
{
    dr_image im = filled(1, 7), known = filled(1, 0);
    (void)state;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            if (x < 5 || x >= W - 5) {
                known.data[y * W + x] = 255;
                im.data[y * W + x] = x < 5 ? 40 : 200;
            }
    assert_int_equal(dr_fill_behind(&im, &known), DR_OK);
    for (int y = 0; y < H; y++) {
        const uint8_t *row = im.data + y * W;
        assert_true(row[4] == 40 && row[W - 5] == 200); /* what is known stays */
        assert_in_range(row[6], 40, 75);
        assert_in_range(row[W - 7], 165, 200);
        assert_in_range(row[W / 2], 85, 155);
        for (int x = 1; x < W; x++)
            assert_true(row[x] + 4 >= row[x - 1]); /* never back */
    }
    dr_image_clear(&im);
    dr_image_clear(&known);
}

static void where_nothing_is_known_nothing_changes(void **state)
{
    dr_image im = filled(3, 33), known = filled(1, 0), dot = {0}, one = {0};
    (void)state;
    assert_int_equal(dr_fill_behind(&im, &known), DR_OK);
    for (int i = 0; i < 3 * W * H; i++)
        assert_int_equal(im.data[i], 33);
    dr_image_clear(&im);
    dr_image_clear(&known);
    assert_int_equal(dr_image_alloc(&dot, 1, 1, 3), DR_OK);
    assert_int_equal(dr_image_alloc(&one, 1, 1, 1), DR_OK);
    memset(dot.data, 5, 3);
    one.data[0] = 1;
    assert_int_equal(dr_fill_behind(&dot, &one), DR_OK);
    assert_int_equal(dot.data[0], 5);
    dr_image_clear(&dot);
    dr_image_clear(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hole_in_one_colour_gets_it),
        cmocka_unit_test(between_two_sides_it_goes_from_the_one_to_the_other),
        cmocka_unit_test(where_nothing_is_known_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
