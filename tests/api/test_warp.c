/* The GAN through the public header: very small networks (tests/golden/hr-viton) on a drawn folder
 * (tests/golden/viton). */
#include "drape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define NETS DR_SOURCE_DIR "/tests/golden/hr-viton/"
#define DATA DR_SOURCE_DIR "/tests/golden/viton"

static drape_warper *warper;
static char said[512];

static void on_note(void *user, const char *text)
{
    (void)user;
    snprintf(said, sizeof said, "%s", text);
}

static int load(void **state)
{
    (void)state;
    return drape_warper_load(&warper, NETS "mtviton.safetensors", NETS "gen.pth",
                             &(drape_load_options){.note = on_note});
}

static int unload(void **state)
{
    (void)state;
    drape_warper_free(warper);
    return 0;
}

static drape_warp_options options(void)
{
    drape_warp_options o = DRAPE_WARP_DEFAULTS;
    o.width = 128;
    o.height = 256;
    return o;
}

static const drape_warp_files files = {.image = DATA "/image/p0.png",
                                       .densepose = DATA "/image-densepose/p0.png",
                                       .keypoints = DATA "/openpose_json/p0_keypoints.json",
                                       .parse = DATA "/image-parse-v3/p0.png",
                                       .cloth = DATA "/cloth/c0.png",
                                       .cloth_mask = DATA "/cloth-mask/c0.png"};

static void says_whom_the_weights_are_for(void **state)
{
    (void)state;
    assert_non_null(strstr(said, "non-commercial"));
}

static void gives_all_pictures_that_come_about(void **state)
{
    drape_warp_options o = options();
    drape_warp_result r = {0};
    (void)state;
    assert_int_equal(drape_warp(warper, &files, &o, &r), DRAPE_OK);
    const drape_image *all[] = {&r.picture,  &r.warped_cloth,   &r.warped_mask, &r.classes,
                                &r.agnostic, &r.parse_agnostic, &r.cloth_mask};
    static const int channels[] = {3, 3, 1, 1, 3, 1, 1};
    for (int i = 0; i < 7; i++) {
        assert_true(all[i]->width == 128 && all[i]->height == 256);
        assert_int_equal(all[i]->channels, channels[i]);
    }
    for (int i = 0; i < 128 * 256; i++)
        assert_true(r.classes.data[i] < 13 && r.parse_agnostic.data[i] < 20);
    assert_true(r.flow.channels == 3 && r.flow.width < 128);
    drape_warp_result_free(&r);
    assert_null(r.picture.data);
}

static bool always(void *user)
{
    (*(int *)user)++;
    return true;
}

static void stops_when_it_is_told(void **state)
{
    drape_warp_options o = options();
    drape_warp_result r = {0};
    int asked = 0;
    (void)state;
    o.callbacks = (drape_warp_callbacks){&asked, NULL, always};
    assert_int_equal(drape_warp(warper, &files, &o, &r), DRAPE_ECANCELLED);
    assert_true(asked > 0);
    assert_null(r.picture.data);
    o = options(); /* and works again */
    assert_int_equal(drape_warp(warper, &files, &o, &r), DRAPE_OK);
    drape_warp_result_free(&r);
}

static void on_progress(void *user, double part)
{
    double *last = user;
    assert_true(part >= *last && part <= 1);
    *last = part;
}

static void tells_how_far_it_is(void **state)
{
    drape_warp_options o = options();
    drape_warp_result r = {0};
    double last = 0;
    (void)state;
    o.callbacks = (drape_warp_callbacks){&last, on_progress, NULL};
    assert_int_equal(drape_warp(warper, &files, &o, &r), DRAPE_OK);
    assert_true(last == 1);
    drape_warp_result_free(&r);
}

static void refused(const drape_warp_files *f, const drape_warp_options *o, const char *why)
{
    drape_warp_result r = {0};
    assert_int_not_equal(drape_warp(warper, f, o, &r), DRAPE_OK);
    if (!strstr(drape_error(), why))
        fail_msg("'%s' does not say '%s'", drape_error(), why);
    assert_null(r.picture.data);
}

