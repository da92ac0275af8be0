/* What passes: how far a job is, news of it, workers; and who may ask and what was done. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "serve/store/stores.h"

#include <pthread.h>

/* Waits until these news are there, in any order and among others. */
static void expect(dr_listener *l, const char *what, int64_t job)
{
    static dr_news kept[64];
    static int count;
    for (int tries = 0; tries < 100; tries++) {
        for (int i = 0; i < count; i++) {
            if (strcmp(kept[i].what, what) == 0 && kept[i].job == job) {
                kept[i] = kept[--count];
                return;
            }
        }
        if (count > 32)
            count = 0;
        count += dr_listener_wait(l, 0.2, kept + count, 32);
    }
    fail_msg("no news '%s %lld'", what, (long long)job);
}

static dr_listener *listen_to(dr_store *s)
{
    dr_listener *l;
    dr_news n[8];
    assert_int_equal(dr_store_listen(s, &l), DR_OK);
    if (test_url()) /* it says "all" when it begins to listen */
        (void)dr_listener_wait(l, 5, n, 8);
    return l;
}

static void all_that_happens_is_heard(void **state)
{
    (void)state;
    bool running;
    dr_store *s = open_store();
    dr_listener *l = listen_to(s);
    json_t *o = json_object(), *list = json_array();
    int64_t id = add_for(s, "", 0, NULL);
    expect(l, "job", id);
    expect(l, "queue", 0);
    dr_lease mine = take(s, id);
    expect(l, "job", id);
    assert_int_equal(dr_store_set_live(s, &mine, o), DR_OK);
    expect(l, "live", id);
    assert_int_equal(dr_store_set_preview(s, &mine, 3, "png", 3), DR_OK);
    expect(l, "preview", id);
    assert_int_equal(dr_store_add_line(s, &mine, o), DR_OK);
    expect(l, "line", id);
    assert_int_equal(dr_store_results(s, &mine, list, list), DR_OK);
    expect(l, "job", id);
    assert_int_equal(dr_store_cancel(s, id, &running), DR_OK);
    expect(l, "cancel", id);
    assert_int_equal(dr_store_end(s, &mine, &(dr_end){"done", .garment = true}), DR_OK);
    expect(l, "job", id);
    expect(l, "garments", 0);
    assert_int_equal(dr_store_delete(s, id), DR_OK);
    expect(l, "deleted", id);
    dr_listener_free(l);
    json_decref(o);
    json_decref(list);
    dr_store_close(s);
}

static void another_process_hears_it(void **state)
{
    (void)state;
    if (!test_url())
        return; /* SQLite's store is one process's */
    dr_store *s = open_store(), *other = open_store();
    dr_listener *l = listen_to(other);
    int64_t id = add_for(s, "", 0, NULL);
    expect(l, "queue", 0);
    dr_lease mine = claim_as(other, "other", 1000, NULL);
    assert_int_equal(mine.job, id);
    dr_listener_free(l);
    dr_store_close(other);
    dr_store_close(s);
}

static void what_did_not_happen_is_not_heard(void **state)
{
    (void)state;
    dr_news n[8];
    dr_store *s = open_store();
    dr_listener *l = listen_to(s);
    assert_int_equal(dr_store_move(s, 77, 0), DR_ENOENT);
    assert_int_equal(dr_store_delete(s, 77), DR_ENOENT);
    assert_int_equal(dr_listener_wait(l, 0.1, n, 8), 0);
    dr_listener_wake(l);
    assert_int_equal(dr_listener_wait(l, 60, n, 8), 0);
    dr_listener_free(l);
    dr_store_close(s);
}

static void too_many_news_become_all(void **state)
{
    (void)state;
    dr_news n[8];
    dr_store *s = open_store();
    dr_listener *l = listen_to(s);
    for (int i = 1; i <= DR_MAX_NEWS + 1; i++) {
        dr_board_tell(&s->board, &(dr_news){"job", i});
        dr_board_tell(&s->board, &(dr_news){"job", i}); /* once */
    }
    assert_int_equal(dr_listener_wait(l, 0, n, 8), 1);
    assert_string_equal(n[0].what, "all");
    dr_board_heard(s, "something-that-a-newer-program-says 1");
    dr_board_heard(s, "newer 1");
    assert_int_equal(dr_listener_wait(l, 0, n, 8), 0);
    dr_listener_free(l);
    dr_store_close(s);
}

