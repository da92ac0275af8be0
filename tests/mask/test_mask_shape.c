#include "mask/mask_shape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint32_t seed = 1;

static int draw(int below)
{
    seed = seed * 1664525u + 1013904223u;
    return (int)((seed >> 8) % (uint32_t)below);
}

static dr_image blank(int width, int height, int value)
{
    dr_image im;
    assert_int_equal(dr_image_alloc(&im, width, height, 1), DR_OK);
    memset(im.data, value, (size_t)width * (size_t)height);
    return im;
}

static void fill(dr_image *im, int x0, int y0, int w, int h, int value)
{
    for (int y = y0; y < y0 + h; y++)
        memset(im->data + (size_t)y * (size_t)im->width + x0, value, (size_t)w);
}

/* A few random specks and boxes, at times none, at times at the edge. */
static dr_image random_mask(int width, int height)
{
    dr_image im = blank(width, height, 0);
    for (int n = draw(5); n > 0; n--) {
        int x = draw(width), y = draw(height);
        fill(&im, x, y, 1 + draw(width - x) / 3, 1 + draw(height - y) / 3, 255);
    }
    return im;
}

/* Squared distance of (x,y) to the nearest pixel of that value; -1 if there is none. By trying all. */
static int distance2(const dr_image *im, int x, int y, int value)
{
    int best = -1;
    for (int j = 0; j < im->height; j++)
        for (int i = 0; i < im->width; i++)
            if (im->data[j * im->width + i] == value) {
                int d = (i - x) * (i - x) + (j - y) * (j - y);
                best = best < 0 || d < best ? d : best;
            }
    return best;
}

static void grows_and_shrinks_by_an_exact_disc(void **state)
{
    (void)state;
    for (int round = 0; round < 200; round++) {
        dr_image was = random_mask(1 + draw(30), 1 + draw(30)), got;
        int px = draw(19) - 9;
        assert_int_equal(dr_image_copy(&got, &was), DR_OK);
        assert_int_equal(dr_mask_grow(&got, px), DR_OK);
        for (int y = 0; y < was.height; y++) {
            for (int x = 0; x < was.width; x++) {
                int d = distance2(&was, x, y, px < 0 ? 0 : 255);
                bool near = d >= 0 && d <= px * px;
                int want = px < 0 ? (near ? 0 : 255) : (near ? 255 : 0);
                if (got.data[y * was.width + x] != want)
                    fail_msg("round %d: (%d,%d) of %dx%d grown by %d is %d", round, x, y, was.width, was.height, px,
                             got.data[y * was.width + x]);
            }
        }
        dr_image_clear(&was);
        dr_image_clear(&got);
    }
}

static void feather_is_full_inside_and_zero_beyond_its_width(void **state)
{
    enum { W = 40, H = 25 };
    (void)state;
    for (int round = 0; round < 50; round++) {
        dr_image was = random_mask(W, H), got;
        int px = draw(12), value[W * W + H * H]; /* by squared distance: all pixels at one distance agree */
        memset(value, -1, sizeof value);
        assert_int_equal(dr_image_copy(&got, &was), DR_OK);
        assert_int_equal(dr_mask_feather(&got, px), DR_OK);
        for (int i = 0; i < W * H; i++) {
            int d2 = distance2(&was, i % W, i / W, 255);
            if (d2 < 0) {
                assert_int_equal(got.data[i], 0);
                continue;
            }
            assert_true(value[d2] < 0 || value[d2] == got.data[i]);
            assert_true((d2 == 0) == (got.data[i] == 255));
            assert_true((d2 <= px * px) == (got.data[i] > 0));
            value[d2] = got.data[i];
        }
        for (int d2 = 0, last = 255; d2 < W * W + H * H; d2++) {
            assert_true(value[d2] <= last);
            last = value[d2] < 0 ? last : value[d2];
        }
        dr_image_clear(&was);
        dr_image_clear(&got);
    }
}

static void large_masks_grow_as_small_ones(void **state)
{
    /* large enough for several threads, and wider than one stripe of columns */
    enum { W = 700, H = 500, R = 90 };
    dr_image m = blank(W, H, 0);
    (void)state;
    fill(&m, 250, 240, 20, 1, 255);
    assert_int_equal(dr_mask_grow(&m, R), DR_OK);
    for (int y = 0; y < H; y++) {
        for (int x = 0; x < W; x++) {
            int dx = x < 250 ? 250 - x : x > 269 ? x - 269 : 0, dy = y - 240;
            if (m.data[y * W + x] != (dx * dx + dy * dy <= R * R ? 255 : 0))
                fail_msg("(%d,%d) is %d", x, y, m.data[y * W + x]);
        }
    }
    dr_image_clear(&m);
}

static void large_radii_are_bounded(void **state)
{
    dr_image m = blank(3, 3, 0);
    (void)state;
    m.data[0] = 255;
    assert_int_equal(dr_mask_grow(&m, DR_MASK_MAX_RADIUS), DR_OK);
    assert_int_equal(m.data[8], 255);
    assert_int_equal(dr_mask_grow(&m, DR_MASK_MAX_RADIUS + 1), DR_EINVAL);
    assert_int_equal(dr_mask_grow(&m, -2147483647 - 1), DR_EINVAL);
    assert_int_equal(dr_mask_feather(&m, -1), DR_EINVAL);
    dr_image_clear(&m);
}

static void the_box_is_around_all_that_is_white(void **state)
{
    dr_image m = blank(9, 7, 127);
    dr_rect box;
    (void)state;
    assert_false(dr_mask_bbox(&m, &box));
    fill(&m, 2, 3, 4, 2, 128);
    assert_true(dr_mask_bbox(&m, &box));
    assert_true(box.x == 2 && box.y == 3 && box.width == 4 && box.height == 2);
    dr_image_clear(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_shrinks_by_an_exact_disc),
        cmocka_unit_test(feather_is_full_inside_and_zero_beyond_its_width),
        cmocka_unit_test(large_masks_grow_as_small_ones),
        cmocka_unit_test(large_radii_are_bounded),
        cmocka_unit_test(the_box_is_around_all_that_is_white),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
