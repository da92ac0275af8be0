/* Label maps of garments that lie, and of persons who wear them, made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/status.h"
#include "io/labels.h"
#include "mask/garment_photo.h"

#include <string.h>

enum { W = 120, H = 160 };

static void fill(dr_image *im, int x0, int y0, int x1, int y1, int label)
{
    for (int y = y0; y < y1; y++)
        memset(im->data + y * W + x0, label, (size_t)(x1 - x0));
}

static dr_image empty(void)
{
    dr_image im;
    assert_int_equal(dr_image_alloc(&im, W, H, 1), DR_OK);
    memset(im.data, 0, W * H);
    return im;
}

/* A person in shirt and trousers; the head may be out of the picture. */
static dr_image person(bool head)
{
    dr_image im = empty();
    if (head) {
        fill(&im, 50, 4, 70, 12, DR_LABEL_HAIR);
        fill(&im, 50, 12, 70, 30, DR_LABEL_FACE);
    }
    fill(&im, 42, 30, 78, 80, DR_LABEL_UPPER);
    fill(&im, 30, 40, 42, 85, DR_LABEL_RIGHT_ARM);
    fill(&im, 78, 40, 90, 85, DR_LABEL_LEFT_ARM);
    fill(&im, 42, 80, 78, 145, DR_LABEL_PANTS);
    fill(&im, 42, 145, 78, 152, DR_LABEL_LEFT_SHOE);
    return im;
}

static dr_garment_photo look(const dr_image *labels)
{
    dr_garment_photo what;
    if (dr_garment_photo_look(&what, labels, "photo"))
        fail_msg("%s", dr_error());
    return what;
}

static void a_shirt_that_lies_is_an_upper_garment_that_nobody_wears(void **state)
{
    dr_image im = empty();
    (void)state;
    fill(&im, 30, 40, 90, 120, DR_LABEL_UPPER);
    fill(&im, 20, 45, 30, 80, DR_LABEL_LEFT_ARM); /* a sleeve */
    fill(&im, 50, 36, 70, 40, DR_LABEL_FACE);     /* the inside of the collar */
    dr_garment_photo what = look(&im);
    assert_int_equal(what.category, DR_MASK_UPPER);
    assert_false(what.worn);
    dr_image_clear(&im);
}

static void the_kind_is_what_there_is_most_of(void **state)
{
    dr_image im = empty();
    (void)state;
    fill(&im, 30, 20, 90, 150, DR_LABEL_DRESS);
    assert_int_equal(look(&im).category, DR_MASK_DRESS);
    fill(&im, 30, 20, 90, 150, DR_LABEL_SKIRT);
    assert_int_equal(look(&im).category, DR_MASK_LOWER);
    dr_image_clear(&im);
}

static void of_a_person_in_shirt_and_trousers_the_shirt_is_meant(void **state)
{
    (void)state;
    for (int head = 0; head < 2; head++) {
        dr_image im = person(head);
        dr_garment_photo what = look(&im);
        assert_true(what.worn);
        assert_int_equal(what.category, DR_MASK_UPPER);
        dr_image_clear(&im);
    }
}

static void nothing_to_wear_is_said(void **state)
{
    dr_image im = empty();
    dr_garment_photo what;
    (void)state;
    fill(&im, 50, 12, 70, 30, DR_LABEL_FACE);
    assert_int_equal(dr_garment_photo_look(&what, &im, "a.jpg"), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "no garment is found in 'a.jpg'"));
    dr_image_clear(&im);
}

static void a_worn_garment_is_cut_out_alone(void **state)
{
    dr_image im = person(true), mask, photo, out;
    dr_garment_photo what = look(&im);
    (void)state;
    assert_int_equal(dr_garment_photo_mask(&mask, &im, &what, "photo"), DR_OK);
    assert_int_equal(mask.data[50 * W + 60], 255); /* shirt */
    assert_int_equal(mask.data[60 * W + 35], 0);   /* arm */
    assert_int_equal(mask.data[120 * W + 60], 0);  /* trousers */
    assert_int_equal(dr_image_alloc(&photo, W, H, 3), DR_OK);
    memset(photo.data, 77, W * H * 3);
    assert_int_equal(dr_garment_photo_cut(&out, &photo, &mask), DR_OK);
    assert_true(out.width < W && out.height < H && out.width > 36 && out.height > 50);
    assert_int_equal(out.data[0], 255);
    assert_int_equal(out.data[3 * ((out.height / 2) * out.width + out.width / 2)], 77);
    dr_image_clear(&out);
    dr_image_clear(&photo);
    dr_image_clear(&mask);
    dr_image_clear(&im);
}

static void one_that_lies_is_cut_out_with_what_is_taken_for_parts_of_a_body(void **state)
{
    dr_image im = empty(), mask;
    dr_garment_photo what = {DR_MASK_UPPER, false};
    (void)state;
    fill(&im, 30, 40, 90, 120, DR_LABEL_UPPER);
    fill(&im, 20, 45, 30, 80, DR_LABEL_LEFT_ARM);
    fill(&im, 2, 150, 5, 153, DR_LABEL_UPPER); /* a speck */
    assert_int_equal(dr_garment_photo_mask(&mask, &im, &what, "photo"), DR_OK);
    assert_int_equal(mask.data[60 * W + 25], 255);
    assert_int_equal(mask.data[151 * W + 3], 0);
    dr_image_clear(&mask);
    what.category = DR_MASK_LOWER;
    assert_int_equal(dr_garment_photo_mask(&mask, &im, &what, "photo"), DR_EINVAL);
    dr_image_clear(&im);
}

/* a box at the photo's edge: the air around it is outside */
static void air_around_a_cut_may_lie_outside_the_photo(void **state)
{
    dr_image mask = empty(), photo, out;
    (void)state;
    fill(&mask, 0, 0, W, H, 255);
    assert_int_equal(dr_image_alloc(&photo, W, H, 3), DR_OK);
    memset(photo.data, 9, W * H * 3);
    assert_int_equal(dr_garment_photo_cut(&out, &photo, &mask), DR_OK);
    assert_int_equal(out.width, W + 2 * 9);
    assert_int_equal(out.data[0], 255);
    assert_int_equal(out.data[3 * (9 * out.width + 9)], 9);
    dr_image_clear(&out);
    dr_image_clear(&photo);
    dr_image_clear(&mask);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shirt_that_lies_is_an_upper_garment_that_nobody_wears),
        cmocka_unit_test(the_kind_is_what_there_is_most_of),
        cmocka_unit_test(of_a_person_in_shirt_and_trousers_the_shirt_is_meant),
        cmocka_unit_test(nothing_to_wear_is_said),
        cmocka_unit_test(a_worn_garment_is_cut_out_alone),
        cmocka_unit_test(one_that_lies_is_cut_out_with_what_is_taken_for_parts_of_a_body),
        cmocka_unit_test(air_around_a_cut_may_lie_outside_the_photo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
