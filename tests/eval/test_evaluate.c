/* Folders of results through the public header: what is paired, what is told, what is kept. */
#include "base/json.h"
#include "drape.h"
#include "train/scratch.h"

#include <math.h>

typedef struct watch {
    int progressed, cancel_after; /* pictures; 0: never */
    char said[2048];
} watch;

static void on_progress(void *user, const char *name, int done, int total)
{
    watch *w = user;
    assert_non_null(name);
    assert_in_range(done, 0, total);
    w->progressed = done;
}

static void on_note(void *user, const char *text)
{
    watch *w = user;
    strncat(w->said, text, sizeof w->said - strlen(w->said) - 1);
}

static bool on_cancel(void *user)
{
    const watch *w = user;
    return w->cancel_after && w->progressed >= w->cancel_after;
}

/* A picture of one grey with a box of another in its middle. */
static void put(const char *name, int width, int height, int grey, int box)
{
    dr_image im;
    assert_int_equal(dr_image_alloc(&im, width, height, 3), DR_OK);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            bool in = x >= width / 4 && x < 3 * width / 4 && y >= height / 4 && y < 3 * height / 4;
            memset(im.data + 3 * (y * width + x), in ? box : grey, 3);
        }
    assert_int_equal(dr_image_write(&im, scratch(name), NULL), DR_OK);
    dr_image_clear(&im);
}

static int begin(void **state)
{
    if (scratch_make(state))
        return -1;
    for (int i = 0; i < 4; i++)
        if (dr_mkdirs(scratch((const char *[]){"out", "ref", "masks", "garments"}[i])))
            return -1;
    put("out/a.png", 40, 40, 100, 150);
    put("ref/a.png", 40, 40, 100, 50);
    put("out/b.png", 40, 60, 90, 60);
    put("ref/b.png", 40, 60, 90, 60);
    put_mask("masks/a.png", 40, 40, 10, 10, 20, 20);
    put_mask("masks/b.png", 40, 60, 10, 15, 20, 30);
    return 0;
}

static drape_eval_options options(watch *w)
{
    drape_eval_options o;
    *w = (watch){0};
    drape_eval_defaults(&o);
    o.results = scratch("out");
    o.reference = scratch("ref");
    o.masks = scratch("masks");
    o.metrics = "psnr,ssim,difference,colour,seam,sharpness";
    o.cache = scratch("kept");
    o.callbacks = (drape_eval_callbacks){w, on_progress, on_note, on_cancel};
    return o;
}

static json_t *judge(const drape_eval_options *o)
{
    char *text = NULL;
    json_t *j = NULL;
    if (drape_eval(o, &text))
        fail_msg("%s", drape_error());
    assert_int_equal(dr_json_parse(text, strlen(text), "the report", &j), DR_OK);
    free(text);
    return j;
}

