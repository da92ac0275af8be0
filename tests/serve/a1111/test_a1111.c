/* Names, pictures and sizes of the other world. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "serve/a1111/a1111.h"

#include <stdlib.h>
#include <string.h>

static void check_sampler(const char *name, const char *scheduler, bool karras)
{
    bool k;
    const char *s = dr_a1111_scheduler(name, &k);
    if (!scheduler) {
        assert_null(s);
        return;
    }
    assert_non_null(s);
    assert_string_equal(s, scheduler);
    assert_int_equal(k, karras);
}

static void samplers_go_by_many_names(void **state)
{
    (void)state;
    check_sampler("Euler a", "euler-a", false);
    check_sampler("euler A", "euler-a", false);
    check_sampler("k_euler_a", "euler-a", false);
    check_sampler("Euler", "euler", false);
    check_sampler("DPM++ 2M Karras", "dpm++2m", true);
    check_sampler("DPM++ 2M SDE", "dpm++2m-sde", false);
    check_sampler("PLMS", "pndm", false);
    check_sampler("ddim", "ddim", false);
    check_sampler("", NULL, false);
    check_sampler(" Karras", NULL, false);
    check_sampler("DPM++ 3M SDE", NULL, false);
    check_sampler("DPM++ 2M SDE Exponential", "dpm++2m-sde", false);
    check_sampler("Euler SGM Uniform", "euler", false);
    for (int i = 0; drape_scheduler_name(i); i++) /* every one of ours has a name there, and back */
        check_sampler(dr_a1111_sampler_name(drape_scheduler_name(i)), drape_scheduler_name(i), false);
}

static void check_base64(const char *text, const char *want)
{
    void *data;
    size_t n;
    dr_status st = dr_a1111_base64(text, &data, &n);
    assert_int_equal(st, want ? DR_OK : DR_EINVAL);
    if (want) {
        assert_int_equal(n, strlen(want));
        assert_memory_equal(data, want, n);
    }
    free(data);
}

static void base64_comes_plain_or_as_an_address(void **state)
{
    (void)state;
    check_base64("aGVsbG8=", "hello");
    check_base64("aGVs\nbG8=", "hello");
    check_base64("data:image/png;base64,aGVsbG8=", "hello");
    check_base64("aGVsbG8", "hello"); /* encoders that leave the end away */
    check_base64("aGVsbG8h", "hello!");
    check_base64("aGVsbA", "hell");
    check_base64(" aGVs bG8=\r\n", "hello");
    check_base64("Pz8_Pz8-", "???\?\?>"); /* the letters for addresses */
    check_base64("aGVsbG8hx", NULL);
    assert_non_null(strstr(dr_error(), "cut off"));
    check_base64("aGV=sbG8", NULL);
    check_base64("data:image/png,hello", NULL);
    check_base64("http://evil.example/x.png", NULL);
    check_base64("/etc/passwd;", NULL);
    check_base64("", NULL);
}

static json_t *json_of(const char *text)
{
    json_t *j = json_loads(text, JSON_DECODE_ANY, NULL);
    assert_non_null(j);
    return j;
}

static void check_rest(const char *text, bool want)
{
    json_t *j = json_of(text);
    if (dr_a1111_at_rest(j) != want)
        fail_msg("%s", text);
    json_decref(j);
}

static void what_asks_for_nothing_is_at_rest(void **state)
{
    static const char *const rest[] = {"null",
                                       "\"\"",
                                       "\"None\"",
                                       "false",
                                       "\"False\"",
                                       "0",
                                       "0.0",
                                       "\"0\"",
                                       "[]",
                                       "{}",
                                       "[\"\"]",
                                       "[null, 0, \"none\"]",
                                       "{\"a\": [], \"b\": null}",
                                       "{\"a\": {\"b\": false}}"};
    static const char *const not [] = {"true",  "\"true\"", "1",          "-1",       "0.5",
                                       "\"x\"", "[\"x\"]",  "{\"a\": 1}", "[0, true]"};
    (void)state;
    assert_true(dr_a1111_at_rest(NULL));
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
        check_rest(rest[i], true);
    for (size_t i = 0; i < sizeof not / sizeof *not ; i++)
        check_rest(not [i], false);
}

