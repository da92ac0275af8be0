/* Which calls of a run are left out, what stands for their predictions, and that runs do as the rule says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tryon/dress.h"
#include "tryon/inpaint.h"
#include "tryon/scene.h"

#include <math.h>
#include <stdlib.h>

#define CALLS 12

/* --- the rule ------------------------------------------------------------------------------------------- */

static dr_schedule *noise_schedule(dr_prediction kind)
{
    static float alphas[1000];
    static dr_schedule s;
    for (int t = 0; t < 1000; t++)
        alphas[t] = 1 - 0.000999f * (float)(t + 1);
    s = (dr_schedule){.train_timesteps = 1000, .prediction = kind, .alphas_cumprod = alphas};
    return &s;
}

/* Inputs grow by 1 from call to call and predictions by a tenth of it from 10 on, so that the estimated change is 0.01
 * of the last prediction, nearly. "#" is made, "." left out; `guided` has a 2 for each call that is. */
static void check_calls(dr_step_plan plan, const char *guided, const char *want)
{
    int calls = (int)strlen(guided), skipped = 0;
    dr_step_skip s;
    assert_int_equal(dr_step_skip_begin(&s, &plan, noise_schedule(DR_PREDICT_EPSILON), 2), DR_OK);
    for (int i = 0; i < calls; i++) {
        float x[2] = {(float)i, (float)-i}, y[2] = {10 + 0.1f * (float)i, -10 - 0.1f * (float)i}, got[2] = {0};
        float t = 900 - (float)i;
        bool out = dr_step_skip_next(&s, i, calls, x, t, guided[i] == '2', got);
        if (out != (want[i] == '.'))
            fail_msg("threshold %g, part %g to %g, call %d of %s", plan.threshold, plan.start, plan.end, i, guided);
        if (out)
            assert_true(got[0] >= 10 && got[0] < y[0] && got[1] == -got[0]); /* the last one's */
        else
            dr_step_skip_keep(&s, x, t, guided[i] == '2', y);
        skipped += out;
        assert_int_equal(s.skipped, skipped);
    }
    dr_step_skip_end(&s);
}

static void calls_are_left_out_until_the_estimates_add_up(void **state)
{
    (void)state;
    check_calls((dr_step_plan){1, 0, 0, 1, 0}, "222222222222", "############");
    check_calls((dr_step_plan){1, 0, 0, 1, 0.005}, "222222222222", "############");
    check_calls((dr_step_plan){1, 0, 0, 1, 0.015}, "222222222222", "###.#.#.#.##");
    check_calls((dr_step_plan){1, 0, 0, 1, 0.025}, "222222222222", "###..#..#..#");
    check_calls((dr_step_plan){1, 0, 0, 1, 5}, "222222222222", "###........#");
    check_calls((dr_step_plan){1, 0, 0, 1, 5}, "2222", "####");
}

static void outside_of_its_part_of_the_run_and_across_guidances_end_all_are_made(void **state)
{
    (void)state;
    check_calls((dr_step_plan){1, 0, 0.5, 1, 5}, "2222222222", "#####....#");
    check_calls((dr_step_plan){1, 0, 0, 0.6, 5}, "2222222222", "###...####");
    check_calls((dr_step_plan){1, 0, 0, 1, 5}, "2222211111", "###..#...#");
    check_calls((dr_step_plan){1, 0, 0, 1, 5}, "2222121111", "###.###..#");
}

/* A picture and a noise that stay: what a model that sees them says at each timestep. */
static void a_prediction_is_carried_on_as_if_picture_and_noise_stayed(void **state)
{
    const float x0[3] = {0.3f, -1, 2}, e[3] = {1.5f, 0.2f, -0.7f};
    const dr_step_plan plan = {1, 0, 0, 1, 100};
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        const dr_schedule *sch = noise_schedule(kind ? DR_PREDICT_V : DR_PREDICT_EPSILON);
        dr_step_skip s;
        assert_int_equal(dr_step_skip_begin(&s, &plan, sch, 3), DR_OK);
        for (int i = 0; i < 8; i++) {
            float t = 900 - 100 * (float)i, a = sqrtf(sch->alphas_cumprod[(int)t]), b = sqrtf(1 - a * a), x[3], y[3],
                  got[3];
            for (int k = 0; k < 3; k++) {
                x[k] = a * x0[k] + b * e[k];
                y[k] = kind ? a * e[k] - b * x0[k] : e[k];
            }
            if (!dr_step_skip_next(&s, i, 8, x, t, true, got))
                dr_step_skip_keep(&s, x, t, true, y);
            else
                for (int k = 0; k < 3; k++)
                    assert_true(fabsf(got[k] - y[k]) < 1e-5f);
        }
        assert_int_equal(s.skipped, 4);
        dr_step_skip_end(&s);
    }
}