static void how_far_a_job_is_stays_until_it_ends(void **state)
{
    (void)state;
    int step;
    void *png;
    size_t size;
    int64_t last;
    json_t *o, *lines, *live = json_of("{'fraction':0.5}"), *line = json_of("{'loss':1}");
    dr_store *s = open_store();
    int64_t id = add_for(s, "", 0, NULL);
    dr_lease l = take(s, id);
    assert_int_equal(dr_store_live(s, id, &o), DR_ENOENT);
    assert_int_equal(dr_store_preview(s, id, &step, &png, &size), DR_ENOENT);
    assert_int_equal(dr_store_set_preview(s, &l, 1, "old", 3), DR_OK);
    assert_int_equal(dr_store_live(s, id, &o), DR_ENOENT);
    assert_int_equal(dr_store_set_live(s, &l, live), DR_OK);
    assert_int_equal(dr_store_set_preview(s, &l, 2, "\0new", 4), DR_OK);
    assert_int_equal(dr_store_live(s, id, &o), DR_OK);
    assert_true(json_equal(o, live));
    json_decref(o);
    assert_int_equal(dr_store_preview(s, id, &step, &png, &size), DR_OK);
    assert_int_equal(step, 2);
    assert_int_equal(size, 4);
    assert_memory_equal(png, "\0new", 4);
    free(png);
    for (int i = 0; i < 3; i++)
        assert_int_equal(dr_store_add_line(s, &l, line), DR_OK);
    assert_int_equal(dr_store_end(s, &l, &(dr_end){"done"}), DR_OK);
    assert_int_equal(dr_store_live(s, id, &o), DR_ENOENT);
    assert_int_equal(dr_store_preview(s, id, &step, &png, &size), DR_ENOENT);
    assert_int_equal(dr_store_lines(s, id, 1, &lines, &last), DR_OK);
    assert_int_equal(json_array_size(lines), 2);
    assert_int_equal(last, 3);
    json_decref(lines);
    json_decref(live);
    json_decref(line);
    dr_store_close(s);
}

static void workers_are_there_until_they_go(void **state)
{
    (void)state;
    json_t *list, *about = json_of("{'host':'atelier'}");
    dr_store *s = open_store();
    int64_t id = add_for(s, "", 0, NULL);
    assert_int_equal(dr_store_here(s, "atelier/1", about), DR_OK);
    assert_int_equal(dr_store_here(s, "atelier/2", about), DR_OK);
    assert_int_equal(dr_store_here(s, "atelier/2", about), DR_OK);
    SQL(s, "UPDATE workers SET seen=seen-100 WHERE name='atelier/1'", NULL);
    claim_as(s, "atelier/2", 1000, NULL);
    assert_int_equal(dr_store_workers(s, 30, &list), DR_OK);
    assert_int_equal(json_array_size(list), 1);
    json_t *one = json_array_get(list, 0);
    assert_string_equal(json_string_value(json_object_get(one, "name")), "atelier/2");
    assert_int_equal(json_integer_value(json_object_get(one, "job")), id);
    assert_true(json_equal(json_object_get(one, "about"), about));
    json_decref(list);
    assert_int_equal(dr_store_gone(s, "atelier/2"), DR_OK);
    assert_int_equal(dr_store_workers(s, 30, &list), DR_OK);
    assert_int_equal(json_array_size(list), 0);
    json_decref(list);
    json_decref(about);
    dr_store_close(s);
}

