/* The queue and the pictures on disk, also after the process that wrote them is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <time.h>

#include "serve/store/stores.h"

static void jobs_come_in_order_and_masks_first(void **state)
{
    (void)state;
    dr_store *s = open_store();
    int64_t a = add(s, "tryon", "{}"), b = add(s, "train", "{}"), m = add(s, "mask", "{}"), n = add(s, "mask", "{}");
    check_state(s, m, "waiting", 0);
    check_state(s, n, "waiting", 1);
    check_state(s, a, "waiting", 2);
    check_state(s, b, "waiting", 3);
    assert_int_equal(dr_store_waiting(s), 4);
    take(s, m);
    take(s, n);
    take(s, a);
    take(s, b);
    take(s, 0);
    dr_store_close(s);
}

static void a_job_is_moved_to_any_place(void **state)
{
    (void)state;
    dr_store *s = open_store();
    int64_t a = add(s, "tryon", "{}"), b = add(s, "tryon", "{}"), c = add(s, "tryon", "{}");
    assert_int_equal(dr_store_move(s, c, 0), DR_OK);
    assert_int_equal(dr_store_move(s, a, 99), DR_OK);
    check_state(s, c, "waiting", 0);
    check_state(s, b, "waiting", 1);
    check_state(s, a, "waiting", 2);
    bool running;
    assert_int_equal(dr_store_cancel(s, b, &running), DR_OK);
    assert_false(running);
    assert_int_equal(dr_store_cancel(s, b, &running), DR_EINVAL);
    assert_int_equal(dr_store_move(s, b, 0), DR_EINVAL);
    check_state(s, a, "waiting", 1);
    assert_int_equal(dr_store_retry(s, b), DR_OK);
    check_state(s, b, "waiting", 2);
    assert_int_equal(dr_store_move(s, 999, 0), DR_ENOENT);
    dr_store_close(s);
}

/* SQLite, as after kill -9: the folder is all that is left. Elsewhere a lease must be over first. */
static void what_ran_comes_first_after_a_crash_and_what_is_done_stays_done(void **state)
{
    (void)state;
    dr_store *s = open_store();
    dr_job j;
    int64_t a = add(s, "tryon", "{}"), b = add(s, "tryon", "{}"), c = add(s, "tryon", "{}");
    dr_lease l = take(s, a);
    assert_int_equal(dr_store_end(s, &l, &(dr_end){"done"}), DR_OK);
    l = take(s, b);
    json_t *results = json_of("[{'image':1}]"), *warnings = json_array();
    assert_int_equal(dr_store_results(s, &l, results, warnings), DR_OK);
    if (test_url())
        SQL(s, "UPDATE jobs SET expires=1", NULL);
    dr_store_close(s);
    s = open_store();
    if (test_url())
        SQL(s, "UPDATE jobs SET seconds=0", NULL); /* the server may have just started */
    l = take(s, b);
    assert_int_equal(dr_store_get(s, b, &j), DR_OK);
    assert_true(json_equal(j.results, results));
    dr_job_clear(&j);
    assert_int_equal(dr_store_requeue(s, &l), DR_OK);
    check_state(s, a, "done", -1);
    check_state(s, b, "waiting", 0);
    check_state(s, c, "waiting", 1);
    json_decref(results);
    json_decref(warnings);
    dr_store_close(s);
}

static void two_stores_share_a_folder_only_of_a_database_that_is_shared(void **state)
{
    (void)state;
    dr_store *s = open_store(), *other;
    dr_status st = dr_store_open(&other, &(dr_store_options){.url = test_url(), .dir = scratch_dir});
    assert_int_equal(st, test_url() ? DR_OK : DR_EINVAL);
    if (st)
        assert_non_null(strstr(dr_error(), "another drape serve"));
    dr_store_close(other);
    dr_store_close(s);
    dr_store_close(open_store());
}

