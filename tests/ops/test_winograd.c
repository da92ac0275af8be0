/* F(4x4,3x3) against the plain convolution, at sizes that are no multiple of anything. */
#include "base/arena.h"
#include "base/rng.h"
#include "ops/cpu/winograd.h"
#include "ops/cpu/winograd_dw.h"
#include "ops/onednn/onednn.h"
#include "ops/onednn/rows.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static dr_arena scratch;
static dr_rng rng;

static float *normals(int64_t n, float scale)
{
    float *p = malloc((size_t)n * sizeof *p);
    assert_non_null(p);
    dr_rng_normal(&rng, p, (size_t)n);
    for (int64_t i = 0; i < n; i++)
        p[i] *= scale;
    return p;
}

/* largest difference over the deviation of `want` */
static double distance(const float *got, const float *want, int64_t n)
{
    double worst = 0, sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = fabs((double)got[i] - want[i]);
        worst = d <= worst ? worst : d; /* a NaN stays */
        sum += (double)want[i] * want[i];
    }
    return worst / sqrt(sum / (double)n);
}

typedef struct shape {
    int N, H, W, I, O, top, left, bottom, right;
    dr_dtype dtype;
    bool constant, bias, residual;
} shape;

static dr_conv_args problem(const shape *s, dr_tensor *w)
{
    dr_conv_args a = {.scratch = &scratch,
                      .N = s->N,
                      .H = s->H,
                      .W = s->W,
                      .I = s->I,
                      .O = s->O,
                      .OH = s->H + s->top + s->bottom - 2,
                      .OW = s->W + s->left + s->right - 2,
                      .geom = {3, 3, 1, s->top, s->left, s->bottom, s->right, 1},
                      .w = w};
    int64_t n = (int64_t)s->O * s->I * 9;
    float *values = normals(n, 1 / sqrtf(9.0f * (float)s->I));
    *w = (dr_tensor){.dtype = s->dtype, .rank = 4, .dim = {s->O, s->I, 3, 3}, .constant = s->constant, .name = "w"};
    w->data = malloc(dr_dtype_bytes(s->dtype, (size_t)n));
    assert_non_null(w->data);
    dr_from_f32(values, w->data, s->dtype, (size_t)n);
    free(values);
    return a;
}

static void check_forward(const shape *s)
{
    dr_tensor w;
    dr_conv_args a = problem(s, &w);
    int64_t n = a.N * a.OH * a.OW * a.O;
    float *x = normals(a.N * a.H * a.W * a.I, 1), *b = normals(a.O, 1), *r = normals(n, 1);
    float *want = normals(n, 1), *got = normals(n, 1);
    a.x = x;
    a.b = s->bias ? b : NULL;
    a.residual = s->residual ? r : NULL;
    a.y = want;
    assert_int_equal(dr_ops_ref()->conv2d(&a), DR_OK);
    a.y = got;
    for (int i = 0; i < 2; i++) { /* the second run has a pack already */
        assert_int_equal(dr_conv_winograd(&a), DR_OK);
        double d = distance(got, want, n);
        if (!(d < 1e-5))
            fail_msg("[%d,%d,%d,%d] to %d channels: off by %g", s->N, s->H, s->W, s->I, s->O, d);
    }
    assert_int_equal(w.pack != NULL, s->constant);
    assert_true(!s->constant || dr_onednn_pack_bytes() >= dr_nbytes(&w));
    assert_int_equal(dr_arena_mark(&scratch), 0);
    dr_weight_unpack(&w);
    assert_int_equal(dr_onednn_pack_bytes(), 0);
    free(w.data);
    free(x);
    free(b);
    free(r);
    free(want);
    free(got);
}

static void matches_the_plain_sum(void **state)
{
    (void)state;
    for (int H = 1; H <= 17; H += H < 7 ? 1 : 5) {
        for (int W = 1; W <= 13; W += W < 6 ? 1 : 7) {
            shape s = {1,     H,    W,    3 + (H * 5 + W) % 30, 3 + (W * 11 + H * 3) % 68, 1, 1, 1, 1, DR_F32,
                       H % 2, true, W % 2};
            check_forward(&s);
        }
    }
}

