/* The folder tests/golden/viton, by tools/golden/make_viton_data.py; in resized/ what Pillow makes of its pictures. */
#include "io/label_map.h"
#include "warp/inputs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DATA DR_SOURCE_DIR "/tests/golden/viton"

static const dr_inputs_options options = {.size = {128, 256, 64, 128}};

static void same(const dr_image *got, const char *path, bool labels)
{
    dr_image want;
    assert_int_equal(labels ? dr_label_map_read(&want, path) : dr_image_read(&want, path, got->channels), DR_OK);
    assert_int_equal(got->width, want.width);
    assert_int_equal(got->height, want.height);
    assert_memory_equal(got->data, want.data, (size_t)want.width * (size_t)want.height * (size_t)want.channels);
    dr_image_clear(&want);
}

static void brings_pictures_to_the_working_size_as_pillow(void **state)
{
    dr_warp_files f;
    dr_warp_inputs in;
    (void)state;
    assert_int_equal(dr_viton_files(&f, DATA, "p1.png", "c0.jpg"), DR_OK); /* found by stem */
    assert_int_equal(dr_inputs_read(&in, &f, &options), DR_OK);
    same(&in.agnostic, DATA "/resized/agnostic.png", false);
    same(&in.densepose, DATA "/resized/image-densepose.png", false);
    same(&in.parse_agnostic, DATA "/resized/parse-agnostic.png", true);
    same(&in.cloth, DATA "/cloth/c0.png", false);
    same(&in.cloth_mask, DATA "/cloth-mask/c0.png", false);
    assert_int_equal(in.hidden.width, 256);
    dr_inputs_clear(&in);
    dr_warp_files_clear(&f);
}

/* Pixels that differ. */
static double difference(const dr_image *a, const dr_image *b)
{
    size_t n = (size_t)a->width * (size_t)a->height, other = 0;
    for (size_t i = 0; i < n; i++)
        other += a->data[i] != b->data[i];
    return (double)other / (double)n;
}

static void makes_what_is_missing(void **state)
{
    dr_warp_files f;
    dr_warp_inputs whole, made;
    (void)state;
    assert_int_equal(dr_viton_files(&f, DATA, "p0.png", "c0.png"), DR_OK);
    assert_int_equal(dr_inputs_read(&whole, &f, &options), DR_OK);
    dr_warp_files less = f;
    less.parse_agnostic = less.agnostic = less.cloth_mask = NULL;
    assert_int_equal(dr_inputs_read(&made, &less, &options), DR_OK);
    assert_true(difference(&made.parse_agnostic, &whole.parse_agnostic) == 0);
    assert_true(difference(&made.cloth_mask, &whole.cloth_mask) < 0.01);
    dr_inputs_clear(&made);
    less = f;
    less.keypoints = NULL; /* then what somebody else made */
    assert_int_equal(dr_inputs_read(&made, &less, &options), DR_OK);
    assert_memory_equal(made.agnostic.data, whole.agnostic.data, 3 * 128 * 256);
    dr_inputs_clear(&made);
    dr_inputs_clear(&whole);
    dr_warp_files_clear(&f);
}

static void gives_classes_and_mask_of_the_pixel_under_a_corner(void **state)
{
    enum { W = 64, H = 128 };
    dr_warp_files f;
    dr_warp_inputs in;
    static float classes[H * W * 13], mask[H * W];
    (void)state;
    assert_int_equal(dr_viton_files(&f, DATA, "p0.png", "c0.png"), DR_OK);
    assert_int_equal(dr_inputs_read(&in, &f, &options), DR_OK);
    assert_int_equal(dr_inputs_classes(&in, &options.size, classes), DR_OK);
    assert_int_equal(dr_inputs_cloth_mask(&in, &options.size, mask), DR_OK);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            int at = 2 * y * 128 + 2 * x;
            for (int k = 0; k < 13; k++)
                assert_true(classes[(y * W + x) * 13 + k] == (k == dr_human_class(in.parse_agnostic.data[at])));
            assert_true(mask[y * W + x] == (in.cloth_mask.data[at] != 0));
        }
    dr_inputs_clear(&in);
    dr_warp_files_clear(&f);
}

/* Another file in place of one. */
static void refused(size_t at, const char *path, const dr_inputs_options *o, const char *why)
{
    dr_warp_files f, other;
    dr_warp_inputs in;
    assert_int_equal(dr_viton_files(&f, DATA, "p0.png", "c0.png"), DR_OK);
    other = f;
    memcpy((char *)&other + at, &path, sizeof path);
    assert_int_not_equal(dr_inputs_read(&in, &other, o), DR_OK);
    if (!strstr(dr_error(), why))
        fail_msg("'%s' does not say '%s'", dr_error(), why);
    assert_null(in.photo.data);
    assert_null(in.cloth.data);
    dr_warp_files_clear(&f);
}
#define REFUSED(part, path, why) refused(offsetof(dr_warp_files, part), path, &options, why)

static void says_what_does_not_fit(void **state)
{
    dr_inputs_options wide = options, atr = options;
    (void)state;
    REFUSED(parse, DATA "/image-parse-v3/p1.png", "is 256x512, must have the size of the photo");
    REFUSED(parse_agnostic, DATA "/image-parse-v3/p1.png", "is 256x512, must have the size of the photo");
    REFUSED(parse, DATA "/image/p0.png", "channels of colour");
    REFUSED(keypoints, DATA "/openpose_json/p1_keypoints.json", "outside the photo of 128x256");
    REFUSED(keypoints, DATA "/case-p0.json", "no list \"people\"");
    REFUSED(keypoints, DATA "/test_pairs.txt", "not valid JSON");
    REFUSED(parse, NULL, "has no label map");
    REFUSED(cloth, DATA "/nothing.png", "nothing.png");
    REFUSED(cloth_mask, DATA "/openpose_json/p0_keypoints.json", "p0_keypoints.json");
    wide.size = (dr_warp_size){256, 256, 64, 64};
    refused(offsetof(dr_warp_files, agnostic), NULL, &wide, "its shape must be that of the result, 256x256");
    atr.labels = DR_SET_ATR;
    refused(offsetof(dr_warp_files, agnostic), NULL, &atr, "its label set has 0 to 17");
}

static void names_the_part_of_a_folder_that_is_missing(void **state)
{
    dr_warp_files f;
    (void)state;
    assert_int_equal(dr_viton_files(&f, DATA, "p7.png", "c0.png"), DR_ENOENT);
    assert_non_null(strstr(dr_error(), "/image/p7.jpg (or .jpeg, .png)' is not there"));
    assert_int_equal(dr_viton_files(&f, DATA, "p0.png", "c7.png"), DR_ENOENT);
    assert_non_null(strstr(dr_error(), "/cloth/c7"));
    assert_int_equal(dr_viton_files(&f, DATA "/nowhere", "p0.png", "c0.png"), DR_ENOENT);
    assert_non_null(strstr(dr_error(), "is no folder"));
    assert_null(f.image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brings_pictures_to_the_working_size_as_pillow),      cmocka_unit_test(makes_what_is_missing),
        cmocka_unit_test(gives_classes_and_mask_of_the_pixel_under_a_corner), cmocka_unit_test(says_what_does_not_fit),
        cmocka_unit_test(names_the_part_of_a_folder_that_is_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