static void a_queue_has_an_end(void **state)
{
    (void)state;
    dr_store *s = open_store();
    int64_t id;
    json_t *o = json_object();
    SQL(s,
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<1000) INSERT INTO "
        "jobs(type,state,turn,created,settings) SELECT 'tryon','waiting',i,0,'{}' FROM n",
        NULL);
    assert_int_equal(dr_store_add(s, &(dr_new_job){.type = "tryon", .settings = o, .search = ""}, &id),
                     DR_EUNSUPPORTED);
    assert_int_equal(dr_store_waiting(s), 1000);
    json_decref(o);
    dr_store_close(s);
}

/* --- pictures ----------------------------------------------------------------------------------- */

/* SQLite's pictures are files, PostgreSQL's become files when they are asked for. */
static bool on_disk(dr_store *s, const char *id)
{
    char path[4096];
    dr_status st = dr_store_file(s, id, path, sizeof path);
    dr_store_blob_path(s, id, path, sizeof path);
    assert_int_equal(dr_exists(path), st == DR_OK);
    return !st;
}

static void pictures_go_with_the_last_job_that_refers_to_them(void **state)
{
    (void)state;
    char settings[200];
    bool running;
    dr_store *s = open_store();
    dr_blob b = put(s, "one"), found;
    assert_string_equal(b.id, "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"); /* sha256sum */
    snprintf(settings, sizeof settings, "{'photos':[{'photo':'%s'}]}", b.id);
    int64_t first = add(s, "tryon", settings), second = add(s, "tryon", settings);
    SQL(s, "UPDATE images SET added=1", NULL);
    assert_int_equal(dr_store_delete(s, first), DR_EINVAL); /* it waits */
    assert_int_equal(dr_store_cancel(s, first, &running), DR_OK);
    assert_int_equal(dr_store_delete(s, first), DR_OK);
    assert_true(on_disk(s, b.id));
    assert_int_equal(dr_store_blob(s, b.id, &found), DR_OK);
    assert_int_equal(found.width, 3);
    assert_int_equal(dr_store_cancel(s, second, &running), DR_OK);
    assert_int_equal(dr_store_delete(s, second), DR_OK);
    assert_false(on_disk(s, b.id));
    assert_int_equal(dr_store_blob(s, b.id, &found), DR_ENOENT);
    dr_store_close(s);
}

/* A photo that was uploaded and is not yet part of a job is not another job's to take. */
static void a_picture_of_nobody_stays_for_a_day(void **state)
{
    (void)state;
    char settings[200];
    bool running;
    dr_store *s = open_store();
    dr_blob mine = put(s, "mine"), other = put(s, "other");
    SQL(s, "UPDATE images SET added=$1", "d", dr_time() - 3600);
    snprintf(settings, sizeof settings, "{'photo':'%s'}", mine.id);
    int64_t id = add(s, "tryon", settings);
    assert_int_equal(dr_store_cancel(s, id, &running), DR_OK);
    assert_int_equal(dr_store_delete(s, id), DR_OK);
    assert_false(on_disk(s, mine.id));
    assert_true(on_disk(s, other.id));
    assert_int_equal(dr_store_drop_blobs(s, 24 * 3600), DR_OK);
    assert_true(on_disk(s, other.id));
    SQL(s, "UPDATE images SET added=$1", "d", dr_time() - 25 * 3600);
    assert_int_equal(dr_store_drop_blobs(s, 24 * 3600), DR_OK);
    assert_false(on_disk(s, other.id));
    dr_store_close(s);
}

static void what_a_killed_server_left_behind_goes_at_the_next_start(void **state)
{
    (void)state;
    char path[PATH_MAX], train[PATH_MAX];
    dr_store *s = open_store();
    dr_blob kept = put(s, "kept"), stray = put(s, "stray");
    int64_t id = add(s, "train", "{}");
    assert_true(on_disk(s, kept.id));
    assert_true(on_disk(s, stray.id));
    SQL(s, "DELETE FROM images WHERE id=$1", "s", stray.id);
    dr_store_train_path(s, id, "out", train, sizeof train);
    assert_int_equal(dr_mkdirs(train), DR_OK);
    dr_path(path, sizeof path, dr_store_dir(s), "train/99/out");
    assert_int_equal(dr_mkdirs(path), DR_OK);
    dr_store_close(s);
    s = open_store();
    assert_true(on_disk(s, kept.id));
    assert_false(on_disk(s, stray.id));
    assert_true(dr_exists(train));
    assert_false(dr_exists(path));
    dr_store_close(s);
}