static void any_padding_and_batch(void **state)
{
    (void)state;
    check_forward(&(shape){2, 9, 11, 17, 33, 0, 0, 1, 1, DR_F32, true, false, false});
    check_forward(&(shape){3, 5, 4, 16, 32, 0, 0, 0, 0, DR_F32, true, true, true});
    check_forward(&(shape){2, 6, 3, 20, 70, 2, 2, 2, 2, DR_F32, false, true, false});
}

static void weights_of_16_bits(void **state)
{
    (void)state;
    for (int constant = 0; constant < 2; constant++) {
        check_forward(&(shape){1, 13, 7, 37, 45, 1, 1, 1, 1, DR_F16, constant, true, true});
        check_forward(&(shape){1, 13, 7, 37, 45, 1, 1, 1, 1, DR_BF16, constant, true, true});
    }
}

/* more channels than are transformed at once, and more tiles than a block of them holds */
static void large_problems(void **state)
{
    (void)state;
    check_forward(&(shape){1, 6, 6, 1100, 40, 1, 1, 1, 1, DR_F32, true, true, true});
    check_forward(&(shape){1, 120, 130, 70, 9, 1, 1, 1, 1, DR_F32, true, true, false});
}

static void in_place_residual(void **state)
{
    (void)state;
    shape s = {1, 10, 9, 24, 35, 1, 1, 1, 1, DR_F32, true, true, true};
    dr_tensor w;
    dr_conv_args a = problem(&s, &w);
    int64_t n = a.N * a.OH * a.OW * a.O;
    float *x = normals(a.N * a.H * a.W * a.I, 1), *want = normals(n, 1), *got = normals(n, 1);
    a.x = x;
    a.residual = got;
    a.y = want;
    assert_int_equal(dr_ops_ref()->conv2d(&a), DR_OK);
    a.residual = a.y = got;
    assert_int_equal(dr_conv_winograd(&a), DR_OK);
    assert_true(distance(got, want, n) < 1e-5);
    dr_weight_unpack(&w);
    free(w.data);
    free(x);
    free(want);
    free(got);
}

static void check_input_gradient(const shape *s)
{
    dr_tensor w;
    dr_conv_args a = problem(s, &w);
    int64_t n = a.N * a.H * a.W * a.I;
    float *x = normals(n, 1), *dy = normals(a.N * a.OH * a.OW * a.O, 1), *want = normals(n, 1);
    float *got = malloc((size_t)n * sizeof *got);
    assert_non_null(got);
    for (int64_t i = 0; i < n; i++)
        got[i] = want[i];
    a.x = x;
    a.dy = dy;
    a.dx = want;
    assert_int_equal(dr_ops_ref()->conv2d_bwd(&a), DR_OK);
    a.dx = got;
    assert_int_equal(dr_conv_winograd_dx(&a), DR_OK);
    double d = distance(got, want, n);
    if (!(d < 1e-5))
        fail_msg("[%d,%d,%d,%d] from %d channels: off by %g", s->N, s->H, s->W, s->I, s->O, d);
    dr_weight_unpack(&w);
    free(w.data);
    free(x);
    free(dy);
    free(want);
    free(got);
}

static void input_gradient(void **state)
{
    (void)state;
    check_input_gradient(&(shape){1, 1, 1, 3, 70, 1, 1, 1, 1, DR_F32, false, false, false});
    check_input_gradient(&(shape){2, 7, 10, 35, 18, 1, 1, 1, 1, DR_F32, false, false, false});
    check_input_gradient(&(shape){1, 17, 13, 20, 33, 0, 0, 1, 1, DR_F16, true, false, false});
    check_input_gradient(&(shape){1, 5, 6, 33, 16, 2, 0, 0, 2, DR_BF16, false, false, false});
}

