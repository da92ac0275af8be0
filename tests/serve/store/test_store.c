/* The queue and the pictures on disk, also after the process that wrote them is gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/path.h"
#include "serve/store/store_impl.h"

#include <string.h>

#include "serve/scratch.h"

static dr_store *open_store(void)
{
    dr_store *s;
    if (dr_store_open(&s, scratch_dir))
        fail_msg("%s", dr_error());
    return s;
}

static int64_t add(dr_store *s, const char *type, const char *settings)
{
    int64_t id;
    json_t *o = json_of(settings);
    if (dr_store_add(s, type, strcmp(type, "mask") == 0, o, "words", &id))
        fail_msg("%s", dr_error());
    json_decref(o);
    return id;
}

static void take(dr_store *s, int64_t want)
{
    dr_job j;
    assert_int_equal(dr_store_take(s, &j), DR_OK);
    assert_int_equal(j.id, want);
    assert_string_equal(j.state, "running");
    dr_job_clear(&j);
}

static void check_state(dr_store *s, int64_t id, const char *state, int position)
{
    dr_job j;
    assert_int_equal(dr_store_get(s, id, &j), DR_OK);
    assert_string_equal(j.state, state);
    assert_int_equal(j.position, position);
    dr_job_clear(&j);
}

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
    dr_job j;
    assert_int_equal(dr_store_take(s, &j), DR_ENOENT);
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
    assert_int_equal(dr_store_cancel(s, b), DR_OK);
    assert_int_equal(dr_store_cancel(s, b), DR_EINVAL);
    assert_int_equal(dr_store_move(s, b, 0), DR_EINVAL);
    check_state(s, a, "waiting", 1);
    assert_int_equal(dr_store_retry(s, b), DR_OK);
    check_state(s, b, "waiting", 2);
    assert_int_equal(dr_store_move(s, 999, 0), DR_ENOENT);
    dr_store_close(s);
}

static void what_an_older_program_wrote_is_read(void **state)
{
    (void)state;
    dr_store *s = open_store();
    int64_t a = add(s, "tryon", "{}");
    assert_int_equal(dr_sql_run(s, "ALTER TABLE jobs DROP COLUMN quick", NULL), DR_OK);
    assert_int_equal(dr_sql_run(s, "ALTER TABLE jobs DROP COLUMN status", NULL), DR_OK);
    dr_store_close(s);
    s = open_store();
    int64_t m = add(s, "mask", "{}");
    check_state(s, m, "waiting", 0);
    check_state(s, a, "waiting", 1);
    dr_store_close(s);
}

/* As after kill -9: the folder is all that is left. */
static void what_ran_comes_first_after_a_crash_and_what_is_done_stays_done(void **state)
{
    (void)state;
    dr_store *s = open_store();
    dr_job j;
    int64_t a = add(s, "tryon", "{}"), b = add(s, "tryon", "{}"), c = add(s, "tryon", "{}");
    take(s, a);
    assert_int_equal(dr_store_end(s, a, &(dr_end){"done"}), DR_OK);
    take(s, b);
    json_t *results = json_of("[{'image':1}]"), *warnings = json_array();
    assert_int_equal(dr_store_results(s, b, results, warnings), DR_OK);
    dr_store_close(s);
    s = open_store();
    check_state(s, a, "done", -1);
    check_state(s, b, "waiting", 0);
    check_state(s, c, "waiting", 1);
    assert_int_equal(dr_store_get(s, b, &j), DR_OK);
    assert_true(json_equal(j.results, results));
    dr_job_clear(&j);
    take(s, b);
    assert_int_equal(dr_store_requeue(s, b), DR_OK);
    check_state(s, b, "waiting", 0);
    json_decref(results);
    json_decref(warnings);
    dr_store_close(s);
}

static void two_stores_do_not_share_a_folder(void **state)
{
    (void)state;
    dr_store *s = open_store(), *other;
    assert_int_equal(dr_store_open(&other, scratch_dir), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "another drape serve"));
    dr_store_close(s);
    dr_store_close(open_store());
}

static void a_queue_has_an_end(void **state)
{
    (void)state;
    dr_store *s = open_store();
    int64_t id;
    json_t *o = json_object();
    sqlite3_exec(s->db,
                 "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<1000) INSERT INTO "
                 "jobs(type,state,place,created,settings) SELECT 'tryon','waiting',i,0,'{}' FROM n",
                 NULL, NULL, NULL);
    assert_int_equal(dr_store_add(s, "tryon", false, o, "", &id), DR_EUNSUPPORTED);
    assert_int_equal(dr_store_waiting(s), 1000);
    json_decref(o);
    dr_store_close(s);
}

/* --- pictures ----------------------------------------------------------------------------------- */

static dr_blob put(dr_store *s, const char *bytes)
{
    dr_blob b = {.width = 3, .height = 2, .type = "image/png"};
    assert_int_equal(dr_store_put(s, &b, bytes, strlen(bytes)), DR_OK);
    return b;
}

