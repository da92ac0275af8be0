/* Which calls of a run reuse the UNet's deep part, and that runs from a garment's photo do as the rule says. Runs from
 * a prompt are compared with the DeepCache package's, in tests/api. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tryon/dress.h"
#include "tryon/scene.h"

#include <stdlib.h>
#include <string.h>

#define CALLS 6

/* --- the rule ------------------------------------------------------------------------------------------- */

/* "2.1.": whole calls with their halves of guidance, and calls that reuse. `halves` has them of each call. */
static void check_calls(dr_step_plan plan, const char *halves, const char *want)
{
    dr_step_cache c;
    int calls = (int)strlen(halves);
    dr_step_cache_begin(&c, &plan);
    for (int i = 0; i < calls; i++) {
        dr_step_cache_next(&c, i, calls, halves[i] - '0');
        dr_unet_cache *u = dr_step_cache_of(&c, 1);
        if ((u && u->reuse) != (want[i] == '.'))
            fail_msg("interval %d, part %g to %g, call %d of %s", plan.interval, plan.start, plan.end, i, halves);
        assert_true((u != NULL) == (plan.interval > 1));
    }
    dr_step_cache_end(&c);
}

static void every_nth_call_is_whole(void **state)
{
    (void)state;
    check_calls((dr_step_plan){1, 0, 0, 1}, "22222222", "########");
    check_calls((dr_step_plan){2, 0, 0, 1}, "22222222", "#.#.#.#.");
    check_calls((dr_step_plan){3, 0, 0, 1}, "22222222", "#..#..#.");
    check_calls((dr_step_plan){9, 0, 0, 1}, "22222222", "#.......");
}

static void outside_of_its_part_of_the_run_all_calls_are_whole(void **state)
{
    (void)state;
    check_calls((dr_step_plan){2, 0, 0.2, 0.8}, "2222222222", "##.#.#.###");
    check_calls((dr_step_plan){3, 0, 0.3, 1}, "2222222222", "###..#..#.");
    check_calls((dr_step_plan){2, 0, 0, 0}, "2222", "####");
}

static void one_half_follows_from_two_but_not_two_from_one(void **state)
{
    (void)state;
    check_calls((dr_step_plan){4, 0, 0, 1}, "22111111", "#...#...");
    check_calls((dr_step_plan){4, 0, 0, 1}, "11222222", "#.#...#.");
    check_calls((dr_step_plan){4, 0, 0, 1}, "12112222", "##...#..");
}

static void a_branch_that_the_model_has_not_is_refused(void **state)
{
    (void)state;
    assert_int_equal(dr_step_plan_check(&(dr_step_plan){2, 11, 0, 1}, 12), DR_OK);
    assert_int_equal(dr_step_plan_check(&(dr_step_plan){1, 12, 0, 1}, 12), DR_OK); /* none is used */
    assert_int_equal(dr_step_plan_check(&(dr_step_plan){2, 12, 0, 1}, 12), DR_EINVAL);
    assert_string_equal(dr_error(), "cache_branch is 12, but this model's UNet has branches 0 to 11");
}

/* --- dressing from a photo ------------------------------------------------------------------------------ */

static dr_dress_options options(dr_step_plan plan)
{
    return (dr_dress_options){.guidance = {2.5, 0, 0.7},
                              .cache = plan,
                              .sampler = {.kind = DR_SAMPLER_DDIM, .steps = CALLS, .strength = 1},
                              .seed = 7,
                              .width = SIDE,
                              .height = SIDE};
}

static dr_image dressed(scene *s, dr_step_plan plan)
{
    const dr_dress_options o = options(plan);
    dr_image out;
    if (dr_dress(&s->e, &o, &s->photo, &s->mask, &s->garment, &out))
        fail_msg("%s", dr_error());
    return out;
}

/* Call by call, each half with a cache of its own; "#" is a whole call. */
static dr_image by_hand(scene *s, int branch, const char *whole)
{
    const dr_dress_options o = options((dr_step_plan){1, 0, 0, 1});
    dr_unet_cache cache[2] = {{.branch = branch}, {.branch = branch}};
    dr_dress_run r;
    dr_image picture;
    assert_int_equal(dr_dress_begin(&r, &s->e, &o), DR_OK);
    assert_int_equal(dr_dress_encode(&r, &s->photo, &s->mask, &s->garment, NULL, NULL), DR_OK);
    dr_dress_start(&r, NULL);
    for (int i = 0; i < CALLS; i++) {
        bool pair = dr_is_guided(&o.guidance, i, CALLS);
        for (int k = pair ? 0 : 1; k < 2; k++) {
            dr_sampler_scale(r.sampler, i, r.x, r.n, r.scaled);
            dr_unet_join_input(r.scaled, r.mask, r.condition + (size_t)k * r.n, 2 * (int64_t)r.h * r.w, r.latent, r.in);
            cache[k].reuse = whole[i] != '#';
            assert_int_equal(dr_engine_predict_textless(&s->e, r.in, dr_sampler_timestep(r.sampler, i), 1, 2 * r.h, r.w,
                                                        &cache[k], r.out + (pair ? (size_t)k * r.n : 0)),
                             DR_OK);
            assert_int_equal(cache[k].reused, whole[i] != '#');
        }
        if (pair)
            dr_guide(&o.guidance, r.out, r.n);
        assert_int_equal(dr_sampler_step(r.sampler, i, r.out, r.x, r.n, &r.rng), DR_OK);
    }
    assert_int_equal(dr_dress_decode(&r, &picture), DR_OK);
    dr_dress_end(&r);
    dr_unet_cache_clear(&cache[0]);
    dr_unet_cache_clear(&cache[1]);
    return picture;
}

static void dressing_reuses_in_each_half_what_that_half_gave(void **state)
{
    scene s;
    (void)state;
    open_scene(&s, "nano", true);
    check_same(dressed(&s, (dr_step_plan){2, 0, 0, 1}), by_hand(&s, 0, "#.#.#."), true, "every second call");
    check_same(dressed(&s, (dr_step_plan){3, 3, 0.3, 1}), by_hand(&s, 3, "##..#."), true, "from the third call on");
    check_same(dressed(&s, (dr_step_plan){1, 0, 0, 1}), by_hand(&s, 0, "######"), true, "none");
    check_same(dressed(&s, (dr_step_plan){2, 0, 0, 1}), by_hand(&s, 0, "######"), false, "every second call and none");
    check_same(dressed(&s, (dr_step_plan){2, 0, 0, 1}), by_hand(&s, 1, "#.#.#."), false, "another branch");
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_nth_call_is_whole),
        cmocka_unit_test(outside_of_its_part_of_the_run_all_calls_are_whole),
        cmocka_unit_test(one_half_follows_from_two_but_not_two_from_one),
        cmocka_unit_test(a_branch_that_the_model_has_not_is_refused),
        cmocka_unit_test(dressing_reuses_in_each_half_what_that_half_gave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
