#include "tryon/region.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static uint32_t seed = 7;

static int draw(int below)
{
    seed = seed * 1664525u + 1013904223u;
    return (int)((seed >> 8) % (uint32_t)below);
}

static dr_image noise(int width, int height, int channels)
{
    dr_image im;
    assert_int_equal(dr_image_alloc(&im, width, height, channels), DR_OK);
    for (size_t i = 0; i < (size_t)width * (size_t)height * (size_t)channels; i++)
        im.data[i] = (uint8_t)draw(256);
    return im;
}

static dr_image box_mask(int width, int height, dr_rect box)
{
    dr_image im;
    assert_int_equal(dr_image_alloc(&im, width, height, 1), DR_OK);
    memset(im.data, 0, (size_t)width * (size_t)height);
    for (int y = box.y; y < box.y + box.height; y++)
        memset(im.data + (size_t)y * (size_t)width + box.x, 255, (size_t)box.width);
    return im;
}

static dr_rect random_box(int width, int height)
{
    int x = draw(width), y = draw(height);
    return (dr_rect){x, y, 1 + draw(width - x), 1 + draw(height - y)};
}

static void assert_rect(dr_rect r, int x, int y, int width, int height)
{
    if (r.x != x || r.y != y || r.width != width || r.height != height)
        fail_msg("rectangle is %dx%d+%d+%d, expected %dx%d+%d+%d", r.width, r.height, r.x, r.y, width, height, x, y);
}

static void region_is_at_least_the_models_size_and_stays_inside(void **state)
{
    dr_region_options o = {.width = 512, .height = 512, .padding = 32};
    (void)state;
    /* small mask: not enlarged, shifted back inside at the corner */
    dr_region r = dr_region_around((dr_rect){1000, 900, 100, 50}, 2000, 1500, &o);
    assert_rect(r.photo, 1050 - 256, 925 - 256, 512, 512);
    r = dr_region_around((dr_rect){0, 1490, 10, 10}, 2000, 1500, &o);
    assert_rect(r.photo, 0, 1500 - 512, 512, 512);
    /* larger than the model: mask and padding fit exactly */
    r = dr_region_around((dr_rect){300, 200, 600, 900}, 2000, 1500, &o);
    assert_rect(r.photo, 600 - 482, 650 - 482, 964, 964);
    assert_rect(r.canvas, 0, 0, 512, 512);
    /* photo smaller than the model: its largest square */
    r = dr_region_around((dr_rect){100, 50, 40, 40}, 300, 200, &o);
    assert_rect(r.photo, 20, 0, 200, 200);
    /* the feather counts as padding */
    o.padding = 0;
    o.feather = 100;
    r = dr_region_around((dr_rect){500, 500, 400, 10}, 2000, 1500, &o);
    assert_int_equal(r.photo.width, 600);
}

static void a_narrow_photo_lies_in_the_middle_of_the_canvas(void **state)
{
    dr_region_options o = {.width = 512, .height = 512};
    (void)state;
    dr_region r = dr_region_around((dr_rect){100, 0, 100, 1024}, 512, 1024, &o);
    assert_rect(r.photo, 0, 0, 512, 1024);
    assert_rect(r.canvas, 128, 0, 256, 512);
    r = dr_region_around((dr_rect){0, 0, 50000, 3}, 50000, 1000, &o); /* absurd, but no overflow */
    assert_rect(r.photo, 0, 0, 50000, 1000);
    assert_rect(r.canvas, 0, 251, 512, 10);
}

static void region_holds_the_box_for_any_sizes(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        int w = 1 + draw(300), h = 1 + draw(300);
        dr_rect b = random_box(w, h);
        dr_region_options o = {.width = 8 + 8 * draw(30), .height = 8 + 8 * draw(30), .padding = draw(40)};
        dr_region r = dr_region_around(b, w, h, &o);
        assert_true(r.photo.x >= 0 && r.photo.y >= 0 && r.photo.x + r.photo.width <= w &&
                    r.photo.y + r.photo.height <= h);
        assert_true(r.photo.x <= b.x && r.photo.y <= b.y && r.photo.x + r.photo.width >= b.x + b.width &&
                    r.photo.y + r.photo.height >= b.y + b.height);
        assert_true(r.canvas.x >= 0 && r.canvas.y >= 0 && r.canvas.width > 0 && r.canvas.height > 0 &&
                    r.canvas.x + r.canvas.width <= o.width && r.canvas.y + r.canvas.height <= o.height);
        /* one scale in both directions, to the pixel that rounding takes */
        if (r.canvas.width < 3 || r.canvas.height < 3)
            continue;
        double sx = (double)r.canvas.width / r.photo.width, sy = (double)r.canvas.height / r.photo.height;
        double slack = 1.0 / r.photo.width + 1.0 / r.photo.height + 1.0 / r.canvas.width + 1.0 / r.canvas.height;
        assert_true(sx / sy - 1 <= slack * 1.5 && sy / sx - 1 <= slack * 1.5);
    }
}

