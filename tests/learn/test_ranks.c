/* Ranks: alone, and as threads of this program. */
#include "train/scratch.h"

#include "base/progress.h"
#include "learn/hub.h"

#include <unistd.h>

/* A failed assertion on another thread would leave the test by longjmp: what they find is gathered. */
static _Atomic int wrong;
#define CHECK(claim) (wrong += !(claim))

static void alone_every_call_returns_what_was_given(void **state)
{
    (void)state;
    dr_ranks *r;
    double x[2] = {1, 2};
    for (size_t i = 0; i < 5; i++)
        unsetenv(
            (const char *[]){"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK", "PMI_RANK", "SLURM_STEP_NUM_TASKS"}[i]);
    assert_int_equal(dr_ranks_open(&r, NULL), DR_OK);
    assert_null(r);
    assert_int_equal(dr_ranks_rank(r), 0);
    assert_int_equal(dr_ranks_size(r), 1);
    assert_int_equal(dr_ranks_sum(r, x, 2), DR_OK);
    assert_int_equal(dr_ranks_broadcast(r, 0, x, sizeof x), DR_OK);
    assert_int_equal(dr_ranks_barrier(r), DR_OK);
    assert_true(x[0] == 1 && x[1] == 2);
    assert_int_equal(dr_ranks_abort(r, DR_OK), DR_OK);
    assert_int_equal(dr_ranks_abort(r, DR_EIO), DR_EIO);
    assert_false(dr_ranks_aborted(r));
    dr_ranks_close(r);
}

static void a_launcher_without_a_module_is_refused(void **state)
{
    (void)state;
    dr_ranks *r;
    setenv("OMPI_COMM_WORLD_SIZE", "2", 1);
    setenv("DRAPE_MPI_MODULE", "/nowhere/drape-mpi.so", 1);
    assert_int_equal(dr_ranks_open(&r, NULL), DR_EUNSUPPORTED);
    assert_non_null(strstr(dr_error(), "/nowhere/drape-mpi.so"));
    assert_null(r);
    setenv("OMPI_COMM_WORLD_SIZE", "1", 1); /* nobody else is there: no module is needed */
    assert_int_equal(dr_ranks_open(&r, NULL), DR_OK);
    unsetenv("OMPI_COMM_WORLD_SIZE");

    setenv("PMIX_RANK", "0", 1); /* Slurm's: by itself it does not tell how many there are */
    assert_int_equal(dr_ranks_open(&r, NULL), DR_EUNSUPPORTED);
    setenv("SLURM_STEP_NUM_TASKS", "2", 1);
    assert_int_equal(dr_ranks_open(&r, NULL), DR_EUNSUPPORTED);
    setenv("SLURM_STEP_NUM_TASKS", "1", 1);
    assert_int_equal(dr_ranks_open(&r, NULL), DR_OK);
    assert_null(r);
    unsetenv("PMIX_RANK");
    setenv("SLURM_STEP_NUM_TASKS", "2", 1); /* tasks that nobody joins */
    assert_int_equal(dr_ranks_open(&r, NULL), DR_OK);
    assert_null(r);
    unsetenv("SLURM_STEP_NUM_TASKS");
    unsetenv("DRAPE_MPI_MODULE");
}

static void sums(hub_rank *me)
{
    double x[3] = {me->rank + 1, 0.1 * me->rank, 1e300};
    CHECK(!dr_ranks_sum(me->ranks, x, 2));
    int n = me->at->size;
    double tenths = 0;
    for (int i = 1; i < n; i++)
        tenths += 0.1 * i;
    CHECK(x[0] == n * (n + 1) / 2 && x[1] == tenths && x[2] == 1e300);
}

static void sums_are_of_all_in_the_order_of_ranks(void **state)
{
    (void)state;
    for (int n = 1; n <= 7; n++)
        hub_all(n, sums, NULL);
    assert_int_equal(wrong, 0);
}

static void broadcasts(hub_rank *me)
{
    for (int root = 0; root < me->at->size; root++) {
        int x = me->rank == root ? 100 + root : -1;
        CHECK(!dr_ranks_broadcast(me->ranks, root, &x, sizeof x));
        CHECK(x == 100 + root);
    }
}

