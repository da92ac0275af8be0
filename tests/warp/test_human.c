#include "io/labels.h"
#include "warp/human.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static dr_image map_of(uint8_t *v, int width, int height)
{
    return (dr_image){width, height, 1, v};
}

static void knows_every_label_of_the_other_sets(void **state)
{
    uint8_t v[DR_LABELS];
    dr_image im = map_of(v, DR_LABELS, 1);
    (void)state;
    for (int i = 0; i < DR_LABELS; i++)
        v[i] = (uint8_t)i;
    assert_int_equal(dr_human_from_set(&im, DR_SET_ATR, &(dr_pose){0}, "m.png"), DR_OK);
    assert_int_equal(v[DR_LABEL_UPPER], DR_HUMAN_UPPER);
    assert_int_equal(v[DR_LABEL_SKIRT], DR_HUMAN_SKIRT);
    assert_int_equal(v[DR_LABEL_BELT], DR_HUMAN_PANTS);
    assert_int_equal(v[DR_LABEL_BAG], DR_HUMAN_BACKGROUND);
    assert_int_equal(v[DR_LABEL_SCARF], DR_HUMAN_SCARF);
    assert_int_equal(v[DR_LABEL_LEFT_ARM], DR_HUMAN_LEFT_ARM);
    assert_int_equal(v[DR_LABEL_RIGHT_SHOE], DR_HUMAN_RIGHT_SHOE);
    assert_int_equal(v[DR_LABEL_FACE], DR_HUMAN_FACE);
}

static void takes_lips_jumpsuits_for_dresses(void **state)
{
    uint8_t v[] = {0, 10, 13, 19};
    dr_image im = map_of(v, 4, 1);
    (void)state;
    assert_int_equal(dr_human_from_set(&im, DR_SET_LIP, &(dr_pose){0}, "m.png"), DR_OK);
    assert_int_equal(v[1], DR_HUMAN_DRESS);
    assert_int_equal(v[2], DR_HUMAN_FACE);
    v[1] = 10;
    assert_int_equal(dr_human_from_set(&im, DR_SET_CIHP, &(dr_pose){0}, "m.png"), DR_OK);
    assert_int_equal(v[1], DR_HUMAN_NECK);
}

static void parts_the_neck_from_atrs_face_below_the_chin(void **state)
{
    uint8_t v[10];
    dr_image im = map_of(v, 1, 10);
    dr_pose pose = {0};
    (void)state;
    memset(v, DR_LABEL_FACE, sizeof v);
    pose.point[DR_POSE_NOSE] = (dr_point){5, 2};
    pose.point[DR_POSE_NECK] = (dr_point){5, 9};
    assert_int_equal(dr_human_from_set(&im, DR_SET_ATR, &pose, "m.png"), DR_OK);
    for (int i = 0; i < 10; i++)
        assert_int_equal(v[i], i <= 5 ? DR_HUMAN_FACE : DR_HUMAN_NECK);
}

static void parts_limbs_whose_side_a_parser_does_not_tell(void **state)
{
    uint8_t v[20 * 10];
    dr_image im = map_of(v, 20, 10);
    dr_pose pose = {0};
    (void)state;
    memset(v, 0, sizeof v);
    for (int y = 0; y < 10; y++) {
        v[y * 20 + 2] = v[y * 20 + 3] = v[y * 20 + 16] = DR_HUMAN_LEFT_ARM; /* the right arm is on the left */
        v[y * 20 + 8] = DR_HUMAN_LEFT_LEG;
        v[y * 20 + 9] = DR_HUMAN_RIGHT_LEG;
    }
    for (int i = 0; i < 3; i++) {
        pose.point[2 + i] = (dr_point){3, 1 + 4 * i};
        pose.point[5 + i] = (dr_point){15, 1 + 4 * i};
        pose.point[9 + i] = (dr_point){8, 1 + 4 * i}; /* legs are told apart, whatever the points say */
        pose.point[12 + i] = (dr_point){9, 1 + 4 * i};
    }
    dr_human_part_sides(&im, &pose);
    for (int y = 0; y < 10; y++) {
        assert_int_equal(v[y * 20 + 2], DR_HUMAN_RIGHT_ARM);
        assert_int_equal(v[y * 20 + 16], DR_HUMAN_LEFT_ARM);
        assert_int_equal(v[y * 20 + 8], DR_HUMAN_LEFT_LEG);
        assert_int_equal(v[y * 20 + 9], DR_HUMAN_RIGHT_LEG);
    }
    memset(v, DR_HUMAN_LEFT_ARM, sizeof v);
    memset(&pose, 0, sizeof pose); /* nothing is seen: they stay */
    dr_human_part_sides(&im, &pose);
    assert_int_equal(v[0], DR_HUMAN_LEFT_ARM);
}

static void refuses_numbers_beyond_the_set(void **state)
{
    uint8_t v[] = {19, 20};
    dr_image im = map_of(v, 2, 1);
    (void)state;
    assert_int_equal(dr_human_from_set(&im, DR_SET_CIHP, &(dr_pose){0}, "m.png"), DR_EINVAL);
    assert_string_equal(dr_error(), "'m.png' has the label 20 at (1, 0), its label set has 0 to 19");
    assert_int_equal(dr_human_from_set(&im, DR_SET_ATR, &(dr_pose){0}, "m.png"), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "label 19"));
}

/* The table of docs/hr-viton.md. */
static void merges_labels_into_classes(void **state)
{
    static const uint8_t want[DR_HUMANS] = {0, 1, 1, 12, 2, 3, 3, 3, 11, 4, 0, 12, 4, 2, 5, 6, 7, 8, 9, 10};
    (void)state;
    for (int i = 0; i < DR_HUMANS; i++)
        assert_int_equal(dr_human_class((uint8_t)i), want[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_every_label_of_the_other_sets),
        cmocka_unit_test(takes_lips_jumpsuits_for_dresses),
        cmocka_unit_test(parts_the_neck_from_atrs_face_below_the_chin),
        cmocka_unit_test(parts_limbs_whose_side_a_parser_does_not_tell),
        cmocka_unit_test(refuses_numbers_beyond_the_set),
        cmocka_unit_test(merges_labels_into_classes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
