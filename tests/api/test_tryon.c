/* Try-on through the public header alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/path.h"
#include "drape.h"

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN DR_SOURCE_DIR "/tests/golden/"

static drape_pipeline *load(const char *name, const drape_load_options *o)
{
    char dir[512];
    drape_pipeline *p;
    snprintf(dir, sizeof dir, GOLDEN "%s", name);
    if (drape_pipeline_load(&p, dir, o))
        fail_msg("%s", drape_error());
    return p;
}

static drape_image read_picture(const char *dir, const char *name)
{
    char path[1024];
    drape_image im;
    dr_path(path, sizeof path, dir, name);
    if (drape_image_read(&im, path))
        fail_msg("%s", drape_error());
    return im;
}

static int largest_difference(const drape_image *a, const drape_image *b)
{
    int worst = 0;
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    assert_int_equal(a->channels, b->channels);
    for (int i = 0; i < a->width * a->height * a->channels; i++) {
        int d = abs(a->data[i] - b->data[i]);
        worst = d > worst ? d : worst;
    }
    return worst;
}

/* --- runs that diffusers has made ------------------------------------------------------------------ */

static drape_tryon_options options_of(const json_t *j)
{
    drape_tryon_options o = DRAPE_TRYON_DEFAULTS;
    o.prompt = json_string_value(json_object_get(j, "prompt"));
    o.negative_prompt = json_string_value(json_object_get(j, "negative_prompt"));
    o.scheduler = json_string_value(json_object_get(j, "scheduler"));
    o.steps = (int)json_integer_value(json_object_get(j, "num_inference_steps"));
    o.guidance_scale = json_number_value(json_object_get(j, "guidance_scale"));
    o.strength = json_number_value(json_object_get(j, "strength"));
    o.seed = (uint64_t)json_integer_value(json_object_get(j, "seed"));
    o.width = (int)json_integer_value(json_object_get(j, "width"));
    o.height = (int)json_integer_value(json_object_get(j, "height"));
    o.long_prompt = json_is_true(json_object_get(j, "long_prompt"));
    if (json_object_get(j, "cache_interval")) {
        o.cache_interval = (int)json_integer_value(json_object_get(j, "cache_interval"));
        o.cache_branch = (int)json_integer_value(json_object_get(j, "cache_branch"));
    }
    o.whole = true;
    o.paste = false;
    return o;
}

static void check_run(drape_pipeline *p, const char *dir, const char *name)
{
    char path[1024], png[256];
    drape_image mask, out = {0};
    dr_path(path, sizeof path, dir, name);
    json_t *j = json_load_file(path, 0, NULL);
    assert_non_null(j);
    drape_tryon_options o = options_of(j);
    drape_image photo = read_picture(dir, json_string_value(json_object_get(j, "image")));
    dr_path(path, sizeof path, dir, json_string_value(json_object_get(j, "mask")));
    assert_int_equal(drape_mask_read(&mask, path, &photo, NULL, 0), DRAPE_OK);
    if (drape_tryon(p, &photo, &mask, &o, &out))
        fail_msg("%s: %s", name, drape_error());
    snprintf(png, sizeof png, "%.*s.png", (int)(strlen(name) - strlen(".json")), name);
    drape_image want = read_picture(dir, png);
    int worst = largest_difference(&out, &want);
    if (worst > 2)
        fail_msg("%s/%s: differs by %d of 255", dir, png, worst);
    drape_image_free(&photo);
    drape_image_free(&mask);
    drape_image_free(&out);
    drape_image_free(&want);
    json_decref(j);
}

static int is_run(const struct dirent *f)
{
    return strstr(f->d_name, ".json") != NULL;
}

static void check_runs(const char *name, const char *runs, int least)
{
    char dir[512];
    struct dirent **files;
    drape_pipeline *p = load(name, NULL);
    snprintf(dir, sizeof dir, GOLDEN "%s-cases/%s", name, runs);
    int n = scandir(dir, &files, is_run, alphasort);
    assert_true(n >= least);
    for (int i = 0; i < n; i++) {
        check_run(p, dir, files[i]->d_name);
        free(files[i]);
    }
    free(files);
    drape_pipeline_free(p);
}

