/* The tape as such: gradients through blocks, joins, views and adapters; what blocks release; failures that stick. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "nn/layers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 2, H = 3, W = 5, C = 8, RANK = 2, LEAVES = 16, MAX_VALUES = 2048, BLOCKS = 3 };

/* A small network with what models have: blocks in blocks, a skip, time rows, an adapter, attention. */
typedef struct layer {
    dr_norm norm;
    dr_conv conv;
    dr_lin lin, qkv;
} layer;

typedef struct net {
    dr_tensor leaf[LEAVES];
    float value[LEAVES][MAX_VALUES], grad[LEAVES][MAX_VALUES];
    int count;
    dr_tensor *x, *rows;
    float target[N * H * W * C];
    layer layer;
    dr_rng rng;
} net;

static dr_tensor *add_leaf(net *m, const char *name, double scale, int rank, int64_t a, int64_t b, int64_t c, int64_t d)
{
    int i = m->count++;
    dr_tensor *t = &m->leaf[i];
    assert_true(i < LEAVES);
    *t = (dr_tensor){.dtype = DR_F32, .rank = rank, .dim = {a, b, c, d}, .name = name, .needs_grad = true};
    t->data = m->value[i];
    t->grad = m->grad[i];
    assert_true(dr_numel(t) <= MAX_VALUES);
    dr_rng_normal(&m->rng, m->value[i], (size_t)dr_numel(t));
    for (int64_t k = 0; k < dr_numel(t); k++)
        m->value[i][k] *= (float)scale;
    return t;
}

static net *new_net(void)
{
    net *m = calloc(1, sizeof *m);
    assert_non_null(m);
    dr_rng_seed(&m->rng, 5);
    layer *l = &m->layer;
    m->x = add_leaf(m, "x", 1, 4, N, H, W, C);
    m->rows = add_leaf(m, "rows", 0.5, 2, N, C, 1, 1);
    l->norm =
        (dr_norm){add_leaf(m, "gamma", 1, 1, 2 * C, 1, 1, 1), add_leaf(m, "beta", 0.3, 1, 2 * C, 1, 1, 1), 4, 1e-5F};
    l->conv = (dr_conv){add_leaf(m, "conv.w", 0.1, 4, C, 2 * C, 3, 3),
                        add_leaf(m, "conv.b", 0.1, 1, C, 1, 1, 1),
                        {3, 3, 1, 1, 1, 1, 1, 1}};
    l->lin = (dr_lin){add_leaf(m, "lin.w", 0.3, 2, C, C, 1, 1), add_leaf(m, "lin.b", 0.1, 1, C, 1, 1, 1),
                      add_leaf(m, "down", 0.3, 2, RANK, C, 1, 1), add_leaf(m, "up", 0.3, 2, C, RANK, 1, 1), 0.7F};
    l->qkv =
        (dr_lin){.w = add_leaf(m, "qkv.w", 0.3, 2, 3 * C, C, 1, 1), .b = add_leaf(m, "qkv.b", 0.1, 1, 3 * C, 1, 1, 1)};
    dr_rng_normal(&m->rng, m->target, N * H * W * C);
    return m;
}

/* in[0] [N,L,C] -> the same plus attention over it */
static dr_tensor *attention_block(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const layer *l = self;
    dr_tensor *qkv = dr_lin_forward(g, &l->qkv, in[0], NULL);
    dr_tensor *q = dr_slice(g, qkv, 0, C), *k = dr_slice(g, qkv, C, C), *v = dr_slice(g, qkv, 2 * C, C);
    dr_tensor *h = dr_attention(g, q, k, v, 2, false);
    return dr_lin_forward(g, &l->lin, h, in[0]);
}

/* h [N,H,W,C], skip [N,H,W,C], rows [N,C] -> [N,H,W,C] */
static dr_tensor *mix_block(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const layer *l = self;
    dr_tensor *h = dr_norm_forward(g, &l->norm, dr_concat(g, in[0], in[1]), DR_ACT_SILU);
    h = dr_conv_forward(g, &l->conv, h, in[0]);
    h = dr_add_rows(g, h, in[2]);
    h = dr_view3(g, h, N, H * W, C);
    h = dr_block(g, attention_block, l, 1, &h);
    return dr_view4(g, dr_add(g, h, dr_scale(g, h, 0.1F)), N, H, W, C);
}

static dr_tensor *forward(dr_tape *g, const net *m)
{
    dr_tensor *h = m->x;
    for (int i = 0; i < BLOCKS; i++)
        h = dr_block(g, mix_block, &m->layer, 3, (dr_tensor *[]){h, m->x, m->rows});
    return h;
}