static void check_script(const char *text, bool want)
{
    json_t *j = json_of(text);
    if (dr_a1111_script_is_off(j) != want)
        fail_msg("%s", text);
    json_decref(j);
}

static void extensions_that_are_switched_off_are_known(void **state)
{
    (void)state;
    check_script("{}", true);
    check_script("null", true);
    check_script("[]", true);
    check_script("{\"args\": null}", true);
    check_script("{\"args\": [false, \"x\", 0.8]}", true);
    check_script("{\"args\": [\"False\", \"x\"]}", true);
    check_script("{\"args\": [{\"enabled\": false, \"model\": \"canny\", \"weight\": 1}]}", true);
    check_script("{\"args\": [{\"model\": \"None\", \"module\": \"none\", \"weight\": 1}]}", true);
    check_script("{\"args\": [{\"enabled\": 0, \"weight\": 1}, {}, null]}", true);
    check_script("[{\"enabled\": false, \"weight\": 1}]", true);
    check_script("{\"args\": [false, false, {\"ad_model\": \"face.pt\"}]}", true);
    check_script("{\"args\": [true, false, {\"ad_model\": \"None\", \"ad_confidence\": 0.3}]}", true);
    check_script("{\"args\": [0, false, -1, 0, 0, 0]}", true); /* no other seed */
    check_script("{\"args\": [true]}", false);
    check_script("{\"args\": [0, true]}", false);
    check_script("{\"args\": [{\"enabled\": true, \"model\": \"canny\"}]}", false);
    check_script("{\"args\": [{\"model\": \"canny\"}]}", false);
    check_script("{\"args\": [{\"enabled\": false, \"weight\": 1}, {\"model\": \"canny\"}]}", false);
    check_script("{\"args\": [true, false, {\"ad_model\": \"face.pt\"}]}", false);
    check_script("{\"args\": [{\"ad_model\": \"face.pt\"}]}", false);
    check_script("{\"args\": {\"model\": \"canny\"}}", false);
    check_script("true", false);
    check_script("\"x\"", false);
}

static void check_coerced(dr_field_kind kind, const char *text, const char *want)
{
    dr_field f = {"x", kind, "null", 0, 1};
    json_t *in = json_of(text), *expected = json_of(want), *out = dr_a1111_coerced(&f, in);
    if (!json_equal(out, expected))
        fail_msg("%s is not %s", text, want);
    json_decref(in);
    json_decref(expected);
    json_decref(out);
}

static void values_of_another_type_are_taken_as_pydantic_takes_them(void **state)
{
    static const char *const yes[] = {"true",  "1",      "1.0",     "\"True\"", "\"true\"",
                                      "\"1\"", "\"on\"", "\"YES\"", "\"t\""};
    static const char *const no[] = {"false", "0",       "0.0",    "\"False\"", "\"false\"",
                                     "\"0\"", "\"off\"", "\"No\"", "\"f\""};
    (void)state;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        check_coerced(DR_FIELD_BOOL, yes[i], "true");
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        check_coerced(DR_FIELD_BOOL, no[i], "false");
    check_coerced(DR_FIELD_BOOL, "2", "2"); /* refused further on */
    check_coerced(DR_FIELD_BOOL, "\"maybe\"", "\"maybe\"");
    check_coerced(DR_FIELD_INT, "\"20\"", "20");
    check_coerced(DR_FIELD_INT, "20.0", "20");
    check_coerced(DR_FIELD_INT, "false", "0");
    check_coerced(DR_FIELD_INT, "\"\"", "null");
    check_coerced(DR_FIELD_INT, "\"twenty\"", "\"twenty\"");
    check_coerced(DR_FIELD_INT, "\"20 \"", "\"20 \"");
    check_coerced(DR_FIELD_INT, "9007199254740993", "9007199254740993");
    check_coerced(DR_FIELD_NUMBER, "\"0.5\"", "0.5");
    check_coerced(DR_FIELD_NUMBER, "1e300", "1e300");
    check_coerced(DR_FIELD_STRING, "5", "\"5\"");
    check_coerced(DR_FIELD_STRING, "\"5\"", "\"5\"");
    check_coerced(DR_FIELD_STRING, "null", "null");
}

