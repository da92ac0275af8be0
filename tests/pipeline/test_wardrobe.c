/* A wardrobe's folder: written and read back, and refused where it is not one. */
#include "pipeline/wardrobe.h"

#include "../train/scratch.h"

static dr_image photo(uint8_t value)
{
    dr_image im;
    assert_int_equal(dr_image_alloc(&im, 8, 16, 3), DR_OK);
    memset(im.data, value, 8 * 16 * 3);
    return im;
}

static void add(dr_wardrobe *w, const char *prompt, uint8_t value)
{
    dr_image im = photo(value);
    assert_int_equal(dr_wardrobe_add(w, prompt, &im), DR_OK);
    assert_null(im.data);
}

static void what_is_written_is_read(void **state)
{
    dr_wardrobe w, back;
    (void)state;
    assert_int_equal(dr_wardrobe_open(&w, scratch("nothing")), DR_OK);
    assert_int_equal(w.count, 0);
    add(&w, "coat", 10);
    add(&w, "blue \"jacket\"", 20);
    add(&w, "coat", 30); /* in place of the first */
    assert_int_equal(w.count, 2);
    assert_int_equal(dr_wardrobe_write(&w, scratch("model")), DR_OK);
    assert_int_equal(dr_wardrobe_open(&back, scratch("model")), DR_OK);
    assert_int_equal(back.count, 2);
    assert_string_equal(dr_json_text(back.garment[0].about, "prompt"), "coat");
    assert_string_equal(dr_json_text(back.garment[1].about, "prompt"), "blue \"jacket\"");
    for (int i = 0; i < 2; i++) {
        dr_image im;
        assert_null(back.garment[i].photo.data); /* until it is worn */
        assert_int_equal(dr_wardrobe_photo(&back.garment[i], &im), DR_OK);
        assert_int_equal(im.data[0], i ? 20 : 30);
        assert_int_equal(im.channels, 3);
        dr_image_clear(&im);
    }
    assert_int_equal(dr_wardrobe_write(&back, scratch("again")), DR_OK); /* files are copied */
    assert_true(dr_exists(scratch("again/wardrobe/001.png")) && dr_exists(scratch("again/wardrobe/002.png")));
    dr_wardrobe_clear(&w);
    dr_wardrobe_clear(&back);
    dr_wardrobe_clear(&back);
}

static void refused(const char *list, const char *why)
{
    dr_wardrobe w;
    put_text("bad/wardrobe/wardrobe.json", list);
    assert_int_not_equal(dr_wardrobe_open(&w, scratch("bad")), DR_OK);
    if (!strstr(dr_error(), why))
        fail_msg("'%s': %s", list, dr_error());
    assert_null(w.garment);
}

static void what_is_none_is_refused(void **state)
{
    dr_image im = photo(1);
    dr_wardrobe w;
    (void)state;
    assert_int_equal(dr_mkdirs(scratch("bad/wardrobe")), DR_OK);
    assert_int_equal(dr_image_write(&im, scratch("bad/wardrobe/a.png"), NULL), DR_OK);
    assert_int_equal(dr_image_write(&im, scratch("bad/secret.png"), NULL), DR_OK);
    dr_image_clear(&im);
    refused("{", "wardrobe.json");
    refused("{}", "a list of at most");
    refused("{\"garments\": 3}", "a list of at most");
    refused("{\"garments\": [{\"photo\": \"a.png\"}]}", "expected of each garment");
    refused("{\"garments\": [3]}", "expected of each garment");
    refused("{\"garments\": [{\"prompt\": \"coat\"}]}", "expected of each garment");
    refused("{\"garments\": [{\"prompt\": \"coat\", \"photo\": \"../secret.png\"}]}", "a file beside it");
    refused("{\"garments\": [{\"prompt\": \"coat\", \"photo\": \"\"}]}", "expected of each garment");
    refused("{\"garments\": [{\"called\": [\"coat\", 3], \"photo\": \"a.png\"}]}", "expected of each garment");
    refused("{\"garments\": [{\"called\": \"coat\", \"photo\": \"a.png\"}]}", "expected of each garment");
    refused("{\"garments\": [{\"called\": [\"coat\"], \"photo\": \"b.png\"}]}", "b.png");
    char *many = calloc(1, 64 * 300);
    assert_non_null(many);
    strcpy(many, "{\"garments\": [{}");
    for (int i = 0; i < DR_WARDROBE_MAX; i++)
        strcat(many, ", {}");
    strcat(many, "]}");
    refused(many, "a list of at most 256");
    free(many);
    put_text("bad/wardrobe/wardrobe.json", "{\"garments\": [{\"called\": [], \"photo\": \"a.png\"}]}");
    assert_int_equal(dr_wardrobe_open(&w, scratch("bad")), DR_OK);
    assert_int_equal(w.count, 1);
    dr_wardrobe_clear(&w);
}

static void the_taught_travel_as_text(void **state)
{
    static const char *const bad[] = {"",
                                      "[]",
                                      "{}",
                                      "{\"garments\": [3]}",
                                      "{\"garments\": [{\"prompt\": \"coat\"}]}",
                                      "{\"garments\": [{\"prompt\": \"coat\", \"picture\": \"\"}]}",
                                      "{\"garments\": [{\"prompt\": \"coat\", \"picture\": \"!!!!\"}]}",
                                      "{\"garments\": [{\"prompt\": \"coat\", \"picture\": \"aGFsbG8=\"}]}"};
    dr_wardrobe w = {0}, back = {0};
    char *text;
    (void)state;
    add(&w, "coat", 10);
    add(&w, "blue \"jacket\"", 20);
    assert_int_equal(dr_wardrobe_to_text(&w, &text), DR_OK);
    add(&back, "coat", 99);
    assert_int_equal(dr_wardrobe_from_text(&back, text, "here"), DR_OK);
    assert_int_equal(back.count, 2);
    for (int i = 0; i < 2; i++) {
        bool coat = strcmp(dr_json_text(back.garment[i].about, "prompt"), "coat") == 0;
        assert_true(abs(back.garment[i].photo.data[0] - (coat ? 10 : 20)) <= 2);
        assert_int_equal(back.garment[i].photo.width, 8);
    }
    free(text);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (dr_wardrobe_from_text(&back, bad[i], "here") == DR_OK)
            fail_msg("'%s' is taken", bad[i]);
        assert_non_null(strstr(dr_error(), "here"));
    }
    assert_int_equal(back.count, 2);
    dr_wardrobe_clear(&w);
    dr_wardrobe_clear(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read, scratch_make, scratch_remove),
        cmocka_unit_test(the_taught_travel_as_text),
        cmocka_unit_test_setup_teardown(what_is_none_is_refused, scratch_make, scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