static void extract_mirrors_the_photo_and_blacks_the_mask_beyond_it(void **state)
{
    dr_image photo = noise(4, 8, 3), mask = box_mask(4, 8, (dr_rect){0, 0, 4, 8}), p, m;
    dr_region_options o = {.width = 8, .height = 8};
    (void)state;
    dr_region r = dr_region_around((dr_rect){0, 0, 4, 8}, 4, 8, &o);
    assert_rect(r.canvas, 2, 0, 4, 8);
    assert_int_equal(dr_region_extract(&p, &m, &photo, &mask, &r), DR_OK);
    static const int from[8] = {2, 1, 0, 1, 2, 3, 2, 1};
    for (int y = 0; y < 8; y++) {
        for (int x = 0; x < 8; x++) {
            assert_memory_equal(p.data + 3 * (8 * y + x), photo.data + 3 * (4 * y + from[x]), 3);
            assert_int_equal(m.data[8 * y + x], x >= 2 && x < 6 ? 255 : 0);
        }
    }
    dr_image_clear(&photo);
    dr_image_clear(&mask);
    dr_image_clear(&p);
    dr_image_clear(&m);
}

static void thin_masks_survive_the_reduction(void **state)
{
    (void)state;
    for (int at = 0; at < 1000; at += 7) {
        dr_image photo = noise(1000, 600, 3), mask = box_mask(1000, 600, (dr_rect){at, 0, 1, 600}), p, m;
        dr_region r = dr_region_whole(1000, 600, 64, 64);
        assert_int_equal(dr_region_extract(&p, &m, &photo, &mask, &r), DR_OK);
        for (int y = 0; y < 64; y++)
            assert_int_equal(m.data[64 * y + at * 64 / 1000], 255);
        dr_image_clear(&photo);
        dr_image_clear(&mask);
        dr_image_clear(&p);
        dr_image_clear(&m);
        at += 140;
    }
}

static void nothing_changes_outside_mask_and_feather(void **state)
{
    (void)state;
    for (int round = 0; round < 60; round++) {
        int w = 20 + draw(150), h = 20 + draw(150), feather = draw(9);
        dr_rect box = random_box(w, h);
        dr_region_options o = {.width = 64, .height = 48, .padding = draw(20), .feather = feather};
        dr_image photo = noise(w, h, 3), was, mask = box_mask(w, h, box), alpha, made = noise(64, 48, 3);
        dr_region r = dr_region_around(box, w, h, &o);
        assert_int_equal(dr_image_copy(&was, &photo), DR_OK);
        assert_int_equal(dr_image_copy(&alpha, &mask), DR_OK);
        assert_int_equal(dr_mask_feather(&alpha, feather), DR_OK);
        dr_paste_options paste = {.color_match = round % 2};
        assert_int_equal(dr_region_paste(&photo, &made, &r, &alpha, &paste), DR_OK);
        for (int y = 0; y < h; y++) {
            for (int x = 0; x < w; x++) {
                int dx = x < box.x ? box.x - x : x >= box.x + box.width ? x - box.x - box.width + 1 : 0;
                int dy = y < box.y ? box.y - y : y >= box.y + box.height ? y - box.y - box.height + 1 : 0;
                if (dx * dx + dy * dy > feather * feather)
                    assert_memory_equal(photo.data + 3 * (y * w + x), was.data + 3 * (y * w + x), 3);
            }
        }
        assert_memory_not_equal(photo.data, was.data, (size_t)w * (size_t)h * 3);
        dr_image_clear(&photo);
        dr_image_clear(&was);
        dr_image_clear(&mask);
        dr_image_clear(&alpha);
        dr_image_clear(&made);
    }
}

static void inside_the_mask_is_the_generated_picture(void **state)
{
    dr_rect box = {30, 10, 20, 16};
    dr_region_options o = {.width = 64, .height = 64};
    dr_image photo = noise(100, 90, 3), alpha = box_mask(100, 90, box), made = noise(64, 64, 3);
    dr_region r = dr_region_around(box, 100, 90, &o);
    (void)state;
    assert_rect(r.photo, 8, 0, 64, 64);
    assert_int_equal(dr_region_paste(&photo, &made, &r, &alpha, NULL), DR_OK);
    for (int y = 10; y < 26; y++)
        assert_memory_equal(photo.data + 3 * (100 * y + 30), made.data + 3 * (64 * y + 22), 60);
    dr_image_clear(&photo);
    dr_image_clear(&alpha);
    dr_image_clear(&made);
}

