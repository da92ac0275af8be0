/* Masks through the public header alone, with a parser that goes by colours (tools/golden/make_colour_parser.py), so
 * that it is known what it sees. Masks of real photos are compared with stored ones (tools/make_mask_refs.sh). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "drape.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARSER DR_SOURCE_DIR "/tests/data/colour-parser"
#define STORED DR_SOURCE_DIR "/tests/data/masks"

/* The numbers of the labels that the parser knows. */
enum { HAIR = 2, UPPER = 4, PANTS = 6, SHOE = 9, FACE = 11, ARM = 14 };

#define W 120
#define H 160

/* A person in the middle, and what is known of it. */
typedef struct part {
    int left, top, right, bottom, label;
    uint8_t colour[3];
} part;

static const part body[] = {{50, 8, 70, 19, HAIR, {0, 255, 255}},   {50, 19, 70, 35, FACE, {0, 0, 255}},
                            {43, 35, 77, 88, UPPER, {255, 0, 0}},   {34, 38, 43, 80, ARM, {255, 255, 0}},
                            {77, 38, 86, 80, ARM, {255, 255, 0}},   {46, 88, 74, 141, PANTS, {0, 255, 0}},
                            {46, 141, 74, 152, SHOE, {255, 0, 255}}};
#define PARTS (sizeof body / sizeof *body)

static drape_image new_image(int channels)
{
    drape_image im = {W, H, channels, calloc((size_t)W * H, (size_t)channels)};
    assert_non_null(im.data);
    return im;
}

static drape_image make_person(void)
{
    drape_image im = new_image(3);
    for (size_t k = 0; k < PARTS; k++)
        for (int y = body[k].top; y < body[k].bottom; y++)
            for (int x = body[k].left; x < body[k].right; x++)
                memcpy(im.data + 3 * (y * W + x), body[k].colour, 3);
    return im;
}

static drape_parser *load(const char *dir)
{
    drape_parser *p;
    if (drape_parser_load(&p, dir))
        fail_msg("%s", drape_error());
    return p;
}

/* Parts of a picture that a mask has: 0..1 of the rectangle of body[k]. */
static double covered(const drape_image *mask, const part *b)
{
    int white = 0;
    for (int y = b->top; y < b->bottom; y++)
        for (int x = b->left; x < b->right; x++)
            white += mask->data[y * W + x] == 255;
    return (double)white / ((b->right - b->left) * (b->bottom - b->top));
}

static const part *part_of(int label)
{
    for (size_t k = 0; k < PARTS; k++)
        if (body[k].label == label)
            return &body[k];
    fail_msg("no part %d", label);
    return NULL;
}

static drape_image make(const drape_mask_options *o)
{
    drape_parser *p = load(PARSER);
    drape_image photo = make_person(), mask = {0};
    if (drape_mask(p, &photo, o, &mask))
        fail_msg("%s", drape_error());
    assert_int_equal(mask.width, W);
    assert_int_equal(mask.height, H);
    assert_int_equal(mask.channels, 1);
    for (int i = 0; i < W * H; i++)
        assert_true(mask.data[i] == 0 || mask.data[i] == 255);
    drape_image_free(&photo);
    drape_parser_free(p);
    return mask;
}

/* --- masks ---------------------------------------------------------------------------------------- */

static void every_part_has_its_label(void **state)
{
    (void)state;
    drape_parser *p = load(PARSER);
    drape_image photo = make_person(), labels;
    assert_int_equal(drape_mask_labels(p, &photo, NULL, &labels), DRAPE_OK);
    for (size_t k = 0; k < PARTS; k++) {
        int x = (body[k].left + body[k].right) / 2, y = (body[k].top + body[k].bottom) / 2;
        assert_int_equal(labels.data[y * W + x], body[k].label);
    }
    assert_int_equal(labels.data[0], 0);
    assert_string_equal(drape_parser_dir(p), PARSER);
    drape_image_free(&labels);
    drape_image_free(&photo);
    drape_parser_free(p);
}

