#include "learn/hub.h"
#include "learn/toy.h"

#include <math.h>

static void start(toy *m, const dr_training_options *o)
{
    static char folders[2][64];
    toy_open(m, "", folders);
    assert_int_equal(dr_training_weights(&m->t, NULL, 5), DR_OK);
    assert_int_equal(dr_training_init(&m->t, o), DR_OK);
}

static double loss_of(toy *m)
{
    double sum = 0;
    for (int k = 0; k < 8; k++) {
        dr_training_begin(&m->t, &m->g, 0);
        sum += (double)toy_sample(m, 99, 0, k, 1);
    }
    return sum;
}

static void it_learns(void **state)
{
    (void)state;
    toy m, before;
    dr_training_options o = TOY_OPTIONS;
    start(&m, &o);
    start(&before, &o);
    for (int step = 0; step < 60; step++)
        toy_step(&m, 1, step);
    assert_int_equal(m.t.adamw.step, 60);
    assert_true(loss_of(&m) < 0.5 * loss_of(&before));
    toy_close(&m);
    toy_close(&before);
}

static void gradients_lie_in_one_array_in_the_order_of_the_parts(void **state)
{
    (void)state;
    toy m;
    dr_training_options o = TOY_OPTIONS;
    start(&m, &o);
    const dr_gradients *g = &m.t.gradients;
    assert_int_equal(g->count, 3);
    assert_int_equal(g->values, TOY_HIDDEN * TOY_IN + 2 * TOY_HIDDEN);
    assert_ptr_equal(m.w1->grad, g->flat);
    assert_ptr_equal(m.b1->grad, g->flat + TOY_HIDDEN * TOY_IN);
    assert_ptr_equal(m.w2->grad, g->flat + TOY_HIDDEN * TOY_IN + TOY_HIDDEN);
    assert_string_equal(m.t.prefix[1], "first.");
    assert_string_equal(m.t.prefix[2], "second.");
    g->flat[3] = 1;
    dr_training_begin(&m.t, &m.g, 0);
    assert_true(g->flat[3] == 0);
    dr_training_clear(&m.t);
    assert_null(m.w1->grad);
    assert_null(m.w2->grad);
    toy_close(&m);
}

static void a_step_of_clipped_gradients_is_the_optimizers(void **state)
{
    (void)state;
    toy m, by_hand;
    dr_training_options o = TOY_OPTIONS;
    o.max_norm = 0.01;
    start(&m, &o);
    start(&by_hand, &o);
    for (int step = 0; step < 3; step++) {
        double norm;
        dr_training_begin(&m.t, &m.g, 0.02);
        dr_gradients_zero(&by_hand.t.gradients);
        toy_sample(&m, 1, step, 0, 1);
        toy_sample(&by_hand, 1, step, 0, 1);
        assert_int_equal(dr_training_end(&m.t, &m.g, &norm), DR_OK);
        assert_true(norm > 0.01);
        assert_true(norm == dr_adamw_grad_norm(&by_hand.t.adamw, by_hand.g.ops));
        dr_adamw_step(&by_hand.t.adamw, by_hand.g.ops, 0.02f, dr_adamw_clip_scale(norm, 0.01));
        dr_ema_update(&by_hand.t.ema, step);
    }
    toy_same(&m, &by_hand);
    toy_close(&m);
    toy_close(&by_hand);
}

static void gradients_used_as_they_come_change_no_bit(void **state)
{
    (void)state;
    toy flat, coming;
    double norm;
    dr_training_options o = TOY_OPTIONS;
    o.max_norm = 0;
    start(&flat, &o);
    o.as_they_come = true;
    start(&coming, &o);
    assert_null(coming.t.gradients.flat);
    for (int step = 0; step < 3; step++)
        for (int i = 0; i < 2; i++) {
            toy *m = i ? &coming : &flat;
            dr_training_begin(&m->t, &m->g, 0.02);
            toy_sample(m, 1, step, 0, 1);
            assert_int_equal(dr_training_end(&m->t, &m->g, &norm), DR_OK);
            assert_true(isnan(norm) == (i == 1));
        }
    assert_null(coming.w1->grad);
    toy_same(&flat, &coming);
    toy_close(&flat);
    toy_close(&coming);
}

static void what_is_not_a_number_is_told_and_not_applied(void **state)
{
    (void)state;
    toy m, untouched;
    double norm;
    dr_training_options o = TOY_OPTIONS;
    start(&m, &o);
    start(&untouched, &o);
    dr_training_begin(&m.t, &m.g, 0.25);
    toy_sample(&m, 1, 0, 0, 1);
    m.b1->grad[1] = NAN;
    assert_int_equal(dr_training_end(&m.t, &m.g, &norm), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "at step 1: try a lower --rate (now 0.25)"));
    assert_int_equal(dr_training_check(&m.t, "the loss", INFINITY), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "the loss is not a number at step 1"));
    assert_int_equal(dr_training_check(&m.t, "the loss", 3), DR_OK);
    m.t.adamw.step = 0;
    toy_same(&m, &untouched);
    toy_close(&m);
    toy_close(&untouched);
}

static void without_an_average_there_is_nothing_to_exchange(void **state)
{
    (void)state;
    toy m;
    float before[TOY_HIDDEN];
    dr_training_options o = TOY_OPTIONS;
    o.average = false;
    start(&m, &o);
    toy_step(&m, 1, 0);
    memcpy(before, dr_f32(m.w2), sizeof before);
    dr_training_swap(&m.t);
    assert_memory_equal(before, dr_f32(m.w2), sizeof before);
    assert_null(m.t.ema.average);
    toy_close(&m);
}