static drape_image image_of(int width, int height, int channels)
{
    drape_image im = {width, height, channels, calloc((size_t)width * (size_t)height, (size_t)channels)};
    assert_non_null(im.data);
    return im;
}

static void check_resize(int mode, int left, int middle)
{
    drape_image im = image_of(40, 20, 3); /* left half black, right half white */
    for (int y = 0; y < 20; y++)
        memset(im.data + (y * 40 + 20) * 3, 255, 60);
    assert_int_equal(dr_a1111_resize(&im, mode, 20, 20, false), DR_OK);
    assert_int_equal(im.width, 20);
    assert_int_equal(im.height, 20);
    const uint8_t *row = im.data + 10 * 60;
    assert_int_equal(row[0], left);
    assert_int_equal(row[3 * 15], middle);
    drape_image_free(&im);
}

static void pictures_are_stretched_cropped_or_framed(void **state)
{
    (void)state;
    check_resize(0, 0, 255);
    check_resize(1, 0, 255);
    check_resize(2, 0, 255);
    drape_image im = image_of(20, 20, 1); /* a white column at 2..3 */
    for (int y = 0; y < 20; y++)
        im.data[y * 20 + 2] = im.data[y * 20 + 3] = 255;
    drape_image copy = image_of(20, 20, 1);
    memcpy(copy.data, im.data, 400);
    assert_int_equal(dr_a1111_resize(&im, 0, 40, 20, true), DR_OK); /* stretched: now at 4..7 */
    assert_int_equal(im.data[5], 255);
    assert_int_equal(dr_a1111_resize(&copy, 2, 40, 20, true), DR_OK); /* framed: ten more on each side */
    assert_int_equal(copy.data[12], 255);
    assert_int_equal(copy.data[5], 0);
    for (int i = 0; i < 800; i++)
        assert_true(im.data[i] == 0 || im.data[i] == 255);
    drape_image_free(&im);
    drape_image_free(&copy);
}

static void what_is_masked_gets_the_colours_around_it(void **state)
{
    drape_image im = image_of(700, 30, 3), mask = image_of(700, 30, 1), was;
    (void)state;
    for (int i = 0; i < 700 * 30; i++) {
        bool right = i % 700 >= 350;
        im.data[3 * i] = right ? 200 : 10;
        im.data[3 * i + 1] = 77;
        mask.data[i] = (i % 700 > 100 && i % 700 < 140) || (i % 700 > 500 && i % 700 < 540) ? 255 : 0;
        if (mask.data[i])
            memset(im.data + 3 * i, 255, 3);
    }
    was = image_of(700, 30, 3);
    memcpy(was.data, im.data, 700 * 30 * 3);
    assert_int_equal(dr_a1111_fill(&im, &mask), DR_OK);
    for (int i = 0; i < 700 * 30; i++) {
        if (!mask.data[i])
            assert_memory_equal(im.data + 3 * i, was.data + 3 * i, 3);
        else
            assert_in_range(im.data[3 * i], i % 700 < 350 ? 10 : 200, i % 700 < 350 ? 10 : 200);
        assert_int_equal(im.data[3 * i + 1], 77);
    }
    memset(mask.data, 255, 700 * 30);
    assert_int_equal(dr_a1111_fill(&im, &mask), DR_OK);
    assert_int_equal(im.data[0], 128); /* nothing around it */
    drape_image_free(&im);
    drape_image_free(&mask);
    drape_image_free(&was);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samplers_go_by_many_names),
        cmocka_unit_test(base64_comes_plain_or_as_an_address),
        cmocka_unit_test(what_asks_for_nothing_is_at_rest),
        cmocka_unit_test(extensions_that_are_switched_off_are_known),
        cmocka_unit_test(values_of_another_type_are_taken_as_pydantic_takes_them),
        cmocka_unit_test(pictures_are_stretched_cropped_or_framed),
        cmocka_unit_test(what_is_masked_gets_the_colours_around_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
