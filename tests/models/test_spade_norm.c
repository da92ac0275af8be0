/* The image generator's normalisation: a map of regions as windows gives what the map itself gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "autograd/functions.h"
#include "models/spade_norm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 2, H = 24, W = 16, C = 5, REGIONS = 7, HIDDEN = 6 };

static dr_tape tape;
static dr_params params;
static dr_spade_norm norm;
static uint8_t regions[N * H * W];

static float *values(size_t n, uint64_t seed)
{
    dr_rng r;
    float *x = malloc(n * sizeof *x);
    assert_non_null(x);
    dr_rng_seed(&r, seed);
    dr_rng_normal(&r, x, n);
    return x;
}

static dr_tensor *input(int64_t channels, int64_t h, int64_t w, uint64_t seed)
{
    float *x = values((size_t)(N * h * w * channels), seed);
    dr_tensor *t = dr_input(&tape, x, 4, (int64_t[]){N, h, w, channels});
    free(x);
    return t;
}

static int set_up(void **state)
{
    (void)state;
    assert_int_equal(dr_tape_init(&tape), DR_OK);
    assert_int_equal(dr_params_init(&params), DR_OK);
    dr_spade_norm_init(&params, &norm, "up_0.norm_s", C, REGIONS, HIDDEN);
    for (dr_param *q = params.first; q; q = q->next) {
        size_t n = (size_t)dr_numel(&q->t);
        float *x = values(n, n);
        assert_int_equal(dr_param_own(q, DR_F32), DR_OK);
        dr_param_set(q, 0, n, x);
        q->t.constant = false;
        free(x);
    }
    for (int i = 0; i < N * H * W; i++) /* patches, and corners of all kinds */
        regions[i] = (uint8_t)((i / W % H / 5 + i % W / 4 + i / (H * W) * 3) * 3 % REGIONS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    dr_params_clear(&params);
    dr_tape_clear(&tape);
    return 0;
}

static int reset(void **state)
{
    (void)state;
    tape.recording = false;
    dr_tape_reset(&tape);
    return 0;
}

/* The same level's map, one-hot. */
static dr_region_map dense(int64_t h, int64_t w)
{
    float *hot = calloc((size_t)(N * h * w * REGIONS), sizeof *hot);
    assert_non_null(hot);
    for (int64_t i = 0; i < N * h * w; i++) {
        int64_t n = i / (h * w), y = i / w % h * H / h, x = i % w * W / w;
        hot[i * REGIONS + regions[(n * H + y) * W + x]] = 1;
    }
    dr_region_map m = {.dense = dr_input(&tape, hot, 4, (int64_t[]){N, h, w, REGIONS})};
    free(hot);
    return m;
}

static void assert_close(const float *got, const float *want, int64_t n, float eps)
{
    for (int64_t i = 0; i < n; i++)
        if (!(fabsf(got[i] - want[i]) <= eps * (1 + fabsf(want[i]))))
            fail_msg("value %lld is %g, expected %g", (long long)i, (double)got[i], (double)want[i]);
}

static float *host(const dr_tensor *t)
{
    float *x = malloc(dr_nbytes(t));
    assert_non_null(x);
    dr_tensor_get(&tape, t, x);
    return x;
}

static void check_at(int64_t h, int64_t w)
{
    dr_tensor *x = input(C, h, w, 1), *noise = input(1, h, w, 2);
    dr_region_map *windows = dr_region_map_new(&tape, regions, N, H, W, h, w, REGIONS), map = dense(h, w);
    assert_non_null(windows);
    assert_null(windows->dense);
    float *a = host(dr_spade_norm_apply(&tape, &norm, x, noise, windows, 0.2f, 3));
    float *b = host(dr_spade_norm_apply(&tape, &norm, x, noise, &map, 0.2f, 3));
    assert_int_equal(dr_tape_status(&tape), DR_OK);
    assert_close(a, b, N * h * w * C, 2e-5f);
    free(a);
    free(b);
}

static void windows_give_what_the_whole_map_gives(void **state)
{
    (void)state;
    check_at(H, W);
    check_at(H / 2, W / 2);
    check_at(3, 2); /* every window reaches beyond the picture on both sides */
    check_at(1, 2);
}