static void counters_only_grow(void **state)
{
    (void)state;
    dr_counts n;
    dr_store *s = open_store();
    add_for(s, "", 0, NULL);
    int64_t id = add_for(s, "", 5, NULL);
    dr_lease l = take(s, id);
    put(s, "seven77");
    assert_int_equal(dr_store_count(s, "pictures", 2), DR_OK);
    assert_int_equal(dr_store_count(s, "pictures", 3), DR_OK);
    assert_int_equal(dr_store_counts(s, &n), DR_OK);
    assert_int_equal(n.waiting, 1);
    assert_int_equal(n.running, 1);
    assert_true(n.oldest >= 0 && n.oldest < 60);
    assert_int_equal(n.pictures, 1);
    assert_int_equal(n.bytes, 7);
    assert_int_equal(json_integer_value(json_object_get(n.ever, "pictures")), 5);
    json_decref(n.ever);
    assert_int_equal(dr_store_end(s, &l, &(dr_end){"failed", .error = "no"}), DR_OK);
    assert_int_equal(dr_store_delete(s, id), DR_OK);
    assert_int_equal(dr_store_counts(s, &n), DR_OK);
    assert_int_equal(json_integer_value(json_object_get(n.ever, "ended|tryon|failed")), 1);
    json_decref(n.ever);
    dr_store_close(s);
}

static void a_token_is_known_by_its_hash_alone(void **state)
{
    (void)state;
    char secret[64], other[64];
    dr_token t = {.name = "ann", .rights = "use", .priority = 3}, found, *all;
    int n;
    dr_store *s = open_store();
    assert_int_equal(dr_store_add_token(s, &t, secret), DR_OK);
    assert_int_equal(strlen(secret), 43);
    assert_int_equal(dr_store_add_token(s, &t, other), DR_EINVAL);
    assert_int_equal(sql_int(s, "SELECT COUNT(*) FROM tokens"), 1);
    assert_int_equal(sql_int(s, "SELECT COUNT(*) FROM tokens WHERE length(sha256)=64"), 1);
    assert_int_equal(dr_store_token(s, secret, &found), DR_OK);
    assert_string_equal(found.name, "ann");
    assert_string_equal(found.rights, "use");
    assert_int_equal(found.priority, 3);
    secret[42] ^= 1;
    assert_int_equal(dr_store_token(s, secret, &found), DR_ENOENT);
    assert_int_equal(dr_store_token(s, "", &found), DR_ENOENT);
    assert_int_equal(dr_store_tokens(s, &all, &n), DR_OK);
    assert_int_equal(n, 1);
    assert_true(all[0].used > 0);
    free(all);
    static const char *const bad[] = {"", "a b", "a\nb", "a/b", "a'b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(t.name, sizeof t.name, "%s", bad[i]);
        assert_int_equal(dr_store_add_token(s, &t, other), DR_EINVAL);
    }
    assert_int_equal(dr_store_remove_token(s, "ann"), DR_OK);
    assert_int_equal(dr_store_remove_token(s, "ann"), DR_ENOENT);
    dr_store_close(s);
}

static void what_was_done_is_written_down(void **state)
{
    (void)state;
    json_t *list;
    dr_store *s = open_store();
    assert_int_equal(dr_store_audit(s, "ann", "submit", 1, "a \"quote\" and 'one'"), DR_OK);
    assert_int_equal(dr_store_audit(s, NULL, "cancel", 2, NULL), DR_OK);
    assert_int_equal(dr_store_audits(s, 0, 10, &list), DR_OK);
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "what")), "cancel");
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "detail")), "a \"quote\" and 'one'");
    json_int_t id = json_integer_value(json_object_get(json_array_get(list, 0), "id"));
    json_decref(list);
    assert_int_equal(dr_store_audits(s, id, 10, &list), DR_OK);
    assert_int_equal(json_array_size(list), 1);
    json_decref(list);
    dr_store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_STORE(all_that_happens_is_heard),
        WITH_A_STORE(another_process_hears_it),
        WITH_A_STORE(what_did_not_happen_is_not_heard),
        WITH_A_STORE(too_many_news_become_all),
        WITH_A_STORE(how_far_a_job_is_stays_until_it_ends),
        WITH_A_STORE(workers_are_there_until_they_go),
        WITH_A_STORE(counters_only_grow),
        WITH_A_STORE(a_token_is_known_by_its_hash_alone),
        WITH_A_STORE(what_was_done_is_written_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
