/* Linear layers in 8-bit whole numbers against plain C, and the budget that says which layers may be. */
#include "base/arena.h"
#include "base/rng.h"
#include "ops/cpu/linear8.h"
#include "ops/onednn/onednn.h"
#include "ops/onednn/rows.h"
#include "ops/onednn/tune.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

typedef struct layer {
    dr_tensor w;
    dr_linear_args a;
    float *x, *b, *residual, *want, *got;
} layer;

static void layer_init(layer *l, int64_t M, int64_t N, int64_t K, dr_dtype type)
{
    float *values = normals(N * K, 1 / sqrtf((float)K));
    l->w = (dr_tensor){.dtype = type, .rank = 2, .dim = {N, K, 1, 1}, .constant = true, .name = "w"};
    l->w.data = malloc(dr_dtype_bytes(type, (size_t)(N * K)));
    assert_non_null(l->w.data);
    dr_from_f32(values, l->w.data, type, (size_t)(N * K));
    free(values);
    l->x = normals(M * K, 1);
    l->b = normals(N, 1);
    l->residual = normals(M * N, 1);
    l->want = normals(M * N, 1);
    l->got = normals(M * N, 1);
    l->a = (dr_linear_args){.scratch = &scratch, .M = M, .N = N, .K = K, .w = &l->w, .x = l->x};
}

static void layer_clear(layer *l)
{
    assert_int_equal(dr_arena_mark(&scratch), 0);
    dr_weight_unpack(&l->w);
    assert_int_equal(dr_onednn_pack_bytes(), 0);
    free(l->w.data);
    free(l->x);
    free(l->b);
    free(l->residual);
    free(l->want);
    free(l->got);
}

static void want(layer *l)
{
    l->a.y = l->want;
    assert_int_equal(dr_ops_ref()->linear(&l->a), DR_OK);
    l->a.y = l->got;
}

/* Relative to the size of what the product alone gives. */
static double error_of(const layer *l)
{
    double off = 0, size = 0;
    for (int64_t i = 0; i < l->a.M * l->a.N; i++) {
        double b = (l->a.b ? (double)l->b[i % l->a.N] : 0) + (l->a.residual ? (double)l->residual[i] : 0);
        off += pow((double)l->got[i] - (double)l->want[i], 2);
        size += pow((double)l->want[i] - b, 2);
    }
    return sqrt(off / size);
}

static void check(int64_t M, int64_t N, int64_t K, dr_dtype type, bool bias, bool residual)
{
    layer l;
    layer_init(&l, M, N, K, type);
    l.a.b = bias ? l.b : NULL;
    l.a.residual = residual ? l.residual : NULL;
    want(&l);
    for (int i = 0; i < 2; i++) { /* the second run has a pack already */
        assert_int_equal(dr_linear_y8(&l.a, false), DR_OK);
        double e = error_of(&l);
        if (!(e < DR_LINEAR8_BUDGET * 1.2)) /* of all rows; the budget is of some */
            fail_msg("M=%d N=%d K=%d: off by %g", (int)M, (int)N, (int)K, e);
    }
    assert_non_null(l.w.pack);
    if (residual) { /* the residual may be y itself */
        memcpy(l.got, l.residual, (size_t)(M * N) * sizeof *l.got);
        l.a.residual = l.got;
        assert_int_equal(dr_linear_y8(&l.a, false), DR_OK);
        l.a.residual = l.residual;
        assert_true(error_of(&l) < DR_LINEAR8_BUDGET * 1.2);
    }
    layer_clear(&l);
}

static void comes_near_the_plain_sum(void **state)
{
    (void)state;
    if (!dr_cpu_has_linear8())
        skip();
    check(1, 1, 3, DR_F32, false, false);
    check(7, 5, 33, DR_F32, true, true);
    check(13, 64, 64, DR_F16, true, false);
    check(64, 130, 320, DR_BF16, false, true);
    check(130, 17, 1029, DR_F32, true, true);
    check(77, 640, 96, DR_Q8_0, true, false);
    check(601, 96, 1280, DR_F16, true, true); /* more rows than a block of them holds */
}

/* Factors as large as they get, of one sign, for as long a sum as layers have. */
static void the_largest_sums_fit(void **state)
{
    (void)state;
    if (!dr_cpu_has_linear8())
        skip();
    layer l;
    layer_init(&l, 6, 64, 10240, DR_F32);
    for (int64_t i = 0; i < l.a.M * l.a.K; i++)
        l.x[i] = -2;
    for (int64_t i = 0; i < l.a.N * l.a.K; i++)
        ((float *)l.w.data)[i] = 0.5f;
    want(&l);
    assert_int_equal(dr_linear_y8(&l.a, false), DR_OK);
    assert_true(error_of(&l) < 1e-5);
    layer_clear(&l);
}

static void what_is_not_finite_is_kept(void **state)
{
    (void)state;
    if (!dr_cpu_has_linear8())
        skip();
    layer l;
    layer_init(&l, 9, 40, 50, DR_F32);
    l.a.y = l.got;
    assert_int_equal(dr_linear_y8(&l.a, false), DR_OK);
    l.x[3 * 50 + 7] = NAN;
    l.x[5 * 50 + 49] = INFINITY;
    assert_int_equal(dr_linear_y8(&l.a, false), DR_OK);
    for (int64_t n = 0; n < 40; n++)
        assert_true(!isfinite(l.got[3 * 40 + n]) && !isfinite(l.got[5 * 40 + n]) && isfinite(l.got[4 * 40 + n]));
    layer_clear(&l);
}

