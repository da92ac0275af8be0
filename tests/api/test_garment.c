/* Dressing from a photo of the garment, through the public header alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "drape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SET DR_SOURCE_DIR "/tests/golden/catvton/"
#define RUNS SET "runs/"

static drape_pipeline *p;
static drape_image photo, mask, garment;

static drape_image picture(int w, int h, int channels, int salt)
{
    drape_image im = {w, h, channels, malloc((size_t)(w * h * channels))};
    assert_non_null(im.data);
    for (int i = 0; i < w * h * channels; i++)
        im.data[i] = (uint8_t)((i * 37 + i / 50 * salt) % 256);
    return im;
}

static void assert_says(drape_status st, const char *words)
{
    assert_int_equal(st, DRAPE_EINVAL);
    if (!strstr(drape_error(), words))
        fail_msg("'%s' does not say '%s'", drape_error(), words);
}

static drape_tryon_options options(void)
{
    drape_tryon_options o = DRAPE_GARMENT_DEFAULTS;
    o.garment = &garment;
    o.steps = 2;
    o.seed = 3;
    return o;
}

static void the_pipeline_says_what_it_is(void **state)
{
    drape_model_info info;
    drape_tryon_options o = {.guidance_scale = -1, .eta = -1};
    (void)state;
    assert_int_equal(drape_pipeline_info(p, &info), DRAPE_OK);
    assert_true(info.garment);
    assert_string_equal(info.version, "tiny-4k-32");
    assert_string_equal(info.scheduler, "ddim"); /* whatever the folder says */
    assert_int_equal(info.height, 32);
    assert_int_equal(info.width, 24);
    drape_pipeline_advise(p, &o);
    assert_int_equal(o.steps, 50);
    assert_true(o.guidance_scale == 2.5 && o.eta == 1);
    o = (drape_tryon_options){.steps = 7, .guidance_scale = 1, .eta = -1, .scheduler = "euler"};
    drape_pipeline_advise(p, &o);
    assert_true(o.steps == 7 && o.guidance_scale == 1 && o.eta == 0);
}

/* Any size, and nothing outside the mask and its feather changes. */
static void a_photo_of_any_size_keeps_all_around_the_mask(void **state)
{
    drape_tryon_options o = options();
    drape_image out = {0}, again = {0};
    int changed = 0;
    (void)state;
    o.mask_blur = 3;
    if (drape_tryon(p, &photo, &mask, &o, &out))
        fail_msg("%s", drape_error());
    assert_int_equal(out.width, photo.width);
    assert_int_equal(out.height, photo.height);
    for (int y = 0; y < photo.height; y++)
        for (int x = 0; x < photo.width; x++) {
            int i = (y * photo.width + x) * 3;
            bool near = x >= 30 - 4 && x < 60 + 4 && y >= 40 - 4 && y < 90 + 4;
            int same = memcmp(out.data + i, photo.data + i, 3) == 0;
            assert_true(near || same);
            changed += !same;
        }
    assert_true(changed > 30 * 50 / 2);
    assert_int_equal(drape_tryon(p, &photo, &mask, &o, &again), DRAPE_OK);
    assert_memory_equal(out.data, again.data, (size_t)(out.width * out.height * 3));
    drape_image_free(&again);
    o.seed++; /* the VAE's answer to the same pictures is kept, the draw from it is not */
    assert_int_equal(drape_tryon(p, &photo, &mask, &o, &again), DRAPE_OK);
    assert_true(memcmp(out.data, again.data, (size_t)(out.width * out.height * 3)) != 0);
    drape_image_free(&again);
    drape_image_free(&out);
}

