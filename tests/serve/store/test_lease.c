/* Who runs which job: leases, turns, and what a worker must have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "serve/store/stores.h"

#include <pthread.h>
#include <time.h>

static void expire(dr_store *s, int64_t id)
{
    SQL(s, "UPDATE jobs SET expires=1, seconds=0 WHERE id=$1 AND state='running'", "i", id);
}

static void a_lost_worker_loses_its_job_and_its_say(void **state)
{
    (void)state;
    bool cancel;
    dr_store *s = open_store();
    int64_t id = add_for(s, "", 0, NULL);
    dr_lease old = claim_as(s, "first", 1000, NULL);
    assert_int_equal(claim_as(s, "second", 1000, NULL).job, 0);
    assert_int_equal(dr_store_beat(s, &old, 1000, &cancel), DR_OK);
    assert_false(cancel);
    expire(s, id);
    dr_lease now = claim_as(s, "second", 1000, NULL);
    assert_int_equal(now.job, id);
    json_t *none = json_array();
    assert_int_equal(dr_store_beat(s, &old, 1000, &cancel), DR_ENOENT);
    assert_int_equal(dr_store_results(s, &old, none, none), DR_ENOENT);
    assert_int_equal(dr_store_set_live(s, &old, none), DR_ENOENT);
    assert_int_equal(dr_store_add_line(s, &old, none), DR_ENOENT);
    assert_int_equal(dr_store_set_preview(s, &old, 1, "x", 1), DR_ENOENT);
    assert_int_equal(dr_store_end(s, &old, &(dr_end){"done"}), DR_ENOENT);
    assert_int_equal(dr_store_requeue(s, &old), DR_ENOENT);
    check_state(s, id, "running", -1);
    assert_int_equal(dr_store_end(s, &now, &(dr_end){"done"}), DR_OK);
    assert_int_equal(dr_store_end(s, &now, &(dr_end){"done"}), DR_OK); /* the answer may have got lost */
    assert_int_equal(dr_store_end(s, &now, &(dr_end){"failed"}), DR_ENOENT);
    expire(s, id);
    assert_int_equal(claim_as(s, "third", 1000, NULL).job, 0); /* what ended does not run again */
    check_state(s, id, "done", -1);
    json_decref(none);
    dr_store_close(s);
}

static void a_job_keeps_its_place_when_its_worker_is_lost(void **state)
{
    (void)state;
    dr_store *s = open_store();
    int64_t a = add_for(s, "", 0, NULL), b = add_for(s, "", 0, NULL);
    assert_int_equal(claim_as(s, "w", 1000, NULL).job, a);
    expire(s, a);
    assert_int_equal(claim_as(s, "v", 1000, NULL).job, a);
    assert_int_equal(claim_as(s, "v", 1000, NULL).job, b);
    dr_store_close(s);
}

static void a_job_that_loses_all_its_workers_fails(void **state)
{
    (void)state;
    dr_job j;
    dr_store *s = open_store();
    int64_t id = add_for(s, "", 0, NULL);
    for (int i = 0; i < DR_MAX_LOST; i++) {
        assert_int_equal(claim_as(s, "w", 1000, NULL).job, id);
        expire(s, id);
    }
    assert_int_equal(claim_as(s, "w", 1000, NULL).job, 0);
    assert_int_equal(dr_store_get(s, id, &j), DR_OK);
    assert_string_equal(j.state, "failed");
    assert_string_equal(j.error, "5 workers were lost while they ran this job");
    dr_job_clear(&j);
    assert_int_equal(dr_store_retry(s, id), DR_OK);
    assert_int_equal(claim_as(s, "w", 1000, NULL).job, id);
    dr_store_close(s);
}

