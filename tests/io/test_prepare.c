/* Expected numbers: diffusers 0.42.1 VaeImageProcessor.preprocess and .postprocess, and torch 2.15
 * torch.nn.functional.interpolate(mode="nearest"). */
#include "io/prepare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void scales_bytes_as_diffusers_to_the_last_bit(void **state)
{
    uint8_t bytes[] = {0, 1, 2, 100, 127, 128, 200, 254, 255};
    static const float want[] = {-0x1p+0f,     -0x1.fbfbfcp-1f, -0x1.f7f7f8p-1f, -0x1.b9b9b8p-3f, -0x1.0101p-8f,
                                 0x1.0102p-8f, 0x1.232324p-1f,  0x1.fbfbfcp-1f,  0x1p+0f};
    dr_image im = {3, 1, 3, bytes};
    float got[9];
    (void)state;
    dr_image_to_f32(&im, got);
    assert_memory_equal(got, want, sizeof want);
}

static void turns_floats_into_bytes_as_diffusers(void **state)
{
    static const float x[18] = {-2,
                                -1,
                                -0.99609375f,
                                -0.5f,
                                -0.25f,
                                0,
                                0.25f,
                                0.5f,
                                0.75f,
                                0.99f,
                                1,
                                3,
                                -0.00392157f,
                                0.00392157f,
                                0.003921569f,
                                0.011764706f,
                                0.019607844f,
                                -0.003921569f};
    static const uint8_t want[18] = {0, 0, 0, 64, 96, 128, 159, 191, 223, 254, 255, 255, 127, 128, 128, 129, 130, 127};
    dr_image im;
    (void)state;
    assert_int_equal(dr_image_from_f32(&im, x, 3, 2), DR_OK);
    assert_memory_equal(im.data, want, sizeof want);
    dr_image_clear(&im);
}

static void rounds_half_to_even(void **state)
{
    int seen = 0;
    (void)state;
    for (int k = 0; k < 255; k += 2) {
        float v = ((float)k + 0.5f) / 255.0f, x = 2 * v - 1, three[3] = {x, x, x};
        if ((x * 0.5f + 0.5f) * 255.0f != (float)k + 0.5f)
            continue; /* not representable as a tie */
        dr_image im;
        assert_int_equal(dr_image_from_f32(&im, three, 1, 1), DR_OK);
        assert_int_equal(im.data[0], k);
        dr_image_clear(&im);
        seen++;
    }
    assert_true(seen > 20);
}

static void there_and_back_changes_no_byte(void **state)
{
    uint8_t bytes[258];
    float x[258];
    dr_image im = {86, 1, 3, bytes}, back;
    (void)state;
    for (int i = 0; i < 258; i++)
        bytes[i] = (uint8_t)i;
    dr_image_to_f32(&im, x);
    assert_int_equal(dr_image_from_f32(&back, x, 86, 1), DR_OK);
    assert_memory_equal(back.data, bytes, sizeof bytes);
    dr_image_clear(&back);
}

static void refuses_not_a_number(void **state)
{
    float x[3] = {0, __builtin_nanf(""), 0};
    dr_image im;
    (void)state;
    assert_int_equal(dr_image_from_f32(&im, x, 1, 1), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "1 values that are not a number"));
    assert_null(im.data);
}

static void masked_pixels_become_grey(void **state)
{
    uint8_t m[4] = {0, 127, 128, 255};
    dr_image mask = {2, 2, 1, m};
    float x[12], out[12];
    (void)state;
    for (int i = 0; i < 12; i++)
        x[i] = -0.5f - (float)i;
    dr_masked_f32(x, &mask, out);
    for (int i = 0; i < 12; i++)
        assert_true(out[i] == (i < 6 ? x[i] : 0.0f));
    dr_masked_f32(x, &mask, x); /* in place */
    assert_memory_equal(x, out, sizeof out);
}

