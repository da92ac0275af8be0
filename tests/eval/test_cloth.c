/* Measures of cloth: pictures that are known give the numbers that are known. */
#include "eval/cloth.h"

#include "base/rng.h"
#include "eval/lab.h"
#include "mask/mask_shape.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { S = 128 };
#define PI 3.14159265358979323846

static dr_image picture, area;

static int open_pictures(void **state)
{
    (void)state;
    if (dr_image_alloc(&picture, S, S, 3) || dr_image_alloc(&area, S, S, 1))
        return -1;
    memset(area.data, 255, S * S);
    return 0;
}

static int close_pictures(void **state)
{
    (void)state;
    dr_image_clear(&picture);
    dr_image_clear(&area);
    return 0;
}

static void put(int x, int y, double grey)
{
    memset(picture.data + 3 * (y * S + x), (int)lrint(fmin(fmax(grey, 0), 255)), 3);
}

/* A sine that runs along x. */
static void draw_sine(double wavelength, double amplitude)
{
    for (int y = 0; y < S; y++)
        for (int x = 0; x < S; x++)
            put(x, y, 128 + amplitude * sin(2 * PI * x / wavelength));
}

static void draw_noise(double deviation)
{
    dr_rng r;
    dr_rng_seed(&r, 5);
    for (int i = 0; i < S * S; i++)
        put(i % S, i / S, 128 + deviation * sqrt(12) * ((double)dr_rng_uniform(&r) - 0.5));
}

/* Every pixel becomes the mean of 5x5. */
static void soften(void)
{
    dr_image from = {0};
    assert_int_equal(dr_image_copy(&from, &picture), DR_OK);
    for (int y = 2; y < S - 2; y++)
        for (int x = 2; x < S - 2; x++) {
            int sum = 0;
            for (int k = 0; k < 25; k++)
                sum += from.data[3 * ((y + k / 5 - 2) * S + x + k % 5 - 2)];
            put(x, y, sum / 25.0);
        }
    dr_image_clear(&from);
}

static double energy(float shortest, float longest)
{
    double e = -1;
    assert_int_equal(dr_band_energy(&picture, &area, (dr_band){shortest, longest}, &e), DR_OK);
    return e;
}

static void within(double got, double want, double off)
{
    if (!(fabs(got - want) <= off))
        fail_msg("%g, expected %g", got, want);
}

static void near(double got, double want, double part)
{
    within(got, want, part * fabs(want));
}

/* A Gaussian of which half is left at `half` pixels. */
static double left(double half, double wavelength)
{
    return half > 0 ? exp2(-(half / wavelength) * (half / wavelength)) : 1;
}

static void a_sine_has_the_energy_that_the_band_lets_through(void **state)
{
    static const double waves[] = {4, 8, 16, 32};
    (void)state;
    for (size_t i = 0; i < sizeof waves / sizeof *waves; i++) {
        draw_sine(waves[i], 60);
        double fine = 1 - left(8, waves[i]), blotchy = left(8, waves[i]) - left(32, waves[i]);
        within(energy(0, 8), 1800 * fine * fine, 0.02 * 1800);
        within(energy(8, 32), 1800 * blotchy * blotchy, 0.05 * 1800); /* at the border the blur has one side only */
    }
}

static void white_noise_is_fine_and_blurred_noise_is_not(void **state)
{
    (void)state;
    draw_noise(20);
    double sharp = energy(0, 8), blotchy = energy(8, 32);
    near(sharp, 400, 0.12); /* nearly all of it: a fiftieth of the frequencies' area lies below */
    assert_true(blotchy < 0.06 * sharp);
    soften();
    assert_true(energy(0, 8) < 0.1 * sharp);
    near(energy(8, 32), blotchy, 0.6); /* what was coarse stays in good part */
}

static void flat_cloth_has_no_energy_and_no_direction(void **state)
{
    dr_pattern p;
    (void)state;
    memset(picture.data, 90, S * S * 3);
    assert_true(energy(0, 8) < 1e-6 && energy(8, 32) < 1e-6);
    assert_int_equal(dr_pattern_of(&picture, &area, (dr_band){2, 32}, &p), DR_OK);
    assert_true(p.energy < 1e-6 && p.oriented < 1e-6);
}

