/* Types, shapes, conversion. Expected halves: numpy 1.24, float16; bfloat16 rounds to nearest even as PyTorch's. */
#include "tensor/tensor.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void every_dtype_has_a_name_that_is_parsed_again(void **state)
{
    dr_dtype back;
    (void)state;
    for (dr_dtype t = 0; t < DR_DTYPES; t++) {
        bool blocks = dr_dtype_block(t) > 1; /* no safetensors header has these */
        assert_true(dr_dtype_size(t) >= 1 && dr_dtype_size(t) <= (blocks ? 210 : 8));
        assert_int_equal(dr_dtype_bytes(t, 512), 512 / dr_dtype_block(t) * dr_dtype_size(t));
        assert_int_equal(dr_dtype_parse(dr_dtype_name(t), &back), !blocks);
        assert_true(blocks || back == t);
    }
    assert_false(dr_dtype_parse("F8", &back));
    assert_false(dr_dtype_parse("", &back));
}

static void a_shape_counts_its_values_and_bytes(void **state)
{
    const dr_tensor t = {.dtype = DR_F16, .rank = 3, .dim = {2, 3, 5, 1}}, u = {.rank = 3, .dim = {2, 3, 5, 1}},
                    v = {.rank = 4, .dim = {2, 3, 5, 1}};
    char text[64], cut[6];
    (void)state;
    assert_int_equal(dr_numel(&t), 30);
    assert_int_equal(dr_nbytes(&t), 60);
    assert_true(dr_same_shape(&t, &u));
    assert_false(dr_same_shape(&u, &v));
    assert_string_equal(dr_shape_str(&t, text, sizeof text), "[2,3,5]");
    assert_int_equal(strlen(dr_shape_str(&t, cut, sizeof cut)), 5);
}

static void halves_are_rounded_to_nearest_even(void **state)
{
    static const struct {
        float f;
        uint16_t h, b;
    } known[] = {
        {0.0F, 0x0000, 0x0000},           {-0.0F, 0x8000, 0x8000},           {1.0F, 0x3c00, 0x3f80},
        {-2.5F, 0xc100, 0xc020},          {65504.0F, 0x7bff, 0x4780},        {65520.0F, 0x7c00, 0x4780},
        {0x1p-24F, 0x0001, 0x3380},       {0x1p-25F, 0x0000, 0x3300},        {0x1.8p-25F, 0x0001, 0x3340},
        {0x1p-14F, 0x0400, 0x3880},       {1.0F + 0x1p-11F, 0x3c00, 0x3f80}, {1.0F + 0x1.8p-10F, 0x3c02, 0x3f80},
        {1.0F + 0x1p-8F, 0x3c04, 0x3f80}, {1.0F + 0x1.8p-7F, 0x3c0c, 0x3f82}};
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        assert_int_equal(dr_f32_to_f16(known[i].f), known[i].h);
        assert_int_equal(dr_f32_to_bf16(known[i].f), known[i].b);
    }
    assert_int_equal(dr_f32_to_f16(INFINITY), 0x7c00);
    assert_int_equal(dr_f32_to_bf16(-INFINITY), 0xff80);
    assert_true(isnan(dr_f16_to_f32(dr_f32_to_f16(NAN))));
    assert_true(isnan(dr_bf16_to_f32(dr_f32_to_bf16(NAN))));
}

static void every_half_comes_back(void **state)
{
    (void)state;
    for (uint32_t h = 0; h < 65536; h++) {
        float f = dr_f16_to_f32((uint16_t)h), b = dr_bf16_to_f32((uint16_t)h);
        if (!isnan(f))
            assert_int_equal(dr_f32_to_f16(f), h);
        if (!isnan(b))
            assert_int_equal(dr_f32_to_bf16(b), h);
    }
}

static void all_types_of_weights_become_floats(void **state)
{
    const double d[3] = {1.5, -2, 1e300};
    const int64_t l[3] = {1, -2, 1 << 20};
    const uint8_t u[3] = {0, 1, 255};
    float out[3];
    (void)state;
    dr_to_f32(d, DR_F64, out, 3);
    assert_true(out[0] == 1.5F && out[1] == -2 && isinf(out[2]));
    dr_to_f32(l, DR_I64, out, 3);
    assert_true(out[0] == 1 && out[1] == -2 && out[2] == 1 << 20);
    dr_to_f32(u, DR_U8, out, 3);
    assert_true(out[0] == 0 && out[1] == 1 && out[2] == 255);
    const float f[3] = {0.5F, -1, 3};
    uint16_t h[3];
    for (int i = 0; i < 2; i++) {
        dr_from_f32(f, h, i ? DR_F16 : DR_BF16, 3);
        dr_to_f32(h, i ? DR_F16 : DR_BF16, out, 3);
        assert_memory_equal(out, f, sizeof f);
    }
}

static void channels_go_last_and_back(void **state)
{
    float nchw[2 * 3 * 2 * 5], nhwc[2 * 3 * 2 * 5], back[2 * 3 * 2 * 5];
    (void)state;
    for (int i = 0; i < 60; i++)
        nchw[i] = (float)i;
    dr_nchw_to_nhwc(nchw, nhwc, 2, 3, 2, 5);
    /* sample 1, channel 2, row 1, column 4 */
    assert_true(nhwc[((1 * 2 + 1) * 5 + 4) * 3 + 2] == nchw[((1 * 3 + 2) * 2 + 1) * 5 + 4]);
    assert_true(nhwc[1] == 10); /* the second channel of the first place */
    dr_nhwc_to_nchw(nhwc, back, 2, 3, 2, 5);
    assert_memory_equal(back, nchw, sizeof nchw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_dtype_has_a_name_that_is_parsed_again),
        cmocka_unit_test(a_shape_counts_its_values_and_bytes),
        cmocka_unit_test(halves_are_rounded_to_nearest_even),
        cmocka_unit_test(every_half_comes_back),
        cmocka_unit_test(all_types_of_weights_become_floats),
        cmocka_unit_test(channels_go_last_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