static void skipping_and_reusing_a_part_do_not_go_together(void **state)
{
    (void)state;
    assert_int_equal(dr_step_plan_check(&(dr_step_plan){1, 0, 0, 1, 0.1}, 12), DR_OK);
    assert_int_equal(dr_step_plan_check(&(dr_step_plan){3, 0, 0, 1, 0.1}, 12), DR_EINVAL);
    assert_string_equal(dr_error(), "cache_interval is 3 and cache_threshold 0.1: a call is left out, or reuses the "
                                    "model's deep part, not both; leave one of them out");
}

/* --- runs ----------------------------------------------------------------------------------------------- */

static int made; /* calls of the UNet */

static void count_call(void *watcher, const char *block, const dr_tensor *y)
{
    (void)watcher;
    (void)y;
    made += strcmp(block, "mid_block") == 0;
}

static dr_image inpainted(scene *s, double threshold, double guided_until)
{
    const dr_inpaint_options o = {.prompt = "red t-shirt",
                                  .negative_prompt = "",
                                  .guidance = {7.5, 0, guided_until},
                                  .cache = {1, 0, 0, 1, threshold},
                                  .sampler = {.kind = DR_SAMPLER_DDIM, .steps = CALLS, .strength = 1},
                                  .seed = 7,
                                  .width = SIDE,
                                  .height = SIDE};
    dr_image out;
    made = 0;
    s->e.tape.watch = count_call;
    if (dr_inpaint(&s->e, &o, &s->photo, &s->mask, &out))
        fail_msg("%s", dr_error());
    s->e.tape.watch = NULL;
    return out;
}

static dr_image dressed(scene *s, double threshold)
{
    const dr_dress_options o = {.guidance = {2.5, 0, 1},
                                .cache = {1, 0, 0, 1, threshold},
                                .sampler = {.kind = DR_SAMPLER_DDIM, .steps = CALLS, .strength = 1},
                                .seed = 7,
                                .width = SIDE,
                                .height = SIDE};
    dr_image out;
    if (dr_dress(&s->e, &o, &s->photo, &s->mask, &s->garment, &out))
        fail_msg("%s", dr_error());
    return out;
}

/* Mean difference of two pictures, of 255; both are let go. */
static double difference(dr_image a, dr_image b)
{
    double sum = 0;
    for (int i = 0; i < SIDE * SIDE * 3; i++)
        sum += abs(a.data[i] - b.data[i]);
    dr_image_clear(&a);
    dr_image_clear(&b);
    return sum / (SIDE * SIDE * 3);
}

static void a_run_does_without_calls_and_ends_near_the_one_with_all(void **state)
{
    scene s;
    (void)state;
    open_scene(&s, "nano", false);
    dr_image all = inpainted(&s, 0, 1);
    assert_int_equal(made, CALLS);
    assert_int_equal(s.e.skipped, 0);
    dr_image same = inpainted(&s, 1e-9, 1); /* the rule is asked, and leaves out none */
    assert_int_equal(made, CALLS);
    assert_memory_equal(all.data, same.data, SIDE * SIDE * 3);
    dr_image_clear(&same);
    dr_image fewer = inpainted(&s, 0.2, 1);
    assert_int_equal(made, CALLS - s.e.skipped);
    assert_in_range(s.e.skipped, 2, CALLS - 4);
    double far = difference(fewer, all);
    assert_true(far > 0 && far < 4);
    close_scene(&s);
}

static void without_guidance_at_the_end_a_run_does_without_calls_in_both_parts(void **state)
{
    scene s;
    (void)state;
    open_scene(&s, "nano", false);
    dr_image all = inpainted(&s, 0, 0.5);
    assert_true(difference(inpainted(&s, 100, 0.5), all) < 16);
    assert_int_equal(made, 3 + 1 + 1); /* the first, the first without guidance, the last */
    close_scene(&s);
}

static void dressing_does_without_calls_as_well(void **state)
{
    scene s;
    (void)state;
    open_scene(&s, "nano", true);
    check_same(dressed(&s, 0), dressed(&s, 1e-9), true, "no call left out");
    assert_int_equal(s.e.skipped, 0);
    dr_image all = dressed(&s, 0), fewer = dressed(&s, 0.2);
    assert_in_range(s.e.skipped, 2, CALLS - 4);
    double far = difference(fewer, all);
    assert_true(far > 0 && far < 4);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_left_out_until_the_estimates_add_up),
        cmocka_unit_test(outside_of_its_part_of_the_run_and_across_guidances_end_all_are_made),
        cmocka_unit_test(a_prediction_is_carried_on_as_if_picture_and_noise_stayed),
        cmocka_unit_test(skipping_and_reusing_a_part_do_not_go_together),
        cmocka_unit_test(a_run_does_without_calls_and_ends_near_the_one_with_all),
        cmocka_unit_test(without_guidance_at_the_end_a_run_does_without_calls_in_both_parts),
        cmocka_unit_test(dressing_does_without_calls_as_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