/* White around a grey garment: its edge is no detail of it. */
static void what_lies_outside_does_not_count(void **state)
{
    (void)state;
    memset(picture.data, 255, S * S * 3);
    for (int y = 0; y < S; y++)
        for (int x = 0; x < S; x++) {
            bool garment = hypot(x - S / 2, y - S / 2) < 30;
            area.data[y * S + x] = garment ? 255 : 0;
            if (garment)
                put(x, y, 90);
        }
    assert_true(energy(0, 8) < 1e-6 && energy(8, 32) < 1e-6);
    memset(area.data, 0, S * S);
    assert_true(energy(0, 8) == 0);
}

static void stripes_have_their_direction(void **state)
{
    dr_pattern p;
    (void)state;
    draw_sine(10, 60);
    assert_int_equal(dr_pattern_of(&picture, &area, (dr_band){2, 32}, &p), DR_OK);
    near(p.energy, energy(2, 32), 1e-6);
    assert_true(p.oriented > 0.98 * p.energy && (p.angle < 2 || p.angle > 178));
    for (int y = 0; y < S; y++)
        for (int x = 0; x < S; x++)
            put(x, y, 128 + 60 * sin(2 * PI * (x + 2 * y) / 28));
    assert_int_equal(dr_pattern_of(&picture, &area, (dr_band){2, 32}, &p), DR_OK);
    near(p.angle, 63.435, 0.02);
    draw_noise(20);
    assert_int_equal(dr_pattern_of(&picture, &area, (dr_band){2, 32}, &p), DR_OK);
    assert_true(p.oriented < 0.1 * p.energy);
}

/* Two greys that meet at x = S/2 + shift, over `soft` pixels; the area is what lies left of S/2. */
static double step(int shift, int soft)
{
    double got;
    for (int y = 0; y < S; y++)
        for (int x = 0; x < S; x++) {
            double t = (x + 0.5 - S / 2 - shift) / fmax(soft, 1e-3) + 0.5;
            put(x, y, 60 + 100 * fmin(fmax(t, 0), 1));
            area.data[y * S + x] = x < S / 2 ? 255 : 0;
        }
    assert_int_equal(dr_edge_step(&picture, &area, &got), DR_OK);
    return got;
}

static void a_sharp_step_counts_in_full_and_a_soft_one_less(void **state)
{
    uint8_t dark[3] = {60, 60, 60}, light[3] = {160, 160, 160};
    double whole = (double)dr_lab_distance(dr_lab_of(dark), dr_lab_of(light));
    (void)state;
    near(step(0, 0), whole, 0.02);
    near(step(2, 0), whole, 0.05); /* labels are off by a pixel or two */
    assert_true(step(8, 0) < 0.05 * whole);
    double soft = step(0, 8);
    assert_true(soft < 0.5 * whole && soft > 0.2 * whole);
}

static void an_area_without_an_edge_has_no_step(void **state)
{
    double got = -1;
    (void)state;
    draw_noise(20);
    assert_int_equal(dr_edge_step(&picture, &area, &got), DR_OK);
    assert_true(got == 0);
}

static void the_share_is_of_the_area(void **state)
{
    dr_image labels = {0};
    (void)state;
    assert_int_equal(dr_image_alloc(&labels, S, S, 1), DR_OK);
    for (int i = 0; i < S * S; i++) {
        area.data[i] = i % S < 40 ? 255 : 0;
        labels.data[i] = i % S < 10 ? 5 : i % S < 20 ? 6 : i % S < 30 ? 255 : 4;
    }
    near(dr_area_share(&labels, &area, 1u << 5), 0.25, 1e-9);
    near(dr_area_share(&labels, &area, 1u << 5 | 1u << 6), 0.5, 1e-9);
    memset(area.data, 0, S * S);
    assert_true(dr_area_share(&labels, &area, 1u << 5) == 0);
    dr_image_clear(&labels);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_pictures, close_pictures)
    const struct CMUnitTest tests[] = {
        TEST(a_sine_has_the_energy_that_the_band_lets_through),
        TEST(white_noise_is_fine_and_blurred_noise_is_not),
        TEST(flat_cloth_has_no_energy_and_no_direction),
        TEST(what_lies_outside_does_not_count),
        TEST(stripes_have_their_direction),
        TEST(a_sharp_step_counts_in_full_and_a_soft_one_less),
        TEST(an_area_without_an_edge_has_no_step),
        TEST(the_share_is_of_the_area),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
