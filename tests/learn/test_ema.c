#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "learn/ema.h"
#include "learn/golden.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N 33
#define FILE_NAME "test_ema.tmp.safetensors"

static float x[N], y[2];
static dr_tensor tx = {.dtype = DR_F32, .rank = 1, .dim = {N, 1, 1, 1}, .data = x, .name = "x"};
static dr_tensor ty = {.dtype = DR_F32, .rank = 2, .dim = {2, 1, 1, 1}, .data = y, .name = "y"};
static dr_tensor *const both[] = {&tx, &ty};
static const char *const prefix[] = {"unet/", "text_encoder/"};

static void start(dr_ema *e)
{
    for (int i = 0; i < N; i++)
        x[i] = (float)i;
    y[0] = -1;
    y[1] = -2;
    assert_int_equal(dr_ema_init(e, both, 2, 0.7), DR_OK);
}

static void averages_match_diffusers(void **state)
{
    (void)state;
    dr_safetensors f;
    dr_ema e;
    golden_open(&f, "ema");
    const float *params = golden(&f, DR_F32, 31 * N, "params"), *want = golden(&f, DR_F32, 30 * N, "averages");
    memcpy(x, params, sizeof x);
    assert_int_equal(dr_ema_init(&e, both, 1, 0.7), DR_OK);
    for (int step = 0; step < 30; step++) {
        memcpy(x, params + (step + 1) * N, sizeof x);
        dr_ema_update(&e, step);
        for (int i = 0; i < N; i++)
            assert_true(fabsf(e.average[i] - want[step * N + i]) < 1e-6f);
    }
    dr_ema_clear(&e);
    dr_st_close(&f);
}

static void the_decay_warms_up_to_its_limit(void **state)
{
    (void)state;
    assert_true(dr_ema_decay(0.9999, 0) == 0);
    assert_true(fabs(dr_ema_decay(0.9999, 1) - 2.0 / 11) < 1e-15);
    assert_true(fabs(dr_ema_decay(0.9999, 999) - 1000.0 / 1009) < 1e-15);
    assert_true(dr_ema_decay(0.9999, 100000) == 0.9999);
}

static void swapping_twice_changes_nothing(void **state)
{
    (void)state;
    dr_ema e;
    start(&e);
    x[4] = 100;
    y[1] = 50;
    dr_ema_swap(&e);
    assert_true(x[4] == 4 && y[1] == -2);
    assert_true(e.average[4] == 100 && e.average[N + 1] == 50);
    dr_ema_swap(&e);
    assert_true(x[4] == 100 && y[1] == 50 && x[N - 1] == N - 1);
    assert_true(e.average[4] == 4 && e.average[N + 1] == -2);
    dr_ema_clear(&e);
}

static int dropped;
static void drop(void *pack)
{
    (void)pack;
    dropped++;
}

/* A forward would go on with the values from before. */
static void swapping_drops_packed_copies(void **state)
{
    (void)state;
    dr_ema e;
    start(&e);
    tx.pack = x;
    tx.pack_free = drop;
    dr_ema_swap(&e);
    assert_int_equal(dropped, 1);
    assert_null(tx.pack);
    dr_ema_clear(&e);
}

static void a_saved_average_comes_back_bit_for_bit(void **state)
{
    (void)state;
    dr_ema e;
    float want[N + 2];
    start(&e);
    for (int i = 0; i < N + 2; i++)
        want[i] = e.average[i] = sinf((float)i);
    assert_int_equal(dr_ema_save(&e, prefix, FILE_NAME), DR_OK);
    memset(e.average, 0, sizeof want);
    assert_int_equal(dr_ema_load(&e, prefix, FILE_NAME), DR_OK);
    assert_memory_equal(e.average, want, sizeof want);
    unlink(FILE_NAME);
    dr_ema_clear(&e);
}

static void a_file_of_other_weights_is_refused(void **state)
{
    (void)state;
    dr_ema e, one;
    start(&e);
    assert_int_equal(dr_ema_init(&one, both, 1, 0.7), DR_OK);
    assert_int_equal(dr_ema_save(&e, prefix, FILE_NAME), DR_OK);
    assert_int_equal(dr_ema_load(&one, prefix, FILE_NAME), DR_EINVAL); /* more than asked for */
    assert_non_null(strstr(dr_error(), "2 tensors, expected 1"));
    ty.dim[0] = 1;
    assert_int_equal(dr_ema_load(&e, prefix, FILE_NAME), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "'ema/text_encoder/y' is F32 [2,1], expected F32 [1,1]"));
    ty.dim[0] = 2;
    assert_int_equal(dr_ema_save(&one, prefix, FILE_NAME), DR_OK);
    assert_int_equal(dr_ema_load(&e, prefix, FILE_NAME), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "no 'ema/text_encoder/y'"));
    unlink(FILE_NAME);
    assert_int_equal(dr_ema_load(&e, prefix, FILE_NAME), DR_ENOENT);
    dr_ema_clear(&one);
    dr_ema_clear(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(averages_match_diffusers),
        cmocka_unit_test(the_decay_warms_up_to_its_limit),
        cmocka_unit_test(swapping_twice_changes_nothing),
        cmocka_unit_test(swapping_drops_packed_copies),
        cmocka_unit_test(a_saved_average_comes_back_bit_for_bit),
        cmocka_unit_test(a_file_of_other_weights_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
