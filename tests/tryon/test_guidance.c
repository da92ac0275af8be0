/* Guidance in an interval of the run: which calls, and that the runs do as the rule says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/prepare.h"
#include "tryon/dress.h"
#include "tryon/inpaint.h"
#include "tryon/scene.h"

#include <stdlib.h>
#include <string.h>

#define CALLS 5

/* --- the rule ------------------------------------------------------------------------------------------- */

/* "##...": guided calls of a run. */
static void check_calls(double start, double end, const char *want)
{
    const dr_guidance g = {.scale = 7.5, .start = start, .end = end}, none = {.scale = 1, .start = start, .end = end};
    int calls = (int)strlen(want);
    for (int i = 0; i < calls; i++) {
        if (dr_is_guided(&g, i, calls) != (want[i] == '#'))
            fail_msg("%g to %g: call %d of %d", start, end, i, calls);
        assert_false(dr_is_guided(&none, i, calls));
    }
}

/* diffusers' StableDiffusionControlNetPipeline: not (i / n < start or (i + 1) / n > end). */
static void calls_are_counted_as_diffusers_does_for_its_controls(void **state)
{
    (void)state;
    check_calls(0, 1, "##########");
    check_calls(0, 0, "..........");
    check_calls(1, 1, "..........");
    check_calls(0.2, 0.7, "..#####...");
    check_calls(0.25, 0.75, "...####...");
    check_calls(0, 0.6, "###..");
    check_calls(0.6, 1, "...##");
    check_calls(0.1, 1, ".##");
    check_calls(0, 1, "#");
    check_calls(0, 0.99, ".");
}

/* --- pictures ------------------------------------------------------------------------------------------- */

static dr_inpaint_options options(double scale, double start, double end)
{
    return (dr_inpaint_options){.prompt = "red t-shirt",
                                .negative_prompt = "",
                                .guidance = {scale, start, end},
                                .sampler = {.kind = DR_SAMPLER_DPMPP_2M, .steps = CALLS, .strength = 1},
                                .seed = 7,
                                .width = SIDE,
                                .height = SIDE};
}

static dr_image inpainted(scene *s, double scale, double start, double end)
{
    const dr_inpaint_options o = options(scale, start, end);
    dr_image out;
    if (dr_inpaint(&s->e, &o, &s->photo, &s->mask, &out))
        fail_msg("%s", dr_error());
    return out;
}

static dr_image dressed(scene *s, double scale, double start, double end)
{
    const dr_inpaint_options o = options(scale, start, end);
    const dr_dress_options d = {.guidance = o.guidance, .sampler = o.sampler, .seed = 7, .width = SIDE, .height = SIDE};
    dr_image out;
    if (dr_dress(&s->e, &d, &s->photo, &s->mask, &s->garment, &out))
        fail_msg("%s", dr_error());
    return out;
}

static void an_empty_interval_is_no_guidance_and_a_part_is_neither(void **state)
{
    scene s;
    (void)state;
    open_scene(&s, "nano", false);
    check_same(inpainted(&s, 7.5, 0, 0), inpainted(&s, 1, 0, 1), true, "0 to 0");
    check_same(inpainted(&s, 7.5, 0, 0.1), inpainted(&s, 1, 0, 1), true, "less than a call");
    check_same(inpainted(&s, 7.5, 0.2, 0.8), inpainted(&s, 1, 0, 1), false, "a part and none");
    check_same(inpainted(&s, 7.5, 0.2, 0.8), inpainted(&s, 7.5, 0, 1), false, "a part and all");
    close_scene(&s);
    open_scene(&s, "nano", true);
    check_same(dressed(&s, 7.5, 0, 0), dressed(&s, 1, 0, 1), true, "dressed, 0 to 0");
    check_same(dressed(&s, 7.5, 0.2, 0.8), dressed(&s, 1, 0, 1), false, "dressed, a part and none");
    check_same(dressed(&s, 7.5, 0.2, 0.8), dressed(&s, 7.5, 0, 1), false, "dressed, a part and all");
    close_scene(&s);
}

/* The masked photo's latents, with the random numbers that come behind the starting noise. */
static void encode_masked(scene *s, dr_rng *rng, int h, int w, float *latents)
{
    const int L = s->e.vae_config.latent;
    size_t n = (size_t)h * (size_t)w * (size_t)L;
    float *rgb = malloc(sizeof(float) * SIDE * SIDE * 3), *moments = malloc(2 * n * sizeof(float)),
          *noise = malloc(n * sizeof(float));
    dr_image_to_f32(&s->photo, rgb);
    dr_masked_f32(rgb, &s->mask, rgb);
    assert_int_equal(dr_engine_encode(&s->e, rgb, SIDE, SIDE, moments), DR_OK);
    dr_randn_nhwc(rng, noise, 1, h, w, L);
    dr_vae_sample(&s->e.vae_config, moments, noise, (int64_t)h * w, latents);
    free(rgb);
    free(moments);
    free(noise);
}

