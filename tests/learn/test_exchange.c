/* How parameters are shared out over ranks, and how their gradients and values travel. */
#include "train/scratch.h"

#include "learn/exchange.h"
#include "learn/hub.h"
#include "pipeline/models.h"
#include "pipeline/weights.h"

#include <math.h>

static _Atomic int wrong;
#define CHECK(claim) (wrong += !(claim))

/* Parameters of odd sizes, one of them larger than what travels at once. */
static const int64_t sizes[] = {7, 4096, 1, 300000, 256, 255, 3000001, 64, 5000};
#define COUNT ((int)(sizeof sizes / sizeof *sizes))

typedef struct model {
    dr_params params;
    dr_tensor *p[COUNT];
    dr_gradients g;
} model;

static void open_model(model *m, bool gradients)
{
    *m = (model){0};
    CHECK(!dr_params_init(&m->params));
    for (int i = 0; i < COUNT; i++) {
        char name[16];
        snprintf(name, sizeof name, "p%d", i);
        m->p[i] = dr_param_add(&m->params, "", name, DR_INIT_ZEROS, 1, 1, sizes[i], 1, 1, 1);
    }
    CHECK(!dr_weights_random(&m->params, DR_F32, 1));
    CHECK(!dr_params_make_trainable(&m->params));
    if (gradients)
        CHECK(!dr_gradients_init(&m->g, &(dr_params *){&m->params}, 1, true));
}

static void close_model(model *m)
{
    dr_gradients_clear(&m->g);
    dr_params_clear(&m->params);
}

static float gradient_of(int rank, size_t at)
{
    return (float)(rank + 1) * (float)(at % 1000);
}

/* Every value has one owner, shares begin at blocks, and no rank has much more than another one. */
static void shares(hub_rank *me)
{
    model m;
    dr_exchange *x;
    int64_t total = 0, most = 0;
    open_model(&m, true);
    CHECK(!dr_exchange_open(&x, me->ranks, &m.g, false));
    for (int i = 0; i < COUNT; i++) {
        int64_t end = 0;
        for (int r = 0; r < me->at->size; r++) {
            dr_span s = dr_exchange_span(x, m.p[i], (size_t)i, r);
            CHECK(s.n >= 0 && (s.n == 0 || (s.from == end && s.from % 256 == 0)));
            end = s.n ? s.from + s.n : end;
        }
        CHECK(end == sizes[i]);
    }
    for (int i = 0; i < COUNT; i++) {
        total += sizes[i];
        most += dr_exchange_own(x)[i].n;
        dr_span s = dr_exchange_span(x, m.p[i], (size_t)i, me->rank);
        CHECK(s.n == dr_exchange_own(x)[i].n && (s.n == 0 || s.from == dr_exchange_own(x)[i].from));
    }
    CHECK(most < total / me->at->size + 20000);
    dr_exchange_close(x);
    close_model(&m);
}

static void every_value_has_one_owner(void **state)
{
    (void)state;
    for (int n = 2; n <= 7; n++)
        hub_all(n, shares, NULL);
    assert_int_equal(wrong, 0);
}

/* In another order on each rank, as it may be where blocks are kept and where they run again. */
static void complete_all(dr_exchange *x, const model *m, int rank)
{
    for (int i = 0; i < COUNT; i++)
        dr_exchange_complete(x, m->p[rank == 1 ? (i + 3) % COUNT : COUNT - 1 - i]);
}

static void travel(hub_rank *me)
{
    model m;
    dr_exchange *x;
    size_t first, count;
    int n = me->at->size, all = n * (n + 1) / 2;
    const bool *bf16 = me->shared;
    open_model(&m, true);
    CHECK(!dr_exchange_open(&x, me->ranks, &m.g, *bf16));
    for (int step = 0; step < 3; step++) {
        for (size_t i = 0; i < m.g.values; i++)
            m.g.flat[i] = gradient_of(me->rank, i);
        dr_exchange_begin(x);
        if (me->rank != 2) /* which has no photo in this step */
            complete_all(x, &m, me->rank);
        CHECK(!dr_exchange_gradients(x));
        for (int i = 0; i < COUNT; i++) {
            dr_span own = dr_exchange_own(x)[i];
            for (int64_t k = own.from; k < own.from + own.n; k++) {
                size_t at = (size_t)(m.p[i]->grad - m.g.flat) + (size_t)k;
                float want = (float)all * (float)(at % 1000), got = m.p[i]->grad[k];
                CHECK(*bf16 ? fabsf(got - want) <= 0.01f * want : got == want);
                dr_f32(m.p[i])[k] = (float)(at % 77) + (float)step;
            }
        }
        for (int b = 0; dr_exchange_bucket(x, b, &first, &count); b++)
            dr_exchange_share(x, b);
        CHECK(!dr_exchange_weights(x));
        for (int i = 0; i < COUNT; i++)
            for (int64_t k = 0; k < sizes[i]; k++) {
                size_t at = (size_t)(m.p[i]->grad - m.g.flat) + (size_t)k;
                CHECK(dr_f32(m.p[i])[k] == (float)(at % 77) + (float)step);
            }
    }
    dr_exchange_close(x);
    close_model(&m);
}

static void gradients_are_summed_where_they_are_owned_and_weights_come_back(void **state)
{
    (void)state;
    bool bf16 = false;
    for (int n = 2; n <= 5; n++)
        hub_all(n, travel, &bf16);
    assert_int_equal(wrong, 0);
}

static void as_bf16_they_are_close(void **state)
{
    (void)state;
    bool bf16 = true;
    hub_all(3, travel, &bf16);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_has_one_owner),
        cmocka_unit_test(gradients_are_summed_where_they_are_owned_and_weights_come_back),
        cmocka_unit_test(as_bf16_they_are_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