static void a_cancellation_reaches_the_worker_or_ends_what_it_left(void **state)
{
    (void)state;
    bool running, cancel;
    dr_store *s = open_store();
    int64_t a = add_for(s, "", 0, NULL), b = add_for(s, "", 0, NULL);
    dr_lease l = take(s, a), m = take(s, b);
    assert_int_equal(dr_store_cancel(s, a, &running), DR_OK);
    assert_true(running);
    assert_int_equal(dr_store_beat(s, &l, 1000, &cancel), DR_OK);
    assert_true(cancel);
    assert_int_equal(dr_store_beat(s, &m, 1000, &cancel), DR_OK);
    assert_false(cancel);
    expire(s, a);
    take(s, 0);
    check_state(s, a, "cancelled", -1);
    assert_int_equal(dr_store_cancel(s, b, &running), DR_OK);
    assert_int_equal(dr_store_requeue(s, &m), DR_OK);
    check_state(s, b, "cancelled", -1);
    dr_store_close(s);
}

/* --- the order --------------------------------------------------------------------------------------- */

static void clients_take_turns(void **state)
{
    (void)state;
    dr_store *s = open_store();
    int64_t a[4], b[2];
    for (int i = 0; i < 4; i++)
        a[i] = add_for(s, "ann", 0, NULL);
    take(s, a[0]);
    for (int i = 0; i < 2; i++)
        b[i] = add_for(s, "bob", 0, NULL);
    int64_t c = add_for(s, "cid", 0, NULL);
    check_state(s, a[1], "waiting", 0);
    check_state(s, b[0], "waiting", 1);
    check_state(s, c, "waiting", 2);
    check_state(s, a[2], "waiting", 3);
    take(s, a[1]);
    take(s, b[0]);
    take(s, c);
    take(s, a[2]);
    take(s, b[1]);
    take(s, a[3]);
    dr_store_close(s);
}

/* Whoever gives one job at a time gets no more than whoever has a hundred waiting, and no less. */
static void one_at_a_time_is_every_second_one(void **state)
{
    (void)state;
    dr_store *s = open_store();
    int anns = 0;
    for (int i = 0; i < 20; i++)
        add_for(s, "bob", 0, NULL);
    int64_t mine = add_for(s, "ann", 0, NULL);
    for (int i = 0; i < 20; i++) {
        dr_lease l = claim_as(s, "w", 1000, NULL);
        if (l.job == mine) {
            anns++;
            mine = add_for(s, "ann", 0, NULL);
        }
    }
    assert_in_range(anns, 9, 11);
    dr_store_close(s);
}

static void priority_comes_before_turns(void **state)
{
    (void)state;
    dr_store *s = open_store();
    int64_t a = add_for(s, "ann", 0, NULL), low = add_for(s, "bob", -1, NULL), high = add_for(s, "ann", 2, NULL),
            higher = add_for(s, "ann", 3, NULL);
    take(s, higher);
    take(s, high);
    take(s, a);
    take(s, low);
    dr_store_close(s);
}

static void a_move_goes_across_clients_priorities_and_the_same_turn(void **state)
{
    (void)state;
    dr_store *s = open_store();
    int64_t a = add_for(s, "ann", 0, NULL), b = add_for(s, "bob", 0, NULL), c = add_for(s, "cid", 0, NULL),
            p = add_for(s, "ann", 5, NULL);
    check_state(s, p, "waiting", 0);
    assert_int_equal(dr_store_move(s, c, 2), DR_OK); /* between two of one turn */
    check_state(s, a, "waiting", 1);
    check_state(s, c, "waiting", 2);
    check_state(s, b, "waiting", 3);
    assert_int_equal(dr_store_move(s, b, 0), DR_OK);
    check_state(s, b, "waiting", 0);
    check_state(s, p, "waiting", 1);
    assert_int_equal(dr_store_move(s, p, 3), DR_OK);
    check_state(s, a, "waiting", 1);
    check_state(s, c, "waiting", 2);
    check_state(s, p, "waiting", 3);
    for (int i = 0; i < 200; i++) { /* more often than there are numbers between two */
        assert_int_equal(dr_store_move(s, p, 2), DR_OK);
        assert_int_equal(dr_store_move(s, c, 2), DR_OK);
    }
    check_state(s, a, "waiting", 1);
    check_state(s, c, "waiting", 2);
    check_state(s, p, "waiting", 3);
    dr_store_close(s);
}