static void a_garment_mask_covers_the_garment_alone(void **state)
{
    (void)state;
    drape_mask_options o = DRAPE_MASK_DEFAULTS;
    o.what = DRAPE_MASK_GARMENT;
    drape_image upper = make(&o);
    o.category = DRAPE_LOWER;
    drape_image lower = make(&o);
    assert_true(covered(&upper, part_of(UPPER)) > 0.9);
    assert_true(covered(&upper, part_of(PANTS)) < 0.1);
    assert_true(covered(&upper, part_of(ARM)) < 0.3);
    assert_true(covered(&lower, part_of(PANTS)) > 0.9);
    assert_true(covered(&lower, part_of(UPPER)) < 0.1);
    assert_true(covered(&lower, part_of(SHOE)) < 0.3);
    drape_image_free(&upper);
    drape_image_free(&lower);
}

static void a_mask_for_try_on_covers_the_garment_and_spares_the_face(void **state)
{
    (void)state;
    drape_image by_default = make(NULL);
    drape_mask_options o = DRAPE_MASK_DEFAULTS;
    o.category = DRAPE_DRESS;
    drape_image dress = make(&o);
    assert_true(covered(&by_default, part_of(UPPER)) > 0.95);
    assert_true(covered(&by_default, part_of(FACE)) < 0.1);
    assert_true(covered(&by_default, part_of(HAIR)) == 0);
    assert_true(covered(&dress, part_of(UPPER)) > 0.95);
    assert_true(covered(&dress, part_of(PANTS)) > 0.95);
    drape_image_free(&by_default);
    drape_image_free(&dress);
}

static void the_whole_is_its_two_halves(void **state)
{
    (void)state;
    drape_parser *p = load(PARSER);
    drape_image photo = make_person(), labels, mask, whole = make(NULL);
    assert_int_equal(drape_mask_labels(p, &photo, NULL, &labels), DRAPE_OK);
    assert_int_equal(drape_mask_from_labels(&labels, NULL, &mask), DRAPE_OK);
    assert_memory_equal(mask.data, whole.data, (size_t)W * H);
    drape_image_free(&mask);
    drape_image_free(&whole);
    drape_image_free(&labels);
    drape_image_free(&photo);
    drape_parser_free(p);
}

static void persons_have_boxes(void **state)
{
    (void)state;
    drape_parser *p = load(PARSER);
    drape_image photo = make_person(), labels;
    drape_person person[4];
    assert_int_equal(drape_mask_labels(p, &photo, NULL, &labels), DRAPE_OK);
    assert_int_equal(drape_mask_persons(&labels, person, 4), 1);
    assert_true(abs(person->x - 34) <= 3 && abs(person->y - 8) <= 3);
    assert_true(abs(person->width - 52) <= 6 && abs(person->height - 144) <= 6);
    assert_true(person->area > 4000 && person->area < 7000);
    memset(labels.data, 0, (size_t)W * H);
    assert_int_equal(drape_mask_persons(&labels, person, 4), 0);
    drape_image_free(&labels);
    drape_image_free(&photo);
    drape_parser_free(p);
}

static void a_rough_mask_snaps_to_the_garment(void **state)
{
    (void)state;
    drape_parser *p = load(PARSER);
    drape_image photo = make_person(), labels, rough = new_image(1), mask;
    for (int y = 40; y < 84; y++)
        memset(rough.data + y * W + 46, 255, 28); /* most of the shirt */
    assert_int_equal(drape_mask_labels(p, &photo, NULL, &labels), DRAPE_OK);
    assert_int_equal(drape_mask_refine(&rough, &photo, &labels, NULL, &mask), DRAPE_OK);
    assert_true(covered(&mask, part_of(UPPER)) > covered(&rough, part_of(UPPER)));
    assert_true(covered(&mask, part_of(PANTS)) < 0.1);
    drape_image_free(&mask);
    drape_image_free(&rough);
    drape_image_free(&labels);
    drape_image_free(&photo);
    drape_parser_free(p);
}

