/* The dynamic 8-bit code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "learn/golden.h"
#include "ops/quant8.h"

#include <math.h>
#include <string.h>

static void both_maps_are_bitsandbytes(void **state)
{
    (void)state;
    dr_safetensors f;
    golden_open(&f, "quant8");
    const float *s = golden(&f, DR_F32, 256, "signed"), *u = golden(&f, DR_F32, 256, "unsigned");
    for (int i = 0; i < 256; i++) { /* torch sums and scales in f32, which rounds three times */
        assert_true(fabsf(dr_quant8_signed()->code[i] - s[i]) <= 2e-7f * fabsf(s[i]));
        assert_true(fabsf(dr_quant8_unsigned()->code[i] - u[i]) <= 2e-7f * fabsf(u[i]));
    }
    assert_true(dr_quant8_signed()->code[127] == 0 && dr_quant8_signed()->code[255] == 1);
    assert_true(dr_quant8_unsigned()->code[0] == 0 && dr_quant8_unsigned()->code[255] == 1);
    dr_st_close(&f);
}

/* Nearest by looking at all 256, not by searching. */
static int nearest(const dr_quant8 *q, float x)
{
    int best = 0;
    for (int i = 1; i < 256; i++) {
        double closer = fabs((double)q->code[best] - (double)x) - fabs((double)q->code[i] - (double)x);
        if (closer > 0 || (closer == 0 && fabsf(q->code[i]) > fabsf(q->code[best])))
            best = i;
    }
    return best;
}

static void encodes_as(const dr_quant8 *q, float x)
{
    int want = nearest(q, x);
    if (dr_quant8_encode(q, x) != want || dr_quant8_search(q, x) != want)
        fail_msg("%.9g becomes %d, by searching %d, the nearest is %d", (double)x, dr_quant8_encode(q, x),
                 dr_quant8_search(q, x), want);
}

/* Every float within 40 of the middle of two codes, where the answer changes, and of the codes themselves. */
static void every_float_near_a_boundary_gets_the_nearest_code(const dr_quant8 *q, float sign)
{
    for (int i = q->zero; i < 255; i++)
        for (int k = 0; k < 2; k++) {
            float x = k ? q->code[i] : (float)(((double)q->code[i] + (double)q->code[i + 1]) / 2);
            for (int step = 0; step < 40; step++)
                x = nextafterf(x, 0);
            for (int step = 0; step < 80; step++, x = nextafterf(x, 2))
                if (x <= 1)
                    encodes_as(q, sign * x);
        }
}

static void floats_near_boundaries_get_the_nearest_code(void **state)
{
    (void)state;
    every_float_near_a_boundary_gets_the_nearest_code(dr_quant8_signed(), 1);
    every_float_near_a_boundary_gets_the_nearest_code(dr_quant8_signed(), -1);
    every_float_near_a_boundary_gets_the_nearest_code(dr_quant8_unsigned(), 1);
    for (uint32_t bits = 0; bits < 0x3f800000; bits += 7919) { /* and everywhere between */
        float x;
        memcpy(&x, &bits, sizeof x);
        encodes_as(dr_quant8_signed(), x);
        encodes_as(dr_quant8_signed(), -x);
        encodes_as(dr_quant8_unsigned(), x);
    }
}

static void every_code_encodes_to_itself(void **state)
{
    (void)state;
    for (int i = 0; i < 256; i++) {
        assert_int_equal(dr_quant8_encode(dr_quant8_signed(), dr_quant8_signed()->code[i]), i);
        assert_int_equal(dr_quant8_encode(dr_quant8_unsigned(), dr_quant8_unsigned()->code[i]), i);
    }
}

static void numbers_out_of_range_stay_inside_the_table(void **state)
{
    (void)state;
    const float odd[] = {2, 1e38f, INFINITY, NAN, 1e-45f, 0};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        assert_int_equal(dr_quant8_encode(dr_quant8_signed(), odd[i]), i < 4 ? 255 : 127);
        assert_int_equal(dr_quant8_encode(dr_quant8_unsigned(), odd[i]), i < 4 ? 255 : 0);
        assert_in_range(dr_quant8_encode(dr_quant8_signed(), -odd[i]), 0, 255);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_maps_are_bitsandbytes),
        cmocka_unit_test(floats_near_boundaries_get_the_nearest_code),
        cmocka_unit_test(every_code_encodes_to_itself),
        cmocka_unit_test(numbers_out_of_range_stay_inside_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
