/* What is given back to the photo after a try-on, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/status.h"
#include "io/labels.h"
#include "mask/mask_shape.h"
#include "mask/unworn.h"

#include <string.h>

enum { W = 200, H = 240, PHOTO = 50, PAINT = 200 };

typedef struct scene {
    dr_image photo, picture, mask, before, after;
} scene;

static const dr_rect mask_box = {40, 40, 120, 160};

static dr_image filled(int channels, int value)
{
    dr_image im;
    assert_int_equal(dr_image_alloc(&im, W, H, channels), DR_OK);
    memset(im.data, value, (size_t)W * H * (size_t)channels);
    return im;
}

static void put(dr_image *im, dr_rect box, int value)
{
    for (int y = box.y; y < box.y + box.height; y++)
        memset(im->data + (size_t)y * W + box.x, value, (size_t)box.width);
}

/* A person whose garment lies in `old` and whose new one in `new`, painted in one grey all over the mask. */
static scene make(int old_label, dr_rect old, int new_label, dr_rect new)
{
    scene s = {filled(3, PHOTO), filled(3, PHOTO), filled(1, 0), filled(1, 0), filled(1, 0)};
    put(&s.mask, mask_box, 255);
    for (int64_t i = 0; i < W * H; i++)
        if (s.mask.data[i])
            memset(s.picture.data + 3 * i, PAINT, 3);
    put(&s.before, (dr_rect){90, 10, 20, 25}, DR_LABEL_FACE);
    put(&s.after, (dr_rect){90, 10, 20, 25}, DR_LABEL_FACE);
    put(&s.before, old, old_label);
    put(&s.after, new, new_label);
    return s;
}

static void clear(scene *s)
{
    dr_image_clear(&s->photo);
    dr_image_clear(&s->picture);
    dr_image_clear(&s->mask);
    dr_image_clear(&s->before);
    dr_image_clear(&s->after);
}

static bool keep(scene *s)
{
    bool kept;
    assert_int_equal(dr_keep_unworn(&s->picture, &s->photo, &s->mask, &s->before, &s->after, &kept), DR_OK);
    return kept;
}

static int at(const scene *s, int x, int y)
{
    return s->picture.data[3 * (y * W + x)];
}

static void both_garments_stay_painted_and_the_rest_is_the_photo(void **state)
{
    (void)state;
    scene s = make(DR_LABEL_UPPER, (dr_rect){60, 60, 40, 80}, DR_LABEL_UPPER, (dr_rect){100, 60, 40, 120});
    assert_true(keep(&s));
    assert_int_equal(at(&s, 80, 100), PAINT);  /* the old one, which must not be seen again */
    assert_int_equal(at(&s, 120, 160), PAINT); /* the new one */
    assert_int_equal(at(&s, 57, 100), PAINT);  /* just beside the old one: the parser's edge is not exact */
    assert_int_equal(at(&s, 45, 100), PHOTO);
    assert_int_equal(at(&s, 155, 100), PHOTO);
    assert_int_equal(at(&s, 80, 190), PHOTO);
    assert_int_equal(at(&s, 10, 10), PHOTO); /* outside the mask */
    clear(&s);
}

static void the_seam_is_soft(void **state)
{
    (void)state;
    scene s = make(DR_LABEL_UPPER, (dr_rect){60, 60, 80, 80}, DR_LABEL_UPPER, (dr_rect){60, 60, 80, 120});
    int between = 0;
    assert_true(keep(&s));
    for (int y = 140; y < 200; y++)
        between += at(&s, 100, y) > PHOTO && at(&s, 100, y) < PAINT;
    assert_in_range(between, 1, 6);
    clear(&s);
}

static void trousers_under_a_shirts_mask_are_not_its_garment(void **state)
{
    (void)state;
    scene s = make(DR_LABEL_UPPER, (dr_rect){60, 60, 80, 80}, DR_LABEL_UPPER, (dr_rect){60, 60, 80, 80});
    put(&s.before, (dr_rect){60, 170, 80, 60}, DR_LABEL_PANTS);
    put(&s.after, (dr_rect){60, 170, 80, 60}, DR_LABEL_PANTS);
    assert_true(keep(&s));
    assert_int_equal(at(&s, 100, 100), PAINT);
    assert_int_equal(at(&s, 100, 185), PHOTO);
    clear(&s);
}