static void a_worker_gets_what_it_has_the_parts_for(void **state)
{
    (void)state;
    dr_job j;
    dr_lease l;
    dr_store *s = open_store();
    int64_t both = add_for(s, "", 0, "model:sd2\nhost:atelier"), model = add_for(s, "", 0, "model:sd2"),
            odd = add_for(s, "", 0, "model:a|b_%"), any = add_for(s, "", 0, NULL);
    assert_int_equal(claim_as(s, "w", 1000, "model:sd").job, any);
    assert_int_equal(claim_as(s, "w", 1000, "model:sd").job, 0);
    assert_int_equal(claim_as(s, "w", 1000, "").job, 0);
    assert_int_equal(claim_as(s, "w", 1000, "host:here\nmodel:sd2").job, model);
    assert_int_equal(claim_as(s, "w", 1000, "host:atelier\nmodel:sd2").job, both);
    assert_int_equal(claim_as(s, "w", 1000, "model:a|b__").job, 0);
    dr_claim c = {.worker = "w", .seconds = 9, .offers = "model:a|b_%", .types = "train,mask"};
    assert_int_equal(dr_store_claim(s, &c, &j, &l), DR_ENOENT);
    c.types = "train,tryon";
    assert_int_equal(dr_store_claim(s, &c, &j, &l), DR_OK);
    assert_int_equal(l.job, odd);
    dr_job_clear(&j);
    dr_store_close(s);
}

/* --- many at a time ----------------------------------------------------------------------------------- */

enum { JOBS = 200, WORKERS = 4 };

typedef struct crew {
    dr_store *s;
    int done[JOBS + 1];
    int bad;
} crew;

static void *work(void *user)
{
    crew *c = user;
    dr_job j;
    dr_lease l;
    dr_claim claim = {.worker = "w", .seconds = 60};
    for (;;) {
        dr_status st = dr_store_claim(c->s, &claim, &j, &l);
        if (st == DR_ENOENT)
            return NULL;
        if (st || j.id > JOBS) {
            c->bad++;
            return NULL;
        }
        c->done[j.id]++;
        dr_job_clear(&j);
        if (dr_store_end(c->s, &l, &(dr_end){"done"}))
            c->bad++;
    }
}

static void many_workers_do_each_job_once(void **state)
{
    (void)state;
    static crew c[WORKERS];
    pthread_t thread[WORKERS];
    dr_counts n;
    dr_store *s = open_store();
    for (int i = 0; i < JOBS; i++)
        add_for(s, i % 3 ? "ann" : "bob", i % 2, NULL);
    memset(c, 0, sizeof c);
    for (int i = 0; i < WORKERS; i++) {
        c[i].s = s;
        assert_int_equal(pthread_create(&thread[i], NULL, work, &c[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(c[i].bad, 0);
    }
    for (int k = 1; k <= JOBS; k++) {
        int times = 0;
        for (int i = 0; i < WORKERS; i++)
            times += c[i].done[k];
        assert_int_equal(times, 1);
    }
    assert_int_equal(dr_store_counts(s, &n), DR_OK);
    assert_int_equal(n.waiting + n.running, 0);
    assert_int_equal(json_integer_value(json_object_get(n.ever, "ended|tryon|done")), JOBS);
    json_decref(n.ever);
    dr_store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_STORE(a_lost_worker_loses_its_job_and_its_say),
        WITH_A_STORE(a_job_keeps_its_place_when_its_worker_is_lost),
        WITH_A_STORE(a_job_that_loses_all_its_workers_fails),
        WITH_A_STORE(a_cancellation_reaches_the_worker_or_ends_what_it_left),
        WITH_A_STORE(clients_take_turns),
        WITH_A_STORE(one_at_a_time_is_every_second_one),
        WITH_A_STORE(priority_comes_before_turns),
        WITH_A_STORE(a_move_goes_across_clients_priorities_and_the_same_turn),
        WITH_A_STORE(a_worker_gets_what_it_has_the_parts_for),
        WITH_A_STORE(many_workers_do_each_job_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
