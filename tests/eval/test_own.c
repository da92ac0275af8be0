/* What is said of a try-on without a network: pictures of which the answer is known. */
#include "eval/own.h"

#include "base/rng.h"
#include "eval/lab.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { S = 128 };
#define PI 3.14159265358979323846

static dr_image one, other, box; /* two pictures, and a mask of the middle half */

static int open_pictures(void **state)
{
    (void)state;
    if (dr_image_alloc(&one, S, S, 3) || dr_image_alloc(&other, S, S, 3) || dr_image_alloc(&box, S, S, 1))
        return -1;
    memset(box.data, 0, S * S);
    for (int y = S / 4; y < 3 * S / 4; y++)
        memset(box.data + y * S + S / 4, 255, S / 2);
    return 0;
}

static int close_pictures(void **state)
{
    (void)state;
    dr_image_clear(&one);
    dr_image_clear(&other);
    dr_image_clear(&box);
    return 0;
}

static void put(dr_image *im, int x, int y, double r, double g, double b)
{
    const double v[] = {r, g, b};
    for (int k = 0; k < 3; k++)
        im->data[3 * (y * im->width + x) + k] = (uint8_t)lrint(fmin(fmax(v[k], 0), 255));
}

static bool inside(int x, int y)
{
    return box.data[y * S + x] == 255;
}

/* One colour inside the box, another outside. */
static void paint(dr_image *im, double in, double out)
{
    for (int y = 0; y < S; y++)
        for (int x = 0; x < S; x++)
            put(im, x, y, inside(x, y) ? in : out, inside(x, y) ? in : out, inside(x, y) ? in : out);
}

/* Stripes of a wavelength that run along an angle, in degrees; 0 stands upright. */
static void stripe(dr_image *im, double wavelength, double angle, double amplitude)
{
    double c = cos(angle * PI / 180), s = sin(angle * PI / 180);
    for (int y = 0; y < im->height; y++)
        for (int x = 0; x < im->width; x++) {
            double v = 128 + amplitude * sin(2 * PI * (x * c + y * s) / wavelength);
            put(im, x, y, v, v, v);
        }
}

static void add_noise(dr_image *im, bool within, double deviation)
{
    dr_rng r;
    dr_rng_seed(&r, 3);
    for (int y = 0; y < S; y++)
        for (int x = 0; x < S; x++) {
            double d = deviation * sqrt(12) * ((double)dr_rng_uniform(&r) - 0.5);
            const uint8_t *p = im->data + 3 * (y * S + x);
            if (inside(x, y) == within)
                put(im, x, y, p[0] + d, p[1] + d, p[2] + d);
        }
}

static dr_area area_of(const dr_image *im)
{
    return (dr_area){im, &box};
}

static void colour_is_the_distance_that_people_see(void **state)
{
    dr_colour_distance d;
    dr_area a = area_of(&one), b = area_of(&other);
    (void)state;
    paint(&one, 100, 0);
    paint(&other, 100, 255); /* what is outside does not matter */
    assert_int_equal(dr_colours(&a, &b, &d), DR_OK);
    assert_true(d.mean == 0 && d.histogram == 0);

    paint(&other, 140, 0);
    double L = fabs((double)dr_lab_of((uint8_t[]){100, 100, 100}).L - (double)dr_lab_of((uint8_t[]){140, 140, 140}).L);
    assert_int_equal(dr_colours(&a, &b, &d), DR_OK);
    assert_true(fabs(d.mean - L) < 1e-3);
    assert_true(fabs(d.histogram - L) < 1); /* a bin */
}

static void two_colours_are_not_their_mean(void **state)
{
    dr_colour_distance d;
    dr_area a = area_of(&one), b = area_of(&other);
    (void)state;
    stripe(&one, 8, 0, 60);
    paint(&other, 128, 128);
    assert_int_equal(dr_colours(&a, &b, &d), DR_OK);
    assert_true(d.histogram > 8 && d.histogram > 5 * d.mean);
}

static void pattern_tells_size_strength_and_direction(void **state)
{
    dr_pattern_distance same, finer, turned, none;
    dr_area a = area_of(&one), b = area_of(&other);
    (void)state;
    stripe(&one, 10, 0, 40);
    stripe(&other, 10, 0, 40);
    assert_int_equal(dr_patterns(&a, &b, &same), DR_OK);
    stripe(&other, 5, 0, 40);
    assert_int_equal(dr_patterns(&a, &b, &finer), DR_OK);
    stripe(&other, 10, 90, 40);
    assert_int_equal(dr_patterns(&a, &b, &turned), DR_OK);
    paint(&other, 128, 128);
    assert_int_equal(dr_patterns(&a, &b, &none), DR_OK);
    assert_true(same.frequency < 1e-6 && same.orientation < 1e-3);
    assert_true(finer.frequency > 6 && finer.orientation < 0.6 * turned.orientation);
    assert_true(turned.frequency < finer.frequency / 3 && turned.orientation > 30);
    assert_true(none.frequency > 8 && none.orientation > 20);
}