static void a_mask_for_trousers_is_about_trousers(void **state)
{
    (void)state;
    scene s = make(DR_LABEL_PANTS, (dr_rect){60, 80, 80, 110}, DR_LABEL_PANTS, (dr_rect){60, 80, 80, 110});
    put(&s.before, (dr_rect){60, 42, 80, 20}, DR_LABEL_UPPER);
    put(&s.after, (dr_rect){60, 42, 80, 20}, DR_LABEL_UPPER);
    assert_true(keep(&s));
    assert_int_equal(at(&s, 100, 120), PAINT);
    assert_int_equal(at(&s, 100, 50), PHOTO);
    clear(&s);
}

static void an_overall_is_both(void **state)
{
    (void)state;
    scene s = make(DR_LABEL_DRESS, (dr_rect){60, 60, 80, 130}, DR_LABEL_UPPER, (dr_rect){60, 60, 80, 60});
    put(&s.after, (dr_rect){50, 120, 100, 70}, DR_LABEL_SKIRT);
    assert_true(keep(&s));
    assert_int_equal(at(&s, 100, 80), PAINT);
    assert_int_equal(at(&s, 53, 150), PAINT); /* the skirt is wider than the dress was */
    assert_int_equal(at(&s, 45, 60), PHOTO);
    clear(&s);
}

static void holes_in_the_garment_stay_as_painted(void **state)
{
    (void)state;
    scene s = make(DR_LABEL_UPPER, (dr_rect){60, 60, 30, 30}, DR_LABEL_UPPER, (dr_rect){60, 60, 80, 120});
    put(&s.after, (dr_rect){110, 120, 7, 7}, DR_LABEL_BACKGROUND);
    assert_true(keep(&s));
    assert_int_equal(at(&s, 113, 123), PAINT);
    clear(&s);
}

/* A wide garment gives way to a narrow one: on the left there is background beside it, on the right an arm. */
static void what_the_old_garment_leaves_bare_is_the_background_around_it(void **state)
{
    (void)state;
    scene s = make(DR_LABEL_UPPER, (dr_rect){60, 60, 80, 100}, DR_LABEL_UPPER, (dr_rect){68, 60, 64, 100});
    for (int i = 0; i < W * H; i++) /* darker to the left */
        memset(s.photo.data + 3 * i, i % W < 64 ? 20 : 90, 3);
    put(&s.before, (dr_rect){161, 40, 39, 160}, DR_LABEL_LEFT_ARM);
    put(&s.after, (dr_rect){161, 40, 39, 160}, DR_LABEL_LEFT_ARM);
    put(&s.before, (dr_rect){140, 60, 21, 100}, DR_LABEL_UPPER);
    assert_true(keep(&s));
    assert_in_range(at(&s, 61, 110), 20, 50);
    assert_int_equal(at(&s, 100, 110), PAINT);
    assert_int_equal(at(&s, 137, 110), PAINT); /* nearer to the arm: whose is it? */
    clear(&s);
}

/* Where the parser calls background what lies deep in the mask, the parser is wrong. */
static void what_is_deep_is_never_bare(void **state)
{
    (void)state;
    scene s = make(DR_LABEL_UPPER, (dr_rect){42, 42, 116, 156}, DR_LABEL_UPPER, (dr_rect){95, 60, 10, 110});
    assert_true(keep(&s));
    assert_int_equal(at(&s, 50, 100), PAINT);
    clear(&s);
}

static void without_a_garment_in_the_result_nothing_changes(void **state)
{
    (void)state;
    scene s = make(DR_LABEL_UPPER, (dr_rect){60, 60, 40, 80}, DR_LABEL_BACKGROUND, (dr_rect){60, 60, 40, 80});
    assert_false(keep(&s));
    assert_int_equal(at(&s, 80, 100), PAINT);
    assert_int_equal(at(&s, 45, 100), PAINT);
    clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_garments_stay_painted_and_the_rest_is_the_photo),
        cmocka_unit_test(the_seam_is_soft),
        cmocka_unit_test(trousers_under_a_shirts_mask_are_not_its_garment),
        cmocka_unit_test(a_mask_for_trousers_is_about_trousers),
        cmocka_unit_test(an_overall_is_both),
        cmocka_unit_test(holes_in_the_garment_stay_as_painted),
        cmocka_unit_test(what_the_old_garment_leaves_bare_is_the_background_around_it),
        cmocka_unit_test(what_is_deep_is_never_bare),
        cmocka_unit_test(without_a_garment_in_the_result_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
