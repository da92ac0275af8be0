/* The critic of the small model's trainings: it learns to tell two kinds apart, and pulls towards the real ones. */
#include "train/scratch.h"

#include "mini/critic.h"

#include "base/threads.h"

#include <math.h>

#define N 4
#define SIDE 16
#define COUNT (N * SIDE * SIDE * 3)

static const mini_critic_config config = {.in = 3, .layers = 2, .width = {8, 16}, .stride = {2, 2}};
static float real[COUNT], made[COUNT], gradient[COUNT];

static dr_tensor over(float *data)
{
    return (dr_tensor){.dtype = DR_F32, .rank = 4, .dim = {N, SIDE, SIDE, 3}, .data = data};
}

/* Real ones have stripes, made ones the same at half the contrast; both with noise. */
static void draw(dr_rng *rng)
{
    dr_rng_normal(rng, real, COUNT);
    dr_rng_normal(rng, made, COUNT);
    for (int i = 0; i < COUNT; i++) {
        float stripe = i / (3 * SIDE) % 4 < 2 ? 0.8f : -0.8f;
        real[i] = stripe + 0.2f * real[i];
        made[i] = 0.5f * stripe + 0.2f * made[i];
    }
}

/* The critic joins a checkpoint that here has no rival in it. */
static void open_critic(mini_adversary *a, dr_checkpoint *c, int warmup, bool resume)
{
    mini_adversary_options o = {.lr = 2e-3, .features = 1, .pull = 0.5, .noise = 0.05, .warmup = warmup};
    *c = (dr_checkpoint){.output = scratch_dir, .format = 1, .run = json_object(), .own = json_object()};
    dr_set_threads(1);
    if (dr_checkpoint_start(c, resume) != DR_OK || mini_adversary_open(a, &o, &config, c, 3) != DR_OK)
        fail_msg("%s", dr_error());
}

static void close_critic(mini_adversary *a, dr_checkpoint *c)
{
    mini_adversary_close(a);
    dr_checkpoint_clear(c);
}

static void learn(mini_adversary *a, int steps, mini_adversary_report *last)
{
    dr_rng rng;
    dr_rng_seed(&rng, 11);
    for (int i = 0; i < steps; i++) {
        draw(&rng);
        dr_tensor r = over(real), m = over(made);
        assert_int_equal(mini_adversary_learn(a, &m, &r, &rng, last), DR_OK);
    }
}

static double pull(mini_adversary *a, double theirs)
{
    mini_adversary_report report = {0};
    dr_tensor r = over(real), m = over(made);
    for (int i = 0; i < COUNT; i++)
        gradient[i] = (float)(theirs / sqrt(COUNT));
    dr_rng rng;
    dr_rng_seed(&rng, 12);
    assert_int_equal(mini_adversary_pull(a, &m, &r, &rng, gradient, &report), DR_OK);
    return report.pull;
}

static void a_critic_that_warms_up_does_not_pull(void **state)
{
    (void)state;
    mini_adversary a;
    dr_checkpoint c;
    mini_adversary_report last;
    open_critic(&a, &c, 10, false);
    learn(&a, 9, &last);
    assert_true(pull(&a, 1) == 0);
    for (int i = 1; i < COUNT; i++)
        assert_true(gradient[i] == gradient[0]);
    close_critic(&a, &c);
}

/* The pull's length is a part of the other gradient's, by the critic's skill; a step against it makes stripes stronger.
 */
static void it_learns_and_pulls_towards_the_real_ones(void **state)
{
    (void)state;
    mini_adversary a;
    dr_checkpoint c;
    mini_adversary_report last;
    open_critic(&a, &c, 0, false);
    learn(&a, 150, &last);
    assert_true(last.real > last.made + 0.5);
    assert_true(last.skill > 0.2);
    double used = pull(&a, 2), length = 0, along = 0;
    assert_true(used > 0 && used <= 0.5 + 1e-9);
    for (int i = 0; i < COUNT; i++) {
        double mine = (double)gradient[i] - 2 / sqrt(COUNT);
        length += mine * mine;
        along -= mine * (i / (3 * SIDE) % 4 < 2 ? 1 : -1);
    }
    assert_true(fabs(sqrt(length) - 2 * used) < 1e-3);
    assert_true(along > 0);
    close_critic(&a, &c);
}

static void it_goes_on_from_a_checkpoint_bit_for_bit(void **state)
{
    (void)state;
    mini_adversary a;
    dr_checkpoint c;
    mini_adversary_report whole = {0}, half = {0};
    open_critic(&a, &c, 0, false);
    learn(&a, 5, &whole);
    c.step = 5;
    assert_int_equal(dr_checkpoint_save(&c), DR_OK);
    learn(&a, 5, &whole);
    close_critic(&a, &c);
    open_critic(&a, &c, 0, true);
    learn(&a, 5, &half);
    assert_memory_equal(&whole, &half, sizeof whole);
    close_critic(&a, &c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_critic_that_warms_up_does_not_pull),
        TEST(it_learns_and_pulls_towards_the_real_ones),
        TEST(it_goes_on_from_a_checkpoint_bit_for_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
