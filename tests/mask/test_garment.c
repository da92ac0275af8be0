/* Rules of masks on people drawn with boxes: a tall picture of 400 x 800, a person of 700 in the middle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/status.h"
#include "io/labels.h"
#include "mask/garment.h"
#include "mask/regions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static dr_image labels, mask;
static int zoom;

static void box(int label, int x, int y, int width, int height)
{
    for (int j = y * zoom; j < (y + height) * zoom; j++)
        for (int i = x * zoom; i < (x + width) * zoom; i++)
            if (i >= 0 && j >= 0 && i < labels.width && j < labels.height)
                labels.data[(size_t)j * (size_t)labels.width + (size_t)i] = (uint8_t)label;
}

static void blank(int width, int height, int scale)
{
    zoom = scale;
    dr_image_clear(&labels);
    assert_int_equal(dr_image_alloc(&labels, width * scale, height * scale, 1), DR_OK);
    memset(labels.data, 0, (size_t)labels.width * (size_t)labels.height);
}

/* T-shirt with bare arms (24 wide, to y 420), trousers, shoes; x0 is the left edge of the shoulders */
static void person(int x0)
{
    box(DR_LABEL_HAIR, x0 + 62, 50, 56, 40);
    box(DR_LABEL_FACE, x0 + 64, 65, 52, 90); /* with the neck, to y 155 */
    box(DR_LABEL_UPPER, x0 + 30, 150, 120, 200);
    box(DR_LABEL_UPPER, x0, 155, 30, 60); /* short sleeves */
    box(DR_LABEL_UPPER, x0 + 150, 155, 30, 60);
    box(DR_LABEL_RIGHT_ARM, x0, 215, 24, 205);
    box(DR_LABEL_LEFT_ARM, x0 + 156, 215, 24, 205);
    box(DR_LABEL_PANTS, x0 + 35, 350, 110, 370);
    box(DR_LABEL_RIGHT_SHOE, x0 + 30, 720, 50, 30);
    box(DR_LABEL_LEFT_SHOE, x0 + 100, 720, 50, 30);
}

static int set_up(void **state)
{
    (void)state;
    blank(400, 800, 1);
    person(110);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    dr_image_clear(&labels);
    dr_image_clear(&mask);
    return 0;
}

static dr_status make(dr_garment_options o)
{
    dr_image_clear(&mask);
    return dr_garment_mask(&mask, &labels, &o, "p.jpg");
}

static bool white(int x, int y)
{
    uint8_t v = mask.data[(size_t)(y * zoom) * (size_t)mask.width + (size_t)(x * zoom)];
    assert_true(v == 0 || v == 255);
    return v == 255;
}

/* Share of a label's pixels under the mask. */
static double share(int label)
{
    double all = 0, under = 0;
    for (size_t i = 0; i < (size_t)labels.width * (size_t)labels.height; i++) {
        all += labels.data[i] == label;
        under += labels.data[i] == label && mask.data[i];
    }
    return all > 0 ? under / all : 0;
}

static void upper_covers_the_shirt_and_leaves_face_hair_and_trousers(void **state)
{
    (void)state;
    assert_int_equal(make((dr_garment_options)DR_GARMENT_DEFAULTS), DR_OK);
    assert_true(share(DR_LABEL_UPPER) > 0.99);
    assert_true(share(DR_LABEL_HAIR) == 0);
    assert_false(white(200, 100)); /* the face; its lower end is neck */
    assert_true(share(DR_LABEL_PANTS) < 0.08);
    assert_false(white(286, 320)); /* the arm's outer side; its inner side lies against the shirt */
}

static void it_grows_beyond_the_garment_in_proportion_to_the_person(void **state)
{
    (void)state;
    assert_int_equal(make((dr_garment_options)DR_GARMENT_DEFAULTS), DR_OK);
    assert_true(white(104, 185)); /* outside the sleeve, which begins at 110 */
    assert_false(white(85, 185));
    double grown = 0, plain = 0;
    for (size_t i = 0; i < (size_t)mask.width * (size_t)mask.height; i++)
        plain += mask.data[i] != 0;
    assert_int_equal(make((dr_garment_options){.grow = 0.02}), DR_OK);
    for (size_t i = 0; i < (size_t)mask.width * (size_t)mask.height; i++)
        grown += mask.data[i] != 0;
    assert_true(grown > 1.1 * plain);
}