/* Columns that are much larger in every row (as layer norms leave them) go into the weights. */
static void large_columns_are_balanced(void **state)
{
    (void)state;
    if (!dr_cpu_has_linear8())
        skip();
    layer l;
    layer_init(&l, 200, 96, 320, DR_F16);
    for (int64_t m = 0; m < l.a.M; m++)
        for (int64_t k = 5; k < 320; k += 90)
            l.x[m * 320 + k] *= 40;
    for (int64_t n = 0; n < l.a.N; n++) /* whose weights are small, or nothing else would count */
        for (int64_t k = 5; k < 320; k += 90)
            ((uint16_t *)l.w.data)[n * 320 + k] =
                dr_f32_to_f16(dr_f16_to_f32(((uint16_t *)l.w.data)[n * 320 + k]) / 40);
    want(&l);
    assert_int_equal(dr_linear_y8(&l.a, false), DR_OK);
    assert_true(error_of(&l) < DR_LINEAR8_BUDGET * 1.2);
    layer_clear(&l);
}

/* One value of each row is far beyond all others, each time another one: no step serves such rows. */
static void spiked(layer *l)
{
    layer_init(l, 256, 320, 320, DR_F16);
    for (int64_t m = 0; m < l->a.M; m++)
        l->x[m * 320 + m * 37 % 320] *= 300;
    l->a.precision = DR_PRECISION_FAST;
}

static void a_layer_with_outliers_is_refused_and_stays_as_it_would_be(void **state)
{
    (void)state;
    if (!dr_cpu_has_linear8() || dr_ops_get()->linear == dr_ops_ref()->linear)
        skip();
    layer l;
    spiked(&l);
    l.a.y = l.got;
    assert_int_equal(dr_linear_y8(&l.a, false), DR_EUNSUPPORTED);
    assert_null(l.w.pack);
    assert_int_equal(dr_arena_mark(&scratch), 0);

    assert_int_equal(dr_ops_get()->linear(&l.a), DR_OK);
    dr_weight_unpack(&l.w);
    l.a.precision = DR_PRECISION_AUTO;
    l.a.y = l.want;
    assert_int_equal(dr_ops_get()->linear(&l.a), DR_OK);
    assert_memory_equal(l.got, l.want, (size_t)(l.a.M * l.a.N) * sizeof *l.got);
    layer_clear(&l);
}

/* ... in a later run, too, whose first rows may be harmless. */
static void a_refusal_is_remembered(void **state)
{
    (void)state;
    if (!dr_cpu_has_linear8() || !dr_tune_enabled())
        skip();
    layer l;
    spiked(&l);
    l.a.y = l.got;
    assert_int_equal(dr_linear_y8(&l.a, false), DR_EUNSUPPORTED);
    dr_tune_reset(); /* as a new process */
    for (int64_t m = 0; m < l.a.M; m++)
        l.x[m * 320 + m * 37 % 320] /= 300;
    assert_int_equal(dr_linear_y8(&l.a, false), DR_EUNSUPPORTED);
    ((uint16_t *)l.w.data)[0] ^= 1; /* another weight */
    assert_int_equal(dr_linear_y8(&l.a, false), DR_OK);
    layer_clear(&l);
}

static void weights_that_change_are_declined(void **state)
{
    (void)state;
    layer l;
    layer_init(&l, 4, 8, 16, DR_F32);
    l.a.y = l.got;
    l.w.constant = false;
    assert_int_equal(dr_linear_y8(&l.a, false), DR_EUNSUPPORTED);
    layer_clear(&l);
}

/* Where the CPU has neither kind of short products fast is exact, bit for bit; elsewhere it is near. */
static void fast_falls_back(void **state)
{
    (void)state;
    layer l;
    layer_init(&l, 100, 320, 1280, DR_F16);
    l.a.y = l.want;
    assert_int_equal(dr_ops_get()->linear(&l.a), DR_OK);
    dr_weight_unpack(&l.w);
    l.a.precision = DR_PRECISION_FAST;
    l.a.y = l.got;
    assert_int_equal(dr_ops_get()->linear(&l.a), DR_OK);
    if (!dr_cpu_has_linear8() && !dr_ops_has_bf16())
        assert_memory_equal(l.got, l.want, (size_t)(l.a.M * l.a.N) * sizeof *l.got);
    else
        assert_true(error_of(&l) < DR_LINEAR8_BUDGET * 1.2);
    layer_clear(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_near_the_plain_sum),
        cmocka_unit_test(the_largest_sums_fit),
        cmocka_unit_test(what_is_not_finite_is_kept),
        cmocka_unit_test(large_columns_are_balanced),
        cmocka_unit_test(a_layer_with_outliers_is_refused_and_stays_as_it_would_be),
        cmocka_unit_test(a_refusal_is_remembered),
        cmocka_unit_test(weights_that_change_are_declined),
        cmocka_unit_test(fast_falls_back),
    };
    char dir[] = "/tmp/drape-linear8-XXXXXX", file[4096];
    if (dr_arena_init(&scratch, 0) != DR_OK || !mkdtemp(dir))
        return 1;
    setenv("DRAPE_CACHE_DIR", dir, 1);
    dr_ops_get();
    dr_rng_seed(&rng, 1);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (dr_tune_path(file, sizeof file))
        unlink(file);
    rmdir(dir);
    dr_arena_clear(&scratch);
    return failed;
}
