/* Garments drawn on grounds as shops have them. */
#include "mask/cloth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { W = 200, H = 260 };

static bool in_shirt(int x, int y)
{
    bool trunk = x >= 60 && x < 140 && y >= 60 && y < 220, sleeves = x >= 30 && x < 170 && y >= 60 && y < 110;
    bool neck = (x - 100) * (x - 100) + (y - 60) * (y - 60) < 18 * 18;
    return (trunk || sleeves) && !neck;
}

static uint8_t clip(int v)
{
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* `ground` at the top, brighter by `rise` at the bottom; `noise` values of unevenness; folds in the shirt. */
static dr_image draw(int ground, int rise, int noise, int shirt)
{
    dr_image im;
    unsigned state = 1;
    assert_int_equal(dr_image_alloc(&im, W, H, 3), DR_OK);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            state = state * 1103515245u + 12345u;
            int uneven = noise ? (int)(state >> 16) % (2 * noise + 1) - noise : 0;
            int v = in_shirt(x, y) ? shirt + (x / 5 + y / 9) % 4 - 6 * (x % 31 == 0) : ground + rise * y / H;
            for (int k = 0; k < 3; k++)
                im.data[3 * (y * W + x) + k] = clip(v + uneven - (k == 2 && in_shirt(x, y) && shirt < 200 ? 60 : 0));
        }
    return im;
}

/* Intersection over union with the shirt. */
static double overlap(const dr_image *mask)
{
    double both = 0, any = 0;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            bool got = mask->data[y * W + x] != 0;
            assert_true(mask->data[y * W + x] == 0 || mask->data[y * W + x] == 255);
            both += got && in_shirt(x, y);
            any += got || in_shirt(x, y);
        }
    return both / any;
}

static void finds(dr_image im, double least)
{
    dr_image mask;
    assert_int_equal(dr_cloth_mask(&mask, &im, "c.png"), DR_OK);
    assert_int_equal(mask.channels, 1);
    double got = overlap(&mask);
    if (got < least)
        fail_msg("overlap %.3f, expected %.3f", got, least);
    dr_image_clear(&mask);
    dr_image_clear(&im);
}

static void finds_a_garment_on_white(void **state)
{
    (void)state;
    finds(draw(255, 0, 0, 120), 0.97);
    finds(draw(246, 0, 1, 60), 0.97);
}

static void finds_it_on_ground_that_is_lit_unevenly(void **state)
{
    (void)state;
    finds(draw(190, 40, 2, 90), 0.96);
}

static void finds_white_on_light_grey(void **state)
{
    (void)state;
    finds(draw(246, 0, 0, 250), 0.87);
}

static void keeps_a_print_of_the_grounds_colour(void **state)
{
    dr_image im = draw(255, 0, 0, 100);
    (void)state;
    for (int y = 130; y < 160; y++)
        memset(im.data + 3 * (y * W + 80), 255, 3 * 40);
    finds(im, 0.97);
}

static void refused(dr_image im, const char *why)
{
    dr_image mask = {0};
    assert_int_equal(dr_cloth_mask(&mask, &im, "c.png"), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "'c.png'"));
    if (!strstr(dr_error(), why))
        fail_msg("'%s' does not say '%s'", dr_error(), why);
    assert_null(mask.data);
    dr_image_clear(&im);
}

static void refuses_what_has_no_plain_ground(void **state)
{
    dr_image im = draw(255, 0, 0, 100);
    unsigned s = 7;
    (void)state;
    for (size_t i = 0; i < 3 * W * H; i++) {
        s = s * 1103515245u + 12345u;
        im.data[i] = (uint8_t)(s >> 20);
    }
    refused(im, "of one colour");
}

static void refuses_empty_pictures(void **state)
{
    dr_image im = draw(255, 0, 0, 100), tiny;
    (void)state;
    memset(im.data, 250, 3 * W * H);
    refused(im, "nothing stands out");
    assert_int_equal(dr_image_alloc(&tiny, 1, 1, 3), DR_OK);
    memset(tiny.data, 9, 3);
    refused(tiny, "nothing stands out");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_a_garment_on_white),         cmocka_unit_test(finds_it_on_ground_that_is_lit_unevenly),
        cmocka_unit_test(finds_white_on_light_grey),        cmocka_unit_test(keeps_a_print_of_the_grounds_colour),
        cmocka_unit_test(refuses_what_has_no_plain_ground), cmocka_unit_test(refuses_empty_pictures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
