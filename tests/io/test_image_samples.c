/* Samples that are no bytes, in TIFF files that are made here. */
#include "io/image.h"
#include "io/mask.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { UINT = 1, INT = 2, FLOAT = 3, W = 8, H = 4 };

typedef struct writer {
    unsigned char data[8192];
    size_t size;
    int tags;
} writer;

static void put(writer *w, const void *p, size_t n)
{
    memcpy(w->data + w->size, p, n);
    w->size += n;
}

static void tag(writer *w, int id, int value)
{
    const uint16_t head[2] = {(uint16_t)id, 4};
    const uint32_t body[2] = {1, (uint32_t)value};
    put(w, head, sizeof head);
    put(w, body, sizeof body);
    w->tags++;
}

/* A little-endian TIFF of one strip; the samples as they lie in memory here, W * H * bands of them. */
static void make_tiff(writer *w, const void *samples, int bytes, int format, int bands, int photometric)
{
    enum { TAGS = 10, DIRECTORY = 8, EXTRA = 2 };
    bool alpha = bands == 2 || (bands == 4 && photometric == 2);
    int tags = TAGS + alpha, end = DIRECTORY + 2 + 12 * tags + 4, n = W * H * bands * bytes;
    const uint16_t count = (uint16_t)tags;
    const uint32_t none = 0;
    *w = (writer){0};
    put(w, "II*\0\x08\0\0\0", 8);
    put(w, &count, 2);
    tag(w, 256, W);
    tag(w, 257, H);
    tag(w, 258, 8 * bytes); /* libtiff takes one for all bands */
    tag(w, 259, 1);
    tag(w, 262, photometric);
    tag(w, 273, end);
    tag(w, 277, bands);
    tag(w, 278, H);
    tag(w, 279, n);
    if (alpha)
        tag(w, 338, EXTRA);
    tag(w, 339, format);
    assert_int_equal(w->tags, tags);
    put(w, &none, 4);
    put(w, samples, (size_t)n);
}

static dr_image read_as(const writer *w, int channels)
{
    dr_image im;
    if (dr_image_read_memory(&im, w->data, w->size, "a.tif", channels))
        fail_msg("%s", dr_error());
    return im;
}

static void assert_refused(const writer *w, const char *says)
{
    for (int channels = 3; channels <= 4; channels++) {
        dr_image im;
        dr_status st = dr_image_read_memory(&im, w->data, w->size, "a.tif", channels);
        assert_true(st == DR_EINVAL || st == DR_EUNSUPPORTED);
        assert_null(im.data);
        if (!strstr(dr_error(), says) || !strstr(dr_error(), "'a.tif'"))
            fail_msg("'%s' does not say '%s'", dr_error(), says);
    }
}

static void floats_of_0_to_1_are_black_to_white(void **state)
{
    float rgb[W * H * 3], grey[W * H], rgba[W * H * 4];
    writer w;
    (void)state;
    for (int i = 0; i < W * H * 3; i++)
        rgb[i] = (float)i / (W * H * 3 - 1);
    make_tiff(&w, rgb, 4, FLOAT, 3, 2);
    dr_image im = read_as(&w, 3);
    for (int i = 0; i < W * H * 3; i++)
        assert_int_equal(im.data[i], (int)floorf(rgb[i] * 255 + 0.5f));
    dr_image_clear(&im);

    for (int i = 0; i < W * H; i++)
        grey[i] = (float)i / (W * H - 1);
    make_tiff(&w, grey, 4, FLOAT, 1, 1);
    im = read_as(&w, 3);
    dr_image one = read_as(&w, 1);
    for (int i = 0; i < W * H; i++) {
        assert_int_equal(im.data[3 * i], (int)floorf(grey[i] * 255 + 0.5f));
        assert_int_equal(one.data[i], im.data[3 * i]);
    }
    dr_image_clear(&one);
    dr_image_clear(&im);

    for (int i = 0; i < W * H; i++)
        for (int k = 0; k < 4; k++)
            rgba[4 * i + k] = k < 3 ? 0.5f : (float)(i % 2);
    make_tiff(&w, rgba, 4, FLOAT, 4, 2);
    im = read_as(&w, 4);
    for (int i = 0; i < W * H; i++) {
        assert_int_equal(im.data[4 * i], 128);
        assert_int_equal(im.data[4 * i + 3], 255 * (i % 2));
    }
    dr_image_clear(&im);
}