static double number(const json_t *report, size_t pair, const char *name)
{
    const json_t *v =
        json_object_get(json_object_get(json_array_get(json_object_get(report, "pairs"), pair), "numbers"), name);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

static void pairs_are_those_of_one_name(void **state)
{
    watch w;
    drape_eval_options o = options(&w);
    (void)state;
    put("out/lonely.png", 40, 40, 1, 2);
    put("ref/other.png", 40, 40, 1, 2);
    put("ref/a.tif", 40, 40, 1, 2);
    json_t *j = judge(&o), *missing = json_object_get(j, "missing");
    assert_int_equal(json_array_size(json_object_get(j, "pairs")), 2);
    assert_int_equal(json_array_size(missing), 3); /* lonely a reference, other a result, and there are two of a */
    json_decref(j);
}

static void numbers_are_told_inside_and_outside(void **state)
{
    watch w;
    drape_eval_options o = options(&w);
    (void)state;
    json_t *j = judge(&o);
    assert_int_equal(w.progressed, 2);
    assert_true(fabs(number(j, 0, "psnr_inside") - 20 * log10(2.55)) < 1e-9); /* 100 apart */
    assert_true(isnan(number(j, 0, "psnr_outside")));                         /* equal there: infinite */
    assert_true(number(j, 0, "changed_outside") == 0 && number(j, 0, "changed_inside") == 1);
    assert_true(number(j, 0, "colour_mean") > 30);
    assert_true(json_is_true(json_object_get(json_array_get(json_object_get(j, "pairs"), 1), "equal")));
    assert_non_null(strstr(w.said, "1 of 2 results equal"));
    const json_t *s = json_object_get(json_object_get(j, "summary"), "changed_inside");
    assert_int_equal(dr_json_whole(s, "count"), 2);
    assert_true(fabs(dr_json_number(s, "mean") - 0.5) < 1e-12);
    assert_null(json_object_get(json_object_get(j, "summary"), "ms_ssim_pytorch")); /* not asked for */
    json_decref(j);
}

static void a_garments_photo_takes_the_references_place(void **state)
{
    watch w;
    drape_eval_options o = options(&w);
    (void)state;
    put("garments/a.png", 64, 64, 255, 150); /* grey cloth on white */
    put("garments/b.png", 64, 64, 255, 150);
    o.garments = scratch("garments");
    json_t *j = judge(&o);
    assert_true(number(j, 0, "colour_mean") < 0.01 && number(j, 1, "colour_mean") > 20);
    json_decref(j);
}

static void what_an_interrupted_run_found_is_kept(void **state)
{
    watch w;
    drape_eval_options o = options(&w);
    char *text;
    (void)state;
    w.cancel_after = 1;
    assert_int_equal(drape_eval(&o, &text), DRAPE_ECANCELLED);
    assert_null(text);
    w.cancel_after = 0;
    json_t *j = judge(&o), *again;
    assert_int_equal(dr_json_whole(j, "reused"), 1);
    again = judge(&o);
    assert_int_equal(dr_json_whole(again, "reused"), 2);
    assert_true(json_equal(json_object_get(j, "pairs"), json_object_get(again, "pairs")));
    json_decref(again);
    json_decref(j);
    put("out/b.png", 40, 60, 90, 61); /* another picture of that name */
    j = judge(&o);
    assert_int_equal(dr_json_whole(j, "reused"), 1);
    assert_true(isfinite(number(j, 1, "psnr")));
    json_decref(j);
}

static void other_sizes_are_told_before_the_work(void **state)
{
    watch w;
    drape_eval_options o = options(&w);
    char *text;
    (void)state;
    put("out/b.png", 20, 30, 90, 60);
    assert_int_equal(drape_eval(&o, &text), DRAPE_EINVAL);
    assert_non_null(strstr(drape_error(), "20x30"));
    assert_non_null(strstr(drape_error(), "40x60"));
    assert_non_null(strstr(drape_error(), "--resize"));
    assert_int_equal(w.progressed, 0);
    const char *const ways[] = {"result", "reference"};
    for (int i = 0; i < 2; i++) {
        o.resize = ways[i];
        json_t *j = judge(&o);
        assert_int_equal(json_array_size(json_object_get(j, "pairs")), 2);
        assert_int_equal(dr_json_whole(j, "reused"), 0); /* what is kept is of a setting */
        json_decref(j);
    }
}

static void an_unreadable_picture_is_told_and_the_others_go_on(void **state)
{
    watch w;
    drape_eval_options o = options(&w);
    (void)state;
    put_text("out/b.png", "no picture");
    json_t *j = judge(&o), *failed = json_object_get(j, "failed");
    assert_int_equal(json_array_size(json_object_get(j, "pairs")), 1);
    assert_int_equal(json_array_size(failed), 1);
    assert_non_null(strstr(dr_json_text(json_array_get(failed, 0), "error"), "b.png"));
    assert_non_null(strstr(w.said, "single pair"));
    json_decref(j);
}

static void refused(const drape_eval_options *o, drape_status status, const char *words)
{
    char *text;
    assert_int_equal(drape_eval(o, &text), status);
    if (!strstr(drape_error(), words))
        fail_msg("'%s' does not say '%s'", drape_error(), words);
}

static void what_cannot_be_judged_is_a_sentence(void **state)
{
    watch w;
    drape_eval_options o = options(&w);
    (void)state;
    o.metrics = "psnr,beauty";
    refused(&o, DRAPE_EINVAL, "no metric 'beauty'");
    o.metrics = "";
    refused(&o, DRAPE_EINVAL, "no metric is asked for");
    o = options(&w);
    o.reference = o.results;
    refused(&o, DRAPE_EINVAL, "results and references are both in");
    o = options(&w);
    o.results = scratch("nowhere");
    refused(&o, DRAPE_ENOENT, "nowhere");
    o = options(&w);
    o.results = scratch("garments");
    refused(&o, DRAPE_ENOENT, "no results in");
    put("garments/x.png", 8, 8, 1, 2);
    refused(&o, DRAPE_EINVAL, "has the name of one in");
    o = options(&w);
    o.resize = "sideways";
    refused(&o, DRAPE_EINVAL, "must be one of");
}

static void one_pair_needs_no_folder(void **state)
{
    drape_evaluator *e;
    drape_eval_numbers n;
    drape_image a, b, mask;
    drape_eval_options o;
    (void)state;
    drape_eval_defaults(&o);
    o.metrics = "psnr,colour_mean";
    assert_int_equal(drape_evaluator_new(&e, &o), DRAPE_OK);
    assert_int_equal(drape_image_read(&a, scratch("out/a.png")), DRAPE_OK);
    assert_int_equal(drape_image_read(&b, scratch("ref/a.png")), DRAPE_OK);
    assert_int_equal(drape_mask_read(&mask, scratch("masks/a.png"), &a, NULL, 0), DRAPE_OK);
    drape_eval_input in = {&a, &b, &mask, NULL};
    assert_int_equal(drape_eval_pair(e, &in, &n), DRAPE_OK);
    assert_true(isfinite(n.value[drape_eval_metric_index("psnr")]));
    assert_true(n.value[drape_eval_metric_index("colour_mean")] > 30);
    assert_true(isnan(n.value[drape_eval_metric_index("colour_histogram")]));
    in.reference = NULL;
    assert_int_equal(drape_eval_pair(e, &in, &n), DRAPE_OK);
    assert_true(isnan(n.value[drape_eval_metric_index("psnr")]));
    b.width /= 2;
    in.reference = &b;
    assert_int_equal(drape_eval_pair(e, &in, &n), DRAPE_EINVAL);
    assert_non_null(strstr(drape_error(), "the reference is 20x40"));
    drape_image_free(&a);
    drape_image_free(&b);
    drape_image_free(&mask);
    drape_evaluator_free(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pairs_are_those_of_one_name, begin, scratch_remove),
        cmocka_unit_test_setup_teardown(numbers_are_told_inside_and_outside, begin, scratch_remove),
        cmocka_unit_test_setup_teardown(a_garments_photo_takes_the_references_place, begin, scratch_remove),
        cmocka_unit_test_setup_teardown(what_an_interrupted_run_found_is_kept, begin, scratch_remove),
        cmocka_unit_test_setup_teardown(other_sizes_are_told_before_the_work, begin, scratch_remove),
        cmocka_unit_test_setup_teardown(an_unreadable_picture_is_told_and_the_others_go_on, begin, scratch_remove),
        cmocka_unit_test_setup_teardown(what_cannot_be_judged_is_a_sentence, begin, scratch_remove),
        cmocka_unit_test_setup_teardown(one_pair_needs_no_folder, begin, scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