static double loss_of(dr_tape *g, net *m, dr_tensor **out)
{
    dr_tensor *want = dr_wrap(g, m->target, 4, (int64_t[]){N, H, W, C});
    dr_tensor *y = forward(g, m);
    dr_tensor *loss = g->status ? y : dr_mse(g, y, want, NULL);
    if (out)
        *out = loss;
    return g->status ? NAN : (double)dr_f32(loss)[0];
}

/* Gradients of all leaves into m->grad. */
static dr_status train(dr_tape *g, net *m)
{
    dr_tensor *loss;
    memset(m->grad, 0, sizeof m->grad);
    g->recording = true;
    loss_of(g, m, &loss);
    dr_status st = g->status ? dr_tape_status(g) : dr_backward(g, loss, 1);
    g->recording = false;
    return st;
}

static dr_tape *new_tape(void)
{
    dr_tape *g = malloc(sizeof *g);
    assert_non_null(g);
    assert_int_equal(dr_tape_init(g), DR_OK);
    return g;
}

static void free_tape(dr_tape *g)
{
    dr_tape_clear(g);
    free(g);
}

/* --- gradients ---------------------------------------------------------------------------------------- */

/* The loss's slope along a random direction of leaf i, by central differences. */
static double slope(dr_tape *g, net *m, int i, const float *direction, float eps)
{
    double loss[2];
    size_t n = (size_t)dr_numel(&m->leaf[i]);
    float *kept = malloc(n * sizeof *kept);
    memcpy(kept, m->value[i], n * sizeof *kept);
    for (int s = 0; s < 2; s++) {
        for (size_t k = 0; k < n; k++)
            m->value[i][k] = kept[k] + (s ? -eps : eps) * direction[k];
        loss[s] = loss_of(g, m, NULL);
        dr_tape_reset(g);
    }
    memcpy(m->value[i], kept, n * sizeof *kept);
    free(kept);
    return (loss[0] - loss[1]) / (2 * (double)eps);
}

static void gradients_are_the_slopes_of_the_loss(void **state)
{
    (void)state;
    dr_tape *g = new_tape();
    net *m = new_net();
    float direction[MAX_VALUES];
    assert_int_equal(train(g, m), DR_OK);
    dr_tape_reset(g);
    for (int i = 0; i < m->count; i++) {
        int64_t n = dr_numel(&m->leaf[i]);
        double along = 0, length = 0;
        dr_rng_normal(&m->rng, direction, (size_t)n);
        for (int64_t k = 0; k < n; k++) { /* leaning towards the gradient, so that the slope is not lost in rounding */
            direction[k] = direction[k] * 0.1F + m->grad[i][k] * 10;
            length += (double)direction[k] * direction[k];
        }
        for (int64_t k = 0; k < n; k++) {
            direction[k] /= (float)sqrt(length);
            along += (double)direction[k] * m->grad[i][k];
        }
        double want = slope(g, m, i, direction, 3e-3F);
        if (fabs(along - want) > 5e-3 * fabs(want) + 1e-4)
            fail_msg("%s: gradient %g, slope %g", m->leaf[i].name, along, want);
        assert_true(fabs(want) > 1e-3);
    }
    free(m);
    free_tape(g);
}

static void both_inputs_of_an_add_may_be_one(void **state)
{
    (void)state;
    dr_tape *g = new_tape();
    net *m = new_net();
    g->recording = true;
    dr_tensor *h = dr_add(g, m->x, m->x);                                    /* 2x */
    h = dr_mul(g, h, h);                                                     /* 4x² */
    h = dr_add(g, dr_view3(g, h, N, H * W, C), dr_view3(g, h, N, H * W, C)); /* 8x² */
    assert_int_equal(dr_backward(g, h, 0.5F), DR_OK);
    for (int i = 0; i < N * H * W * C; i++)
        assert_true(fabsf(m->grad[0][i] - 8 * m->value[0][i]) <= 1e-5F * fabsf(m->value[0][i]));
    free(m);
    free_tape(g);
}

