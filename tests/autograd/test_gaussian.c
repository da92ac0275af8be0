#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "autograd/functions.h"
#include "autograd/gaussian.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>

#define ROWS 5
#define C 3

static dr_tape tape;
static dr_tensor moments, noise, weight;
static float x[ROWS * 2 * C], dx[ROWS * 2 * C], e[ROWS * C], target[ROWS * C];

static dr_tensor over(float *data, int64_t width)
{
    return (dr_tensor){.dtype = DR_F32, .rank = 2, .dim = {ROWS, width, 1, 1}, .data = data};
}

static int set_up(void **state)
{
    (void)state;
    dr_rng rng;
    dr_rng_seed(&rng, 3);
    dr_rng_normal(&rng, x, ROWS * 2 * C);
    dr_rng_normal(&rng, e, ROWS * C);
    dr_rng_normal(&rng, target, ROWS * C);
    memset(dx, 0, sizeof dx);
    moments = over(x, 2 * C);
    moments.needs_grad = true;
    moments.grad = dx;
    noise = over(e, C);
    weight = over(target, C);
    return dr_tape_init(&tape);
}

static int tear_down(void **state)
{
    (void)state;
    dr_tape_clear(&tape);
    return 0;
}

static dr_tensor *sample_loss(void)
{
    return dr_mse(&tape, dr_gaussian_sample(&tape, &moments, &noise), &weight, NULL);
}

static dr_tensor *kl_loss(void)
{
    return dr_gaussian_kl(&tape, &moments);
}

static double value(dr_tensor *loss(void))
{
    dr_tape_reset(&tape);
    return (double)dr_f32(loss())[0];
}

/* Every value of the gradient by central differences of the fourth order. */
static void matches_differences(dr_tensor *loss(void))
{
    const float h = 1.0f / 32;
    tape.recording = true;
    assert_int_equal(dr_backward(&tape, loss(), 1), DR_OK);
    tape.recording = false;
    for (int i = 0; i < ROWS * 2 * C; i++) {
        float at = x[i];
        double f[4], step[4] = {-2, -1, 1, 2};
        for (int k = 0; k < 4; k++) {
            x[i] = at + (float)step[k] * h;
            f[k] = value(loss);
        }
        x[i] = at;
        double want = (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * (double)h);
        if (!(fabs((double)dx[i] - want) <= 2e-5))
            fail_msg("gradient %d is %g, by differences %g", i, (double)dx[i], want);
    }
}

static void a_draw_s_gradient_matches_differences(void **state)
{
    (void)state;
    matches_differences(sample_loss);
}

static void the_divergence_s_gradient_matches_differences(void **state)
{
    (void)state;
    matches_differences(kl_loss);
}

static void a_draw_is_mean_plus_deviation_times_noise(void **state)
{
    (void)state;
    x[0] = 2;
    x[C] = logf(9);
    e[0] = -1.5f;
    dr_tensor *z = dr_gaussian_sample(&tape, &moments, &noise);
    assert_int_equal(z->dim[1], C);
    assert_true(fabsf(dr_f32(z)[0] - (2 - 3 * 1.5f)) < 1e-5f);
}

static void the_divergence_from_itself_is_zero(void **state)
{
    (void)state;
    memset(x, 0, sizeof x);
    assert_true(value(kl_loss) == 0);
    for (int i = 0; i < ROWS; i++)
        for (int c = 0; c < C; c++)
            x[i * 2 * C + c] = 3; /* means only */
    assert_true(fabs(value(kl_loss) - 4.5) < 1e-6);
}

/* An untrained encoder may give any log variance; without the clamp exp() would overflow. */
static void beyond_the_clamp_there_is_no_gradient(void **state)
{
    (void)state;
    x[C] = 1000;
    x[C + 1] = -1000;
    x[C + 2] = 20; /* on the edge, as in torch.clamp, it still has one */
    for (int k = 0; k < 2; k++) {
        tape.recording = true;
        assert_int_equal(dr_backward(&tape, k ? kl_loss() : sample_loss(), 1), DR_OK);
        for (int i = 0; i < ROWS * 2 * C; i++)
            assert_true(isfinite(dx[i]));
        assert_true(dx[C] == 0 && dx[C + 1] == 0 && dx[C + 2] != 0);
        assert_true(dx[0] != 0);
        dr_tape_reset(&tape);
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_draw_s_gradient_matches_differences),     TEST(the_divergence_s_gradient_matches_differences),
        TEST(a_draw_is_mean_plus_deviation_times_noise), TEST(the_divergence_from_itself_is_zero),
        TEST(beyond_the_clamp_there_is_no_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