static void half_alpha_blends_to_the_nearest_level(void **state)
{
    dr_image photo = noise(64, 64, 3), was, made = noise(64, 64, 3), alpha = noise(64, 64, 1);
    dr_region r = dr_region_whole(64, 64, 64, 64);
    (void)state;
    assert_int_equal(dr_image_copy(&was, &photo), DR_OK);
    assert_int_equal(dr_region_paste(&photo, &made, &r, &alpha, NULL), DR_OK);
    for (int i = 0; i < 64 * 64 * 3; i++) {
        double a = alpha.data[i / 3] / 255.0, want = was.data[i] * (1 - a) + made.data[i] * a;
        assert_true(photo.data[i] - want <= 0.5 + 1e-9 && want - photo.data[i] <= 0.5 + 1e-9);
    }
    dr_image_clear(&photo);
    dr_image_clear(&was);
    dr_image_clear(&made);
    dr_image_clear(&alpha);
}

static void pasting_back_what_was_cut_out_shifts_nothing(void **state)
{
    /* a smooth picture survives reduction and enlarging; a shift of a pixel would move it by 4 levels */
    dr_image photo, was, alpha, p;
    dr_region_options o = {.width = 64, .height = 64};
    dr_rect box = {20, 30, 70, 120};
    (void)state;
    assert_int_equal(dr_image_alloc(&photo, 110, 190, 3), DR_OK);
    for (int i = 0; i < 110 * 190; i++)
        for (int k = 0; k < 3; k++)
            photo.data[3 * i + k] = (uint8_t)(abs((k ? i % 110 : i / 110) * 4 % 400 - 200) + 20);
    assert_int_equal(dr_image_copy(&was, &photo), DR_OK);
    alpha = box_mask(110, 190, box);
    dr_region r = dr_region_around(box, 110, 190, &o);
    assert_true(r.canvas.width < 64); /* 120 high wants 120 wide */
    assert_int_equal(dr_region_extract(&p, NULL, &photo, NULL, &r), DR_OK);
    assert_int_equal(dr_region_paste(&photo, &p, &r, &alpha, NULL), DR_OK);
    int64_t sum[3] = {0}, off = 0;
    for (int i = 0; i < 110 * 190 * 3; i++) {
        off += abs(photo.data[i] - was.data[i]);
        sum[i % 3] += photo.data[i] - was.data[i];
    }
    assert_true(off < box.width * box.height * 3); /* on average below one level, ridges included */
    assert_true(llabs(sum[0]) < box.width * box.height);
    dr_image_clear(&photo);
    dr_image_clear(&was);
    dr_image_clear(&alpha);
    dr_image_clear(&p);
}

static void colour_match_takes_out_a_constant_drift(void **state)
{
    dr_rect box = {40, 40, 20, 20};
    dr_image photo, alpha = box_mask(100, 100, box), made;
    dr_region_options o = {.width = 64, .height = 64};
    (void)state;
    assert_int_equal(dr_image_alloc(&photo, 100, 100, 3), DR_OK);
    memset(photo.data, 100, 100 * 100 * 3);
    dr_region r = dr_region_around(box, 100, 100, &o);
    assert_int_equal(dr_region_extract(&made, NULL, &photo, NULL, &r), DR_OK);
    for (int i = 0; i < 64 * 64; i++) {
        made.data[3 * i] = 106;
        made.data[3 * i + 2] = 95;
    }
    assert_int_equal(dr_region_paste(&photo, &made, &r, &alpha, &(dr_paste_options){.color_match = true}), DR_OK);
    for (int i = 0; i < 100 * 100 * 3; i++)
        assert_int_equal(photo.data[i], 100);
    dr_image_clear(&photo);
    dr_image_clear(&alpha);
    dr_image_clear(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(region_is_at_least_the_models_size_and_stays_inside),
        cmocka_unit_test(a_narrow_photo_lies_in_the_middle_of_the_canvas),
        cmocka_unit_test(region_holds_the_box_for_any_sizes),
        cmocka_unit_test(extract_mirrors_the_photo_and_blacks_the_mask_beyond_it),
        cmocka_unit_test(thin_masks_survive_the_reduction),
        cmocka_unit_test(nothing_changes_outside_mask_and_feather),
        cmocka_unit_test(inside_the_mask_is_the_generated_picture),
        cmocka_unit_test(half_alpha_blends_to_the_nearest_level),
        cmocka_unit_test(pasting_back_what_was_cut_out_shifts_nothing),
        cmocka_unit_test(colour_match_takes_out_a_constant_drift),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
