/* A paste needs a part of the picture: that part is what it is in the whole, and the pasted photo the same to the byte.
 * In plain C, whose convolutions compute every place alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tryon/tryon.h"

#include <stdlib.h>
#include <string.h>

#define GOLDEN DR_SOURCE_DIR "/tests/golden/"

typedef struct scene {
    dr_source *source;
    dr_engine e;
    int f;
} scene;

static void open_scene(scene *s, const char *dir)
{
    char path[256];
    *s = (scene){0};
    snprintf(path, sizeof path, GOLDEN "%s", dir);
    if (dr_source_open(&s->source, path, NULL) ||
        dr_engine_open(&s->e, s->source, NULL, DR_PRECISION_EXACT, true, NULL))
        fail_msg("%s", dr_error());
    s->f = dr_vae_factor(&s->e.vae_config);
}

static void close_scene(scene *s)
{
    dr_engine_close(&s->e);
    dr_source_close(s->source);
}

static float *noise(size_t n)
{
    float *x = malloc(n * sizeof *x);
    uint32_t seed = 5;
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        x[i] = (float)(seed >> 8) / (1 << 23) * 2 - 2;
    }
    return x;
}

static dr_image decoded(scene *s, const float *latents, int W, int H, dr_window part)
{
    dr_image out;
    if (dr_engine_decode_picture(&s->e, latents, W, H, part, &out))
        fail_msg("%s", dr_error());
    return out;
}

enum { W = 224, H = 160 }; /* larger than what a pixel depends on */

/* Values, not bytes: what a pixel sees at the ends of its reach moves it by little. */
static void check_values(scene *s, const float *latents, const float *whole, dr_window p)
{
    dr_tape *g = &s->e.tape;
    dr_tape_reset(g);
    dr_tensor *z = dr_input(g, latents, 4, (int64_t[]){1, H / s->f, W / s->f, s->e.vae_config.latent});
    dr_tensor *x = dr_vae_decode_part(g, &s->e.vae.net, z, p);
    assert_int_equal(dr_tape_status(g), DR_OK);
    assert_true(x->dim[1] == p.h && x->dim[2] == p.w && x->dim[3] == 3);
    for (int64_t y = 0; y < p.h; y++)
        if (memcmp((float *)x->data + 3 * y * p.w, whole + 3 * ((p.y + y) * W + p.x), (size_t)p.w * 3 * sizeof(float)))
            fail_msg("part %dx%d+%d+%d: row %d", (int)p.w, (int)p.h, (int)p.x, (int)p.y, (int)y);
}

/* Every convolution sees one of its nine neighbours alone: pixels depend on what lies farthest, and as much as on
 * themselves. The file's own weights let it fade below the last bit. */
static void look_far(scene *s, int tap)
{
    for (dr_param *q = s->e.vae.params.first; q; q = q->next) {
        size_t n = (size_t)dr_numel(&q->t);
        if (strncmp(q->t.name, "decoder.", 8) != 0)
            continue;
        float *w = calloc(n, sizeof *w);
        for (size_t i = (size_t)tap; q->t.rank == 4 && i < n; i += 9)
            w[i] = i % 5 ? 0.2f : -0.1f;
        dr_param_disown(q);
        assert_int_equal(dr_param_own(q, DR_F32), DR_OK);
        dr_param_set(q, 0, n, w);
        free(w);
    }
}