static void what_needs_no_gradient_gets_none(void **state)
{
    (void)state;
    dr_tape *g = new_tape();
    net *m = new_net();
    m->leaf[4].needs_grad = false; /* conv.w */
    assert_int_equal(train(g, m), DR_OK);
    for (int64_t k = 0; k < dr_numel(&m->leaf[4]); k++)
        assert_true(m->grad[4][k] == 0);
    assert_true(m->grad[5][0] != 0);
    dr_tape_reset(g);
    for (int i = 0; i < m->count; i++)
        m->leaf[i].needs_grad = false;
    assert_int_equal(train(g, m), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "nothing to differentiate"));
    free(m);
    free_tape(g);
}

/* --- blocks ------------------------------------------------------------------------------------------- */

static void running_blocks_again_changes_no_bit(void **state)
{
    (void)state;
    dr_tape *g = new_tape();
    net *plain = new_net(), *again = new_net();
    assert_int_equal(train(g, plain), DR_OK);
    size_t whole = g->arena.peak + g->values.peak;
    const size_t budgets[] = {0, 1, 60 << 10, 120 << 10, whole, (size_t)1 << 40};
    for (size_t i = 0; i < sizeof budgets / sizeof *budgets; i++) {
        dr_tape_reset(g);
        g->checkpointing = true;
        g->activation_budget = budgets[i];
        assert_int_equal(train(g, again), DR_OK);
        for (int k = 0; k < again->count; k++)
            for (int64_t v = 0; v < dr_numel(&again->leaf[k]); v++)
                if (again->grad[k][v] != plain->grad[k][v])
                    fail_msg("budget %zu: %s[%lld] is %g, was %g", budgets[i], again->leaf[k].name, (long long)v,
                             (double)again->grad[k][v], (double)plain->grad[k][v]);
    }
    free(plain);
    free(again);
    free_tape(g);
}

static size_t bytes_after_forward(dr_tape *g, net *m, bool recording, bool checkpointing)
{
    dr_tape_reset(g);
    g->recording = recording;
    g->checkpointing = checkpointing;
    g->activation_budget = 0;
    forward(g, m);
    g->recording = false;
    assert_int_equal(dr_tape_status(g), DR_OK);
    return g->arena.used + g->values.used;
}

static void blocks_release_what_they_made(void **state)
{
    (void)state;
    dr_tape *g = new_tape();
    net *m = new_net();
    size_t result = N * H * W * C * sizeof(float);
    size_t all = bytes_after_forward(g, m, true, false);
    size_t kept = bytes_after_forward(g, m, true, true), inference = bytes_after_forward(g, m, false, false);
    assert_true(all > BLOCKS * 10 * result); /* every intermediate tensor */
    assert_true(kept < BLOCKS * (result + 1024));
    assert_true(inference < BLOCKS * (result + 512));
    free(m);
    free_tape(g);
}

static void more_blocks_do_not_raise_the_peak(void **state)
{
    (void)state;
    dr_tape *g = new_tape();
    net *m = new_net();
    dr_tensor *h = m->x;
    size_t after_one = 0, result = N * H * W * C * sizeof(float);
    for (int i = 0; i < 20; i++) {
        h = dr_block(g, mix_block, &m->layer, 3, (dr_tensor *[]){h, m->x, m->rows});
        after_one = after_one ? after_one : g->arena.peak + g->values.peak;
    }
    assert_int_equal(dr_tape_status(g), DR_OK);
    assert_true(g->arena.peak + g->values.peak <= after_one + 19 * (result + 512));
    free(m);
    free_tape(g);
}

typedef struct collected {
    int calls;
    double sum; /* of the convolution's gradient */
    dr_tensor *w;
} collected;

/* Takes the gradient that lies on the tape, as an optimizer does that needs no buffer for all of them. */
static void collect(dr_tape *g, void *owner)
{
    collected *c = owner;
    (void)g;
    c->calls++;
    assert_non_null(c->w->grad);
    for (int64_t i = 0; i < dr_numel(c->w); i++)
        c->sum += (double)c->w->grad[i];
    c->w->grad = NULL;
}

static void gradients_can_be_taken_block_by_block(void **state)
{
    (void)state;
    dr_tape *g = new_tape();
    net *m = new_net();
    double want = 0;
    collected c = {.w = &m->leaf[4]};
    assert_int_equal(train(g, m), DR_OK);
    for (int64_t i = 0; i < dr_numel(c.w); i++)
        want += (double)m->grad[4][i];
    dr_tape_reset(g);
    c.w->grad = NULL;
    g->checkpointing = true;
    g->block_done = collect;
    g->owner = &c;
    assert_int_equal(train(g, m), DR_OK);
    assert_int_equal(c.calls, BLOCKS);
    assert_true(fabs(c.sum - want) < 1e-5 * fabs(want));
    free(m);
    free_tape(g);
}