/* With models and moments kept from picture to picture, picture k is what a fresh pipeline makes. */
static void a_picture_does_not_depend_on_those_before_it(void **state)
{
    drape_load_options load = {.vae = SET "sd-vae-ft-mse", .attention = SET "CatVTON/tiny-4k-32", .keep_models = true};
    drape_image other = picture(31, 40, 3, 99), out[2] = {0};
    drape_tryon_options o = options();
    drape_pipeline *kept, *fresh;
    (void)state;
    assert_int_equal(drape_pipeline_load(&kept, SET "base", &load), DRAPE_OK);
    assert_int_equal(drape_tryon(kept, &photo, &mask, &o, &out[0]), DRAPE_OK);
    drape_image_free(&out[0]);
    o.garment = &other;
    assert_int_equal(drape_tryon(kept, &photo, &mask, &o, &out[0]), DRAPE_OK);
    assert_int_equal(drape_pipeline_load(&fresh, SET "base", &load), DRAPE_OK);
    assert_int_equal(drape_tryon(fresh, &photo, &mask, &o, &out[1]), DRAPE_OK);
    assert_memory_equal(out[0].data, out[1].data, (size_t)(out[0].width * out[0].height * 3));
    drape_pipeline_free(kept);
    drape_pipeline_free(fresh);
    drape_image_free(&out[0]);
    drape_image_free(&out[1]);
    drape_image_free(&other);
}

static void run(const char *dir, const char *commands)
{
    char line[2048];
    snprintf(line, sizeof line, "set -e; set='%s'; cd '%s'; %s", SET, dir, commands);
    assert_int_equal(system(line), 0);
}

/* As the small model is laid out that comes with drape. */
static void a_model_brings_one_that_dresses_in_a_folder_of_its_own(void **state)
{
    char dir[] = "/tmp/drape-test-XXXXXX", text[64];
    drape_load_options load = {.garment = true};
    drape_tryon_options o = options(), advised = {.guidance_scale = -1, .eta = -1};
    drape_image out = {0}, same = {0};
    drape_pipeline *own;
    drape_model_info info;
    (void)state;
    assert_non_null(mkdtemp(dir));
    run(dir, "mkdir garment; cp -r ${set}sd-vae-ft-mse vae; "
             "cp -r ${set}base/unet ${set}base/scheduler ${set}CatVTON/tiny-4k-32/attention garment; "
             "sed -i 's/{/{\"_drape_steps\": 4, \"_drape_guidance_scale\": 1.0, /' garment/scheduler/*.json");
    if (drape_pipeline_load(&own, dir, &load))
        fail_msg("%s", drape_error());
    assert_int_equal(drape_pipeline_info(own, &info), DRAPE_OK);
    snprintf(text, sizeof text, "%s/garment", dir);
    assert_string_equal(info.dir, text);
    drape_pipeline_advise(own, &advised);
    assert_true(advised.steps == 4 && advised.guidance_scale == 1 && advised.eta == 0);
    assert_int_equal(drape_tryon(own, &photo, &mask, &o, &out), DRAPE_OK);
    assert_int_equal(drape_tryon(p, &photo, &mask, &o, &same), DRAPE_OK);
    assert_memory_equal(out.data, same.data, (size_t)(out.width * out.height * 3));
    drape_pipeline_free(own);
    drape_image_free(&out);
    run(dir, "sed -i 's/{/{\"_drape_lay_cloth\": true, /' garment/scheduler/*.json"); /* no grey hole */
    assert_int_equal(drape_pipeline_load(&own, dir, &load), DRAPE_OK);
    assert_int_equal(drape_tryon(own, &photo, &mask, &o, &out), DRAPE_OK);
    assert_true(memcmp(out.data, same.data, (size_t)(out.width * out.height * 3)) != 0);
    drape_pipeline_free(own);
    snprintf(text, sizeof text, "%s/garment/attention", dir); /* weights that are named go there, too */
    assert_int_equal(drape_pipeline_load(&own, dir, &(drape_load_options){.attention = text}), DRAPE_OK);
    assert_int_equal(drape_pipeline_info(own, &info), DRAPE_OK);
    assert_memory_equal(info.dir, text, strlen(dir) + strlen("/garment"));
    drape_pipeline_free(own);
    run(dir, "rm garment/attention/model.safetensors");
    assert_int_equal(drape_pipeline_load(&own, dir, &load), DRAPE_ENOENT);
    run(dir, "rm -r \"$PWD\"");
    drape_image_free(&out);
    drape_image_free(&same);
}

