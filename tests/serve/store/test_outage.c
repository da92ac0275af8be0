/* The database goes away, and comes back: what is asked of it waits, and what was said to it is said once.
 * SQLite does not go away: for it there is only the large file. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "serve/store/stores.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static const char *folder(void)
{
    return test_url() ? getenv("DRAPE_TEST_POSTGRES") : NULL;
}

static void server(const char *what)
{
    char command[PATH_MAX + 200];
    snprintf(command, sizeof command, "'%s/scripts/postgres.sh' %s '%s'", DR_SOURCE_DIR, what, folder());
    assert_int_equal(system(command), 0);
}

static void *bring_back(void *user)
{
    (void)user;
    sleep(1);
    server("again");
    return NULL;
}

static void a_worker_waits_for_the_database_and_ends_its_job_once(void **state)
{
    (void)state;
    pthread_t thread;
    bool cancel;
    dr_listener *l;
    dr_news n[8];
    if (!folder())
        return;
    dr_store *s = open_store();
    int64_t id = add_for(s, "", 0, NULL);
    dr_lease mine = claim_as(s, "w", 5, NULL);
    assert_int_equal(dr_store_listen(s, &l), DR_OK);
    (void)dr_listener_wait(l, 5, n, 8);
    server("stop"); /* as kill -9 */
    dr_store_patience(0);
    assert_int_equal(dr_store_beat(s, &mine, 5, &cancel), DR_EIO);
    assert_int_equal(dr_store_health(s), DR_EIO);
    assert_int_equal(pthread_create(&thread, NULL, bring_back, NULL), 0);
    dr_store_patience(60);
    json_t *results = json_of("[1]"), *warnings = json_array();
    assert_int_equal(dr_store_results(s, &mine, results, warnings), DR_OK);
    assert_int_equal(dr_store_end(s, &mine, &(dr_end){"done"}), DR_OK);
    pthread_join(thread, NULL);
    assert_int_equal(dr_store_health(s), DR_OK);
    check_state(s, id, "done", -1);
    bool heard = false; /* that the line was cut; the job's end may be heard before it */
    for (int i = 0; i < 40 && !heard; i++)
        for (int k = dr_listener_wait(l, 0.5, n, 8) - 1; k >= 0; k--)
            heard = heard || strcmp(n[k].what, "all") == 0;
    assert_true(heard);
    dr_listener_free(l);
    json_decref(results);
    json_decref(warnings);
    dr_store_close(s);
}

/* A line that is cut while something is said: everything is tried again as a whole. */
static void *cut_lines(void *user)
{
    atomic_int *stop = user;
    dr_db *db;
    assert_int_equal(dr_db_postgresql(&db, test_url(), NULL, NULL), DR_OK);
    assert_int_equal(db->driver->enter(db), DR_OK);
    while (!atomic_load(stop)) {
        (void)dr_sql_run(db,
                         "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid<>pg_backend_pid() AND "
                         "application_name='drape' AND random()<0.5",
                         NULL);
        usleep(20000);
    }
    db->driver->leave(db);
    db->driver->close(db);
    return NULL;
}

static void cut_lines_neither_lose_nor_double_a_job(void **state)
{
    (void)state;
    enum { JOBS = 60 };
    pthread_t thread;
    atomic_int stop = 0;
    if (!folder())
        return;
    dr_store *s = open_store();
    dr_store_patience(60);
    assert_int_equal(pthread_create(&thread, NULL, cut_lines, &stop), 0);
    int done = 0;
    for (int i = 0; i < JOBS; i++)
        add_for(s, "", 0, NULL);
    for (int idle = 0; idle < 30;) {
        dr_lease l = claim_as(s, "w", 0.3, NULL); /* a claim whose answer got lost comes back after this */
        if (!l.job) {
            idle++;
            usleep(50000);
            continue;
        }
        idle = 0;
        dr_status st = dr_store_end(s, &l, &(dr_end){"done"});
        assert_true(st == DR_OK || st == DR_ENOENT); /* too slow, and lost: somebody does it again */
        done += !st;
    }
    atomic_store(&stop, 1);
    pthread_join(thread, NULL);
    assert_int_equal(sql_int(s, "SELECT COUNT(*) FROM jobs"), JOBS);
    assert_int_equal(sql_int(s, "SELECT COUNT(*) FROM jobs WHERE state='done'"), JOBS);
    assert_int_equal(done, JOBS);
    dr_store_close(s);
}

static void a_large_file_comes_back_in_pieces(void **state)
{
    (void)state;
    char path[PATH_MAX], back[PATH_MAX], *a, *b;
    size_t n = (3 << 20) + 17, m;
    char *data = malloc(n);
    for (size_t i = 0; i < n; i++)
        data[i] = (char)(i * 2654435761u >> 13);
    dr_path(path, sizeof path, scratch_dir, "adapter.safetensors");
    assert_int_equal(dr_file_write(path, data, n), DR_OK);
    dr_store *s = open_store();
    dr_blob blob = {.type = "model/safetensors"};
    assert_int_equal(dr_store_put_file(s, &blob, path), DR_OK);
    assert_int_equal(dr_store_put_file(s, &blob, path), DR_OK);
    assert_int_equal(blob.bytes, n);
    assert_int_equal(dr_store_file(s, blob.id, back, sizeof back), DR_OK);
    assert_int_equal(dr_file_read(path, 1 << 30, &a, &m), DR_OK);
    assert_int_equal(dr_file_read(back, 1 << 30, &b, &m), DR_OK);
    assert_int_equal(m, n);
    assert_memory_equal(a, b, n);
    if (test_url()) { /* a byte that fell over is seen */
        assert_int_equal(sql_int(s, "SELECT COUNT(*) FROM pieces"), 4);
        unlink(back);
        SQL(s, "UPDATE pieces SET data=set_byte(data,5,get_byte(data,5)#1) WHERE number=1", NULL);
        assert_int_equal(dr_store_file(s, blob.id, back, sizeof back), DR_EIO);
        assert_non_null(strstr(dr_error(), "is damaged"));
        assert_false(dr_exists(back));
    }
    assert_int_equal(dr_store_put_file(s, &blob, "/nonexistent/file"), DR_ENOENT);
    free(a);
    free(b);
    free(data);
    dr_store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_STORE(a_worker_waits_for_the_database_and_ends_its_job_once),
        WITH_A_STORE(cut_lines_neither_lose_nor_double_a_job),
        WITH_A_STORE(a_large_file_comes_back_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