static void a_float_mask_is_a_mask(void **state)
{
    float v[W * H];
    writer w;
    dr_image mask;
    (void)state;
    for (int i = 0; i < W * H; i++)
        v[i] = i % W >= 2 && i % W < 5 ? 1 : 0;
    make_tiff(&w, v, 4, FLOAT, 1, 1);
    dr_image in = read_as(&w, 4);
    assert_int_equal(dr_mask_from_image(&mask, &in, "m.tif", W, H, NULL, NULL), DR_OK);
    for (int i = 0; i < W * H; i++)
        assert_int_equal(mask.data[i] >= 128, v[i] > 0);
    dr_image_clear(&mask);
    dr_image_clear(&in);
}

static void other_floats_are_refused_in_one_sentence(void **state)
{
    static const struct {
        float low, high;
        const char *says;
    } ranges[] = {{0, 255, "floating-point numbers from 0 to 255, expected 0 (black) to 1 (white)"},
                  {-1, 1, "from -1 to 1"},
                  {0, INFINITY, "from 0 to inf"},
                  {0, NAN, "are not a number"}};
    (void)state;
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        float v[W * H] = {0};
        writer w;
        v[3] = ranges[i].low;
        v[20] = ranges[i].high;
        make_tiff(&w, v, 4, FLOAT, 1, 1);
        assert_refused(&w, ranges[i].says);
    }
    float over[W * H] = {0}; /* what resampling adds at edges is cut off */
    writer w;
    over[0] = 1.03f;
    over[1] = -0.02f;
    make_tiff(&w, over, 4, FLOAT, 1, 1);
    dr_image im = read_as(&w, 1);
    assert_int_equal(im.data[0], 255);
    assert_int_equal(im.data[1], 0);
    dr_image_clear(&im);
}

static void bytes_in_a_wider_type_are_not_black(void **state)
{
    uint16_t two[W * H], wide[W * H];
    int32_t four[W * H];
    writer w;
    (void)state;
    for (int i = 0; i < W * H; i++) {
        two[i] = (uint16_t)(i * 8);
        wide[i] = (uint16_t)(i * 2114);
        four[i] = i * 8;
    }
    make_tiff(&w, two, 2, UINT, 1, 1);
    dr_image a = read_as(&w, 1);
    make_tiff(&w, four, 4, INT, 1, 1);
    dr_image b = read_as(&w, 1);
    make_tiff(&w, wide, 2, UINT, 1, 1);
    dr_image c = read_as(&w, 1);
    for (int i = 0; i < W * H; i++) {
        assert_int_equal(a.data[i], i * 8);
        assert_int_equal(b.data[i], i * 8);
        assert_int_equal(c.data[i], i * 2114 / 256);
    }
    dr_image_clear(&a);
    dr_image_clear(&b);
    dr_image_clear(&c);
    four[7] = -5;
    make_tiff(&w, four, 4, INT, 1, 1);
    assert_refused(&w, "whole numbers from -5 to");
    four[7] = 1 << 20;
    make_tiff(&w, four, 4, INT, 1, 1);
    assert_refused(&w, "expected 0 to 255 or 0 to 65535");
}

static void lab_is_read_and_half_floats_are_said_to_be_unknown(void **state)
{
    uint8_t lab[W * H * 3];
    uint16_t half[W * H] = {0};
    writer w;
    (void)state;
    for (int i = 0; i < W * H; i++) { /* grey: a and b are 0 */
        lab[3 * i] = (uint8_t)(i * 255 / (W * H - 1));
        lab[3 * i + 1] = lab[3 * i + 2] = 0;
    }
    make_tiff(&w, lab, 1, UINT, 3, 8);
    dr_image im = read_as(&w, 3);
    if (im.data[0] > 1 || im.data[3 * (W * H - 1)] < 250)
        fail_msg("black is %d, white %d", im.data[0], im.data[3 * (W * H - 1)]);
    for (int i = 0; i < W * H; i++)
        assert_true(abs(im.data[3 * i] - im.data[3 * i + 1]) <= 2 && abs(im.data[3 * i] - im.data[3 * i + 2]) <= 2);
    dr_image_clear(&im);
    make_tiff(&w, half, 2, FLOAT, 1, 1);
    assert_refused(&w, "unsupported TIFF");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_of_0_to_1_are_black_to_white),
        cmocka_unit_test(a_float_mask_is_a_mask),
        cmocka_unit_test(other_floats_are_refused_in_one_sentence),
        cmocka_unit_test(bytes_in_a_wider_type_are_not_black),
        cmocka_unit_test(lab_is_read_and_half_floats_are_said_to_be_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