/* A worker that comes looks at the folder while another one that shares it writes there. */
static void what_is_being_written_stays_for_an_hour(void **state)
{
    (void)state;
    char fresh[PATH_MAX], old[PATH_MAX];
    dr_store *s = open_store();
    dr_blob kept = put(s, "kept");
    dr_path_format(fresh, sizeof fresh, dr_store_dir(s), "blobs/%.2s/%s.tmp-abcdef", kept.id, kept.id);
    dr_path_format(old, sizeof old, dr_store_dir(s), "blobs/%.2s/%s.tmp-ghijkl", kept.id, kept.id);
    assert_int_equal(dr_mkdirs(fresh), DR_OK); /* whatever it is, and where the bytes lie in the database, too */
    assert_int_equal(dr_mkdirs(old), DR_OK);
    struct timespec long_ago = {.tv_sec = time(NULL) - 7200};
    assert_int_equal(utimensat(AT_FDCWD, old, (struct timespec[]){long_ago, long_ago}, 0), 0);
    dr_store_close(s);
    s = open_store();
    assert_true(dr_exists(fresh));
    assert_false(dr_exists(old));
    dr_store_close(s);
}

static void end(dr_store *s, int64_t id, double ended, bool garment)
{
    dr_lease l = take(s, id);
    assert_int_equal(dr_store_end(s, &l, &(dr_end){"done", .garment = garment}), DR_OK);
    SQL(s, "UPDATE jobs SET ended=$1 WHERE id=$2", "di", ended, id);
}

static int sweep(dr_store *s, int64_t seconds, int64_t bytes)
{
    int64_t *gone;
    int count;
    assert_int_equal(dr_store_sweep(s, &(dr_keep){seconds, bytes}, &gone, &count), DR_OK);
    free(gone);
    return count;
}

static void old_jobs_go_but_garments_and_waiting_ones_stay(void **state)
{
    (void)state;
    dr_store *s = open_store();
    int64_t old = add(s, "tryon", "{}"), garment = add(s, "train", "{}"), fresh = add(s, "tryon", "{}");
    end(s, old, dr_time() - 1000, false);
    end(s, garment, dr_time() - 1000, true);
    end(s, fresh, dr_time(), false);
    int64_t waiting = add(s, "tryon", "{}");
    assert_int_equal(sweep(s, 0, 0), 0);
    assert_int_equal(sweep(s, 500, 0), 1);
    check_state(s, garment, "done", -1);
    check_state(s, fresh, "done", -1);
    check_state(s, waiting, "waiting", 0);
    dr_job j;
    assert_int_equal(dr_store_get(s, old, &j), DR_ENOENT);
    assert_int_equal(dr_store_forget_garment(s, garment), DR_OK);
    assert_int_equal(dr_store_forget_garment(s, garment), DR_ENOENT);
    assert_int_equal(sweep(s, 500, 0), 1);
    dr_store_close(s);
}

static void beyond_a_size_the_oldest_go(void **state)
{
    (void)state;
    char settings[200];
    int64_t id[3];
    dr_store *s = open_store();
    static const char *const bytes[] = {"first picture", "second picture", "third picture"};
    for (int i = 0; i < 3; i++) {
        dr_blob b = put(s, bytes[i]);
        snprintf(settings, sizeof settings, "{'photo':'%s'}", b.id);
        id[i] = add(s, "tryon", settings);
        end(s, id[i], 100 + i, false);
    }
    SQL(s, "UPDATE images SET added=1", NULL);
    assert_int_equal(sweep(s, 0, 30), 1);
    dr_job j;
    assert_int_equal(dr_store_get(s, id[0], &j), DR_ENOENT);
    check_state(s, id[1], "done", -1);
    assert_int_equal(sweep(s, 0, 1), 2);
    dr_store_close(s);
}

