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

/* The other machine's gradients, added where they are complete. */
typedef struct other {
    toy *of;
    size_t seen; /* values that came by */
    int calls;
} other;

static dr_status add_others(void *user, float *gradient, size_t values)
{
    other *o = user;
    const dr_gradients *mine = &o->of->t.gradients;
    for (size_t i = 0; i < values; i++)
        gradient[i] += mine->flat[o->seen + i];
    o->seen += values;
    o->calls++;
    return DR_OK;
}

/* Machine 0 draws sample 0, machine 1 sample 1: together a step of two samples. */
static void two_machines_make_one_step(void **state)
{
    (void)state;
    toy alone, mine, theirs;
    double norm, norm_of_both;
    dr_training_options o = TOY_OPTIONS;
    start(&alone, &o);
    start(&mine, &o);
    start(&theirs, &o);
    for (int step = 0; step < 3; step++) {
        dr_training_begin(&alone.t, &alone.g, 0.01);
        toy_sample(&alone, 1, step, 0, 0.5f);
        toy_sample(&alone, 1, step, 1, 0.5f);
        assert_int_equal(dr_training_end(&alone.t, &alone.g, &norm), DR_OK);

        other both = {.of = &theirs};
        memcpy(dr_f32(theirs.w1), dr_f32(mine.w1), dr_nbytes(mine.w1));
        memcpy(dr_f32(theirs.b1), dr_f32(mine.b1), dr_nbytes(mine.b1));
        memcpy(dr_f32(theirs.w2), dr_f32(mine.w2), dr_nbytes(mine.w2));
        dr_training_begin(&theirs.t, &theirs.g, 0.01);
        toy_sample(&theirs, 1, step, 1, 0.5f);
        mine.t.reduce = add_others;
        mine.t.user = &both;
        dr_training_begin(&mine.t, &mine.g, 0.01);
        toy_sample(&mine, 1, step, 0, 0.5f);
        assert_int_equal(dr_training_end(&mine.t, &mine.g, &norm_of_both), DR_OK);
        assert_int_equal(both.calls, 1);
        assert_int_equal(both.seen, mine.t.gradients.values);
        assert_true(norm == norm_of_both);
    }
    toy_same(&alone, &mine);
    toy_close(&alone);
    toy_close(&mine);
    toy_close(&theirs);
}

static dr_status count(void *user, float *gradient, size_t values)
{
    (void)gradient;
    *(size_t *)user += values;
    return DR_OK;
}

static dr_status lost(void *user, float *gradient, size_t values)
{
    (void)user, (void)gradient, (void)values;
    return dr_fail(DR_ENET, "the other machine does not answer");
}

static void gradients_that_are_used_as_they_come_pass_there_too(void **state)
{
    (void)state;
    toy m;
    double norm;
    size_t seen = 0;
    dr_training_options o = TOY_OPTIONS;
    o.max_norm = 0;
    o.as_they_come = true;
    start(&m, &o);
    m.t.reduce = count;
    m.t.user = &seen;
    dr_training_begin(&m.t, &m.g, 0.01);
    toy_sample(&m, 1, 0, 0, 1);
    assert_int_equal(dr_training_end(&m.t, &m.g, &norm), DR_OK);
    assert_int_equal(seen, m.t.gradients.values);
    m.t.reduce = lost;
    dr_training_begin(&m.t, &m.g, 0.01);
    toy_sample(&m, 1, 1, 0, 1);
    assert_int_equal(dr_training_end(&m.t, &m.g, &norm), DR_ENET);
    toy_close(&m);
}

static void a_sum_that_fails_stops_the_step(void **state)
{
    (void)state;
    toy m, untouched;
    double norm;
    dr_training_options o = TOY_OPTIONS;
    start(&m, &o);
    start(&untouched, &o);
    m.t.reduce = lost;
    dr_training_begin(&m.t, &m.g, 0.01);
    toy_sample(&m, 1, 0, 0, 1);
    assert_int_equal(dr_training_end(&m.t, &m.g, &norm), DR_ENET);
    m.t.adamw.step = 0;
    toy_same(&m, &untouched);
    toy_close(&m);
    toy_close(&untouched);
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
        cmocka_unit_test(two_machines_make_one_step),
        cmocka_unit_test(gradients_that_are_used_as_they_come_pass_there_too),
        cmocka_unit_test(a_sum_that_fails_stops_the_step),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