/* What diffusers and Pillow made with the published rules; see tools/golden/make_catvton.py. */
static void published_pictures_come_out(void **state)
{
    static const struct {
        const char *run, *mask, *attention;
        drape_fit fit;
        int width, height, seed;
        double guidance;
        bool repaint;
    } runs[] = {{"one-stream", "mask.png", "tiny-4k-32", DRAPE_FIT_CROP_PAD, 12, 16, 1234, 1, false},
                {"palette", "mask-palette.png", "tiny-4k-32", DRAPE_FIT_CROP_PAD, 12, 16, 8, 2.5, false},
                {"app", "stroke.png", "tiny-4k-32", DRAPE_FIT_APP, 16, 10, 3, 2.5, false},
                {"stretch-repaint", "mask-rgb.png", "other-2k-32", DRAPE_FIT_STRETCH, 10, 14, 5, 2.5, true}};
    (void)state;
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        char path[512], attention[512];
        drape_image person, hole, cloth, out = {0}, want;
        drape_pipeline *q;
        drape_tryon_options o = DRAPE_GARMENT_DEFAULTS;
        snprintf(attention, sizeof attention, SET "CatVTON/%s", runs[i].attention);
        snprintf(path, sizeof path, RUNS "%s", runs[i].mask);
        assert_int_equal(drape_image_read_stored(&person, RUNS "person.png", false, NULL), DRAPE_OK);
        assert_int_equal(drape_image_read_stored(&cloth, RUNS "garment.png", false, NULL), DRAPE_OK);
        assert_int_equal(drape_image_read_stored(&hole, path, true, &o.hard_mask), DRAPE_OK);
        assert_int_equal(o.hard_mask, strstr(path, "palette") != NULL);
        assert_int_equal(drape_pipeline_load(&q, SET "base",
                                             &(drape_load_options){.vae = SET "sd-vae-ft-mse", .attention = attention}),
                         DRAPE_OK);
        o.garment = &cloth;
        o.steps = 2;
        o.guidance_scale = runs[i].guidance;
        o.seed = (uint64_t)runs[i].seed;
        o.width = runs[i].width;
        o.height = runs[i].height;
        o.fit = runs[i].fit;
        o.repaint = runs[i].repaint;
        o.whole = true;
        o.paste = false;
        if (drape_tryon(q, &person, &hole, &o, &out))
            fail_msg("%s: %s", runs[i].run, drape_error());
        snprintf(path, sizeof path, RUNS "%s.png", runs[i].run);
        assert_int_equal(drape_image_read(&want, path), DRAPE_OK);
        assert_true(out.width == want.width && out.height == want.height);
        for (int k = 0; k < out.width * out.height * 3; k++)
            if (abs(out.data[k] - want.data[k]) > 2)
                fail_msg("%s: value %d is %d, expected %d", runs[i].run, k, out.data[k], want.data[k]);
        drape_pipeline_free(q);
        drape_image_free(&person);
        drape_image_free(&hole);
        drape_image_free(&cloth);
        drape_image_free(&want);
        drape_image_free(&out);
    }
}

/* Its sampler draws no noise of its own, which the published one does. */
static void a_preset_dresses_too(void **state)
{
    drape_tryon_options o = {
        .preset = DRAPE_PRESET_FAST, .strength = 1, .padding = -1, .mask_blur = -1, .paste = true, .garment = &garment};
    drape_image out = {0};
    (void)state;
    drape_tryon_leave_open(&o);
    drape_pipeline_advise(p, &o);
    assert_string_equal(o.scheduler, "unipc");
    assert_true(o.steps == 10 && o.guidance_scale == 2.5 && o.guidance_end == 0.5 && o.eta == 0);
    if (drape_tryon(p, &photo, &mask, &o, &out))
        fail_msg("%s", drape_error());
    drape_image_free(&out);
    o.preset = DRAPE_PRESET_BALANCED;
    o.scheduler = NULL;
    o.karras_open = true;
    drape_pipeline_advise(p, &o);
    assert_true(o.karras && o.steps == 10); /* which were no longer open */
    if (drape_tryon(p, &photo, &mask, &o, &out))
        fail_msg("%s", drape_error());
    drape_image_free(&out);
}