static void pictures_are_diffusers(void **state)
{
    (void)state;
    check_runs("nano", "runs", 5); /* two of them with prompts of more than 75 tokens */
    check_runs("nano1", "runs", 2);
}

/* Its latents are no draw: no random number is used up for them, and the masked photo is what it is. */
static void a_tiny_vae_paints_as_diffusers_does_with_it(void **state)
{
    (void)state;
    check_runs("nanot", "runs", 2);
}

/* The DeepCache package's pictures: with and without guidance, of some branches, from noise and from the photo. */
static void a_run_that_reuses_deep_features_is_deepcaches(void **state)
{
    (void)state;
    check_runs("nano", "cached-runs", 3);
    check_runs("nano1", "cached-runs", 2);
}

/* A UNet that knows nothing of masks: the photo is held around the mask, in every form of sample. */
static void a_text_to_image_model_paints_as_diffusers_does_with_it(void **state)
{
    (void)state;
    check_runs("nano4", "runs", 6);
}

/* --- a photo larger than the model's size ------------------------------------------------------------ */

#define W 90
#define H 70

static drape_image new_image(int channels)
{
    drape_image im = {W, H, channels, malloc((size_t)W * H * (size_t)channels)};
    assert_non_null(im.data);
    return im;
}

static drape_image make_photo(void)
{
    drape_image im = new_image(3);
    for (int i = 0; i < W * H * 3; i++)
        im.data[i] = (uint8_t)((i * 37 + i / 270 * 11) % 256);
    return im;
}

/* White in x 30..49, y 20..39. */
static drape_image make_mask(void)
{
    drape_image im = new_image(1);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            im.data[y * W + x] = x >= 30 && x < 50 && y >= 20 && y < 40 ? 255 : 0;
    return im;
}

static drape_tryon_options quick(void)
{
    drape_tryon_options o = DRAPE_TRYON_DEFAULTS;
    o.prompt = "red t-shirt";
    o.steps = 3;
    o.seed = 7;
    o.scheduler = "ddim";
    return o;
}

typedef struct scene {
    drape_pipeline *p;
    drape_image photo, mask, out;
    drape_tryon_options o;
} scene;

static scene open_scene(const drape_load_options *load_options)
{
    return (scene){load("nano", load_options), make_photo(), make_mask(), {0}, quick()};
}

static void run(scene *s)
{
    drape_image_free(&s->out);
    if (drape_tryon(s->p, &s->photo, &s->mask, &s->o, &s->out))
        fail_msg("%s", drape_error());
}

static void close_scene(scene *s)
{
    drape_image_free(&s->photo);
    drape_image_free(&s->mask);
    drape_image_free(&s->out);
    drape_pipeline_free(s->p);
}

static void check_outside_untouched(const scene *s, int feather)
{
    int changed = 0;
    assert_int_equal(s->out.width, W);
    assert_int_equal(s->out.height, H);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            bool differs = memcmp(s->out.data + 3 * (y * W + x), s->photo.data + 3 * (y * W + x), 3) != 0;
            bool near = x >= 30 - feather && x < 50 + feather && y >= 20 - feather && y < 40 + feather;
            if (differs && !near)
                fail_msg("pixel %d,%d changed", x, y);
            changed += differs;
        }
    assert_true(changed > 300); /* of the mask's 400 */
}

static void outside_the_mask_and_its_feather_no_byte_changes(void **state)
{
    (void)state;
    scene s = open_scene(NULL);
    for (int whole = 0; whole < 2; whole++)
        for (int blur = 0; blur <= 5; blur += 5) {
            s.o.whole = whole;
            s.o.mask_blur = blur;
            s.o.color_match = blur > 0;
            run(&s);
            check_outside_untouched(&s, blur);
        }
    s.o.mask_blur = -1; /* a feather of 2 at this size */
    run(&s);
    check_outside_untouched(&s, 2);
    close_scene(&s);
}

static void without_paste_the_result_has_the_models_size(void **state)
{
    (void)state;
    scene s = open_scene(NULL);
    s.o.paste = false;
    run(&s);
    assert_int_equal(s.out.width, 32);
    assert_int_equal(s.out.height, 32);
    close_scene(&s);
}

