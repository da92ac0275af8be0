/* What words mean of a wardrobe: what was taught, what is described or called so, in which colour, by which seed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/status.h"
#include "eval/lab.h"
#include "mask/lay_cloth.h"
#include "tryon/choose_garment.h"

enum { W = 20, H = 40 };

/* Cloth that is darker below. */
static dr_image cloth(void)
{
    dr_image im;
    assert_int_equal(dr_image_alloc(&im, W, H, 3), DR_OK);
    for (int i = 0; i < 3 * W * H; i++)
        im.data[i] = (uint8_t)(i < 3 * W * H / 2 ? 140 : 100);
    return im;
}

static void put(dr_wardrobe *w, const char *key, const char *a, const char *b)
{
    dr_wardrobe_garment *g = &w->garment[w->count++];
    *g = (dr_wardrobe_garment){json_pack("{s:[s,s]}", key, a, b), cloth(), NULL};
    assert_non_null(g->about);
}

/* Two sweaters, a shirt, stripes; and what was taught before them. */
static dr_wardrobe wardrobe(const char *taught)
{
    dr_wardrobe w = {calloc(8, sizeof *w.garment), 0};
    dr_image photo = cloth();
    assert_non_null(w.garment);
    put(&w, "called", "sweater", "pullover");
    put(&w, "called", "jumper", "sweater");
    put(&w, "called", "shirt", "blouse");
    put(&w, "described", "striped", "polka dot");
    put(&w, "described", "striped shirt", "nothing");
    if (taught)
        assert_int_equal(dr_wardrobe_add(&w, taught, &photo), DR_OK);
    else
        dr_image_clear(&photo);
    return w;
}

static void words_choose(void **state)
{
    static const struct {
        const char *prompt, *colour;
        int garment; /* -1: none */
    } cases[] = {{"a red shirt", "red", 2},
                 {"SHIRT", NULL, 2},
                 {"a person wearing a dark blue blouse, studio light", "navy", 2},
                 {"a pullover", NULL, 0},
                 {"jumper", NULL, 1},
                 {"green striped sweater", "green", 3}, /* a description goes before a name */
                 {"green striped shirt", "green", 4},   /* says more than the word alone */
                 {"white polka-dot shirt", "white", 2}, /* spelt otherwise */
                 {"white polka  dot shirt", "white", 3},
                 {"shirt under a sweater", NULL, 2}, /* the first */
                 {"gray shirt", "grey", 2},
                 {"a t-shirt", NULL, -1}, /* no shirt */
                 {"a spacesuit", NULL, -1},
                 {"red", NULL, -1},
                 {"", NULL, -1},
                 {" ,,! ", NULL, -1},
                 {"\xc3\xa9t\xc3\xa9 shirt\xff", NULL, -1}}; /* a byte that is no text belongs to the word */
    dr_wardrobe w = wardrobe(NULL);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dr_garment_choice c = dr_choose_garment(&w, cases[i].prompt, 0);
        const dr_wardrobe_garment *want = cases[i].garment < 0 ? NULL : &w.garment[cases[i].garment];
        if (c.garment != want)
            fail_msg("'%s' chooses another one", cases[i].prompt);
        if (!c.colour != !cases[i].colour || (c.colour && strcmp(c.colour->name, cases[i].colour) != 0))
            fail_msg("'%s' is %s", cases[i].prompt, c.colour ? c.colour->name : "of no colour");
    }
    dr_wardrobe_clear(&w);
    assert_null(dr_choose_garment(&w, "shirt", 0).garment);
}

static void seeds_choose_among_those_of_one_name(void **state)
{
    dr_wardrobe w = wardrobe(NULL);
    (void)state;
    assert_ptr_equal(dr_choose_garment(&w, "a sweater", 4).garment, &w.garment[0]);
    assert_ptr_equal(dr_choose_garment(&w, "a sweater", UINT64_MAX).garment, &w.garment[1]);
    assert_ptr_equal(dr_choose_garment(&w, "a shirt", 7).garment, &w.garment[2]);
    dr_wardrobe_clear(&w);
}

static void what_was_taught_is_asked_for_by_its_words_alone(void **state)
{
    static const struct {
        const char *prompt;
        bool taught;
    } cases[] = {{"striped shirt", true},      {"a photo of a person wearing a Striped Shirt.", true},
                 {"red striped shirt", false}, {"shirt striped", false},
                 {"striped", false},           {"a", false}};
    dr_wardrobe w = wardrobe("a striped shirt");
    (void)state;
    assert_int_equal(w.count, 6);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        dr_garment_choice c = dr_choose_garment(&w, cases[i].prompt, 0);
        if ((c.garment == &w.garment[0]) != cases[i].taught)
            fail_msg("'%s'", cases[i].prompt);
        assert_true(!cases[i].taught || !c.colour); /* it has its own */
    }
    dr_wardrobe_clear(&w);
    w = wardrobe("a"); /* opens a sentence, and asks for nothing */
    assert_ptr_not_equal(dr_choose_garment(&w, "a shirt", 0).garment, &w.garment[0]);
    assert_null(dr_choose_garment(&w, "a", 0).garment);
    dr_wardrobe_clear(&w);
}

static void cloth_is_dyed_and_keeps_its_folds(void **state)
{
    dr_wardrobe w = wardrobe(NULL);
    dr_image plain, red;
    (void)state;
    dr_garment_choice c = dr_choose_garment(&w, "shirt", 0), dyed = dr_choose_garment(&w, "red shirt", 0);
    assert_int_equal(dr_chosen_photo(&c, &plain), DR_OK);
    assert_int_equal(dr_chosen_photo(&dyed, &red), DR_OK);
    dr_rect middle = dr_cloth_of(plain.width, plain.height);
    assert_true(abs(middle.width - W) <= 1 && abs(middle.height - H) <= 1);
    size_t upper = 3 * (size_t)((middle.y + 5) * plain.width + middle.x + 5);
    size_t lower = 3 * (size_t)((middle.y + H - 5) * plain.width + middle.x + 5);
    assert_int_equal(plain.data[upper], 140);
    assert_int_equal(plain.data[lower], 100);
    dr_lab a = dr_lab_of(red.data + upper), b = dr_lab_of(red.data + lower), want = dr_lab_of(dyed.colour->rgb);
    assert_true(a.L > b.L + 5);
    dr_lab mean = {(a.L + b.L) / 2, (a.a + b.a) / 2, (a.b + b.b) / 2};
    assert_true(dr_lab_distance(mean, want) < 6);
    dr_image_clear(&plain);
    dr_image_clear(&red);
    dr_wardrobe_clear(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_choose),
        cmocka_unit_test(seeds_choose_among_those_of_one_name),
        cmocka_unit_test(what_was_taught_is_asked_for_by_its_words_alone),
        cmocka_unit_test(cloth_is_dyed_and_keeps_its_folds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