static void a_garment_in_another_scale_has_the_same_pattern(void **state)
{
    dr_image large = {0}, all = {0};
    dr_pattern_distance scaled, other_size;
    (void)state;
    assert_int_equal(dr_image_alloc(&large, 2 * S, 2 * S, 3), DR_OK);
    assert_int_equal(dr_image_alloc(&all, 2 * S, 2 * S, 1), DR_OK);
    memset(all.data, 255, 4 * S * S);
    stripe(&one, 10, 0, 40);   /* in a box of 64 */
    stripe(&large, 40, 0, 40); /* on 256: the same six stripes */
    dr_area worn = area_of(&one), photo = {&large, &all};
    assert_int_equal(dr_patterns(&worn, &photo, &scaled), DR_OK);
    stripe(&large, 10, 0, 40);
    assert_int_equal(dr_patterns(&worn, &photo, &other_size), DR_OK);
    assert_true(scaled.frequency < 2 && scaled.frequency < other_size.frequency / 4);
    dr_image_clear(&large);
    dr_image_clear(&all);
}

static void a_seam_shows_and_no_seam_does_not(void **state)
{
    double seam, none, texture;
    dr_area a = area_of(&one);
    (void)state;
    paint(&one, 128, 100);
    assert_int_equal(dr_seam(&a, &seam), DR_OK);
    paint(&one, 100, 100);
    assert_int_equal(dr_seam(&a, &none), DR_OK);
    stripe(&one, 7, 30, 50);
    assert_int_equal(dr_seam(&a, &texture), DR_OK);
    assert_true(seam > 5);
    assert_true(fabs(none - 1) < 1e-9);
    assert_true(fabs(texture - 1) < 0.15);
}

static void blurred_cloth_is_less_sharp_than_the_rest(void **state)
{
    double in, out;
    dr_area a = area_of(&one);
    (void)state;
    paint(&one, 128, 128);
    add_noise(&one, true, 4);
    add_noise(&one, false, 16);
    assert_int_equal(dr_sharpness(&a, &in, &out), DR_OK);
    assert_true(fabs(in / out - 0.25) < 0.03);
}

static void nothing_is_nan_and_no_fault(void **state)
{
    dr_colour_distance colour;
    dr_pattern_distance pattern;
    double in, out, seam;
    dr_image none;
    (void)state;
    assert_int_equal(dr_image_alloc(&none, S, S, 1), DR_OK);
    memset(none.data, 0, S * S);
    paint(&one, 1, 2);
    dr_area a = {&one, &none};
    assert_int_equal(dr_colours(&a, &a, &colour), DR_OK);
    assert_int_equal(dr_patterns(&a, &a, &pattern), DR_OK);
    assert_int_equal(dr_sharpness(&a, &in, &out), DR_OK);
    assert_int_equal(dr_seam(&a, &seam), DR_OK);
    assert_true(isnan(colour.mean) && isnan(pattern.frequency) && isnan(in) && isfinite(out) && isnan(seam));
    dr_image_clear(&none);
}

static void a_garment_is_what_differs_from_a_plain_background(void **state)
{
    dr_image where = {0};
    (void)state;
    paint(&one, 90, 250);
    put(&one, S / 2, S / 2, 250, 250, 250); /* a button */
    put(&one, 3, 3, 90, 90, 90);            /* dust */
    assert_int_equal(dr_cloth_area(&where, &one), DR_OK);
    assert_memory_equal(where.data, box.data, S * S);
    dr_image_clear(&where);

    stripe(&one, 16, 0, 100); /* no background: all of it */
    assert_int_equal(dr_cloth_area(&where, &one), DR_OK);
    for (int i = 0; i < S * S; i++)
        assert_int_equal(where.data[i], 255);
    dr_image_clear(&where);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(colour_is_the_distance_that_people_see),
        cmocka_unit_test(two_colours_are_not_their_mean),
        cmocka_unit_test(pattern_tells_size_strength_and_direction),
        cmocka_unit_test(a_garment_in_another_scale_has_the_same_pattern),
        cmocka_unit_test(a_seam_shows_and_no_seam_does_not),
        cmocka_unit_test(blurred_cloth_is_less_sharp_than_the_rest),
        cmocka_unit_test(nothing_is_nan_and_no_fault),
        cmocka_unit_test(a_garment_is_what_differs_from_a_plain_background),
    };
    return cmocka_run_group_tests(tests, open_pictures, close_pictures);
}