static void the_seed_alone_makes_the_picture(void **state)
{
    (void)state;
    scene s = open_scene(NULL), again = open_scene(&(drape_load_options){.keep_models = true});
    run(&s);
    run(&again);
    assert_int_equal(largest_difference(&s.out, &again.out), 0); /* kept models change nothing */
    again.o.seed = 8;
    run(&again);
    assert_true(largest_difference(&s.out, &again.out) > 2);
    again.o.prompt = "blue coat";
    run(&again);
    again.o = quick();
    run(&again); /* the fourth picture of one pipeline */
    assert_int_equal(largest_difference(&s.out, &again.out), 0);
    s.o.prompt = "blue coat";
    run(&s);
    assert_true(largest_difference(&s.out, &again.out) > 0);
    close_scene(&s);
    close_scene(&again);
}

static void guidance_in_an_interval_stands_in_the_parameters(void **state)
{
    (void)state;
    scene s = open_scene(NULL);
    char *text = drape_tryon_parameters(s.p, &s.o, 32, 32);
    assert_null(strstr(text, "interval"));
    free(text);
    s.o.guidance_start = 0.2;
    s.o.guidance_end = 0.85;
    text = drape_tryon_parameters(s.p, &s.o, 32, 32);
    assert_non_null(strstr(text, ", Guidance interval: 0.2-0.85"));
    free(text);
    run(&s);
    drape_image part = s.out;
    s.out = (drape_image){0};
    s.o.guidance_start = 0;
    s.o.guidance_end = 1;
    run(&s);
    assert_true(largest_difference(&part, &s.out) > 0);
    drape_image_free(&part);
    close_scene(&s);
}

static void a_cache_stands_in_the_parameters(void **state)
{
    (void)state;
    scene s = open_scene(NULL);
    char *text = drape_tryon_parameters(s.p, &s.o, 32, 32);
    assert_null(strstr(text, "Cache"));
    free(text);
    s.o.cache_interval = 3;
    s.o.cache_branch = 2;
    s.o.cache_start = 0.25;
    text = drape_tryon_parameters(s.p, &s.o, 32, 32);
    assert_non_null(strstr(text, ", Cache interval: 3, Cache branch: 2, Cached part: 0.25-1"));
    free(text);
    close_scene(&s);
}

/* --- callbacks ---------------------------------------------------------------------------------------- */

typedef struct heard {
    int previews, last_step, width, height;
    int stages, done, asked, stop_at;
    drape_stage stage;
    bool out_of_order;
} heard;

static void on_preview(void *user, int step, const drape_image *picture)
{
    heard *h = user;
    h->previews++;
    h->last_step = step;
    h->width = picture->width;
    h->height = picture->height;
    assert_int_equal(picture->channels, 3);
}

static void on_progress(void *user, drape_stage stage, int done, int total)
{
    heard *h = user;
    if (done == 0)
        h->stages++;
    h->out_of_order |= done > total || stage < h->stage;
    h->stage = stage;
    h->done = done;
}

static bool on_cancel(void *user)
{
    heard *h = user;
    return ++h->asked == h->stop_at;
}

static void callbacks_hear_of_every_stage_and_step(void **state)
{
    (void)state;
    heard h = {0};
    scene s = open_scene(NULL);
    s.o.steps = 5;
    s.o.callbacks = (drape_callbacks){.user = &h, .progress = on_progress, .preview = on_preview, .preview_every = 2};
    run(&s);
    assert_int_equal(h.stages, 4);
    assert_false(h.out_of_order);
    assert_int_equal(h.stage, DRAPE_STAGE_DECODE);
    assert_int_equal(h.done, 1);
    assert_int_equal(h.previews, 2);
    assert_int_equal(h.last_step, 4);
    assert_int_equal(h.width, 32);
    assert_int_equal(h.height, 32);
    close_scene(&s);
}

