#include "io/mask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DATA DR_SOURCE_DIR "/tests/data/images/"

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

static void binarize_cuts_at_one_half(void **state)
{
    dr_image m = blank(9, 7, 127);
    (void)state;
    fill(&m, 2, 3, 4, 2, 128);
    dr_mask_binarize(&m);
    assert_int_equal(m.data[0], 0);
    assert_int_equal(m.data[3 * 9 + 2], 255);
    dr_image_clear(&m);
}

static char said[2048];

static void listen(void *user, const char *message)
{
    (void)user;
    snprintf(said + strlen(said), sizeof said - strlen(said), "%s\n", message);
}

static dr_status check_as(const dr_image *in, int w, int h, dr_mask_options o)
{
    dr_image out;
    said[0] = 0;
    o.warn = listen;
    dr_status st = dr_mask_from_image(&out, in, "m.png", w, h, "p.jpg", &o);
    if (!st)
        assert_true(out.width == w && out.height == h && out.channels == 1);
    dr_image_clear(&out);
    return st;
}

static dr_status check(const dr_image *in, int w, int h, bool whole)
{
    return check_as(in, w, h, (dr_mask_options){.whole = whole});
}

static void says_what_is_wrong_with_a_mask(void **state)
{
    dr_image m = blank(100, 80, 0);
    (void)state;
    assert_int_equal(check(&m, 100, 80, false), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "mask 'm.png' is all black: nothing to replace; white = replace"));
    fill(&m, 10, 10, 30, 30, 1); /* a label map: exactly two values are a mask, three are none */
    assert_int_equal(check(&m, 100, 80, false), DR_OK);
    fill(&m, 12, 12, 3, 3, 2);
    assert_int_equal(check(&m, 100, 80, false), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "its brightest value is 2 of 255"));
    fill(&m, 10, 10, 30, 30, 255);
    assert_int_equal(check(&m, 100, 80, false), DR_OK);
    assert_string_equal(said, "");
    fill(&m, 0, 0, 100, 80, 255);
    assert_int_equal(check(&m, 100, 80, true), DR_OK);
    assert_string_equal(said, "");
    assert_int_equal(check(&m, 100, 80, false), DR_OK);
    assert_non_null(strstr(said, "all white"));
    fill(&m, 30, 30, 30, 30, 0);
    assert_int_equal(check(&m, 100, 80, false), DR_OK);
    assert_non_null(strstr(said, "probably inverted"));
    for (int i = 0; i < 100 * 80; i++)
        m.data[i] = (uint8_t)(i % 100 * 2 + (i % 100 > 50 ? 55 : 0));
    assert_int_equal(check(&m, 100, 80, false), DR_OK);
    assert_non_null(strstr(said, "grey values"));
    dr_image_clear(&m);
}

static void strict_refuses_what_is_else_a_warning(void **state)
{
    dr_image m = blank(100, 80, 255);
    dr_mask_options strict = {.strict = true};
    (void)state;
    assert_int_equal(check_as(&m, 100, 80, strict), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "mask 'm.png' is all white"));
    fill(&m, 30, 30, 30, 30, 0);
    assert_int_equal(check_as(&m, 100, 80, strict), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "probably inverted"));
    assert_string_equal(said, "");
    for (int i = 0; i < 100 * 80; i++)
        m.data[i] = (uint8_t)(i % 100 * 2 + (i % 100 > 50 ? 55 : 0)); /* grey may be a soft edge */
    assert_int_equal(check_as(&m, 100, 80, strict), DR_OK);
    assert_non_null(strstr(said, "grey values"));
    dr_image_clear(&m);
}

static void checks_the_shape_against_the_photo(void **state)
{
    dr_image m = blank(100, 80, 0);
    (void)state;
    fill(&m, 10, 10, 30, 30, 255);
    assert_int_equal(check(&m, 1000, 800, false), DR_OK);
    assert_int_equal(check(&m, 1000, 808, false), DR_OK);
    assert_int_equal(check(&m, 50, 39, false), DR_OK);
    assert_int_equal(check(&m, 1000, 830, false), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "mask 'm.png' is 100x80, but photo 'p.jpg' is 1000x830"));
    assert_int_equal(check(&m, 800, 1000, false), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "turned by 90 degrees"));
    dr_image_clear(&m);
}

static void the_photo_goes_by_its_name_if_it_has_one(void **state)
{
    dr_image m = blank(100, 80, 0), out;
    (void)state;
    fill(&m, 10, 10, 30, 30, 255);
    assert_int_equal(dr_mask_from_image(&out, &m, "m.png", 80, 80, "a.jpg", NULL), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "but photo 'a.jpg' is 80x80"));
    assert_int_equal(dr_mask_from_image(&out, &m, "m.png", 80, 80, NULL, NULL), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "but the photo is 80x80"));
    dr_image_clear(&m);
}

static void takes_a_mask_from_alpha(void **state)
{
    dr_image m;
    (void)state;
    assert_int_equal(dr_mask_load(&m, DATA "mask-in-alpha.png", 48, 32, "p.jpg", NULL), DR_OK);
    for (int i = 0; i < 48 * 32; i++) {
        bool inside = i % 48 >= 12 && i % 48 < 36 && i / 48 >= 8 && i / 48 < 24;
        assert_int_equal(m.data[i] >= 128, inside);
    }
    dr_image_clear(&m);
    assert_int_equal(dr_mask_load(&m, DATA "text.jpg", 48, 32, "p.jpg", NULL), DR_EINVAL);
    assert_null(m.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(binarize_cuts_at_one_half),
        cmocka_unit_test(says_what_is_wrong_with_a_mask),
        cmocka_unit_test(strict_refuses_what_is_else_a_warning),
        cmocka_unit_test(checks_the_shape_against_the_photo),
        cmocka_unit_test(the_photo_goes_by_its_name_if_it_has_one),
        cmocka_unit_test(takes_a_mask_from_alpha),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
