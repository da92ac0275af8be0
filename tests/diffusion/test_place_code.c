/* What small nets are told of places, by their noise. */
#include "diffusion/place_code.h"

#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { H = 6, W = 5, N = 2 * H * W * 4 };

static float *at(float *x, int y, int i)
{
    return x + 4 * (y * W + i);
}

static float distance(const float *a, const float *b)
{
    float sum = 0;
    for (int c = 0; c < 4; c++)
        sum += (a[c] - b[c]) * (a[c] - b[c]);
    return sqrtf(sum);
}

static void both_pictures_have_the_same_code_and_no_two_places_do(void **state)
{
    float x[N] = {0};
    (void)state;
    dr_place_code_mix(x, H, W, 4);
    for (int a = 0; a < H * W; a++)
        for (int b = 0; b < H * W; b++) {
            float d = distance(at(x, a / W, a % W), at(x, H + b / W, b % W));
            assert_true(a == b ? d == 0 : d > 0.3F);
        }
}

/* Samplers count on noise of variance 1. */
static void the_power_of_noise_stays(void **state)
{
    enum { h = 40, w = 30, n = 2 * h * w * 4 };
    static float x[n], code[n];
    double power = 0, noise = 0;
    dr_rng r;
    (void)state;
    dr_rng_seed(&r, 7);
    dr_rng_normal(&r, x, n);
    dr_place_code_mix(x, h, w, 4);
    dr_place_code_mix(code, h, w, 4);
    for (int i = 0; i < n; i++) {
        power += (double)(x[i] * x[i]) / n;
        noise += (double)((x[i] - code[i]) * (x[i] - code[i])) / n;
    }
    assert_float_equal(power, 1, 0.05);
    assert_float_equal(noise, 0.5, 0.03);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_pictures_have_the_same_code_and_no_two_places_do),
        cmocka_unit_test(the_power_of_noise_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