static void long_sleeves_cover_arms_down_to_the_wrist(void **state)
{
    (void)state;
    assert_int_equal(make((dr_garment_options){.sleeve = DR_SLEEVE_LONG}), DR_OK);
    assert_true(white(122, 300) && white(278, 300));
    assert_false(white(122, 400)); /* the hand: the last 0.105 of 700 */
    assert_false(white(278, 400));
}

static void short_sleeves_cover_a_part_of_the_arm(void **state)
{
    (void)state;
    assert_int_equal(make((dr_garment_options){.sleeve = DR_SLEEVE_SHORT}), DR_OK);
    assert_true(white(116, 250));
    assert_false(white(116, 340));
}

static void a_hand_in_a_long_sleeve_is_all_hand(void **state)
{
    (void)state;
    box(DR_LABEL_UPPER, 110, 215, 24, 155); /* the sleeve now reaches the wrist */
    for (int k = 0; k < 3; k++) {
        assert_int_equal(make((dr_garment_options){.sleeve = (dr_mask_sleeve)k}), DR_OK);
        assert_true(share(DR_LABEL_RIGHT_ARM) < 0.02);
        assert_true(white(120, 300));
    }
}

static void an_arm_cut_by_the_picture_has_no_hand(void **state)
{
    (void)state;
    blank(400, 330, 1); /* cut above the hands */
    person(110);
    assert_int_equal(make((dr_garment_options){.sleeve = DR_SLEEVE_LONG}), DR_OK);
    assert_true(white(122, 325) && white(278, 325));
}

static void lower_covers_trousers_and_leaves_shoes(void **state)
{
    (void)state;
    assert_int_equal(make((dr_garment_options){.category = DR_MASK_LOWER}), DR_OK);
    assert_true(share(DR_LABEL_PANTS) > 0.99);
    assert_true(share(DR_LABEL_LEFT_SHOE) == 0 && share(DR_LABEL_RIGHT_SHOE) == 0);
    assert_true(share(DR_LABEL_UPPER) < 0.15);
}

static void lower_takes_bare_legs_with_a_skirt(void **state)
{
    (void)state;
    box(DR_LABEL_SKIRT, 145, 350, 110, 150);
    box(DR_LABEL_RIGHT_LEG, 145, 500, 50, 220);
    box(DR_LABEL_LEFT_LEG, 205, 500, 50, 220);
    assert_int_equal(make((dr_garment_options){.category = DR_MASK_LOWER}), DR_OK);
    assert_true(share(DR_LABEL_LEFT_LEG) > 0.95 && share(DR_LABEL_SKIRT) > 0.95);
}

static void a_dress_is_parted_at_the_waist(void **state)
{
    (void)state;
    box(DR_LABEL_DRESS, 140, 150, 120, 400);
    assert_int_equal(make((dr_garment_options){.category = DR_MASK_UPPER}), DR_OK);
    assert_true(white(200, 220) && !white(200, 520));
    assert_int_equal(make((dr_garment_options){.category = DR_MASK_LOWER}), DR_OK);
    assert_true(!white(200, 220) && white(200, 520));
    assert_int_equal(make((dr_garment_options){.category = DR_MASK_DRESS}), DR_OK);
    assert_true(white(200, 220) && white(200, 520));
}

static void outer_reaches_below_the_waist_and_takes_arms(void **state)
{
    (void)state;
    assert_int_equal(make((dr_garment_options){.category = DR_MASK_OUTER}), DR_OK);
    assert_true(white(200, 400) && !white(200, 640) && white(122, 300));
}

static void the_garment_alone_is_exact(void **state)
{
    (void)state;
    assert_int_equal(make((dr_garment_options){.what = DR_MASK_GARMENT}), DR_OK);
    int64_t wrong = 0;
    for (size_t i = 0; i < (size_t)mask.width * (size_t)mask.height; i++)
        wrong += (mask.data[i] != 0) != (labels.data[i] == DR_LABEL_UPPER);
    assert_true(wrong < 200); /* corners are rounded */
}