static void says_what_is_missing_by_its_name(void **state)
{
    drape_warp_options o = options();
    drape_warp_files f = files;
    (void)state;
    f.densepose = NULL;
    refused(&f, &o, "DensePose is missing");
    f = files;
    f.keypoints = NULL;
    refused(&f, &o, "the key points are missing");
    f = files;
    f.parse = NULL;
    refused(&f, &o, "has no label map");
    f = files;
    f.image = NULL;
    refused(&f, &o, "photo is missing");
    f = files;
    f.cloth = NULL;
    refused(&f, &o, "cloth's picture is missing");
}

static void refuses_sizes_and_words_that_cannot_be(void **state)
{
    drape_warp_options o = options();
    (void)state;
    o.width = 100;
    assert_int_equal(drape_warp_check(warper, &o), DRAPE_EINVAL);
    assert_non_null(strstr(drape_error(), "multiple"));
    o = options();
    o.condition_width = 12;
    assert_int_equal(drape_warp_check(warper, &o), DRAPE_EINVAL);
    o = options();
    o.composition = "glue";
    assert_int_equal(drape_warp_check(warper, &o), DRAPE_EINVAL);
    assert_non_null(strstr(drape_error(), "composition"));
    o = options();
    o.composition = o.labels = NULL; /* the defaults */
    assert_int_equal(drape_warp_check(warper, &o), DRAPE_OK);
}

static void tells_the_two_networks_apart(void **state)
{
    drape_warper *w = NULL;
    (void)state;
    assert_int_equal(drape_warper_load(&w, NETS "gen.pth", NETS "gen.pth", NULL), DRAPE_EINVAL);
    assert_null(w);
    assert_non_null(strstr(drape_error(), "condition generator"));
    assert_int_not_equal(drape_warper_load(&w, NETS "mtviton.safetensors", NETS "none.pth", NULL), DRAPE_OK);
    assert_null(w);
}

static void goes_through_a_folders_pairs(void **state)
{
    drape_warp_pairs *p;
    drape_warp_files f;
    (void)state;
    assert_int_equal(drape_warp_pairs_read(&p, DATA, NULL), DRAPE_OK);
    assert_int_equal(drape_warp_pairs_count(p), 2);
    assert_string_equal(drape_warp_pairs_name(p, 1), "p1_c1");
    assert_null(drape_warp_pairs_name(p, 2));
    assert_int_equal(drape_warp_pairs_files(p, 0, &f), DRAPE_OK);
    assert_non_null(strstr(f.keypoints, "/openpose_json/p0_keypoints.json"));
    assert_non_null(f.cloth_mask);
    assert_int_equal(drape_warp_pairs_files(p, 1, &f), DRAPE_OK);
    assert_null(f.cloth_mask);
    assert_int_equal(drape_warp_pairs_files(p, 2, &f), DRAPE_EINVAL);
    drape_warp_pairs_free(p);
    assert_int_equal(drape_warp_pairs_read(&p, DATA "/cloth", NULL), DRAPE_ENOENT);
    assert_null(p);
}

static void makes_a_cloths_mask(void **state)
{
    drape_image cloth, mask = {0};
    (void)state;
    assert_int_equal(drape_image_read(&cloth, DATA "/cloth/c1.png"), DRAPE_OK);
    assert_int_equal(drape_cloth_mask(&cloth, NULL, &mask), DRAPE_OK);
    assert_true(mask.width == cloth.width && mask.channels == 1 && mask.data[0] == 0);
    assert_int_equal(drape_cloth_mask(&mask, "m.png", &mask), DRAPE_EINVAL);
    assert_string_equal(drape_error(), "'m.png' has 1 channels, must have 3");
    drape_image_free(&mask);
    drape_image_free(&cloth);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_whom_the_weights_are_for),
        cmocka_unit_test(gives_all_pictures_that_come_about),
        cmocka_unit_test(stops_when_it_is_told),
        cmocka_unit_test(tells_how_far_it_is),
        cmocka_unit_test(says_what_is_missing_by_its_name),
        cmocka_unit_test(refuses_sizes_and_words_that_cannot_be),
        cmocka_unit_test(tells_the_two_networks_apart),
        cmocka_unit_test(goes_through_a_folders_pairs),
        cmocka_unit_test(makes_a_cloths_mask),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
