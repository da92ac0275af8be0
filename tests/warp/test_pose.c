#include "warp/pose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* {"people": [{"pose_keypoints_2d": [..]}]} with n numbers; point i is at (10 + i, 20 + 2 i). */
static char *file_of(int n)
{
    static char text[4096];
    int at = snprintf(text, sizeof text, "{\"version\": 1.3, \"people\": [{\"pose_keypoints_2d\": [");
    for (int k = 0; k < n; k++) {
        int i = k / 3;
        double v = k % 3 == 0 ? 10 + i : k % 3 == 1 ? 20 + 2 * i : 0.5;
        at += snprintf(text + at, sizeof text - (size_t)at, "%s%g", k ? ", " : "", v);
    }
    snprintf(text + at, sizeof text - (size_t)at, "]}]}");
    return text;
}

static dr_status parse(dr_pose *p, const char *text)
{
    return dr_pose_parse(p, text, strlen(text), "k.json");
}

static void refused(const char *text, const char *why)
{
    dr_pose p;
    assert_int_equal(parse(&p, text), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "k.json"));
    if (!strstr(dr_error(), why))
        fail_msg("'%s' does not say '%s'", dr_error(), why);
}

static void reads_openposes_25_points(void **state)
{
    dr_pose p;
    (void)state;
    assert_int_equal(parse(&p, file_of(75)), DR_OK);
    assert_true(p.point[0].x == 10 && p.point[0].y == 20 && p.point[24].x == 34 && p.point[24].y == 68);
    assert_int_equal(dr_pose_check(&p, 40, 70, "k.json"), DR_OK);
}

static void takes_cocos_18_points_for_their_like(void **state)
{
    dr_pose p;
    (void)state;
    assert_int_equal(parse(&p, file_of(54)), DR_OK);
    assert_true(p.point[DR_POSE_LEFT_WRIST].x == 17);
    assert_true(dr_pose_missing(&p.point[8]));           /* the middle of the hips, which COCO has not */
    assert_true(p.point[DR_POSE_RIGHT_HIP].x == 10 + 8); /* COCO's 8 */
    assert_true(p.point[DR_POSE_LEFT_HIP].x == 10 + 11);
}

static void refuses_files_of_nobody_and_of_other_things(void **state)
{
    (void)state;
    refused("{\"people\": []}", "nobody");
    refused("{\"persons\": []}", "no list \"people\"");
    refused("{\"people\": 3}", "no list \"people\"");
    refused("{\"people\": [7]}", "no list \"pose_keypoints_2d\"");
    refused("{\"people\": [{\"pose_keypoints_2d\": {}}]}", "no list \"pose_keypoints_2d\"");
    refused("{\"people\": [{\"pose_keypoints_2d\": [1, 2, 3]}]}", "has 3 numbers, expected 75");
    refused("[1, 2]", "not an object");
    refused("no json", "not valid JSON");
    refused("", "not valid JSON");
}

static void refuses_what_is_no_number(void **state)
{
    char *text = file_of(75);
    (void)state;
    memcpy(strchr(strstr(text, "2d"), '[') + 1, "{}", 2); /* of the first one */
    refused(text, "is none");
    text = file_of(75);
    memcpy(strchr(strstr(text, "2d"), '[') + 1, "\"\"", 2);
    refused(text, "is none");
}

static dr_pose whole(void)
{
    dr_pose p;
    assert_int_equal(parse(&p, file_of(75)), DR_OK);
    return p;
}

static void unusable(dr_pose p, const char *why)
{
    assert_int_equal(dr_pose_check(&p, 100, 200, "k.json"), DR_EINVAL);
    if (!strstr(dr_error(), why))
        fail_msg("'%s' does not say '%s'", dr_error(), why);
}

static void needs_shoulders_and_hips(void **state)
{
    static const int points[] = {2, 5, 9, 12};
    static const char *const names[] = {"right shoulder", "left shoulder", "right hip", "left hip"};
    (void)state;
    for (int i = 0; i < 4; i++) {
        dr_pose p = whole();
        p.point[points[i]] = (dr_point){0, 0};
        unusable(p, names[i]);
    }
    dr_pose p = whole();
    p.point[4] = p.point[7] = p.point[1] = (dr_point){0, 0};
    assert_int_equal(dr_pose_check(&p, 100, 200, "k.json"), DR_OK);
    p.point[9] = p.point[12];
    unusable(p, "both hips");
}

static void tells_points_of_another_photo(void **state)
{
    dr_pose p = whole();
    (void)state;
    p.point[11] = (dr_point){50, 231};
    unusable(p, "point 11 is at (50, 231), outside the photo of 100x200");
    p.point[11] = (dr_point){-1e300, 3};
    unusable(p, "outside the photo");
    p.point[11] = (dr_point){1e300, -1e300};
    unusable(p, "outside the photo");
    p = whole();
    for (int i = 0; i < DR_POSE_POINTS; i++)
        p.point[i] = (dr_point){p.point[i].x / 100, p.point[i].y / 200};
    unusable(p, "between 0 and 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_openposes_25_points),
        cmocka_unit_test(takes_cocos_18_points_for_their_like),
        cmocka_unit_test(refuses_files_of_nobody_and_of_other_things),
        cmocka_unit_test(refuses_what_is_no_number),
        cmocka_unit_test(needs_shoulders_and_hips),
        cmocka_unit_test(tells_points_of_another_photo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