/* `tap`: of look_far(); -1 for the file's weights */
static void check_parts(int tap)
{
    const dr_window parts[] = {{80, 100, 8, 12}, {0, 0, 1, 1},     {159, 223, 1, 1}, {0, 90, 160, 20},
                               {70, 0, 20, 224}, {37, 61, 45, 31}, {0, 150, 33, 74}, {101, 0, 59, 43},
                               {1, 1, 158, 222}, {0, 0, 160, 223}};
    scene s;
    open_scene(&s, "nanot");
    size_t n = (size_t)(W / s.f) * (size_t)(H / s.f) * (size_t)s.e.vae_config.latent;
    float *x = noise(n), *z = malloc(n * sizeof *z), *whole = malloc(sizeof *whole * 3 * W * H);
    dr_vae_unscale(&s.e.vae_config, x, n, z);
    assert_int_equal(dr_engine_decode(&s.e, x, H, W, whole), DR_OK);
    if (tap >= 0) {
        look_far(&s, tap);
        assert_int_equal(dr_engine_decode(&s.e, x, H, W, whole), DR_OK);
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        check_values(&s, z, whole, parts[i]);
    for (int i = 0; i < 32; i++) /* one pixel, at all places in the levels' grids */
        check_values(&s, z, whole, (dr_window){64 + i, 96 + (5 * i + 7) % 32, 1, 1});
    free(x);
    free(z);
    free(whole);
    close_scene(&s);
}

static void a_part_of_the_small_autoencoders_picture_is_that_of_the_whole(void **state)
{
    (void)state;
    check_parts(-1);
    check_parts(0); /* above, left */
    check_parts(8); /* below, right */
}

static void what_is_not_needed_stays_black(void **state)
{
    const dr_window p = {80, 100, 8, 12};
    scene s;
    (void)state;
    open_scene(&s, "nanot");
    float *latents = noise((size_t)(W / s.f) * (size_t)(H / s.f) * (size_t)s.e.vae_config.latent);
    dr_image whole = decoded(&s, latents, W, H, (dr_window){0}), im = decoded(&s, latents, W, H, p);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            static const uint8_t black[3];
            bool inside = y >= p.y && y < p.y + p.h && x >= p.x && x < p.x + p.w;
            int i = 3 * (y * W + x);
            assert_memory_equal(im.data + i, inside ? whole.data + i : black, 3);
        }
    dr_image_clear(&whole);
    dr_image_clear(&im);
    free(latents);
    close_scene(&s);
}

/* Group norms look at all places. */
static void the_large_one_gives_the_whole_whatever_is_needed(void **state)
{
    scene s;
    (void)state;
    open_scene(&s, "nano");
    float *x = noise((size_t)(64 / s.f) * (size_t)(64 / s.f) * (size_t)s.e.vae_config.latent);
    dr_image whole = decoded(&s, x, 64, 64, (dr_window){0}), im = decoded(&s, x, 64, 64, (dr_window){8, 8, 16, 16});
    assert_memory_equal(whole.data, im.data, 64 * 64 * 3);
    dr_image_clear(&whole);
    dr_image_clear(&im);
    free(x);
    close_scene(&s);
}

/* --- the paste ------------------------------------------------------------------------------------------ */

static dr_image photo_of(int w, int h)
{
    dr_image im;
    assert_int_equal(dr_image_alloc(&im, w, h, 3), DR_OK);
    for (int i = 0; i < w * h * 3; i++)
        im.data[i] = (uint8_t)((i * 37 + i / 50 * 11) % 256);
    return im;
}

static dr_image mask_of(int w, int h, dr_rect box)
{
    dr_image im;
    assert_int_equal(dr_image_alloc(&im, w, h, 1), DR_OK);
    memset(im.data, 0, (size_t)w * (size_t)h);
    for (int y = box.y; y < box.y + box.height; y++)
        memset(im.data + (size_t)y * (size_t)w + box.x, 255, (size_t)box.width);
    return im;
}

/* A picture of noise, which shows every pixel that is read and should not be. */
static dr_image grain(int w, int h, const dr_rect *needed)
{
    dr_image im = photo_of(w, h);
    for (int y = 0; y < h; y++)
        for (int x = 0; needed && x < w; x++)
            if (x < needed->x || x >= needed->x + needed->width || y < needed->y || y >= needed->y + needed->height)
                memset(im.data + 3 * (y * w + x), 0, 3);
    return im;
}