/* The gradient of one parameter by either form. */
static float *gradient(dr_tensor *param, const dr_region_map *m)
{
    dr_tensor *x = input(C, H, W, 1), *noise = input(1, H, W, 2), *target = input(C, H, W, 3);
    param->needs_grad = true;
    param->grad = NULL;
    tape.recording = true;
    dr_tensor *y = dr_spade_norm_apply(&tape, &norm, x, noise, m, 0.2f, 1);
    assert_int_equal(dr_backward(&tape, dr_mse(&tape, y, target, NULL), 100), DR_OK);
    tape.recording = false;
    float *g = malloc(dr_nbytes(param));
    assert_non_null(g);
    tape.ops->get(g, param->grad, dr_nbytes(param));
    param->needs_grad = false;
    param->grad = NULL;
    return g;
}

static void windows_go_back_as_the_whole_map_does(void **state)
{
    (void)state;
    for (dr_param *q = params.first; q; q = q->next) {
        dr_region_map *windows = dr_region_map_new(&tape, regions, N, H, W, H, W, REGIONS), map = dense(H, W);
        float *a = gradient(&q->t, windows), *b = gradient(&q->t, &map);
        assert_close(a, b, dr_numel(&q->t), 2e-4f);
        free(a);
        free(b);
    }
}

static void a_map_of_noise_is_used_whole(void **state)
{
    (void)state;
    enum { SIDE = 128 };
    dr_rng r;
    uint8_t *labels = malloc(SIDE * SIDE);
    assert_non_null(labels);
    dr_rng_seed(&r, 1);
    for (int i = 0; i < SIDE * SIDE; i++)
        labels[i] = (uint8_t)dr_rng_below(&r, REGIONS);
    dr_region_map *m = dr_region_map_new(&tape, labels, 1, SIDE, SIDE, SIDE, SIDE, REGIONS);
    assert_non_null(m);
    assert_non_null(m->dense);
    free(labels);
}

static void windows_are_numbered_as_they_occur(void **state)
{
    (void)state;
    const uint8_t labels[] = {1, 1, 1, 1, 1, 1, 1, 1, 2};
    dr_label_windows w;
    assert_true(dr_label_windows_find(&tape, &w, labels, 1, 1, 9, 1, 9, 100));
    int32_t id[9];
    tape.ops->get(id, w.id, sizeof id);
    const int32_t want[] = {0, 1, 2, 2, 2, 2, 3, 4, 5}; /* the middle ones are alike */
    assert_memory_equal(id, want, sizeof want);
    assert_int_equal(w.P, 6);
    uint8_t window[6][25];
    tape.ops->get(window, w.window, sizeof window);
    const uint8_t last[] = {1, 1, 2, DR_LABEL_OUTSIDE, DR_LABEL_OUTSIDE};
    assert_memory_equal(window[5] + 10, last, sizeof last);
    assert_int_equal(window[5][0], DR_LABEL_OUTSIDE);
    assert_false(dr_label_windows_find(&tape, &w, labels, 1, 1, 9, 1, 9, 5)); /* more than that */
    assert_int_equal(dr_tape_status(&tape), DR_OK);
}

/* torch.randn(1, 3, 2, 1) after manual_seed(5), turned over to [1,1,2,3] */
static void noise_is_drawn_column_by_column(void **state)
{
    (void)state;
    dr_rng r;
    float drawn[6], plane[6];
    dr_rng_seed(&r, 5);
    dr_rng_normal(&r, drawn, 6);
    dr_rng_seed(&r, 5);
    assert_int_equal(dr_spade_noise_draw(&r, "up_0.norm_s", 1, 2, 3, plane), DR_OK);
    const float want[] = {drawn[0], drawn[2], drawn[4], drawn[1], drawn[3], drawn[5]};
    assert_memory_equal(plane, want, sizeof want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(windows_give_what_the_whole_map_gives, reset),
        cmocka_unit_test_teardown(windows_go_back_as_the_whole_map_does, reset),
        cmocka_unit_test_teardown(a_map_of_noise_is_used_whole, reset),
        cmocka_unit_test_teardown(windows_are_numbered_as_they_occur, reset),
        cmocka_unit_test_teardown(noise_is_drawn_column_by_column, reset),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
