/* What a trained folder keeps of the photos: the cloth of the best one for each prompt, and what dresses from it. */
#include "train/keep_photos.h"

#include "pipeline/wardrobe.h"
#include "scratch.h"

#define SMALL DR_SOURCE_DIR "/models/mini"
#define NANO DR_SOURCE_DIR "/tests/golden/nano"

enum { W = 120, H = 100 };

/* A photo of one grey, with a garment of a lighter one where the mask will be white. */
static void put_worn(const char *name, int x, int y, int w, int h, uint8_t value)
{
    dr_image im;
    assert_int_equal(dr_image_alloc(&im, W, H, 3), DR_OK);
    for (int i = 0; i < W * H; i++) {
        bool cloth = i % W >= x && i % W < x + w && i / W >= y && i / W < y + h;
        memset(im.data + 3 * i, cloth ? value : 50, 3);
    }
    assert_int_equal(dr_image_write(&im, scratch(name), NULL), DR_OK);
    dr_image_clear(&im);
}

static dr_dataset photos(void)
{
    dr_dataset d;
    assert_int_equal(dr_mkdirs(scratch("images")), DR_OK);
    assert_int_equal(dr_mkdirs(scratch("masks")), DR_OK);
    put_worn("images/coat (1).png", 20, 20, 30, 30, 100);
    put_mask("masks/coat (1).png", W, H, 20, 20, 30, 30);
    put_worn("images/coat (2).png", 30, 10, 60, 80, 150); /* the largest */
    put_mask("masks/coat (2).png", W, H, 30, 10, 60, 80);
    put_worn("images/hat.png", 10, 50, 100, 40, 200); /* wider than is ever laid */
    put_mask("masks/hat.png", W, H, 10, 50, 100, 40);
    assert_int_equal(dr_dataset_open(&d, scratch("images"), scratch("masks"), NULL, NULL, 0), DR_OK);
    return d;
}

static const dr_wardrobe_garment *of(const dr_wardrobe *w, const char *prompt)
{
    for (int i = 0; i < w->count; i++)
        if (dr_json_text(w->garment[i].about, "prompt") &&
            strcmp(dr_json_text(w->garment[i].about, "prompt"), prompt) == 0)
            return &w->garment[i];
    fail_msg("no '%s'", prompt);
    return NULL;
}

static void is_cloth(const dr_wardrobe_garment *g, int width, int height, uint8_t value)
{
    dr_image photo;
    assert_int_equal(dr_wardrobe_photo(g, &photo), DR_OK);
    assert_true(abs(photo.width - width) <= 3 && abs(photo.height - height) <= 3);
    for (int i = 0; i < 3 * photo.width * photo.height; i++)
        assert_int_equal(photo.data[i], value);
    dr_image_clear(&photo);
}

static void a_model_that_asks_for_it_keeps_the_best_cloth(void **state)
{
    dr_dataset d = photos();
    dr_wardrobe own, w;
    dr_source *s;
    (void)state;
    assert_int_equal(dr_source_open(&s, SMALL, NULL), DR_OK);
    assert_int_equal(dr_keep_photos(s, &d, scratch("out")), DR_OK);
    assert_int_equal(dr_wardrobe_open(&own, SMALL), DR_OK);
    assert_int_equal(dr_wardrobe_open(&w, scratch("out")), DR_OK);
    assert_int_equal(w.count, own.count + 2);
    is_cloth(of(&w, "coat"), 57, 80, 150);
    is_cloth(of(&w, "hat"), 28, 40, 200);
    assert_true(dr_exists(scratch("out/garment/unet/diffusion_pytorch_model.safetensors")));
    assert_true(dr_exists(scratch("out/garment/attention/model.safetensors")));
    assert_true(dr_exists(scratch("out/garment/scheduler/scheduler_config.json")));
    dr_wardrobe_clear(&own);
    dr_wardrobe_clear(&w);
    dr_source_close(s);
    dr_dataset_close(&d);
}

static void adapters_keep_it_as_text(void **state)
{
    dr_dataset d = photos();
    dr_wardrobe w = {0};
    dr_source *s;
    char *text;
    (void)state;
    assert_int_equal(dr_source_open(&s, SMALL, NULL), DR_OK);
    assert_int_equal(dr_keep_photos_text(s, &d, &text), DR_OK);
    assert_int_equal(dr_wardrobe_from_text(&w, text, "text"), DR_OK);
    assert_int_equal(w.count, 2); /* nothing of the model's own */
    assert_true(abs(of(&w, "coat")->photo.height - 80) <= 3);
    assert_true(abs(of(&w, "hat")->photo.data[100] - 200) <= 2);
    free(text);
    dr_wardrobe_clear(&w);
    dr_source_close(s);
    dr_dataset_close(&d);
}

static void others_keep_nothing(void **state)
{
    dr_dataset d = photos();
    dr_source *s;
    char *text;
    (void)state;
    assert_int_equal(dr_source_open(&s, NANO, NULL), DR_OK);
    assert_int_equal(dr_keep_photos(s, &d, scratch("out")), DR_OK);
    assert_false(dr_exists(scratch("out")));
    assert_int_equal(dr_keep_photos_text(s, &d, &text), DR_OK);
    assert_null(text);
    dr_source_close(s);
    dr_dataset_close(&d);
}

static void photos_that_have_gone_are_told(void **state)
{
    dr_dataset d = photos();
    dr_source *s;
    (void)state;
    assert_int_equal(dr_source_open(&s, SMALL, NULL), DR_OK);
    assert_int_equal(remove(scratch("images/hat.png")), 0);
    assert_int_not_equal(dr_keep_photos(s, &d, scratch("out")), DR_OK);
    assert_non_null(strstr(dr_error(), "hat.png"));
    put_worn("images/hat.png", 10, 50, 100, 40, 200);
    dr_image other;
    assert_int_equal(dr_image_alloc(&other, 30, 30, 3), DR_OK);
    memset(other.data, 9, 2700);
    assert_int_equal(dr_image_write(&other, scratch("images/hat.png"), NULL), DR_OK);
    dr_image_clear(&other);
    assert_int_not_equal(dr_keep_photos(s, &d, scratch("out2")), DR_OK);
    assert_non_null(strstr(dr_error(), "has changed"));
    dr_source_close(s);
    dr_dataset_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_model_that_asks_for_it_keeps_the_best_cloth, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(adapters_keep_it_as_text, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(others_keep_nothing, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(photos_that_have_gone_are_told, scratch_make, scratch_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