/* Call by call with what the engine and the sampler offer: `guided` "..##." says which are a pair. */
static dr_image by_hand(scene *s, double scale, const char *guided)
{
    const dr_inpaint_options o = options(scale, 0, 1);
    const int f = dr_vae_factor(&s->e.vae_config), h = SIDE / f, w = SIDE / f, L = s->e.vae_config.latent;
    const size_t n = (size_t)h * (size_t)w * (size_t)L, text = (size_t)s->e.text_config.width;
    float *x = malloc(n * sizeof *x), *scaled = malloc(n * sizeof *x), *masked = malloc(n * sizeof *x),
          *mask = malloc((size_t)(h * w) * sizeof *x), *in = malloc((2 * n + (size_t)(h * w)) * sizeof *x),
          *out = malloc(2 * n * sizeof *x), *rgb = malloc(sizeof *x * SIDE * SIDE * 3);
    dr_rng rng;
    dr_sampler *sampler;
    dr_image picture;
    dr_rng_seed(&rng, o.seed);
    assert_int_equal(dr_sampler_new(&sampler, &s->e.schedule, &o.sampler), DR_OK);
    dr_sampler_noise_layout(sampler, 1, h, w, L);
    assert_int_equal(dr_engine_text(&s->e, o.prompt, "", 0, 0), DR_OK);
    const float *negative = s->e.context, *positive = s->e.context + (size_t)s->e.length * text;
    dr_mask_to_latent(&s->mask, w, h, mask);
    dr_randn_nhwc(&rng, x, 1, h, w, L);
    for (size_t k = 0; k < n; k++)
        x[k] *= dr_sampler_init_sigma(sampler);
    encode_masked(s, &rng, h, w, masked);
    assert_int_equal(dr_sampler_calls(sampler), CALLS);
    for (int i = 0; i < CALLS; i++) {
        bool pair = guided[i] == '#';
        dr_sampler_scale(sampler, i, x, n, scaled);
        dr_unet_join_input(scaled, mask, masked, (int64_t)h * w, L, in);
        assert_int_equal(dr_engine_predict(&s->e, in, dr_sampler_timestep(sampler, i), pair ? negative : positive,
                                           pair ? 2 : 1, h, w, NULL, out),
                         DR_OK);
        for (size_t k = 0; pair && k < n; k++)
            out[k] += (float)scale * (out[n + k] - out[k]);
        assert_int_equal(dr_sampler_step(sampler, i, out, x, n, &rng), DR_OK);
    }
    assert_int_equal(dr_engine_decode(&s->e, x, SIDE, SIDE, rgb), DR_OK);
    assert_int_equal(dr_image_from_f32(&picture, rgb, SIDE, SIDE), DR_OK);
    dr_sampler_free(sampler);
    float *all[] = {x, scaled, masked, mask, in, out, rgb};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    return picture;
}

static void a_run_is_that_of_its_calls_one_by_one(void **state)
{
    scene s;
    (void)state;
    open_scene(&s, "nano", false);
    check_same(inpainted(&s, 7.5, 0, 1), by_hand(&s, 7.5, "#####"), true, "all");
    check_same(inpainted(&s, 7.5, 0.2, 0.8), by_hand(&s, 7.5, ".###."), true, "0.2 to 0.8");
    check_same(inpainted(&s, 7.5, 0.3, 1), by_hand(&s, 7.5, "..###"), true, "0.3 to 1");
    check_same(inpainted(&s, 7.5, 0, 0.4), by_hand(&s, 7.5, "##..."), true, "0 to 0.4");
    check_same(inpainted(&s, 7.5, 0, 0.4), by_hand(&s, 7.5, "###.."), false, "one call more");
    close_scene(&s);
}

/* The parts of a dressing run, of which each step is told by hand whether it is guided. */
static void a_dressing_run_is_that_of_its_calls_one_by_one(void **state)
{
    static const char guided[] = ".###.";
    const dr_inpaint_options o = options(2.5, 0, 1);
    dr_dress_options with = {.guidance = o.guidance, .sampler = o.sampler, .seed = 7, .width = SIDE, .height = SIDE},
                     without = with;
    without.guidance.scale = 1;
    scene s;
    dr_dress_run r;
    dr_image picture;
    (void)state;
    open_scene(&s, "nano", true);
    assert_int_equal(dr_dress_begin(&r, &s.e, &with), DR_OK);
    assert_int_equal(dr_dress_encode(&r, &s.photo, &s.mask, &s.garment, NULL, NULL), DR_OK);
    dr_dress_start(&r, NULL);
    for (int i = 0; i < CALLS; i++) {
        r.o = guided[i] == '#' ? &with : &without;
        assert_int_equal(dr_dress_predict(&r, i, NULL), DR_OK);
        assert_int_equal(dr_sampler_step(r.sampler, i, r.out, r.x, r.n, &r.rng), DR_OK);
    }
    assert_int_equal(dr_dress_decode(&r, &picture), DR_OK);
    dr_dress_end(&r);
    check_same(dressed(&s, 2.5, 0.2, 0.8), picture, true, "0.2 to 0.8");
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_counted_as_diffusers_does_for_its_controls),
        cmocka_unit_test(an_empty_interval_is_no_guidance_and_a_part_is_neither),
        cmocka_unit_test(a_run_is_that_of_its_calls_one_by_one),
        cmocka_unit_test(a_dressing_run_is_that_of_its_calls_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