/* LoRA: the frozen weight is packed for the forward pass, and its plain pages may be gone */
static void input_gradient_from_a_pack(void **state)
{
    (void)state;
    shape s = {1, 8, 9, 21, 34, 1, 1, 1, 1, DR_F32, true, false, false};
    dr_tensor w;
    dr_conv_args a = problem(&s, &w);
    int64_t n = a.N * a.H * a.W * a.I, m = a.N * a.OH * a.OW * a.O;
    float *x = normals(n, 1), *dy = normals(m, 1), *y = normals(m, 1);
    float *want = calloc((size_t)n, sizeof *want), *got = calloc((size_t)n, sizeof *got);
    assert_non_null(want);
    assert_non_null(got);
    a.x = x;
    a.y = y;
    a.dy = dy;
    a.dx = want;
    assert_int_equal(dr_ops_ref()->conv2d_bwd(&a), DR_OK);
    assert_int_equal(dr_conv_winograd(&a), DR_OK);
    assert_non_null(w.pack);
    for (int64_t i = 0; i < (int64_t)s.O * s.I * 9; i++)
        ((float *)w.data)[i] = NAN;
    a.dx = got;
    assert_int_equal(dr_conv_winograd_dx(&a), DR_OK);
    assert_true(distance(got, want, n) < 1e-5);
    for (int64_t i = 0; i < n; i++)
        got[i] = 0;
    assert_int_equal(dr_conv_direct_dx(&a), DR_OK);
    assert_true(distance(got, want, n) < 1e-5);
    dr_weight_unpack(&w);
    free(w.data);
    free(x);
    free(dy);
    free(y);
    free(want);
    free(got);
}

static void check_weights_gradient(const shape *s, dr_status (*gradient)(const dr_conv_args *), double allowed)
{
    dr_tensor w;
    dr_conv_args a = problem(s, &w);
    int64_t n = a.O * a.I * 9;
    float *x = normals(a.N * a.H * a.W * a.I, 1), *dy = normals(a.N * a.OH * a.OW * a.O, 1), *want = normals(n, 1);
    float *got = malloc((size_t)n * sizeof *got);
    assert_non_null(got);
    memcpy(got, want, (size_t)n * sizeof *got);
    a.x = x;
    a.dy = dy;
    a.dw = want;
    assert_int_equal(dr_ops_ref()->conv2d_bwd(&a), DR_OK);
    a.dw = got;
    assert_int_equal(gradient(&a), DR_OK);
    double d = distance(got, want, n);
    if (!(d < allowed))
        fail_msg("[%d,%d,%d,%d] to %d channels: off by %g", s->N, s->H, s->W, s->I, s->O, d);
    assert_int_equal(dr_arena_mark(&scratch), 0);
    free(w.data);
    free(x);
    free(dy);
    free(want);
    free(got);
}

static const shape gradients[] = {{1, 1, 1, 3, 70, 1, 1, 1, 1, DR_F32, false, false, false},
                                  {2, 7, 10, 35, 18, 1, 1, 1, 1, DR_F32, false, false, false},
                                  {1, 17, 13, 80, 133, 0, 0, 1, 1, DR_F32, false, false, false},
                                  {3, 5, 6, 129, 16, 2, 0, 0, 2, DR_F32, false, false, false},
                                  /* more tiles than are transformed at once */
                                  {1, 120, 130, 350, 9, 1, 1, 1, 1, DR_F32, false, false, false}};

static void weights_gradient_tap_by_tap(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof gradients / sizeof *gradients; i++)
        check_weights_gradient(&gradients[i], dr_conv_taps_dw, 1e-5);
}

static void weights_gradient(void **state)
{
    (void)state;
    if (!dr_cpu_winograd_dw())
        skip();
    for (size_t i = 0; i < sizeof gradients / sizeof *gradients; i++)
        check_weights_gradient(&gradients[i], dr_conv_winograd_dw, 2e-5);
}

/* The results of the active table and of another way, of n values. */
static void assert_same(const shape *s, dr_precision precision, dr_status (*other)(const dr_conv_args *))
{
    dr_tensor w;
    dr_conv_args a = problem(s, &w);
    int64_t n = a.N * a.OH * a.OW * a.O;
    float *x = normals(a.N * a.H * a.W * a.I, 1), *want = normals(n, 1), *got = normals(n, 1);
    a.x = x;
    a.y = want;
    assert_int_equal(other(&a), DR_OK);
    dr_weight_unpack(&w);
    a.y = got;
    a.precision = precision;
    assert_int_equal(dr_ops_get()->conv2d(&a), DR_OK);
    assert_memory_equal(got, want, (size_t)n * sizeof *got);
    dr_weight_unpack(&w);
    free(w.data);
    free(x);
    free(want);
    free(got);
}

