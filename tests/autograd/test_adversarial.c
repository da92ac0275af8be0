#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "autograd/adversarial.h"
#include "autograd/functions.h"

#include <math.h>
#include <string.h>

#define COUNT 6

static dr_tape tape;
static float x[COUNT], dx[COUNT], w[COUNT] = {0.5f, -1, 2, 0, 3, -0.25f};
static dr_tensor a;

static int set_up(void **state)
{
    (void)state;
    memcpy(x, (const float[COUNT]){0.2f, -1.5f, 1.75f, -0.4f, 3, 0.9f}, sizeof x);
    memset(dx, 0, sizeof dx);
    a = (dr_tensor){.dtype = DR_F32, .rank = 2, .dim = {2, 3, 1, 1}, .data = x, .needs_grad = true, .grad = dx};
    return dr_tape_init(&tape);
}

static int tear_down(void **state)
{
    (void)state;
    dr_tape_clear(&tape);
    return 0;
}

static dr_tensor *real(void)
{
    return dr_hinge(&tape, &a, 1);
}

static dr_tensor *made(void)
{
    return dr_hinge(&tape, &a, -1);
}

static dr_tensor *mean(void)
{
    return dr_mean(&tape, &a);
}

static dr_tensor *inner(void)
{
    return dr_inner(&tape, &a, w);
}

static double value(dr_tensor *loss(void))
{
    dr_tape_reset(&tape);
    return (double)dr_f32(loss())[0];
}

/* torch: relu(1 - x).mean(), relu(1 + x).mean(), x.mean(), (x * w).sum() */
static void values_are_torch_s(void **state)
{
    (void)state;
    assert_true(fabs(value(real) - 0.8) < 1e-6);
    assert_true(fabs(value(made) - 10.45 / 6) < 1e-6);
    assert_true(fabs(value(mean) - 3.95 / 6) < 1e-6);
    assert_true(fabs(value(inner) - 13.875) < 1e-6);
}

/* None of the values is within h of a corner, so differences are exact but for rounding. */
static void gradients_match_differences(void **state)
{
    (void)state;
    const float h = 1.0f / 64;
    dr_tensor *(*const loss[])(void) = {real, made, mean, inner};
    for (size_t k = 0; k < sizeof loss / sizeof *loss; k++) {
        memset(dx, 0, sizeof dx);
        dr_tape_reset(&tape);
        tape.recording = true;
        assert_int_equal(dr_backward(&tape, dr_scale(&tape, loss[k](), 3), 1), DR_OK);
        tape.recording = false;
        for (int i = 0; i < COUNT; i++) {
            float at = x[i];
            x[i] = at + h;
            double up = value(loss[k]);
            x[i] = at - h;
            double down = value(loss[k]);
            x[i] = at;
            if (fabs((double)dx[i] - 3 * (up - down) / (2 * (double)h)) > 1e-4)
                fail_msg("loss %zu: gradient %d is %g, by differences %g", k, i, (double)dx[i],
                         3 * (up - down) / (2 * (double)h));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_are_torch_s, set_up, tear_down),
        cmocka_unit_test_setup_teardown(gradients_match_differences, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