static void bags_and_hands_are_never_covered(void **state)
{
    (void)state;
    box(DR_LABEL_BAG, 190, 260, 40, 50);
    for (int what = 0; what < 3; what++)
        for (int category = 0; category < 4; category++) {
            assert_int_equal(make((dr_garment_options){
                                 .category = (dr_mask_category)category, .sleeve = (dr_mask_sleeve)what, .grow = 0.05}),
                             DR_OK);
            assert_true(share(DR_LABEL_BAG) == 0 && share(DR_LABEL_HAIR) == 0);
            assert_false(white(122, 410));
            assert_true(share(DR_LABEL_LEFT_SHOE) == 0);
        }
}

static void specks_and_holes_do_not_show(void **state)
{
    (void)state;
    box(DR_LABEL_PANTS, 200, 250, 6, 6); /* noise inside the shirt */
    box(DR_LABEL_UPPER, 20, 20, 6, 6);   /* noise far away */
    assert_int_equal(make((dr_garment_options){.what = DR_MASK_GARMENT}), DR_OK);
    assert_true(white(202, 252));
    assert_false(white(22, 22));
}

static void a_picture_twice_as_large_has_the_same_mask_twice_as_large(void **state)
{
    (void)state;
    dr_image small = {0};
    assert_int_equal(make((dr_garment_options){.sleeve = DR_SLEEVE_LONG}), DR_OK);
    small = mask;
    mask = (dr_image){0};
    blank(400, 800, 3);
    person(110);
    assert_int_equal(make((dr_garment_options){.sleeve = DR_SLEEVE_LONG}), DR_OK);
    assert_int_equal(mask.width, 1200);
    double both = 0, either = 0;
    for (int y = 0; y < 800; y++)
        for (int x = 0; x < 400; x++) {
            bool a = small.data[y * 400 + x], b = white(x, y);
            both += a && b;
            either += a || b;
        }
    dr_image_clear(&small);
    assert_true(both / either > 0.96);
}

static void two_people_are_told_apart_and_the_other_is_left_alone(void **state)
{
    (void)state;
    dr_person p[4];
    blank(800, 800, 1);
    person(60);
    person(500);
    box(DR_LABEL_PANTS, 535, 600, 130, 130); /* the right one is a little larger */
    assert_int_equal(dr_persons_find(&labels, p, 4, NULL), 2);
    assert_true(p[0].x > 400 && p[1].x < 400);
    assert_true(p[0].unit > 600 && p[0].unit < 900);
    assert_int_equal(make((dr_garment_options){.person = 2}), DR_OK);
    assert_true(white(150, 250) && !white(590, 250));
    assert_int_equal(make((dr_garment_options){.person = 0}), DR_OK);
    assert_true(!white(150, 250) && white(590, 250));
}

static void people_who_touch_are_told_apart_by_their_faces(void **state)
{
    (void)state;
    dr_person p[4];
    blank(800, 800, 1);
    person(200);
    person(370); /* shoulder to shoulder */
    assert_int_equal(dr_persons_find(&labels, p, 4, NULL), 2);
    assert_int_equal(make((dr_garment_options){.person = 1}), DR_OK);
    assert_true(white(290, 250) != white(460, 250));
}

static void what_is_missing_is_said(void **state)
{
    (void)state;
    assert_int_equal(make((dr_garment_options){.person = 2}), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "person 2 was asked for, 'p.jpg' shows 1"));
    box(DR_LABEL_BACKGROUND, 0, 345, 400, 455);
    assert_int_equal(make((dr_garment_options){.category = DR_MASK_LOWER}), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "no lower garment"));
    assert_non_null(strstr(dr_error(), "Upper-clothes"));
    blank(400, 800, 1);
    assert_int_equal(make((dr_garment_options)DR_GARMENT_DEFAULTS), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "no person"));
}

static void any_bytes_and_sizes_are_taken(void **state)
{
    (void)state;
    static const int sizes[][2] = {{1, 1}, {1, 300}, {300, 1}, {3, 3}, {64, 48}};
    uint32_t seed = 1;
    for (int n = 0; n < 40; n++) {
        blank(sizes[n % 5][0], sizes[n % 5][1], 1);
        for (int i = 0; i < labels.width * labels.height; i++) {
            seed = seed * 1664525u + 1013904223u;
            labels.data[i] = (uint8_t)(n < 20 ? seed >> 24 : (seed >> 24) % 18);
        }
        dr_status st = make((dr_garment_options){
            .what = (dr_mask_what)(n % 2), .category = (dr_mask_category)(n % 4), .sleeve = (dr_mask_sleeve)(n % 3)});
        assert_true(st == DR_OK || st == DR_EINVAL);
    }
}

