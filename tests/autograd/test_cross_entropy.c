#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "autograd/functions.h"

#include <math.h>
#include <string.h>

#define PLACES 4
#define C 3

static dr_tape tape;
static dr_tensor logits;
static float x[PLACES * C], dx[PLACES * C];
static uint8_t labels[PLACES];
static const float weight[C] = {0.5f, 2, 1};

static int set_up(void **state)
{
    static const float start[PLACES * C] = {0.3f,  -1.2f, 2.0f,  0.1f, 0.7f, -0.4f,
                                            -2.5f, 1.5f,  0.25f, 3.0f, 3.0f, -1.0f};
    (void)state;
    memcpy(x, start, sizeof x);
    memset(dx, 0, sizeof dx);
    memcpy(labels, (uint8_t[]){0, 1, 255, 2}, sizeof labels);
    logits = (dr_tensor){.dtype = DR_F32, .rank = 4, .dim = {1, 2, 2, C}, .data = x, .needs_grad = true, .grad = dx};
    return dr_tape_init(&tape);
}

static int tear_down(void **state)
{
    (void)state;
    dr_tape_clear(&tape);
    return 0;
}

static double value(const float *w)
{
    dr_tape_reset(&tape);
    return (double)dr_f32(dr_cross_entropy(&tape, &logits, labels, 255, w))[0];
}

/* torch 2.15: F.cross_entropy(x, torch.tensor([0, 1, 255, 2]), ignore_index=255), and with weight=[0.5, 2, 1] */
static void matches_pytorch_with_and_without_weights(void **state)
{
    (void)state;
    assert_true(fabs(value(NULL) - 2.412033669) < 1e-6);
    assert_true(fabs(value(weight) - 1.976409093) < 1e-6);
}

static void its_gradient_matches_differences(void **state)
{
    (void)state;
    const float h = 1.0f / 64;
    tape.recording = true;
    assert_int_equal(dr_backward(&tape, dr_cross_entropy(&tape, &logits, labels, 255, weight), 1), DR_OK);
    tape.recording = false;
    for (int i = 0; i < PLACES * C; i++) {
        float at = x[i];
        x[i] = at + h;
        double above = value(weight);
        x[i] = at - h;
        double below = value(weight), want = (above - below) / (2 * (double)h);
        x[i] = at;
        if (!(fabs((double)dx[i] - want) < 1e-4))
            fail_msg("gradient %d is %g, by differences %g", i, (double)dx[i], want);
    }
}

static void places_to_ignore_have_no_gradient(void **state)
{
    (void)state;
    tape.recording = true;
    assert_int_equal(dr_backward(&tape, dr_cross_entropy(&tape, &logits, labels, 255, NULL), 1), DR_OK);
    for (int c = 0; c < C; c++) {
        assert_true(dx[2 * C + c] == 0);
        assert_true(dx[c] != 0);
    }
}

static void nothing_to_judge_is_a_loss_of_zero(void **state)
{
    (void)state;
    memset(labels, 255, sizeof labels);
    tape.recording = true;
    dr_tensor *loss = dr_cross_entropy(&tape, &logits, labels, 255, NULL);
    assert_true(dr_f32(loss)[0] == 0);
    assert_int_equal(dr_backward(&tape, loss, 1), DR_OK);
    for (int i = 0; i < PLACES * C; i++)
        assert_true(dx[i] == 0);
}

static void large_logits_do_not_overflow(void **state)
{
    (void)state;
    x[0] = 1e4f;
    x[1] = -1e4f;
    assert_true(isfinite(value(NULL)));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(matches_pytorch_with_and_without_weights),
        TEST(its_gradient_matches_differences),
        TEST(places_to_ignore_have_no_gradient),
        TEST(nothing_to_judge_is_a_loss_of_zero),
        TEST(large_logits_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