/* --- several machines ------------------------------------------------------------------------------ */

static double distance(const float *a, const float *b, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)a[i] - (double)b[i]));
    return most;
}

/* A failed assertion on another thread would leave the test by longjmp. */
static _Atomic int wrong;

#define STEPS 12
#define SAMPLES 4

typedef struct together {
    dr_training_options o;
    toy *alone;
    bool loose; /* what travels is rounded */
} together;

/* Of a step's samples each rank takes its part, the last one what is left. */
static void train_together(hub_rank *me)
{
    const together *c = me->shared;
    toy m;
    double norm;
    dr_training_options o = c->o;
    o.ranks = me->ranks;
    start(&m, &o);
    int n = me->at->size, each = SAMPLES / n, first = me->rank * each, last = me->rank + 1 < n ? first + each : SAMPLES;
    for (int step = 0; step < STEPS; step++) {
        dr_training_begin(&m.t, &m.g, 0.01);
        for (int k = first; k < last; k++) {
            if (k == last - 1)
                dr_training_last(&m.t, &m.g);
            toy_sample(&m, 1, step, k, 1.0f / SAMPLES);
        }
        wrong += dr_training_end(&m.t, &m.g, &norm) != DR_OK;
    }
    const float *const mine[] = {dr_f32(m.w1), dr_f32(m.b1), dr_f32(m.w2)};
    const dr_tensor *const theirs[] = {c->alone->w1, c->alone->b1, c->alone->w2};
    for (int i = 0; i < 3; i++)
        wrong += distance(mine[i], dr_f32(theirs[i]), (size_t)dr_numel(theirs[i])) > (c->loose ? 2e-3 : 2e-6);
    wrong += dr_training_swap(&m.t) != DR_OK; /* the average is everywhere, too */
    for (int i = 0, at = 0; i < 3; at += (int)dr_numel(theirs[i]), i++)
        wrong += o.average && distance(mine[i], c->alone->t.ema.average + at, (size_t)dr_numel(theirs[i])) >
                                  (c->loose ? 2e-3 : 2e-6);
    wrong += dr_training_swap(&m.t) != DR_OK;
    toy_close(&m);
}

static void train_alone(toy *m, const dr_training_options *o)
{
    double norm;
    start(m, o);
    for (int step = 0; step < STEPS; step++) {
        dr_training_begin(&m->t, &m->g, 0.01);
        for (int k = 0; k < SAMPLES; k++)
            toy_sample(m, 1, step, k, 1.0f / SAMPLES);
        assert_int_equal(dr_training_end(&m->t, &m->g, &norm), DR_OK);
    }
}

static void compare(const dr_training_options *o, int ranks, bool loose)
{
    toy alone;
    train_alone(&alone, o);
    together c = {*o, &alone, loose};
    wrong = 0;
    hub_all(ranks, train_together, &c);
    assert_int_equal(wrong, 0);
    toy_close(&alone);
}

static void several_ranks_make_the_steps_of_one(void **state)
{
    (void)state;
    dr_training_options o = TOY_OPTIONS;
    for (int ranks = 2; ranks <= 6; ranks++) /* with more than there are samples some have none */
        compare(&o, ranks, false);
}

static void clipping_is_by_the_length_of_all_gradients(void **state)
{
    (void)state;
    dr_training_options o = TOY_OPTIONS;
    o.max_norm = 0.01;
    compare(&o, 3, false);
}

static void gradients_may_travel_as_bf16(void **state)
{
    (void)state;
    dr_training_options o = TOY_OPTIONS;
    o.bf16_wire = true;
    compare(&o, 2, true);
}

static void moments_in_8_bits_are_shared_out_in_blocks(void **state)
{
    (void)state;
    dr_training_options o = TOY_OPTIONS;
    o.adamw.eight_bit = true;
    compare(&o, 2, false);
}

static void one_whose_loss_is_no_number_stops_all(hub_rank *me)
{
    toy m;
    double norm;
    dr_training_options o = TOY_OPTIONS;
    o.ranks = me->ranks;
    start(&m, &o);
    dr_training_begin(&m.t, &m.g, 0.01);
    toy_sample(&m, 1, 0, me->rank, 0.5f);
    if (me->rank == 1) {
        wrong += dr_ranks_abort(me->ranks, dr_training_check(&m.t, "the loss", NAN)) != DR_EINVAL;
    } else {
        wrong += dr_training_end(&m.t, &m.g, &norm) != DR_EINVAL;
        wrong += !strstr(dr_error(), "' stopped: the loss is not a number at step 1: try a lower --rate");
    }
    toy_close(&m);
}

static void a_rank_that_stops_stops_the_step_of_all(void **state)
{
    (void)state;
    wrong = 0;
    hub_all(3, one_whose_loss_is_no_number_stops_all, NULL);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_learns),
        cmocka_unit_test(gradients_lie_in_one_array_in_the_order_of_the_parts),
        cmocka_unit_test(a_step_of_clipped_gradients_is_the_optimizers),
        cmocka_unit_test(gradients_used_as_they_come_change_no_bit),
        cmocka_unit_test(what_is_not_a_number_is_told_and_not_applied),
        cmocka_unit_test(without_an_average_there_is_nothing_to_exchange),
        cmocka_unit_test(several_ranks_make_the_steps_of_one),
        cmocka_unit_test(clipping_is_by_the_length_of_all_gradients),
        cmocka_unit_test(gradients_may_travel_as_bf16),
        cmocka_unit_test(moments_in_8_bits_are_shared_out_in_blocks),
        cmocka_unit_test(a_rank_that_stops_stops_the_step_of_all),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