static dr_status directly(const dr_conv_args *a)
{
    return dr_conv_direct(a, DR_F32);
}

static void direct_precision_transforms_nothing_and_sums_few_outputs_in_double(void **state)
{
    (void)state;
    if (dr_ops_get()->conv2d == dr_ops_ref()->conv2d)
        skip();
    assert_same(&(shape){1, 40, 40, 128, 64, 1, 1, 1, 1, DR_F32, true, false, false}, DR_PRECISION_DIRECT, directly);
    assert_same(&(shape){1, 12, 12, 512, 2, 1, 1, 1, 1, DR_F32, true, false, false}, DR_PRECISION_DIRECT,
                dr_ops_ref()->conv2d);
}

/* --- products of whole numbers ------------------------------------------------------------------------- */

static void check_whole(const shape *s)
{
    dr_tensor w;
    dr_conv_args a = problem(s, &w);
    int64_t n = a.N * a.OH * a.OW * a.O;
    float *x = normals(a.N * a.H * a.W * a.I, 1), *b = normals(a.O, 1), *r = normals(n, 1);
    float *want = normals(n, 1), *got = normals(n, 1);
    a.x = x;
    a.b = s->bias ? b : NULL;
    a.residual = s->residual ? r : NULL;
    a.y = want;
    assert_int_equal(dr_ops_ref()->conv2d(&a), DR_OK);
    a.y = got;
    for (int i = 0; i < 2; i++) { /* the second run has a pack and its steps already */
        assert_int_equal(dr_conv_winograd16(&a), DR_OK);
        double d = distance(got, want, n);
        if (!(d < 1.5e-2))
            fail_msg("[%d,%d,%d,%d] to %d channels: off by %g", s->N, s->H, s->W, s->I, s->O, d);
    }
    assert_int_equal(dr_arena_mark(&scratch), 0);
    dr_weight_unpack(&w);
    assert_int_equal(dr_onednn_pack_bytes(), 0);
    free(w.data);
    free(x);
    free(b);
    free(r);
    free(want);
    free(got);
}

static void whole_numbers_come_near_the_plain_sum(void **state)
{
    (void)state;
    if (!dr_cpu_winograd16())
        skip();
    for (int H = 1; H <= 17; H += H < 7 ? 1 : 5)
        check_whole(&(shape){1, H, 13, 3 + H * 9, 3 + H * 11, 1, 1, 1, 1, DR_F32, true, true, H % 2});
    check_whole(&(shape){2, 9, 11, 33, 33, 0, 0, 1, 1, DR_F16, true, false, false});
    check_whole(&(shape){2, 6, 3, 32, 70, 2, 2, 2, 2, DR_BF16, true, true, true});
    check_whole(&(shape){1, 6, 6, 1100, 40, 1, 1, 1, 1, DR_F16, true, true, true});
    check_whole(&(shape){1, 120, 130, 70, 9, 1, 1, 1, 1, DR_F16, true, true, false});
    check_whole(&(shape){1, 40, 40, 64, 64, 1, 1, 1, 1, DR_Q8_0, true, true, false});
}

/* Every factor as large as it gets, of one sign, in all channels: the sums must still fit. */
static void the_largest_sums_of_whole_numbers_fit(void **state)
{
    (void)state;
    if (!dr_cpu_winograd16())
        skip();
    shape s = {1, 12, 12, 300, 33, 1, 1, 1, 1, DR_F32, true, false, false};
    dr_tensor w;
    dr_conv_args a = problem(&s, &w);
    int64_t n = a.N * a.OH * a.OW * a.O, in = a.N * a.H * a.W * a.I;
    float *x = normals(in, 0), *want = normals(n, 1), *got = normals(n, 1);
    for (int64_t i = 0; i < in; i++)
        x[i] = 3;
    for (int64_t i = 0; i < dr_numel(&w); i++)
        ((float *)w.data)[i] = -5;
    a.x = x;
    a.y = want;
    assert_int_equal(dr_ops_ref()->conv2d(&a), DR_OK);
    a.y = got;
    assert_int_equal(dr_conv_winograd16(&a), DR_OK);
    assert_true(distance(got, want, n) < 2e-3);
    dr_weight_unpack(&w);
    free(w.data);
    free(x);
    free(want);
    free(got);
}

