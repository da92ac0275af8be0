/* A store for each test: SQLite in a folder that is gone afterwards, or, where DRAPE_TEST_STORE is the URL of a
 * database that nobody needs (scripts/postgres.sh run), PostgreSQL. What is tested is the same. */
#ifndef TESTS_SERVE_STORE_STORES_H
#define TESTS_SERVE_STORE_STORES_H

#include "base/file.h"
#include "base/path.h"
#include "serve/store/store_impl.h"

#include <string.h>

#include "serve/scratch.h"

static inline const char *test_url(void)
{
    return getenv("DRAPE_TEST_STORE");
}

/* --- statements of the test's own -------------------------------------------------------------------- */

#define SQL(s, ...)                                                                                                    \
    do {                                                                                                               \
        assert_int_equal((s)->db->driver->enter((s)->db), DR_OK);                                                      \
        if (dr_sql_run((s)->db, __VA_ARGS__))                                                                          \
            fail_msg("%s", dr_error());                                                                                \
        (s)->db->driver->leave((s)->db);                                                                               \
    } while (0)

static inline int64_t sql_int(dr_store *s, const char *sql)
{
    int64_t v = -1;
    dr_status st;
    for (dr_attempt a = {.read = true}; dr_attempt_next(s, &a, &st);) {
        v = dr_sql_int(s->db, -1, sql, NULL);
        st = v < 0 ? DR_EIO : DR_OK;
    }
    return v;
}

/* --- opening ----------------------------------------------------------------------------------------- */

static inline int stores_make(void **state)
{
    if (scratch_make(state))
        return -1;
    if (!test_url())
        return 0;
    dr_db *db;
    int bad = dr_db_postgresql(&db, test_url(), NULL, NULL) || db->driver->enter(db);
    if (bad) {
        fprintf(stderr, "%s\n", dr_error());
        return -1;
    }
    bad = dr_sql_run(db, "DROP SCHEMA IF EXISTS drape CASCADE", NULL);
    db->driver->leave(db);
    db->driver->close(db);
    return bad;
}

static inline dr_store *open_store(void)
{
    dr_store *s;
    if (dr_store_open(&s, &(dr_store_options){.url = test_url(), .dir = scratch_dir, .host = "here"}))
        fail_msg("%s", dr_error());
    return s;
}

#define WITH_A_STORE(f) cmocka_unit_test_setup_teardown(f, stores_make, scratch_remove)

/* --- jobs -------------------------------------------------------------------------------------------- */

static inline int64_t add_for(dr_store *s, const char *client, int priority, const char *needs)
{
    int64_t id;
    json_t *o = json_object();
    dr_new_job n = {
        .type = "tryon", .settings = o, .search = "words", .client = client, .priority = priority, .needs = needs};
    if (dr_store_add(s, &n, &id))
        fail_msg("%s", dr_error());
    json_decref(o);
    return id;
}

static inline int64_t add(dr_store *s, const char *type, const char *settings)
{
    int64_t id;
    json_t *o = json_of(settings);
    dr_new_job n = {.type = type, .quick = strcmp(type, "mask") == 0, .settings = o, .search = "words"};
    if (dr_store_add(s, &n, &id))
        fail_msg("%s", dr_error());
    json_decref(o);
    return id;
}

static inline dr_lease claim_as(dr_store *s, const char *worker, double seconds, const char *offers)
{
    dr_job j;
    dr_lease l;
    dr_status st = dr_store_claim(s, &(dr_claim){.worker = worker, .seconds = seconds, .offers = offers}, &j, &l);
    if (st && st != DR_ENOENT)
        fail_msg("%s", dr_error());
    if (!st) {
        assert_int_equal(j.id, l.job);
        assert_string_equal(j.state, "running");
        assert_string_equal(j.worker, worker);
    }
    dr_job_clear(&j);
    return l;
}

/* The next one is to be `want`; 0: none. */
static inline dr_lease take(dr_store *s, int64_t want)
{
    dr_lease l = claim_as(s, "me", 1000, NULL);
    assert_int_equal(l.job, want);
    return l;
}

static inline void check_state(dr_store *s, int64_t id, const char *state, int position)
{
    dr_job j;
    assert_int_equal(dr_store_get(s, id, &j), DR_OK);
    assert_string_equal(j.state, state);
    assert_int_equal(j.position, position);
    dr_job_clear(&j);
}

static inline dr_blob put(dr_store *s, const char *bytes)
{
    dr_blob b = {.width = 3, .height = 2, .type = "image/png"};
    if (dr_store_put(s, &b, bytes, strlen(bytes)))
        fail_msg("%s", dr_error());
    return b;
}

#endif
