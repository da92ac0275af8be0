/* Pictures in memory, and what is told of models and trainings, through the public header alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "drape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMAGES DR_SOURCE_DIR "/tests/data/images/"
#define EXAMPLES DR_SOURCE_DIR "/examples/"

static char *read_file(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    char *data = malloc(1 << 20);
    assert_non_null(f);
    assert_non_null(data);
    *size = fread(data, 1, 1 << 20, f);
    fclose(f);
    return data;
}

static void a_header_tells_size_kind_and_orientation(void **state)
{
    size_t n;
    drape_image_info turned, upright;
    drape_image im;
    (void)state;
    char *data = read_file(IMAGES "orientation-6.jpg", &n);
    assert_int_equal(drape_image_probe(&turned, data, n, "x"), DRAPE_OK);
    assert_int_equal(drape_image_read_memory(&im, data, n, "x"), DRAPE_OK);
    assert_int_equal(turned.width, im.width);
    assert_int_equal(turned.height, im.height);
    assert_false(turned.upright);
    assert_string_equal(turned.type, "image/jpeg");
    drape_image_free(&im);
    free(data);
    data = read_file(IMAGES "orientation-1.jpg", &n);
    assert_int_equal(drape_image_probe(&upright, data, n, "x"), DRAPE_OK);
    assert_true(upright.upright);
    assert_int_equal(drape_image_probe(&upright, "nothing", 7, "the upload"), DRAPE_EINVAL);
    assert_non_null(strstr(drape_error(), "the upload"));
    free(data);
}

static void memory_and_files_give_the_same(void **state)
{
    size_t n;
    drape_image a, b, mask_a, mask_b;
    (void)state;
    assert_int_equal(drape_image_read(&a, EXAMPLES "astronaut.jpg"), DRAPE_OK);
    char *data = read_file(EXAMPLES "astronaut.jpg", &n);
    assert_int_equal(drape_image_read_memory(&b, data, n, "x"), DRAPE_OK);
    assert_memory_equal(a.data, b.data, (size_t)a.width * (size_t)a.height * 3);
    free(data);
    assert_int_equal(drape_mask_read(&mask_a, EXAMPLES "astronaut_mask.png", &a, NULL, 0), DRAPE_OK);
    data = read_file(EXAMPLES "astronaut_mask.png", &n);
    assert_int_equal(drape_mask_read_memory(&mask_b, data, n, "x", &a, NULL, 0), DRAPE_OK);
    assert_memory_equal(mask_a.data, mask_b.data, (size_t)a.width * (size_t)a.height);
    free(data);
    drape_image_free(&a);
    drape_image_free(&b);
    drape_image_free(&mask_a);
    drape_image_free(&mask_b);
}

static void a_png_keeps_pixels_and_text(void **state)
{
    void *png;
    size_t n;
    char *text;
    uint8_t pixels[4 * 2 * 3];
    drape_image im = {4, 2, 3, pixels}, back, small = {0};
    (void)state;
    for (int i = 0; i < 24; i++)
        pixels[i] = (uint8_t)(10 * i);
    assert_int_equal(drape_image_encode(&im, ".png", "a red dress", &png, &n), DRAPE_OK);
    assert_int_equal(drape_image_read_memory(&back, png, n, "x"), DRAPE_OK);
    assert_memory_equal(back.data, pixels, sizeof pixels);
    assert_int_equal(drape_image_parameters(png, n, "x", &text), DRAPE_OK);
    assert_string_equal(text, "a red dress");
    free(text);
    free(png);
    drape_image_free(&back);
    assert_int_equal(drape_image_encode(&im, ".png", NULL, &png, &n), DRAPE_OK);
    assert_int_equal(drape_image_parameters(png, n, "x", &text), DRAPE_ENOENT);
    free(png);
    assert_int_equal(drape_image_encode(&im, ".exe", NULL, &png, &n), DRAPE_EINVAL);
    assert_int_equal(drape_image_encode(&im, ".jpg", NULL, &png, &n), DRAPE_OK);
    assert_memory_equal(png, "\xff\xd8\xff", 3);
    free(png);
    assert_int_equal(drape_image_resize(&im, 2, 1, &small), DRAPE_OK);
    assert_int_equal(small.width, 2);
    drape_image_free(&small);
    assert_int_equal(drape_image_resize(&im, 100000, 100000, &small), DRAPE_EINVAL);
    assert_null(small.data);
}

static void a_pipeline_tells_what_it_was_made_for(void **state)
{
    drape_pipeline *p;
    drape_model_info info;
    int count = 0;
    bool known = false;
    (void)state;
    assert_int_equal(drape_pipeline_load(&p, DR_SOURCE_DIR "/tests/golden/nano", NULL), DRAPE_OK);
    assert_int_equal(drape_pipeline_info(p, &info), DRAPE_OK);
    assert_int_equal(info.width, 32);
    assert_int_equal(info.height, 32);
    assert_int_equal(info.multiple, 4);
    for (; drape_scheduler_name(count); count++)
        known = known || strcmp(drape_scheduler_name(count), info.scheduler) == 0;
    assert_true(known);
    assert_int_equal(count, 11);
    assert_null(drape_scheduler_name(-1));
    drape_pipeline_free(p);
}

static void a_training_is_judged_before_it_starts(void **state)
{
    char faults[500], doubts[500], text[500];
    drape_train_options o;
    drape_train_need need;
    (void)state;
    assert_int_equal(drape_train_lint(EXAMPLES "astronaut.jpg", EXAMPLES "astronaut_mask.png", 512, faults,
                                      sizeof faults, doubts, sizeof doubts),
                     DRAPE_OK);
    assert_string_equal(faults, "");
    assert_string_equal(doubts, "");
    assert_int_equal(drape_train_lint(EXAMPLES "astronaut.jpg", EXAMPLES "astronaut_mask.png", 1024, faults,
                                      sizeof faults, doubts, sizeof doubts),
                     DRAPE_OK);
    assert_non_null(strstr(doubts, "smaller than the resolution"));
    assert_int_equal(drape_train_lint(EXAMPLES "astronaut.jpg", IMAGES "orientation-1.jpg", 0, faults, sizeof faults,
                                      doubts, sizeof doubts),
                     DRAPE_OK);
    assert_true(faults[0]);
    drape_train_defaults(&o);
    o.pretrained_model_name_or_path = DR_SOURCE_DIR "/tests/golden/nano";
    o.resolution = 32;
    assert_int_equal(drape_train_estimate(&o, &need, text, sizeof text), DRAPE_OK);
    assert_true(need.memory > 1 << 20);
    assert_non_null(strstr(text, "this run needs"));
    o.resolution = 33;
    assert_int_equal(drape_train_estimate(&o, &need, text, sizeof text), DRAPE_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_header_tells_size_kind_and_orientation),
        cmocka_unit_test(memory_and_files_give_the_same),
        cmocka_unit_test(a_png_keeps_pixels_and_text),
        cmocka_unit_test(a_pipeline_tells_what_it_was_made_for),
        cmocka_unit_test(a_training_is_judged_before_it_starts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