/* What is not finite must not be rounded away: a model's output is searched for it. */
static void whole_numbers_keep_what_is_not_finite(void **state)
{
    (void)state;
    if (!dr_cpu_winograd16())
        skip();
    const float bad[] = {NAN, INFINITY};
    for (int i = 0; i < 4; i++) {
        shape s = {1, 8, 8, 40, 40, 1, 1, 1, 1, DR_F32, true, false, false};
        dr_tensor w;
        dr_conv_args a = problem(&s, &w);
        int64_t n = a.N * a.OH * a.OW * a.O;
        float *x = normals(a.N * a.H * a.W * a.I, 1), *got = normals(n, 1);
        if (i < 2)
            x[(3 * 8 + 3) * 40 + 7] = bad[i];
        else
            ((float *)w.data)[(5 * 40 + 7) * 9 + 4] = bad[i - 2];
        a.x = x;
        a.y = got;
        assert_int_equal(dr_conv_winograd16(&a), DR_OK);
        assert_true(!isfinite(got[(3 * 8 + 3) * 40 + 5]));
        dr_weight_unpack(&w);
        free(w.data);
        free(x);
        free(got);
    }
}

/* Weights that change have no steps, and other CPUs no such products: the choice falls back. */
static void whole_numbers_are_declined_where_they_cannot_serve(void **state)
{
    (void)state;
    dr_tensor w = {.dtype = DR_F32, .rank = 4, .dim = {32, 32, 3, 3}};
    dr_conv_args a = {.scratch = &scratch, .geom = {3, 3, 1, 1, 1, 1, 1, 1}, .w = &w};
    assert_int_equal(dr_conv_winograd16(&a), DR_EUNSUPPORTED);
    w.constant = true;
    assert_true(dr_conv_winograd16_fits(&a) == (dr_cpu_winograd16() != NULL));
    a.geom.stride = 2;
    assert_int_equal(dr_conv_winograd16(&a), DR_EUNSUPPORTED);
}

static void other_convolutions_are_declined(void **state)
{
    (void)state;
    dr_conv_args a = {.scratch = &scratch, .geom = {3, 3, 2, 1, 1, 1, 1, 1}};
    assert_int_equal(dr_conv_winograd(&a), DR_EUNSUPPORTED);
    a.geom = (dr_conv_geom){1, 1, 1, 0, 0, 0, 0, 1};
    assert_int_equal(dr_conv_winograd(&a), DR_EUNSUPPORTED);
    a.geom = (dr_conv_geom){3, 3, 1, 1, 1, 1, 1, 8};
    assert_int_equal(dr_conv_winograd(&a), DR_EUNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_the_plain_sum),
        cmocka_unit_test(any_padding_and_batch),
        cmocka_unit_test(weights_of_16_bits),
        cmocka_unit_test(large_problems),
        cmocka_unit_test(in_place_residual),
        cmocka_unit_test(input_gradient),
        cmocka_unit_test(input_gradient_from_a_pack),
        cmocka_unit_test(whole_numbers_come_near_the_plain_sum),
        cmocka_unit_test(the_largest_sums_of_whole_numbers_fit),
        cmocka_unit_test(whole_numbers_keep_what_is_not_finite),
        cmocka_unit_test(whole_numbers_are_declined_where_they_cannot_serve),
        cmocka_unit_test(weights_gradient_tap_by_tap),
        cmocka_unit_test(weights_gradient),
        cmocka_unit_test(other_convolutions_are_declined),
        cmocka_unit_test(direct_precision_transforms_nothing_and_sums_few_outputs_in_double),
    };
    if (dr_arena_init(&scratch, 0) != DR_OK)
        return 1;
    dr_rng_seed(&rng, 1);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dr_arena_clear(&scratch);
    return failed;
}