static void pictures_for_people_have_colours(void **state)
{
    (void)state;
    drape_parser *p = load(PARSER);
    drape_image photo = make_person(), labels, mask = make(NULL), colours, overlay;
    assert_int_equal(drape_mask_labels(p, &photo, NULL, &labels), DRAPE_OK);
    assert_int_equal(drape_mask_colours(&labels, &colours), DRAPE_OK);
    assert_int_equal(drape_mask_overlay(&photo, &mask, &overlay), DRAPE_OK);
    assert_int_equal(colours.channels, 3);
    assert_int_equal(overlay.channels, 3);
    assert_memory_not_equal(colours.data + 3 * (60 * W + 60), colours.data + 3 * (110 * W + 60), 3);
    for (int i = 0; i < W * 5; i++) /* far from the mask the photo is as it was, or darker */
        assert_true(overlay.data[3 * i] <= photo.data[3 * i]);
    assert_memory_not_equal(overlay.data, photo.data, (size_t)W * H * 3);
    drape_image_free(&colours);
    drape_image_free(&overlay);
    drape_image_free(&mask);
    drape_image_free(&labels);
    drape_image_free(&photo);
    drape_parser_free(p);
}

/* --- faults ----------------------------------------------------------------------------------------- */

static void check_refused(const drape_mask_options *o, const drape_image *photo, const char *why)
{
    uint8_t mark;
    drape_parser *p = load(PARSER);
    drape_image before = {1, 2, 3, &mark}, out = before;
    assert_int_equal(drape_mask(p, photo, o, &out), DRAPE_EINVAL);
    if (!strstr(drape_error(), why))
        fail_msg("'%s' does not say '%s'", drape_error(), why);
    assert_memory_equal(&out, &before, sizeof out);
    drape_parser_free(p);
}

static void bad_arguments_are_named(void **state)
{
    (void)state;
    drape_mask_options o, defaults = DRAPE_MASK_DEFAULTS;
    drape_image photo = make_person(), plain = new_image(3);
    defaults.name = "me.jpg";
    check_refused(&defaults, &plain, "me.jpg");
    o = defaults;
    o.person = 2;
    check_refused(&o, &photo, "me.jpg");
    o.person = -1;
    check_refused(&o, &photo, "person is -1");
    o = defaults;
    o.grow = 1.5;
    check_refused(&o, &photo, "grow is 1.5");
    o = defaults;
    o.category = (drape_category)4;
    check_refused(&o, &photo, "category is 4");
    photo.channels = 1;
    check_refused(&defaults, &photo, "me.jpg has 1 channels");
    photo.data[0] = 18;
    assert_int_equal(drape_mask_from_labels(&photo, NULL, &plain), DRAPE_EINVAL);
    assert_non_null(strstr(drape_error(), "value 18"));
    assert_int_equal(drape_mask_persons(&photo, NULL, 0), DRAPE_EINVAL);
    drape_image_free(&photo);
    drape_image_free(&plain);
}

static bool on_cancel(void *user)
{
    int *left = user;
    return --*left < 0;
}

static void a_cancelled_mask_leaves_the_result_alone(void **state)
{
    (void)state;
    uint8_t mark;
    int left = 0;
    drape_parser *p = load(PARSER);
    drape_mask_options o = DRAPE_MASK_DEFAULTS;
    drape_image photo = make_person(), before = {1, 2, 3, &mark}, out = before;
    o.cancel = on_cancel;
    o.user = &left;
    assert_int_equal(drape_mask(p, &photo, &o, &out), DRAPE_ECANCELLED);
    assert_memory_equal(&out, &before, sizeof out);
    left = 1000000;
    assert_int_equal(drape_mask(p, &photo, &o, &out), DRAPE_OK);
    drape_image_free(&out);
    drape_image_free(&photo);
    drape_parser_free(p);
}