static void latent_mask_picks_torchs_pixels(void **state)
{
    static const struct {
        int in, out;
        uint8_t at[20];
    } cases[] = {{100, 13, {0, 7, 15, 23, 30, 38, 46, 53, 61, 69, 76, 84, 92}},
                 {70, 9, {0, 7, 15, 23, 31, 38, 46, 54, 62}},
                 {7, 20, {0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6}}};
    (void)state;
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        for (int on = 0; on < cases[c].in; on++) {
            uint8_t m[100] = {0};
            float got[20], down[20];
            m[on] = 255;
            dr_mask_to_latent(&(dr_image){cases[c].in, 1, 1, m}, cases[c].out, 1, got);
            dr_mask_to_latent(&(dr_image){1, cases[c].in, 1, m}, 1, cases[c].out, down);
            for (int i = 0; i < cases[c].out; i++)
                assert_true(got[i] == (cases[c].at[i] == on ? 1.0f : 0.0f) && down[i] == got[i]);
        }
    }
    /* in exact arithmetic 41 * 2 / 82 is 1; torch, in float, takes pixel 0 */
    uint8_t two[2] = {255, 0};
    float got[82];
    dr_mask_to_latent(&(dr_image){2, 1, 1, two}, 82, 1, got);
    assert_true(got[41] == 1.0f && got[42] == 0.0f);
}

/* A strap of 6 rows of 64, as diffusers' samples (every 8th) find or miss it. */
static void a_strap_between_the_samples_is_lost_to_nearest_alone(void **state)
{
    enum { N = 64, F = 8, CELLS = N / F };
    (void)state;
    for (int row = 0; row <= N - 6; row++) {
        uint8_t m[N * N] = {0};
        float near[CELLS * CELLS], any[CELLS * CELLS];
        dr_image mask = {N, N, 1, m};
        memset(m + row * N, 255, 6 * N);
        dr_mask_to_latent(&mask, CELLS, CELLS, near);
        dr_mask_to_latent_any(&mask, CELLS, CELLS, any);
        bool hit = false;
        for (int y = 0; y < CELLS; y++) {
            bool inside = F * y < row + 6 && F * y + F > row;
            hit = hit || near[y * CELLS] == 1.0f;
            for (int x = 0; x < CELLS; x++)
                assert_true(any[y * CELLS + x] == (inside ? 1.0f : 0.0f));
        }
        assert_true(dr_mask_lost(&mask, CELLS, CELLS) == (hit ? 0.0 : 1.0));
    }
}

static void only_what_vanishes_counts_as_lost(void **state)
{
    enum { N = 64, CELLS = 8 };
    uint8_t m[N * N] = {0};
    dr_image mask = {N, N, 1, m};
    (void)state;
    assert_true(dr_mask_lost(&mask, CELLS, CELLS) == 0);
    for (int y = 3; y < 30; y++) /* a box whose edges lie between samples loses nothing but edges */
        memset(m + y * N + 5, 255, 24);
    assert_true(dr_mask_lost(&mask, CELLS, CELLS) == 0);
    for (int y = 41; y < 63; y++) /* 22 x 3 pixels that lie on no sample, beside the 27 x 24 */
        memset(m + y * N + 50, 255, 3);
    double want = 66.0 / (27 * 24 + 66), got = dr_mask_lost(&mask, CELLS, CELLS);
    assert_true(got > want - 1e-9 && got < want + 1e-9);
    uint8_t small[9] = {0, 0, 0, 0, 255, 0, 0, 0, 0}; /* fewer pixels than cells */
    float out[36];
    dr_mask_to_latent_any(&(dr_image){3, 3, 1, small}, 6, 6, out);
    for (int i = 0; i < 36; i++)
        assert_true(out[i] == (i % 6 / 2 == 1 && i / 12 == 1 ? 1.0f : 0.0f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scales_bytes_as_diffusers_to_the_last_bit),
        cmocka_unit_test(turns_floats_into_bytes_as_diffusers),
        cmocka_unit_test(rounds_half_to_even),
        cmocka_unit_test(there_and_back_changes_no_byte),
        cmocka_unit_test(refuses_not_a_number),
        cmocka_unit_test(masked_pixels_become_grey),
        cmocka_unit_test(latent_mask_picks_torchs_pixels),
        cmocka_unit_test(a_strap_between_the_samples_is_lost_to_nearest_alone),
        cmocka_unit_test(only_what_vanishes_counts_as_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