/* Wherever the user stops it: a status, an untouched result, and a pipeline that still works. */
static void a_cancelled_run_leaves_the_result_alone(void **state)
{
    (void)state;
    heard h = {0};
    scene s = open_scene(NULL);
    uint8_t mark;
    drape_image before = {1, 2, 3, &mark}, out = before;
    s.o.callbacks = (drape_callbacks){.user = &h, .cancel = on_cancel};
    run(&s);
    h = (heard){0};
    run(&s); /* the prompt's embedding is kept, and asks no more */
    int all = h.asked;
    assert_true(all > 100);
    for (int at = 1; at <= all; at += all / 7) {
        h = (heard){.stop_at = at};
        assert_int_equal(drape_tryon(s.p, &s.photo, &s.mask, &s.o, &out), DRAPE_ECANCELLED);
        assert_memory_equal(&out, &before, sizeof out);
        assert_int_equal(h.asked, at); /* and is not asked again */
    }
    drape_image first = s.out;
    s.out = (drape_image){0};
    h = (heard){0};
    run(&s);
    assert_int_equal(largest_difference(&first, &s.out), 0);
    drape_image_free(&first);
    close_scene(&s);
}

/* --- faults --------------------------------------------------------------------------------------------- */

static void check_refused(scene *s, const char *why)
{
    uint8_t mark;
    drape_image before = {1, 2, 3, &mark}, out = before;
    assert_int_equal(drape_tryon(s->p, &s->photo, &s->mask, &s->o, &out), DRAPE_EINVAL);
    if (!strstr(drape_error(), why))
        fail_msg("'%s' does not say '%s'", drape_error(), why);
    assert_memory_equal(&out, &before, sizeof out);
    s->o = quick();
}

static void bad_arguments_are_named(void **state)
{
    (void)state;
    scene s = open_scene(NULL);
    s.o.steps = 0;
    check_refused(&s, "steps is 0");
    s.o.strength = 0;
    check_refused(&s, "strength is 0");
    s.o.width = s.o.height = 30;
    check_refused(&s, "30x30");
    s.o.width = 32;
    check_refused(&s, "32x0");
    s.o.scheduler = "magic";
    check_refused(&s, "magic");
    s.o.eta = 2;
    check_refused(&s, "eta is 2");
    s.o.guidance_end = 1.5;
    check_refused(&s, "guidance_end is 1.5");
    s.o.guidance_start = 0.8;
    s.o.guidance_end = 0.4;
    check_refused(&s, "guidance_start is 0.8 and guidance_end 0.4: guidance cannot end before it begins");
    s.o.cache_interval = 0;
    check_refused(&s, "cache_interval is 0");
    s.o.cache_start = 0.8;
    s.o.cache_end = 0.4;
    check_refused(&s, "cache_start is 0.8 and cache_end 0.4: reuse cannot end before it begins");
    s.o.cache_interval = 2;
    s.o.cache_branch = 6;
    check_refused(&s, "cache_branch is 6, but this model's UNet has branches 0 to 5");
    s.o.mask_grow = -30;
    check_refused(&s, "all black after shrinking");
    s.mask.width--;
    check_refused(&s, "the photo's size");
    s.mask.width++;
    memset(s.mask.data, 0, (size_t)W * H);
    check_refused(&s, "all black");
    close_scene(&s);
}

static void a_folder_that_is_none_is_refused(void **state)
{
    (void)state;
    drape_pipeline *p;
    assert_int_equal(drape_pipeline_load(&p, GOLDEN "nowhere", NULL), DRAPE_ENOENT);
    assert_null(p);
    assert_non_null(strstr(drape_error(), "there is no such folder"));
    assert_int_equal(drape_pipeline_load(&p, GOLDEN, NULL), DRAPE_ENOENT);
    assert_non_null(strstr(drape_error(), "model_index.json"));
    drape_lora lora = {GOLDEN "nowhere.safetensors", 1};
    assert_int_equal(drape_pipeline_load(&p, GOLDEN "nano", &(drape_load_options){.loras = &lora, .lora_count = 1}),
                     DRAPE_ENOENT);
    assert_null(p);
}

/* A copy of nano in `dir`, changed by a shell command that runs in it. */
static void copy_nano(const char *dir, const char *change)
{
    char command[1024];
    snprintf(command, sizeof command, "cp -RL '" GOLDEN "nano/.' %s && cd %s && %s", dir, dir, change);
    assert_int_equal(system(command), 0);
}