static void a_head_and_shoulders_picture_is_of_a_whole_persons_measure(void **state)
{
    (void)state;
    dr_person p;
    blank(400, 300, 1);
    person(110);
    assert_int_equal(dr_persons_find(&labels, &p, 1, NULL), 1);
    assert_true(p.unit > 500 && p.unit < 900); /* of 700, though 250 are seen */
}

static void a_rough_mask_snaps_to_labels_and_colours(void **state)
{
    (void)state;
    dr_image photo = {0}, rough = {0};
    assert_int_equal(dr_image_alloc(&photo, labels.width, labels.height, 3), DR_OK);
    assert_int_equal(dr_image_alloc(&rough, labels.width, labels.height, 1), DR_OK);
    for (int i = 0; i < labels.width * labels.height; i++)
        memset(photo.data + 3 * i, labels.data[i] == DR_LABEL_UPPER ? 200 : 40, 3);
    memset(rough.data, 0, (size_t)rough.width * (size_t)rough.height);
    for (int y = 165; y < 365; y++) /* over the trousers' top, short of the shirt's */
        for (int x = 130; x < 275; x++)
            rough.data[y * rough.width + x] = 255;
    dr_image_clear(&mask);
    assert_int_equal(dr_mask_refine(&mask, &rough, &photo, &labels, "p.jpg"), DR_OK);
    assert_true(share(DR_LABEL_UPPER) > 0.9);
    assert_true(share(DR_LABEL_PANTS) < 0.02);
    memset(labels.data, 0, (size_t)labels.width * (size_t)labels.height); /* colours alone */
    dr_image_clear(&mask);
    assert_int_equal(dr_mask_refine(&mask, &rough, &photo, &labels, "p.jpg"), DR_OK);
    assert_true(white(200, 250) && !white(40, 250));
    dr_image_clear(&photo);
    dr_image_clear(&rough);
}

static void holes_are_filled_up_to_a_size_and_not_at_the_edge(void **state)
{
    (void)state;
    blank(20, 20, 1);
    box(255, 2, 2, 16, 16);
    box(0, 5, 5, 2, 2);
    box(0, 10, 10, 5, 5);
    assert_int_equal(dr_fill_holes(&labels, 10), DR_OK);
    assert_int_equal(labels.data[5 * 20 + 5], 255);
    assert_int_equal(labels.data[12 * 20 + 12], 0);
    assert_int_equal(labels.data[0], 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(upper_covers_the_shirt_and_leaves_face_hair_and_trousers),
        TEST(it_grows_beyond_the_garment_in_proportion_to_the_person),
        TEST(long_sleeves_cover_arms_down_to_the_wrist),
        TEST(short_sleeves_cover_a_part_of_the_arm),
        TEST(a_hand_in_a_long_sleeve_is_all_hand),
        TEST(an_arm_cut_by_the_picture_has_no_hand),
        TEST(lower_covers_trousers_and_leaves_shoes),
        TEST(lower_takes_bare_legs_with_a_skirt),
        TEST(a_dress_is_parted_at_the_waist),
        TEST(outer_reaches_below_the_waist_and_takes_arms),
        TEST(the_garment_alone_is_exact),
        TEST(bags_and_hands_are_never_covered),
        TEST(specks_and_holes_do_not_show),
        TEST(a_picture_twice_as_large_has_the_same_mask_twice_as_large),
        TEST(two_people_are_told_apart_and_the_other_is_left_alone),
        TEST(people_who_touch_are_told_apart_by_their_faces),
        TEST(what_is_missing_is_said),
        TEST(any_bytes_and_sizes_are_taken),
        TEST(a_head_and_shoulders_picture_is_of_a_whole_persons_measure),
        TEST(a_rough_mask_snaps_to_labels_and_colours),
        TEST(holes_are_filled_up_to_a_size_and_not_at_the_edge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