static void what_makes_no_sense_is_refused(void **state)
{
    drape_tryon_options o = options();
    drape_image out = {0};
    (void)state;
    o.prompt = "red t-shirt";
    assert_says(drape_tryon_check(p, &o), "reads no text, so prompt changes nothing");
    o = options();
    o.strength = 0.5;
    assert_says(drape_tryon_check(p, &o), "strength is 0.5");
    o = options();
    o.clip_skip = 1;
    assert_says(drape_tryon_check(p, &o), "clip_skip");
    o = options();
    o.fit = DRAPE_FIT_STRETCH;
    assert_says(drape_tryon_check(p, &o), "region whole and paste off");
    o = options();
    o.repaint = true;
    assert_says(drape_tryon_check(p, &o), "repaint goes with a published fit");
    o = options();
    o.karras = true;
    assert_says(drape_tryon(p, &photo, &mask, &o, &out), "Karras");
    o = options();
    o.garment = NULL;
    assert_says(drape_tryon(p, &photo, &mask, &o, &out), "the garment's photo is missing");
    o = options();
    o.whole = true;
    o.paste = false;
    o.fit = DRAPE_FIT_CROP_PAD;
    assert_int_equal(drape_tryon(p, &garment, &mask, &o, &out), DRAPE_EINVAL); /* a mask of another size */
    assert_null(out.data);
    o.seed = 1;
    char *text = drape_tryon_parameters(p, &o, 24, 32);
    assert_non_null(strstr(text, "Garment model: tiny-4k-32"));
    free(text);
}

static void another_models_pipelines_take_no_garment(void **state)
{
    drape_pipeline *q;
    drape_tryon_options o = DRAPE_TRYON_DEFAULTS;
    (void)state;
    assert_int_equal(drape_pipeline_load(&q, DR_SOURCE_DIR "/tests/golden/nano", NULL), DRAPE_OK);
    o.garment = &garment;
    assert_says(drape_tryon_check(q, &o), "does not dress from a photo of the garment");
    o.garment = NULL;
    o.fit = DRAPE_FIT_APP;
    assert_says(drape_tryon_check(q, &o), "fit is for dressing from a photo of the garment");
    drape_pipeline_free(q);
    assert_int_equal(
        drape_pipeline_load(&q, DR_SOURCE_DIR "/tests/golden/nano", &(drape_load_options){.garment = true}),
        DRAPE_ENOENT);
    assert_non_null(strstr(drape_error(), "drape pull catvton"));
    drape_embedding word = {.path = "x", .word = "x"};
    assert_int_equal(drape_pipeline_load(&q, SET "base",
                                         &(drape_load_options){.attention = SET "CatVTON/tiny-4k-32",
                                                               .vae = SET "sd-vae-ft-mse",
                                                               .embeddings = &word,
                                                               .embedding_count = 1}),
                     DRAPE_EINVAL);
    assert_int_equal(drape_pipeline_load(&q, DR_SOURCE_DIR "/tests/golden/nano4",
                                         &(drape_load_options){.attention = SET "CatVTON/tiny-4k-32"}),
                     DRAPE_EINVAL);
    assert_non_null(strstr(drape_error(), "an inpainting UNet's 9 and 4 are expected"));
}

static void other_samplers_run_too(void **state)
{
    static const char *const names[] = {"pndm", "euler", "dpm++2m"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        drape_tryon_options o = options();
        drape_image out = {0};
        o.scheduler = names[i];
        o.eta = 0;
        o.steps = 4;
        if (drape_tryon(p, &photo, &mask, &o, &out))
            fail_msg("%s: %s", names[i], drape_error());
        drape_image_free(&out);
    }
}