static void a_paste_reads_no_more_than_is_said_to_be_needed(void **state)
{
    const int sizes[] = {64, 96, 160, 300};
    (void)state;
    for (int k = 0; k < 4 * 4 * 3; k++) {
        int w = 40 + 37 * (k % 4), h = 200 - 50 * (k / 4 % 4), side = sizes[k % 4], feather = k / 16 * 5;
        dr_rect box = {w / 3, h / 4, w / 5 + 1, h / 3 + 1};
        dr_image photo = photo_of(w, h), alpha = mask_of(w, h, box);
        dr_region r = k % 2 ? dr_region_whole(w, h, side, 96)
                            : dr_region_around(box, w, h, &(dr_region_options){side, 96, 10, feather});
        dr_rect needed = dr_region_needed(&r, box, feather);
        dr_image all = grain(r.canvas_width, r.canvas_height, NULL),
                 part = grain(r.canvas_width, r.canvas_height, &needed), a, b;
        assert_int_equal(dr_mask_feather(&alpha, feather), DR_OK);
        assert_int_equal(dr_image_copy(&a, &photo), DR_OK);
        assert_int_equal(dr_image_copy(&b, &photo), DR_OK);
        assert_int_equal(dr_region_paste(&a, &all, &r, &alpha, NULL), DR_OK);
        assert_int_equal(dr_region_paste(&b, &part, &r, &alpha, NULL), DR_OK);
        if (memcmp(a.data, b.data, (size_t)(w * h * 3)) != 0)
            fail_msg("photo %dx%d, canvas %dx96, feather %d", w, h, side, feather);
        dr_image *im[] = {&photo, &alpha, &all, &part, &a, &b};
        for (size_t i = 0; i < sizeof im / sizeof *im; i++)
            dr_image_clear(im[i]);
    }
}

static void a_try_on_pastes_what_the_whole_picture_has_there(void **state)
{
    const int size = 160;
    const dr_rect box = {150, 60, 20, 30};
    dr_tryon_options o = {.inpaint = {.prompt = "red t-shirt",
                                      .negative_prompt = "",
                                      .guidance = {1, 0, 1},
                                      .sampler = {.kind = DR_SAMPLER_DDIM, .steps = 1, .strength = 1},
                                      .seed = 7,
                                      .width = size,
                                      .height = size},
                          .padding = 8,
                          .mask_blur = 4,
                          .paste = true};
    scene s;
    (void)state;
    open_scene(&s, "nanot");
    dr_image photo = photo_of(W, H), mask = mask_of(W, H, box), pasted, picture;
    assert_int_equal(dr_tryon(&s.e, &o, &photo, &mask, &pasted), DR_OK);
    o.paste = false;
    assert_int_equal(dr_tryon(&s.e, &o, &photo, &mask, &picture), DR_OK);
    dr_region r = dr_region_around(box, W, H, &(dr_region_options){size, size, 8, 4});
    assert_int_equal(dr_mask_feather(&mask, 4), DR_OK);
    assert_int_equal(dr_region_paste(&photo, &picture, &r, &mask, NULL), DR_OK);
    assert_memory_equal(photo.data, pasted.data, (size_t)(W * H * 3));
    dr_image *im[] = {&photo, &mask, &pasted, &picture};
    for (size_t i = 0; i < sizeof im / sizeof *im; i++)
        dr_image_clear(im[i]);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_of_the_small_autoencoders_picture_is_that_of_the_whole),
        cmocka_unit_test(what_is_not_needed_stays_black),
        cmocka_unit_test(the_large_one_gives_the_whole_whatever_is_needed),
        cmocka_unit_test(a_paste_reads_no_more_than_is_said_to_be_needed),
        cmocka_unit_test(a_try_on_pastes_what_the_whole_picture_has_there),
    };
    setenv("DRAPE_BACKEND", "ref", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