static bool on_disk(dr_store *s, const char *id)
{
    char path[4096];
    dr_store_blob_path(s, id, path, sizeof path);
    return dr_exists(path);
}

static void pictures_go_with_the_last_job_that_refers_to_them(void **state)
{
    (void)state;
    char settings[200];
    dr_store *s = open_store();
    dr_blob b = put(s, "one"), found;
    assert_string_equal(b.id, "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"); /* sha256sum */
    snprintf(settings, sizeof settings, "{'photos':[{'photo':'%s'}]}", b.id);
    int64_t first = add(s, "tryon", settings), second = add(s, "tryon", settings);
    dr_sql_run(s, "UPDATE images SET added=1", NULL);
    assert_int_equal(dr_store_delete(s, first), DR_EINVAL); /* it waits */
    assert_int_equal(dr_store_cancel(s, first), DR_OK);
    assert_int_equal(dr_store_delete(s, first), DR_OK);
    assert_true(on_disk(s, b.id));
    assert_int_equal(dr_store_blob(s, b.id, &found), DR_OK);
    assert_int_equal(found.width, 3);
    assert_int_equal(dr_store_cancel(s, second), DR_OK);
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
    dr_store *s = open_store();
    dr_blob mine = put(s, "mine"), other = put(s, "other");
    dr_sql_run(s, "UPDATE images SET added=?", "d", dr_time() - 3600);
    snprintf(settings, sizeof settings, "{'photo':'%s'}", mine.id);
    int64_t id = add(s, "tryon", settings);
    assert_int_equal(dr_store_cancel(s, id), DR_OK);
    assert_int_equal(dr_store_delete(s, id), DR_OK);
    assert_false(on_disk(s, mine.id));
    assert_true(on_disk(s, other.id));
    assert_int_equal(dr_store_drop_blobs(s, dr_time() - 24 * 3600), DR_OK);
    assert_true(on_disk(s, other.id));
    dr_sql_run(s, "UPDATE images SET added=?", "d", dr_time() - 25 * 3600);
    assert_int_equal(dr_store_drop_blobs(s, dr_time() - 24 * 3600), DR_OK);
    assert_false(on_disk(s, other.id));
    dr_store_close(s);
}

static void what_a_killed_server_left_behind_goes_at_the_next_start(void **state)
{
    (void)state;
    char path[200], train[200];
    dr_store *s = open_store();
    dr_blob kept = put(s, "kept"), stray = put(s, "stray");
    int64_t id = add(s, "train", "{}");
    dr_sql_run(s, "DELETE FROM images WHERE id=?", "s", stray.id);
    dr_store_train_path(s, id, "out", train, sizeof train);
    assert_int_equal(dr_mkdirs(train), DR_OK);
    dr_path(path, sizeof path, scratch_dir, "train/99/out");
    assert_int_equal(dr_mkdirs(path), DR_OK);
    dr_store_close(s);
    s = open_store();
    assert_true(on_disk(s, kept.id));
    assert_false(on_disk(s, stray.id));
    assert_true(dr_exists(train));
    assert_false(dr_exists(path));
    dr_store_close(s);
}

static void end(dr_store *s, int64_t id, double ended, bool garment)
{
    take(s, id);
    assert_int_equal(dr_store_end(s, id, &(dr_end){"done", .garment = garment}), DR_OK);
    dr_sql_run(s, "UPDATE jobs SET ended=? WHERE id=?", "di", ended, id);
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
    dr_sql_run(s, "UPDATE images SET added=1", NULL);
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
        assert_int_equal(dr_store_add(s, i ? "tryon" : "mask", !i, o, words[i], &id), DR_OK);
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
#define IN_A_FOLDER(f) cmocka_unit_test_setup_teardown(f, scratch_make, scratch_remove)
        IN_A_FOLDER(jobs_come_in_order_and_masks_first),
        IN_A_FOLDER(a_job_is_moved_to_any_place),
        IN_A_FOLDER(what_an_older_program_wrote_is_read),
        IN_A_FOLDER(what_ran_comes_first_after_a_crash_and_what_is_done_stays_done),
        IN_A_FOLDER(two_stores_do_not_share_a_folder),
        IN_A_FOLDER(a_queue_has_an_end),
        IN_A_FOLDER(pictures_go_with_the_last_job_that_refers_to_them),
        IN_A_FOLDER(a_picture_of_nobody_stays_for_a_day),
        IN_A_FOLDER(what_a_killed_server_left_behind_goes_at_the_next_start),
        IN_A_FOLDER(old_jobs_go_but_garments_and_waiting_ones_stay),
        IN_A_FOLDER(beyond_a_size_the_oldest_go),
        IN_A_FOLDER(jobs_are_found_by_words),
        IN_A_FOLDER(a_hash_is_remembered_of_the_file_as_it_was),
        cmocka_unit_test(what_to_keep_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
