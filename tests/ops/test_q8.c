/* Weights of 8 bits through every kernel that takes them: the same as their values in f32, whatever is packed, and also
 * once the plain values were given up. */
#include "base/arena.h"
#include "base/rng.h"
#include "ops/onednn/onednn.h"
#include "ops/ops.h"
#include "tensor/blocks.h"

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

/* A weight in 8 bits, in pages of the table's as a parameter has them, and the same values as f32. */
static void make_weight(dr_tensor *w, dr_tensor *f32, int64_t O, int64_t I, int64_t k)
{
    size_t n = (size_t)(O * I * k * k);
    *w = (dr_tensor){.dtype = DR_Q8_0, .rank = k > 1 ? 4 : 2, .dim = {O, I, k, k}, .constant = true, .name = "w"};
    *f32 = (dr_tensor){.dtype = DR_F32, .rank = w->rank, .dim = {O, I, k, k}, .name = "f32"};
    float *values = normals((int64_t)n, 1 / sqrtf((float)(I * k * k)));
    w->data = dr_ops_get()->take(dr_nbytes(w), false);
    assert_non_null(w->data);
    dr_from_f32(values, w->data, DR_Q8_0, n);
    dr_to_f32(w->data, DR_Q8_0, values, n);
    f32->data = values;
    w->yields = true;
}

static void drop_weight(dr_tensor *w, dr_tensor *f32)
{
    dr_weight_unpack(w);
    dr_ops_get()->give(w->data, dr_nbytes(w));
    free(f32->data);
}

static void check_linear(int64_t M, int64_t N, int64_t K, dr_precision precision, double allowed)
{
    dr_tensor w, f32;
    make_weight(&w, &f32, N, K, 1);
    float *x = normals(M * K, 1), *b = normals(N, 1), *got = calloc((size_t)(M * (N + K)), 4),
          *want = calloc((size_t)(M * (N + K)), 4), *dy = normals(M * N, 1);
    dr_linear_args a = {.scratch = &scratch, .precision = precision, .M = M, .N = N, .K = K, .b = b, .x = x, .dy = dy};
    for (int again = 0; again < 2; again++) { /* the second time as it was packed */
        a.w = &w;
        a.y = got;
        assert_int_equal(dr_ops_get()->linear(&a), DR_OK);
        a.w = &f32;
        a.y = want;
        assert_int_equal(dr_ops_ref()->linear(&a), DR_OK);
        if (!(distance(got, want, M * N) < allowed))
            fail_msg("linear %ld %ld %ld: %g", (long)M, (long)N, (long)K, distance(got, want, M * N));
    }
    a.w = &w;
    a.dx = got + M * N;
    assert_int_equal(dr_ops_get()->linear_bwd(&a), DR_OK);
    a.w = &f32;
    a.dx = want + M * N;
    assert_int_equal(dr_ops_ref()->linear_bwd(&a), DR_OK);
    if (!(distance(got + M * N, want + M * N, M * K) < allowed))
        fail_msg("dx of linear %ld %ld %ld: %g", (long)M, (long)N, (long)K, distance(got + M * N, want + M * N, M * K));
    drop_weight(&w, &f32);
    free(x);
    free(b);
    free(got);
    free(want);
    free(dy);
}

static void check_conv(int64_t H, int64_t I, int64_t O, int k, int stride, dr_precision precision, double allowed)
{
    dr_tensor w, f32;
    int pad = k / 2;
    int64_t OH = (H + 2 * pad - k) / stride + 1, n = 2 * OH * OH * O;
    make_weight(&w, &f32, O, I, k);
    float *x = normals(2 * H * H * I, 1), *b = normals(O, 1), *got = calloc((size_t)n, 4), *want = calloc((size_t)n, 4);
    dr_conv_args a = {.scratch = &scratch,
                      .precision = precision,
                      .N = 2,
                      .H = H,
                      .W = H,
                      .I = I,
                      .O = O,
                      .OH = OH,
                      .OW = OH,
                      .geom = {k, k, stride, pad, pad, pad, pad, 1},
                      .b = b,
                      .x = x};
    for (int again = 0; again < 2; again++) {
        a.w = &w;
        a.y = got;
        assert_int_equal(dr_ops_get()->conv2d(&a), DR_OK);
        a.w = &f32;
        a.y = want;
        assert_int_equal(dr_ops_ref()->conv2d(&a), DR_OK);
        if (!(distance(got, want, n) < allowed))
            fail_msg("conv %ld %ld %ld k%d s%d: %g", (long)H, (long)I, (long)O, k, stride, distance(got, want, n));
    }
    drop_weight(&w, &f32);
    free(x);
    free(b);
    free(got);
    free(want);
}