static void jobs_are_found_by_words(void **state)
{
    (void)state;
    dr_store *s = open_store();
    dr_job *jobs;
    int n;
    bool more;
    int64_t id;
    json_t *o = json_object();
    static const char *const words[] = {"Red Dress", "red coat", "100% wool"};
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            dr_store_add(s, &(dr_new_job){.type = i ? "tryon" : "mask", .quick = !i, .settings = o, .search = words[i]},
                         &id),
            DR_OK);
    const struct {
        dr_job_filter f;
        int want;
        bool more;
    } cases[] = {
        {{.limit = 9}, 3, false},
        {{.limit = 2}, 2, true},
        {{.limit = 9, .words = "RED"}, 2, false},
        {{.limit = 9, .words = "dress red"}, 1, false},
        {{.limit = 9, .words = "%"}, 1, false},
        {{.limit = 9, .words = "_"}, 0, false},
        {{.limit = 9, .types = "mask"}, 1, false},
        {{.limit = 9, .types = "mask,tryon", .states = "waiting"}, 3, false},
        {{.limit = 9, .states = "done"}, 0, false},
        {{.limit = 9, .before = 2}, 1, false},
        {{.limit = 9, .client = ""}, 3, false},
        {{.limit = 9, .client = "ann"}, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(dr_store_list(s, &cases[i].f, &jobs, &n, &more), DR_OK);
        assert_int_equal(n, cases[i].want);
        assert_int_equal(more, cases[i].more);
        dr_jobs_free(jobs, n);
    }
    json_decref(o);
    dr_store_close(s);
}

static void a_hash_is_remembered_of_the_file_as_it_was(void **state)
{
    (void)state;
    dr_store *s = open_store();
    const dr_file_state then = {1000, 7}, longer = {1001, 7}, later = {1000, 8};
    char hash[65];
    assert_false(dr_store_hash(s, "/models/a.ckpt", &then, hash));
    dr_store_set_hash(s, "/models/a.ckpt", &then, "abc");
    dr_store_close(s);
    s = open_store();
    assert_true(dr_store_hash(s, "/models/a.ckpt", &then, hash));
    assert_string_equal(hash, "abc");
    assert_false(dr_store_hash(s, "/models/a.ckpt", &longer, hash));
    assert_false(dr_store_hash(s, "/models/a.ckpt", &later, hash));
    assert_false(dr_store_hash(s, "/models/b.ckpt", &then, hash));
    dr_store_set_hash(s, "/models/a.ckpt", &later, "def");
    assert_true(dr_store_hash(s, "/models/a.ckpt", &later, hash));
    assert_string_equal(hash, "def");
    dr_store_close(s);
}

static void what_to_keep_is_read(void **state)
{
    dr_keep k;
    (void)state;
    assert_true(dr_keep_parse("30d", &k));
    assert_int_equal(k.seconds, 30 * 86400);
    assert_int_equal(k.bytes, 0);
    assert_true(dr_keep_parse("20GB,12h", &k));
    assert_int_equal(k.bytes, 20000000000);
    assert_int_equal(k.seconds, 12 * 3600);
    static const char *const wrong[] = {"", "30", "d", "-1d", "0d", "30 d", "30days", "nan GB", "1e99GB", "30d20GB"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(dr_keep_parse(wrong[i], &k));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_STORE(jobs_come_in_order_and_masks_first),
        WITH_A_STORE(a_job_is_moved_to_any_place),
        WITH_A_STORE(what_ran_comes_first_after_a_crash_and_what_is_done_stays_done),
        WITH_A_STORE(two_stores_share_a_folder_only_of_a_database_that_is_shared),
        WITH_A_STORE(a_queue_has_an_end),
        WITH_A_STORE(pictures_go_with_the_last_job_that_refers_to_them),
        WITH_A_STORE(a_picture_of_nobody_stays_for_a_day),
        WITH_A_STORE(what_a_killed_server_left_behind_goes_at_the_next_start),
        WITH_A_STORE(what_is_being_written_stays_for_an_hour),
        WITH_A_STORE(old_jobs_go_but_garments_and_waiting_ones_stay),
        WITH_A_STORE(beyond_a_size_the_oldest_go),
        WITH_A_STORE(jobs_are_found_by_words),
        WITH_A_STORE(a_hash_is_remembered_of_the_file_as_it_was),
        cmocka_unit_test(what_to_keep_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