static void a_garments_photo_is_taken_as_it_is_or_cut_out(void **state)
{
    drape_parser *parser;
    drape_garment_options o = {0};
    drape_garment_info info;
    drape_image flat = {60, 80, 3, calloc(60 * 80, 3)}, out = {0};
    (void)state;
    assert_non_null(flat.data);
    for (int y = 20; y < 60; y++) /* red is upper clothes to the test's parser */
        for (int x = 10; x < 50; x++)
            flat.data[(y * 60 + x) * 3] = 255;
    assert_int_equal(drape_parser_load(&parser, DR_SOURCE_DIR "/tests/data/colour-parser"), DRAPE_OK);
    if (drape_garment(parser, &flat, &o, &out, &info))
        fail_msg("%s", drape_error());
    assert_int_equal(info.category, DRAPE_GARMENT_UPPER);
    assert_int_equal(info.mask, DRAPE_UPPER);
    assert_false(info.worn || info.cut);
    assert_memory_equal(out.data, flat.data, 60 * 80 * 3);
    drape_image_free(&out);
    o.cut = DRAPE_CUT_OUT;
    assert_int_equal(drape_garment(parser, &flat, &o, &out, &info), DRAPE_OK);
    assert_true(info.cut && out.width < 60 && out.data[0] == 255 && out.data[1] == 255);
    drape_image_free(&out);
    o = (drape_garment_options){.category = DRAPE_GARMENT_LOWER, .cut = DRAPE_CUT_KEEP};
    assert_int_equal(drape_garment(NULL, &flat, &o, &out, &info), DRAPE_OK); /* nothing to look for */
    assert_int_equal(info.mask, DRAPE_LOWER);
    drape_image_free(&out);
    o.category = DRAPE_GARMENT_AUTO;
    assert_says(drape_garment(NULL, &flat, &o, &out, &info), "without a clothes parser");
    memset(flat.data, 0, 60 * 80 * 3);
    o = (drape_garment_options){.name = "a.jpg"};
    assert_says(drape_garment(parser, &flat, &o, &out, &info), "no garment is found in 'a.jpg'");
    o.category = DRAPE_GARMENT_OVERALL; /* said, so it may stay */
    assert_int_equal(drape_garment(parser, &flat, &o, &out, &info), DRAPE_OK);
    assert_int_equal(info.mask, DRAPE_DRESS);
    drape_image_free(&out);
    drape_parser_free(parser);
    free(flat.data);
}

static int load(void **state)
{
    (void)state;
    photo = picture(100, 140, 3, 5);
    garment = picture(40, 30, 3, 11);
    mask = (drape_image){100, 140, 1, calloc(100, 140)};
    for (int y = 40; mask.data && y < 90; y++)
        memset(mask.data + y * 100 + 30, 255, 30);
    return drape_pipeline_load(
        &p, SET "base", &(drape_load_options){.vae = SET "sd-vae-ft-mse", .attention = SET "CatVTON/tiny-4k-32"});
}

static int unload(void **state)
{
    (void)state;
    drape_pipeline_free(p);
    drape_image_free(&photo);
    drape_image_free(&mask);
    drape_image_free(&garment);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pipeline_says_what_it_is),
        cmocka_unit_test(a_photo_of_any_size_keeps_all_around_the_mask),
        cmocka_unit_test(a_picture_does_not_depend_on_those_before_it),
        cmocka_unit_test(a_model_brings_one_that_dresses_in_a_folder_of_its_own),
        cmocka_unit_test(published_pictures_come_out),
        cmocka_unit_test(a_preset_dresses_too),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(another_models_pipelines_take_no_garment),
        cmocka_unit_test(other_samplers_run_too),
        cmocka_unit_test(a_garments_photo_is_taken_as_it_is_or_cut_out),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