static void linear_layers_give_what_their_values_give(void **state)
{
    static const int64_t shapes[][3] = {{1, 320, 320}, {77, 77, 64}, {100, 1, 32}, {64, 640, 96}, {130, 50, 2048}};
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        check_linear(shapes[i][0], shapes[i][1], shapes[i][2], DR_PRECISION_EXACT, 1e-5);
        check_linear(shapes[i][0], shapes[i][1], shapes[i][2], DR_PRECISION_AUTO, 3e-2);
    }
}

static void convolutions_give_what_their_values_give(void **state)
{
    (void)state;
    for (dr_precision p = DR_PRECISION_EXACT; p <= DR_PRECISION_AUTO; p++) {
        double allowed = p == DR_PRECISION_EXACT ? 5e-5 : 3e-2;
        check_conv(20, 32, 48, 3, 1, p, allowed);
        check_conv(24, 96, 70, 3, 1, p, allowed); /* blocks that begin inside a window, outputs that fill no panel */
        check_conv(9, 64, 33, 3, 2, p, allowed);
        check_conv(4, 64, 64, 3, 1, p, allowed);
        check_conv(10, 64, 40, 1, 1, p, allowed);
        check_conv(11, 32, 16, 5, 1, p, allowed);
    }
}

/* Of a weight of 1 MiB no more than the packed copy stays. */
static void plain_values_are_given_up_once_packed(void **state)
{
    dr_tensor w, f32;
    (void)state;
    make_weight(&w, &f32, 1280, 1280, 1);
    float *x = normals(64 * 1280, 1), *y = calloc(64 * 1280, sizeof *y);
    dr_linear_args a = {.scratch = &scratch, .M = 64, .N = 1280, .K = 1280, .w = &w, .x = x, .y = y};
    assert_int_equal(dr_ops_get()->linear(&a), DR_OK);
    dr_backend backends[3];
    if (dr_ops_backends(backends) == 3) { /* oneDNN serves it */
        assert_non_null(w.pack);
        assert_true(w.yielded);
        assert_true(dr_onednn_pack_bytes() >= 1280 * 1280 && dr_onednn_pack_bytes() < 1280 * 1280 * 112 / 100);
    } else {
        assert_false(w.yielded);
    }
    drop_weight(&w, &f32);
    assert_int_equal(dr_onednn_pack_bytes(), 0);
    free(x);
    free(y);
}

static void weights_of_fewer_bits_are_taken_as_they_are(void **state)
{
    enum { M = 16, N = 96, K = 256 };
    unsigned char *block = malloc(N * 144);
    float *values = malloc(N * K * sizeof *values), *x = normals(M * K, 1), *got = calloc(M * N, 4),
          *want = calloc(M * N, 4);
    (void)state;
    for (int i = 0; i < N * 144; i++)
        block[i] = (unsigned char)(i * 73 + i / 7);
    for (int i = 0; i < N; i++) /* the scales */
        memcpy(block + i * 144, (const uint16_t[]){dr_f32_to_f16(1e-3F), dr_f32_to_f16(2e-3F)}, 4);
    dr_to_f32(block, DR_Q4_K, values, N * K);
    dr_tensor w = {.dtype = DR_Q4_K, .rank = 2, .dim = {N, K, 1, 1}, .constant = true, .data = block, .name = "w"};
    dr_tensor f32 = {.dtype = DR_F32, .rank = 2, .dim = {N, K, 1, 1}, .data = values, .name = "f32"};
    dr_linear_args a = {.scratch = &scratch, .M = M, .N = N, .K = K, .w = &w, .x = x, .y = got}, b = a;
    b.w = &f32;
    b.y = want;
    assert_int_equal(dr_ops_get()->linear(&a), DR_OK);
    assert_int_equal(dr_ops_ref()->linear(&b), DR_OK);
    assert_true(distance(got, want, M * N) < 1e-5);
    dr_weight_unpack(&w);
    free(block);
    free(values);
    free(x);
    free(got);
    free(want);
}

static int begin(void **state)
{
    (void)state;
    dr_rng_seed(&rng, 3);
    return dr_arena_init(&scratch, 0);
}

static int end(void **state)
{
    (void)state;
    dr_arena_clear(&scratch);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linear_layers_give_what_their_values_give),
        cmocka_unit_test(convolutions_give_what_their_values_give),
        cmocka_unit_test(plain_values_are_given_up_once_packed),
        cmocka_unit_test(weights_of_fewer_bits_are_taken_as_they_are),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