static void remove_copy(const char *dir)
{
    char command[256];
    snprintf(command, sizeof command, "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
}

static void the_pipelines_class_is_only_a_label(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "sed -i s/StableDiffusionInpaintPipeline/StableDiffusionPipeline/ model_index.json",
        "sed -i s/StableDiffusionInpaintPipeline/StableDiffusionInpaintPipelineLegacy/ model_index.json",
        "sed -i /_class_name/d model_index.json",
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        char dir[] = "/tmp/drape-test-XXXXXX";
        drape_pipeline *p;
        assert_non_null(mkdtemp(dir));
        copy_nano(dir, changes[i]);
        if (drape_pipeline_load(&p, dir, NULL))
            fail_msg("%s", drape_error());
        drape_pipeline_free(p);
        remove_copy(dir);
    }
}

static void a_cut_prompt_is_told_and_a_byte_order_mark_is_none_of_it(void **state)
{
    (void)state;
    char text[1024] = "\xEF\xBB\xBF", *cut;
    scene s = open_scene(NULL);
    for (int i = 0; i < 75; i++)
        strcat(text, "word ");
    assert_int_equal(drape_prompt_cut(s.p, text, &cut), DRAPE_OK);
    assert_null(cut);
    strcat(text, "silk Blouse, red");
    assert_int_equal(drape_prompt_cut(s.p, text, &cut), DRAPE_OK);
    assert_string_equal(cut, "silk blouse, red");
    free(cut);
    assert_int_equal(drape_prompt_cut(s.p, NULL, &cut), DRAPE_OK);
    assert_null(cut);

    char doubts[2048] = "of before";
    assert_int_equal(drape_tryon_doubts(s.p, &s.o, doubts, sizeof doubts), DRAPE_OK);
    assert_string_equal(doubts, "");
    s.o.negative_prompt = text;
    assert_int_equal(drape_tryon_doubts(s.p, &s.o, doubts, sizeof doubts), DRAPE_OK);
    assert_non_null(strstr(doubts, "the negative prompt is longer than the 75 tokens"));
    assert_non_null(strstr(doubts, "cut off: 'silk blouse, red'"));
    assert_null(strchr(doubts, '\n'));
    s.o.long_prompt = true;
    assert_int_equal(drape_tryon_doubts(s.p, &s.o, doubts, sizeof doubts), DRAPE_OK);
    assert_string_equal(doubts, "");
    s.o.long_prompt = false;
    s.o.negative_prompt = NULL;

    run(&s);
    drape_image first = s.out;
    s.out = (drape_image){0};
    s.o.prompt = "\xEF\xBB\xBFred t-shirt"; /* the scene's own with the mark in front */
    run(&s);
    assert_int_equal(largest_difference(&first, &s.out), 0);
    drape_image_free(&first);
    s.o.prompt = text;
    run(&s);
    first = s.out;
    s.out = (drape_image){0};
    s.o.long_prompt = true;
    run(&s);
    assert_true(largest_difference(&first, &s.out) > 0); /* its end is read */
    drape_image_free(&first);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_are_diffusers),
        cmocka_unit_test(a_tiny_vae_paints_as_diffusers_does_with_it),
        cmocka_unit_test(outside_the_mask_and_its_feather_no_byte_changes),
        cmocka_unit_test(without_paste_the_result_has_the_models_size),
        cmocka_unit_test(the_seed_alone_makes_the_picture),
        cmocka_unit_test(guidance_in_an_interval_stands_in_the_parameters),
        cmocka_unit_test(a_cache_stands_in_the_parameters),
        cmocka_unit_test(callbacks_hear_of_every_stage_and_step),
        cmocka_unit_test(a_cancelled_run_leaves_the_result_alone),
        cmocka_unit_test(bad_arguments_are_named),
        cmocka_unit_test(a_folder_that_is_none_is_refused),
        cmocka_unit_test(a_run_that_reuses_deep_features_is_deepcaches),
        cmocka_unit_test(a_text_to_image_model_paints_as_diffusers_does_with_it),
        cmocka_unit_test(the_pipelines_class_is_only_a_label),
        cmocka_unit_test(a_cut_prompt_is_told_and_a_byte_order_mark_is_none_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