static void the_environment_names_a_parser(void **state)
{
    (void)state;
    drape_parser *p;
    assert_int_equal(setenv("DRAPE_PARSER", PARSER, 1), 0);
    p = load(NULL);
    assert_string_equal(drape_parser_dir(p), PARSER);
    drape_parser_free(p);
    assert_int_equal(setenv("DRAPE_PARSER", DR_SOURCE_DIR "/nowhere", 1), 0);
    assert_int_equal(drape_parser_load(&p, NULL), DRAPE_ENOENT);
    assert_null(p);
    assert_non_null(strstr(drape_error(), "nowhere"));
    assert_int_equal(unsetenv("DRAPE_PARSER"), 0);
    assert_null(drape_label_name(-1));
    assert_null(drape_label_name(DRAPE_LABELS));
    assert_string_equal(drape_label_name(UPPER), "Upper-clothes");
}

/* --- real photos ------------------------------------------------------------------------------------ */

/* Common pixels as a part of all that either has. */
static double overlap(const drape_image *a, const drape_image *b)
{
    long both = 0, either = 0;
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->height, b->height);
    for (long i = 0; i < (long)a->width * a->height; i++) {
        both += a->data[i] && b->data[i];
        either += a->data[i] || b->data[i];
    }
    return either ? (double)both / (double)either : 1;
}

/* PHOTO.WHAT.CATEGORY.png */
static drape_mask_options options_of(const char *name, char *photo, size_t n)
{
    drape_mask_options o = DRAPE_MASK_DEFAULTS;
    snprintf(photo, n, DR_SOURCE_DIR "/examples/%.*s.jpg", (int)strcspn(name, "."), name);
    o.what = strstr(name, ".garment.") ? DRAPE_MASK_GARMENT : DRAPE_MASK_AGNOSTIC;
    o.category = strstr(name, ".lower.")   ? DRAPE_LOWER
                 : strstr(name, ".dress.") ? DRAPE_DRESS
                 : strstr(name, ".outer.") ? DRAPE_OUTER
                                           : DRAPE_UPPER;
    return o;
}

static void check_stored(drape_parser *p, const char *name)
{
    char photo_path[1024], path[1024];
    drape_image photo, want, got;
    drape_mask_options o = options_of(name, photo_path, sizeof photo_path);
    snprintf(path, sizeof path, STORED "/%s", name);
    if (drape_image_read(&photo, photo_path) || drape_mask_read(&want, path, &photo, NULL, 0) ||
        drape_mask(p, &photo, &o, &got))
        fail_msg("%s", drape_error());
    double same = overlap(&got, &want);
    if (same < 0.9)
        fail_msg("%s: the mask overlaps with the stored one by %.3f, expected 0.9", name, same);
    drape_image_free(&photo);
    drape_image_free(&want);
    drape_image_free(&got);
}

static int is_mask(const struct dirent *f)
{
    return strstr(f->d_name, ".png") != NULL;
}

static void masks_of_real_photos_stay_as_they_are(void **state)
{
    (void)state;
    struct dirent **files;
    int n = scandir(STORED, &files, is_mask, alphasort);
    if (n < 1)
        skip();
    drape_parser *p = load(DR_SOURCE_DIR "/models/mini/parser");
    for (int i = 0; i < n; i++) {
        check_stored(p, files[i]->d_name);
        free(files[i]);
    }
    free(files);
    drape_parser_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_has_its_label),
        cmocka_unit_test(a_garment_mask_covers_the_garment_alone),
        cmocka_unit_test(a_mask_for_try_on_covers_the_garment_and_spares_the_face),
        cmocka_unit_test(the_whole_is_its_two_halves),
        cmocka_unit_test(persons_have_boxes),
        cmocka_unit_test(a_rough_mask_snaps_to_the_garment),
        cmocka_unit_test(pictures_for_people_have_colours),
        cmocka_unit_test(bad_arguments_are_named),
        cmocka_unit_test(a_cancelled_mask_leaves_the_result_alone),
        cmocka_unit_test(the_environment_names_a_parser),
        cmocka_unit_test(masks_of_real_photos_stay_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
