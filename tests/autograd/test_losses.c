#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "autograd/functions.h"
#include "autograd/losses.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>

#define N 2
#define H 3
#define W 4
#define C 2
#define COUNT (N * H * W * C)
#define EPS 0.25f

static dr_tape tape;
static dr_tensor a, b;
static float x[COUNT], dx[COUNT], want[COUNT];

static dr_tensor over(float *data)
{
    return (dr_tensor){.dtype = DR_F32, .rank = 4, .dim = {N, H, W, C}, .data = data};
}

static int set_up(void **state)
{
    (void)state;
    dr_rng rng;
    dr_rng_seed(&rng, 5);
    dr_rng_normal(&rng, x, COUNT);
    dr_rng_normal(&rng, want, COUNT);
    memset(dx, 0, sizeof dx);
    a = over(x);
    b = over(want);
    a.needs_grad = true;
    a.grad = dx;
    return dr_tape_init(&tape);
}

static int tear_down(void **state)
{
    (void)state;
    dr_tape_clear(&tape);
    return 0;
}

static dr_tensor *plain(void)
{
    return dr_charbonnier(&tape, &a, &b, EPS);
}

static dr_tensor *edges(void)
{
    return dr_edge_charbonnier(&tape, &a, &b, EPS);
}

static double value(dr_tensor *loss(void))
{
    dr_tape_reset(&tape);
    return (double)dr_f32(loss())[0];
}

/* Every value of the gradient by central differences of the fourth order. */
static void matches_differences(dr_tensor *loss(void))
{
    const float h = 1.0f / 64;
    tape.recording = true;
    assert_int_equal(dr_backward(&tape, dr_scale(&tape, loss(), 3), 1), DR_OK);
    tape.recording = false;
    for (int i = 0; i < COUNT; i++) {
        float at = x[i];
        double f[4], step[4] = {-2, -1, 1, 2};
        for (int k = 0; k < 4; k++) {
            x[i] = at + (float)step[k] * h;
            f[k] = value(loss);
        }
        x[i] = at;
        double slope = 3 * (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * (double)h);
        if (!(fabs((double)dx[i] - slope) <= 5e-5))
            fail_msg("gradient %d is %g, by differences %g", i, (double)dx[i], slope);
    }
}

static void the_charbonnier_gradient_matches_differences(void **state)
{
    (void)state;
    matches_differences(plain);
}

static void the_edges_gradient_matches_differences(void **state)
{
    (void)state;
    matches_differences(edges);
}

static void equal_pictures_have_the_loss_eps_and_no_gradient(void **state)
{
    (void)state;
    memcpy(x, want, sizeof x);
    dr_tensor *(*const loss[])(void) = {plain, edges};
    for (int k = 0; k < 2; k++) {
        assert_true(fabs(value(loss[k]) - (double)EPS) < 1e-6);
        tape.recording = true;
        assert_int_equal(dr_backward(&tape, loss[k](), 1), DR_OK);
        tape.recording = false;
        for (int i = 0; i < COUNT; i++)
            assert_true(dx[i] == 0);
    }
}

static void a_large_difference_counts_by_its_size(void **state)
{
    (void)state;
    for (int i = 0; i < COUNT; i++)
        x[i] = want[i] + (i % 2 ? 100 : -300);
    assert_true(fabs(value(plain) - 200) < 0.01);
}

/* A picture that is brighter all over has all its edges; one column raised has two wrong pairs in every row. */
static void edges_see_differences_between_neighbours_only(void **state)
{
    (void)state;
    for (int i = 0; i < COUNT; i++)
        x[i] = want[i] + 7;
    assert_true(fabs(value(edges) - (double)EPS) < 1e-6);
    memcpy(x, want, sizeof x);
    for (int i = 0; i < N * H; i++)
        x[(i * W + 1) * C] += 100;
    double all = N * C * (H * (W - 1) + (H - 1) * W), wrong = N * H * 2;
    assert_true(fabs(value(edges) - (wrong * 100 + (all - wrong) * (double)EPS) / all) < 0.01);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_charbonnier_gradient_matches_differences),     TEST(the_edges_gradient_matches_differences),
        TEST(equal_pictures_have_the_loss_eps_and_no_gradient), TEST(a_large_difference_counts_by_its_size),
        TEST(edges_see_differences_between_neighbours_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