/* --- failures ------------------------------------------------------------------------------------------ */

static void use_arena(dr_tape *g, dr_arena *a, size_t bytes)
{
    dr_tape_reset(g);
    dr_arena_clear(&g->arena);
    dr_arena_clear(&g->values);
    assert_int_equal(dr_arena_init(&g->arena, a == &g->arena ? bytes : 0), DR_OK);
    assert_int_equal(dr_arena_init(&g->values, a == &g->values ? bytes : 0), DR_OK);
}

/* One of the tape's arenas ends at many places. */
static void check_out_of_memory(dr_tape *g, dr_arena *a)
{
    net *plain = new_net(), *m = new_net();
    g->checkpointing = false;
    assert_int_equal(train(g, plain), DR_OK);
    size_t whole = a->peak + (a == &g->values ? 2 << 20 : 64 << 10); /* and what ops need as scratch */
    int failed = 0, passed = 0;
    for (size_t size = 512; size < whole; size = size * 5 / 4)
        for (int checkpointing = 0; checkpointing < 2; checkpointing++) {
            use_arena(g, a, size);
            g->checkpointing = checkpointing;
            dr_status st = train(g, m);
            assert_true(st == DR_OK || st == DR_ENOMEM);
            failed += st != DR_OK;
            passed += st == DR_OK;
            if (st) {
                assert_non_null(strstr(dr_error(), "out of memory"));
                assert_int_equal(dr_tape_status(g), DR_ENOMEM);
                dr_tensor *y = dr_new4(g, 1, 1, 1, 1); /* and it stays so */
                assert_null(y->data);
                assert_ptr_equal(dr_add(g, y, y), &g->dummy);
            } else {
                assert_memory_equal(m->grad[0], plain->grad[0], sizeof(float) * N * H * W * C);
            }
        }
    assert_true(failed > 10);
    assert_true(passed > 2);
    free(plain);
    free(m);
}

static void out_of_memory_at_any_point_is_a_status(void **state)
{
    (void)state;
    dr_tape *g = new_tape();
    check_out_of_memory(g, &g->values);
    use_arena(g, NULL, 0);
    check_out_of_memory(g, &g->arena);
    free_tape(g);
}

typedef struct stop {
    int asked, at;
} stop;

static bool asked_to_stop(void *user)
{
    stop *s = user;
    return ++s->asked == s->at;
}

static void cancelling_at_any_point_is_a_status(void **state)
{
    (void)state;
    dr_tape *g = new_tape();
    net *m = new_net();
    stop s = {0};
    g->cancelled = asked_to_stop;
    g->user = &s;
    g->checkpointing = true;
    assert_int_equal(train(g, m), DR_OK);
    int all = s.asked;
    assert_true(all > 100); /* forward, forward again, backward */
    for (int at = 1; at <= all; at += 7) {
        dr_tape_reset(g);
        s = (stop){.at = at};
        assert_int_equal(train(g, m), DR_ECANCELLED);
        assert_string_equal(dr_error(), "cancelled");
        assert_int_equal(s.asked, at);
    }
    dr_tape_reset(g);
    s = (stop){0};
    assert_int_equal(train(g, m), DR_OK);
    free(m);
    free_tape(g);
}

static void the_first_failure_keeps_its_message(void **state)
{
    (void)state;
    dr_tape *g = new_tape();
    dr_tape_fail(g, dr_fail(DR_EINVAL, "the first"));
    dr_tape_fail(g, dr_fail(DR_EIO, "the second"));
    dr_fail(DR_EIO, "somebody else's");
    assert_int_equal(dr_tape_status(g), DR_EINVAL);
    assert_string_equal(dr_error(), "the first");
    dr_tape_reset(g);
    assert_int_equal(dr_tape_status(g), DR_OK);
    free_tape(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_the_slopes_of_the_loss),
        cmocka_unit_test(both_inputs_of_an_add_may_be_one),
        cmocka_unit_test(what_needs_no_gradient_gets_none),
        cmocka_unit_test(running_blocks_again_changes_no_bit),
        cmocka_unit_test(blocks_release_what_they_made),
        cmocka_unit_test(more_blocks_do_not_raise_the_peak),
        cmocka_unit_test(gradients_can_be_taken_block_by_block),
        cmocka_unit_test(out_of_memory_at_any_point_is_a_status),
        cmocka_unit_test(cancelling_at_any_point_is_a_status),
        cmocka_unit_test(the_first_failure_keeps_its_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
