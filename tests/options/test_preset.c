/* Presets fill in what is open, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "options/options.h"

#include <string.h>

static drape_tryon_options open_options(drape_preset preset)
{
    return (drape_tryon_options){.preset = preset,
                                 .guidance_scale = -1,
                                 .guidance_start = -1,
                                 .guidance_end = -1,
                                 .eta = -1,
                                 .cache_start = -1,
                                 .cache_end = -1,
                                 .karras_open = true};
}

static void check(const drape_tryon_options *o, const char *scheduler, bool karras, int steps, double start, double end)
{
    if (scheduler)
        assert_string_equal(o->scheduler, scheduler);
    else
        assert_null(o->scheduler);
    assert_int_equal(o->karras, karras);
    assert_int_equal(o->steps, steps);
    assert_true(o->guidance_start == start && o->guidance_end == end);
    assert_true(o->guidance_scale == -1 && o->eta == -1); /* the model's matter */
}

static void what_is_open_is_filled_in(void **state)
{
    drape_tryon_options o = open_options(DRAPE_PRESET_EXACT);
    (void)state;
    dr_preset_fill(&o, false, false);
    check(&o, NULL, false, 0, 0, 1);
    o = open_options(DRAPE_PRESET_BALANCED);
    dr_preset_fill(&o, false, false);
    check(&o, "dpm++2m", true, 20, 0, 0.75);
    o = open_options(DRAPE_PRESET_FAST);
    dr_preset_fill(&o, false, false);
    check(&o, "unipc", false, 10, 0, 0.5);
}

static void what_is_given_stays(void **state)
{
    drape_tryon_options o = open_options(DRAPE_PRESET_FAST);
    (void)state;
    o.steps = 33;
    o.guidance_start = 0;
    o.guidance_end = 1;
    dr_preset_fill(&o, false, false);
    check(&o, "unipc", false, 33, 0, 1);
    o = open_options(DRAPE_PRESET_BALANCED);
    o.scheduler = "ddim"; /* which has no Karras noise levels */
    dr_preset_fill(&o, false, false);
    check(&o, "ddim", false, 20, 0, 0.75);
}

/* Else --guidance-start 0.8 would begin behind the preset's end. */
static void one_end_of_guidance_opens_the_other(void **state)
{
    drape_tryon_options o = open_options(DRAPE_PRESET_FAST);
    (void)state;
    o.guidance_start = 0.8;
    dr_preset_fill(&o, false, false);
    assert_true(o.guidance_start == 0.8 && o.guidance_end == 1);
    o = open_options(DRAPE_PRESET_FAST);
    o.guidance_end = 0.1;
    dr_preset_fill(&o, false, false);
    assert_true(o.guidance_start == 0 && o.guidance_end == 0.1);
}

static void a_model_made_for_few_steps_keeps_its_own(void **state)
{
    drape_tryon_options o = open_options(DRAPE_PRESET_FAST);
    (void)state;
    dr_preset_fill(&o, true, false);
    check(&o, NULL, false, 0, 0, 1);
}

static void what_is_said_of_karras_levels_goes_before_the_preset(void **state)
{
    drape_tryon_options o = open_options(DRAPE_PRESET_BALANCED);
    (void)state;
    o.karras_open = false; /* --no-karras */
    dr_preset_fill(&o, false, false);
    check(&o, "dpm++2m", false, 20, 0, 0.75);
    o = open_options(DRAPE_PRESET_FAST);
    o.karras = true;
    o.karras_open = false;
    dr_preset_fill(&o, false, false);
    check(&o, "unipc", true, 10, 0, 0.5);
}

static void the_cache_is_filled_in_as_guidance_is(void **state)
{
    drape_tryon_options o = open_options(DRAPE_PRESET_EXACT);
    (void)state;
    dr_preset_fill(&o, false, false);
    assert_true(o.cache_interval == 1 && o.cache_start == 0 && o.cache_end == 1);
    o = open_options(DRAPE_PRESET_BALANCED);
    dr_preset_fill(&o, false, false);
    assert_true(o.cache_interval == 2 && o.cache_start == 0.2 && o.cache_end == 1);
    o = open_options(DRAPE_PRESET_BALANCED);
    o.cache_threshold = 0.1;
    dr_preset_fill(&o, false, false);
    assert_true(o.cache_interval == 1 && o.cache_start == 0.2 && o.cache_end == 1);
    o = open_options(DRAPE_PRESET_FAST);
    o.cache_interval = 1;
    o.cache_end = 0.7;
    dr_preset_fill(&o, false, false);
    assert_true(o.cache_interval == 1 && o.cache_start == 0 && o.cache_end == 0.7);
}

static void no_karras_levels_from_pure_noise(void **state)
{
    drape_tryon_options o = open_options(DRAPE_PRESET_BALANCED);
    (void)state;
    dr_preset_fill(&o, false, true);
    check(&o, "dpm++2m", false, 20, 0, 0.75);
    o = open_options(DRAPE_PRESET_BALANCED);
    o.karras = true; /* asked for */
    o.karras_open = false;
    dr_preset_fill(&o, false, true);
    check(&o, "dpm++2m", true, 20, 0, 0.75);
}

static void a_preset_that_is_none_fills_in_nothing_and_is_refused(void **state)
{
    drape_tryon_options o = DRAPE_TRYON_DEFAULTS;
    (void)state;
    o.preset = (drape_preset)7;
    dr_preset_fill(&o, false, false);
    assert_null(o.scheduler);
    assert_int_equal(dr_options_check(dr_tryon_table, &o, "--"), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "--preset is 7, must be the number of one of exact|balanced|fast"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_open_is_filled_in),
        cmocka_unit_test(what_is_given_stays),
        cmocka_unit_test(one_end_of_guidance_opens_the_other),
        cmocka_unit_test(a_model_made_for_few_steps_keeps_its_own),
        cmocka_unit_test(what_is_said_of_karras_levels_goes_before_the_preset),
        cmocka_unit_test(the_cache_is_filled_in_as_guidance_is),
        cmocka_unit_test(no_karras_levels_from_pure_noise),
        cmocka_unit_test(a_preset_that_is_none_fills_in_nothing_and_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