static void what_one_has_all_get_whoever_it_is(void **state)
{
    (void)state;
    for (int n = 2; n <= 8; n++)
        hub_all(n, broadcasts, NULL);
    assert_int_equal(wrong, 0);
}

static void barrier(hub_rank *me)
{
    _Atomic int *here = me->shared;
    if (me->rank == 1)
        usleep(50000);
    ++*here;
    CHECK(!dr_ranks_barrier(me->ranks));
    CHECK(*here == me->at->size);
}

static void a_barrier_waits_for_the_last(void **state)
{
    (void)state;
    _Atomic int here = 0;
    hub_all(4, barrier, &here);
    assert_int_equal(wrong, 0);
}

static void one_stops(hub_rank *me)
{
    double x = 1;
    if (me->rank == 1) {
        CHECK(dr_ranks_abort(me->ranks, dr_fail(DR_EIO, "cannot write 'there': disk full")) == DR_EIO);
        return;
    }
    CHECK(dr_ranks_sum(me->ranks, &x, 1) == DR_EIO);
    CHECK(strstr(dr_error(), "rank 1 on '") && strstr(dr_error(), "' stopped: cannot write 'there': disk full"));
    CHECK(dr_ranks_aborted(me->ranks));
    CHECK(dr_ranks_barrier(me->ranks) == DR_EIO);
}

static void when_one_stops_all_stop_with_its_sentence(void **state)
{
    (void)state;
    hub_all(4, one_stops, NULL);
    assert_int_equal(wrong, 0);
}

static void one_dies(hub_rank *me)
{
    double x = 1, t0 = dr_now();
    if (me->rank == 2) {
        me->at->seat[2].dead = true;
        usleep(1500000);
        return;
    }
    CHECK(dr_ranks_sum(me->ranks, &x, 1) == DR_ENET);
    CHECK(strstr(dr_error(), "rank 2 has not been heard of for 1 seconds"));
    CHECK(dr_now() - t0 < 5);
}

static void one_that_dies_is_missed_by_all(void **state)
{
    (void)state;
    hub_all(3, one_dies, NULL);
    assert_int_equal(wrong, 0);
}

/* More jobs than are at work at once, of which each rank gets another part. */
static void many_jobs(hub_rank *me)
{
    enum { JOBS = 20 };
    int n = me->at->size, out[JOBS], in[JOBS];
    dr_ranks_part to[JOBS], from[JOBS];
    dr_ranks_request room[JOBS][2];
    dr_ranks_job job[JOBS];
    for (int i = 0; i < JOBS; i++) {
        out[i] = 1000 * me->rank + i;
        to[i] = (dr_ranks_part){(me->rank + 1) % n, &out[i], sizeof out[i]};
        from[i] = (dr_ranks_part){(me->rank + n - 1) % n, &in[i], sizeof in[i]};
        job[i] = (dr_ranks_job){
            .send = &to[i], .receive = &from[i], .sends = 1, .receives = 1, .tag = i, .request = room[i]};
        dr_ranks_start(me->ranks, &job[i]);
    }
    for (int i = 0; i < JOBS; i++) {
        CHECK(!dr_ranks_wait(me->ranks, &job[i]));
        CHECK(in[i] == 1000 * ((me->rank + n - 1) % n) + i);
    }
}

static void jobs_run_beside_each_other(void **state)
{
    (void)state;
    hub_all(5, many_jobs, NULL);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone_every_call_returns_what_was_given),
        cmocka_unit_test(a_launcher_without_a_module_is_refused),
        cmocka_unit_test(sums_are_of_all_in_the_order_of_ranks),
        cmocka_unit_test(what_one_has_all_get_whoever_it_is),
        cmocka_unit_test(a_barrier_waits_for_the_last),
        cmocka_unit_test(when_one_stops_all_stop_with_its_sentence),
        cmocka_unit_test(one_that_dies_is_missed_by_all),
        cmocka_unit_test(jobs_run_beside_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
