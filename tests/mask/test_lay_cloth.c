/* Cloth laid in a hole: where it comes from, where it goes, and what stays as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/status.h"
#include "mask/lay_cloth.h"

#include <stdlib.h>
#include <string.h>

enum { W = 90, H = 80 };

static dr_image filled(int width, int height, int channels, int value)
{
    dr_image im;
    assert_int_equal(dr_image_alloc(&im, width, height, channels), DR_OK);
    memset(im.data, value, (size_t)width * (size_t)height * (size_t)channels);
    return im;
}

static void clear(dr_image *picture, dr_image *mask, dr_image *cloth)
{
    dr_image_clear(picture);
    dr_image_clear(mask);
    dr_image_clear(cloth);
}

static dr_image hole(dr_rect box)
{
    dr_image mask = filled(W, H, 1, 0);
    for (int y = box.y; y < box.y + box.height; y++)
        memset(mask.data + y * W + box.x, 255, (size_t)box.width);
    return mask;
}

/* White around cloth that is red on its left half and blue on its right one. */
static dr_image garment(int width, int height)
{
    dr_image im = filled(width, height, 3, 255);
    dr_rect cloth = dr_cloth_of(width, height);
    for (int y = cloth.y; y < cloth.y + cloth.height; y++)
        for (int x = cloth.x; x < cloth.x + cloth.width; x++) {
            uint8_t *p = im.data + 3 * (y * width + x);
            p[0] = 2 * x < width ? 200 : 0;
            p[1] = 0;
            p[2] = 2 * x < width ? 0 : 200;
        }
    return im;
}

static const uint8_t *at(const dr_image *im, int x, int y)
{
    return im->data + 3 * (y * im->width + x);
}

static void the_middle_of_any_photo_is_inside_it(void **state)
{
    static const int sizes[][2] = {{100, 100}, {300, 100}, {100, 300}, {1, 1}, {2, 500}, {4000, 3}};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int w = sizes[i][0], h = sizes[i][1];
        dr_rect r = dr_cloth_of(w, h);
        assert_true(r.width >= 1 && r.height >= 1 && r.x >= 0 && r.y >= 0 && r.x + r.width <= w && r.y + r.height <= h);
    }
    dr_rect square = dr_cloth_of(100, 100); /* no sleeves, collar or hem */
    assert_true(square.width <= 45 && square.height <= 60 && square.x >= 25 && square.y >= 20);
}

static void only_the_hole_is_filled(void **state)
{
    dr_rect box = {20, 10, 50, 60};
    dr_image picture = filled(W, H, 3, 77), mask = hole(box), cloth = garment(100, 120);
    (void)state;
    mask.data[12 * W + 22] = 127; /* not white */
    assert_int_equal(dr_lay_cloth(&picture, &mask, &cloth), DR_OK);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            const uint8_t *p = at(&picture, x, y);
            if (mask.data[y * W + x] >= 128)
                assert_true(p[1] < 40 && p[0] + p[2] > 150); /* cloth, no white ground of its photo */
            else
                assert_true(p[0] == 77 && p[1] == 77 && p[2] == 77);
        }
    clear(&picture, &mask, &cloth);
}

static void middles_lie_over_each_other_and_the_rest_is_mirrored(void **state)
{
    dr_rect box = {5, 30, 80, 40};
    dr_image picture = filled(W, H, 3, 77), mask = hole(box), cloth = garment(100, 100);
    dr_rect from = dr_cloth_of(100, 100);
    int width = from.width * box.height / from.height, middle = box.x + box.width / 2, half = width / 2;
    (void)state;
    assert_true(width < box.width); /* so that there is something to mirror */
    assert_int_equal(dr_lay_cloth(&picture, &mask, &cloth), DR_OK);
    for (int y = box.y; y < box.y + box.height; y += 13) {
        assert_true(at(&picture, middle - half / 2, y)[0] > 180); /* left of the middle: red */
        assert_true(at(&picture, middle + half / 2, y)[2] > 180); /* right of it: blue */
        assert_true(at(&picture, middle - half - 4, y)[0] > 180); /* mirrored at the cloth's own edge: red still */
        assert_true(at(&picture, middle + half + 4, y)[2] > 180);
    }
    clear(&picture, &mask, &cloth);
}

static void a_mask_without_white_changes_nothing(void **state)
{
    dr_image picture = filled(W, H, 3, 77), mask = filled(W, H, 1, 0), cloth = garment(100, 100);
    (void)state;
    assert_int_equal(dr_lay_cloth(&picture, &mask, &cloth), DR_OK);
    for (int i = 0; i < 3 * W * H; i++)
        assert_int_equal(picture.data[i], 77);
    clear(&picture, &mask, &cloth);
}

static void a_hole_of_one_line_is_filled(void **state)
{
    dr_rect box = {10, 40, 70, 1};
    dr_image picture = filled(W, H, 3, 77), mask = hole(box), cloth = garment(100, 100);
    (void)state;
    assert_int_equal(dr_lay_cloth(&picture, &mask, &cloth), DR_OK);
    for (int x = box.x; x < box.x + box.width; x++)
        assert_true(at(&picture, x, 40)[1] < 40);
    clear(&picture, &mask, &cloth);
}

/* Cloth with a green line down its middle, in a mask that is five times as wide. */
static void what_is_in_the_middle_comes_once(void **state)
{
    dr_rect box = {0, 20, W, 24};
    dr_image picture = filled(W, H, 3, 77), mask = hole(box), photo = garment(100, 100);
    dr_rect from = dr_cloth_of(100, 100);
    int lines = 0;
    (void)state;
    for (int y = from.y; y < from.y + from.height; y++)
        for (int x = 49; x <= 51; x++)
            photo.data[3 * (y * 100 + x) + 1] = 255;
    assert_int_equal(dr_lay_cloth(&picture, &mask, &photo), DR_OK);
    for (int x = 1; x < W; x++)
        lines += at(&picture, x, 30)[1] >= 128 && at(&picture, x - 1, 30)[1] < 128;
    assert_int_equal(lines, 1);
    clear(&picture, &mask, &photo);
}

static void a_photo_made_of_cloth_has_it_in_its_middle(void **state)
{
    static const int sizes[][2] = {{10, 20}, {71, 100}, {1, 1}, {1, 50}, {37, 61}};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int w = sizes[i][0], h = sizes[i][1];
        dr_image cloth = filled(w, h, 3, 0), photo;
        for (int k = 0; k < 3 * w * h; k++)
            cloth.data[k] = (uint8_t)(k * 7);
        assert_int_equal(dr_cloth_photo(&photo, &cloth), DR_OK);
        dr_rect middle = dr_cloth_of(photo.width, photo.height);
        assert_true(middle.width >= w - 1 && abs(middle.height - h) <= 1);
        assert_true(middle.width <= w + 1 || 0.35 * h >= w);
        int left = middle.x + (middle.width - w) / 2;
        for (int y = 0; y < h && y < middle.height; y++)
            assert_memory_equal(at(&photo, left, middle.y + y), cloth.data + 3 * y * w, 3 * (size_t)w);
        dr_image_clear(&cloth);
        dr_image_clear(&photo);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_middle_of_any_photo_is_inside_it),
        cmocka_unit_test(only_the_hole_is_filled),
        cmocka_unit_test(middles_lie_over_each_other_and_the_rest_is_mirrored),
        cmocka_unit_test(what_is_in_the_middle_comes_once),
        cmocka_unit_test(a_photo_made_of_cloth_has_it_in_its_middle),
        cmocka_unit_test(a_mask_without_white_changes_nothing),
        cmocka_unit_test(a_hole_of_one_line_is_filled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
