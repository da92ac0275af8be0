/* tests/golden/eval/metrics.json: tools/golden/make_metrics.py, with scikit-image, torchmetrics and pytorch-msssim. */
#include "eval/metrics.h"

#include "base/json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GOLDEN DR_SOURCE_DIR "/tests/golden/eval/"

typedef struct pair {
    dr_image a, b, mask;
} pair;

static dr_image picture(const char *name, const char *end, int channels)
{
    char path[512];
    dr_image im = {0};
    snprintf(path, sizeof path, GOLDEN "%s-%s.png", name, end);
    assert_int_equal(dr_image_read(&im, path, channels), DR_OK);
    return im;
}

static pair open_pair(const char *name)
{
    return (pair){picture(name, "a", 3), picture(name, "b", 3), picture(name, "mask", 1)};
}

static void close_pair(pair *p)
{
    dr_image_clear(&p->a);
    dr_image_clear(&p->b);
    dr_image_clear(&p->mask);
}

static void assert_near(double got, const json_t *expected, const char *name, const char *key, double most)
{
    const json_t *v = json_object_get(expected, key);
    assert_true(json_is_real(v));
    double want = json_real_value(v), error = fabs(got - want) / fabs(want);
    if (!(error <= most))
        fail_msg("%s of %s is %.9g, the library's %.9g", key, name, got, want);
}

static void each(void (*check)(const char *name, const json_t *expected, const pair *p))
{
    json_t *all;
    const char *name;
    json_t *expected;
    assert_int_equal(dr_json_load(GOLDEN "metrics.json", &all), DR_OK);
    assert_true(json_object_size(all) >= 4);
    json_object_foreach(all, name, expected)
    {
        pair p = open_pair(name);
        check(name, expected, &p);
        close_pair(&p);
    }
    json_decref(all);
}

static void check_psnr(const char *name, const json_t *expected, const pair *p)
{
    dr_measured m = dr_psnr(&p->a, &p->b, &p->mask);
    assert_near(m.all, expected, name, "psnr", 1e-12);
    assert_near(m.all, expected, name, "psnr_torchmetrics", 1e-6);
}

static void psnr_is_that_of_both_libraries(void **state)
{
    (void)state;
    each(check_psnr);
}

static void check_ssim(const char *name, const json_t *expected, const pair *p)
{
    static const struct {
        const char *key;
        dr_ssim_kind kind;
    } kind[] = {{"ssim_skimage", DR_SSIM_SKIMAGE},
                {"ssim_skimage_gaussian", DR_SSIM_SKIMAGE_GAUSSIAN},
                {"ssim_torchmetrics", DR_SSIM_TORCHMETRICS}};
    for (int k = 0; k < 3; k++) {
        char key[64];
        dr_measured m;
        assert_int_equal(dr_ssim(&p->a, &p->b, &p->mask, kind[k].kind, &m), DR_OK);
        assert_near(m.all, expected, name, kind[k].key, 1e-9);
        snprintf(key, sizeof key, "%s_inside", kind[k].key);
        assert_near(m.inside, expected, name, key, 1e-9);
        snprintf(key, sizeof key, "%s_outside", kind[k].key);
        assert_near(m.outside, expected, name, key, 1e-9);
        if (kind[k].kind == DR_SSIM_TORCHMETRICS) /* as it is called, in f32, its roundings show in flat areas */
            assert_near(m.all, expected, name, "ssim_torchmetrics_f32", 1e-4);
    }
}

static void ssim_is_that_of_each_library_everywhere_and_inside_and_outside(void **state)
{
    (void)state;
    each(check_ssim);
}

static void ms_ssim_is_that_of_each_library(void **state)
{
    json_t *all;
    double v;
    (void)state;
    assert_int_equal(dr_json_load(GOLDEN "metrics.json", &all), DR_OK);
    const json_t *expected = json_object_get(all, "large");
    pair p = open_pair("large");
    assert_int_equal(dr_ms_ssim(&p.a, &p.b, DR_MS_SSIM_TORCHMETRICS, &v), DR_OK);
    assert_near(v, expected, "large", "ms_ssim_torchmetrics", 1e-7);
    assert_int_equal(dr_ms_ssim(&p.a, &p.b, DR_MS_SSIM_PYTORCH, &v), DR_OK);
    assert_near(v, expected, "large", "ms_ssim_pytorch", 1e-5);
    close_pair(&p);
    json_decref(all);
}

static void what_changed_is_counted_on_either_side_of_the_mask(void **state)
{
    pair p = open_pair("inside");
    (void)state;
    dr_differences d = dr_difference_of(&p.a, &p.b, &p.mask);
    assert_int_equal(d.outside.changed, 0);
    assert_int_equal(d.outside.largest, 0);
    assert_true(d.outside.mean == 0);
    assert_true(d.inside.changed > 800);
    assert_int_equal(d.all.changed, d.inside.changed);
    assert_int_equal(d.all.pixels, 48 * 64);
    assert_true(dr_psnr(&p.a, &p.b, &p.mask).outside == INFINITY);

    p.b.data[3 * 5 + 1] ^= 7; /* one value above the disc */
    d = dr_difference_of(&p.a, &p.b, &p.mask);
    assert_int_equal(d.outside.changed, 1);
    assert_true(d.outside.largest > 0);
    close_pair(&p);
}

static void equal_pictures_are_equal(void **state)
{
    pair p = open_pair("large");
    dr_measured m;
    double v;
    (void)state;
    m = dr_psnr(&p.a, &p.a, NULL);
    assert_true(m.all == INFINITY && isnan(m.inside) && isnan(m.outside));
    for (int kind = DR_SSIM_SKIMAGE; kind <= DR_SSIM_TORCHMETRICS; kind++) {
        assert_int_equal(dr_ssim(&p.a, &p.a, NULL, (dr_ssim_kind)kind, &m), DR_OK);
        assert_true(fabs(m.all - 1) < 1e-12 && isnan(m.inside) && isnan(m.outside));
    }
    assert_int_equal(dr_ms_ssim(&p.a, &p.a, DR_MS_SSIM_TORCHMETRICS, &v), DR_OK);
    assert_true(fabs(v - 1) < 1e-12);
    close_pair(&p);
}

static void what_is_smaller_than_a_window_is_told(void **state)
{
    dr_image a;
    dr_measured m;
    double v;
    (void)state;
    assert_int_equal(dr_image_alloc(&a, 10, 20, 3), DR_OK);
    memset(a.data, 9, 600);
    assert_int_equal(dr_ssim(&a, &a, NULL, DR_SSIM_SKIMAGE, &m), DR_OK);
    assert_int_equal(dr_ssim(&a, &a, NULL, DR_SSIM_TORCHMETRICS, &m), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "10x20"));
    assert_int_equal(dr_ms_ssim(&a, &a, DR_MS_SSIM_PYTORCH, &v), DR_EINVAL);
    dr_image_clear(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(psnr_is_that_of_both_libraries),
        cmocka_unit_test(ssim_is_that_of_each_library_everywhere_and_inside_and_outside),
        cmocka_unit_test(ms_ssim_is_that_of_each_library),
        cmocka_unit_test(what_changed_is_counted_on_either_side_of_the_mask),
        cmocka_unit_test(equal_pictures_are_equal),
        cmocka_unit_test(what_is_smaller_than_a_window_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
