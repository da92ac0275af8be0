/* Against what Pillow draws by the published rules: tests/golden/viton, by tools/golden/make_viton_data.py. */
#include "io/label_map.h"
#include "warp/agnostic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DATA DR_SOURCE_DIR "/tests/golden/viton/"

typedef struct person {
    dr_image photo, parse, bare, agnostic;
    dr_pose pose;
} person;

static person read_person(const char *name)
{
    person p;
    char path[512];
    snprintf(path, sizeof path, DATA "image/%s.png", name);
    assert_int_equal(dr_image_read(&p.photo, path, 3), DR_OK);
    snprintf(path, sizeof path, DATA "image-parse-v3/%s.png", name);
    assert_int_equal(dr_label_map_read(&p.parse, path), DR_OK);
    snprintf(path, sizeof path, DATA "image-parse-agnostic-v3.2/%s.png", name);
    assert_int_equal(dr_label_map_read(&p.bare, path), DR_OK);
    snprintf(path, sizeof path, DATA "agnostic/%s.png", name);
    assert_int_equal(dr_image_read(&p.agnostic, path, 3), DR_OK);
    snprintf(path, sizeof path, DATA "openpose_json/%s_keypoints.json", name);
    assert_int_equal(dr_pose_read(&p.pose, path), DR_OK);
    assert_int_equal(dr_pose_check(&p.pose, p.photo.width, p.photo.height, path), DR_OK);
    return p;
}

static void clear_person(person *p)
{
    dr_image_clear(&p->photo);
    dr_image_clear(&p->parse);
    dr_image_clear(&p->bare);
    dr_image_clear(&p->agnostic);
}

static void same(const dr_image *a, const dr_image *b)
{
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    assert_memory_equal(a->data, b->data, (size_t)a->width * (size_t)a->height * (size_t)a->channels);
}

static void check_person(const char *name)
{
    person p = read_person(name);
    dr_image bare, agnostic, hidden;
    size_t n = (size_t)p.photo.width * (size_t)p.photo.height, hid = 0, hands = 0;
    assert_int_equal(dr_agnostic_parse(&bare, &p.parse, &p.pose, dr_agnostic_radius(p.parse.height)), DR_OK);
    same(&bare, &p.bare);
    assert_int_equal(dr_agnostic_picture(&agnostic, &p.photo, &p.parse, &p.pose, &hidden), DR_OK);
    same(&agnostic, &p.agnostic);
    for (size_t i = 0; i < n; i++) {
        static const uint8_t grey[] = {128, 128, 128};
        assert_memory_equal(agnostic.data + 3 * i, hidden.data[i] ? grey : p.photo.data + 3 * i, 3);
        hid += hidden.data[i] != 0;
        hands += bare.data[i] == DR_HUMAN_LEFT_ARM || bare.data[i] == DR_HUMAN_RIGHT_ARM;
    }
    assert_true(hid > n / 10 && hid < n / 2);
    assert_true(hands > 20); /* they stay */
    dr_image_clear(&bare);
    dr_image_clear(&agnostic);
    dr_image_clear(&hidden);
    clear_person(&p);
}

static void draws_as_the_published_preprocessing(void **state)
{
    (void)state;
    check_person("p0");
}

static void does_without_a_wrist(void **state)
{
    (void)state;
    check_person("p1");
}

static void measures_by_the_pictures_height(void **state)
{
    (void)state;
    assert_int_equal(dr_agnostic_radius(1024), 10);
    assert_int_equal(dr_agnostic_radius(512), 5);
    assert_int_equal(dr_agnostic_radius(256), 3);
    assert_int_equal(dr_agnostic_radius(16), 1);
}

/* As far out as the check lets them be. */
static void stays_in_the_picture_whatever_the_points(void **state)
{
    person p = read_person("p0");
    dr_image bare, agnostic;
    (void)state;
    for (int i = 0; i < DR_POSE_POINTS; i++)
        p.pose.point[i] = (dr_point){i % 2 ? -0.1 * p.photo.width : 1.1 * p.photo.width,
                                     i % 3 ? -0.1 * p.photo.height : 1.1 * p.photo.height};
    p.pose.point[9] = (dr_point){1, 1};
    assert_int_equal(dr_pose_check(&p.pose, p.photo.width, p.photo.height, "k"), DR_OK);
    assert_int_equal(dr_agnostic_parse(&bare, &p.parse, &p.pose, 1000), DR_OK);
    assert_int_equal(dr_agnostic_picture(&agnostic, &p.photo, &p.parse, &p.pose, NULL), DR_OK);
    dr_image_clear(&bare);
    dr_image_clear(&agnostic);
    clear_person(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_as_the_published_preprocessing),
        cmocka_unit_test(does_without_a_wrist),
        cmocka_unit_test(measures_by_the_pictures_height),
        cmocka_unit_test(stays_in_the_picture_whatever_the_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
