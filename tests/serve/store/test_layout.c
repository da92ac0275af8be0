/* Older and newer programs over one database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "serve/store/layout.h"
#include "serve/store/stores.h"

#include <limits.h>

/* As drape 0.1 made them, the second time without columns that its first builds did not have. */
static const char first_layout[] =
    "CREATE TABLE jobs(id @id, type TEXT NOT NULL, state TEXT NOT NULL, place BIGINT,"
    " created DOUBLE PRECISION NOT NULL, started DOUBLE PRECISION, ended DOUBLE PRECISION,"
    " garment BIGINT NOT NULL DEFAULT 0, error TEXT, settings TEXT NOT NULL, results TEXT NOT NULL DEFAULT '[]',"
    " warnings TEXT NOT NULL DEFAULT '[]', search TEXT, status BIGINT NOT NULL DEFAULT 0,"
    " quick BIGINT NOT NULL DEFAULT 0);"
    "CREATE INDEX jobs_state ON jobs(state, place);"
    "CREATE TABLE images(id TEXT PRIMARY KEY, type TEXT NOT NULL, width BIGINT, height BIGINT, bytes BIGINT,"
    " added DOUBLE PRECISION);"
    "CREATE TABLE refers(job BIGINT, image TEXT, PRIMARY KEY(job, image));"
    "CREATE INDEX refers_image ON refers(image);"
    "CREATE TABLE speed(what TEXT PRIMARY KEY, seconds DOUBLE PRECISION);"
    "CREATE TABLE hashes(path TEXT PRIMARY KEY, bytes BIGINT, changed BIGINT, sha256 TEXT)";

static dr_db *open_db(void)
{
    char path[PATH_MAX];
    dr_db *db;
    dr_path(path, sizeof path, scratch_dir, "drape.db");
    dr_status st = test_url() ? dr_db_postgresql(&db, test_url(), NULL, NULL) : dr_db_sqlite(&db, path);
    if (st || db->driver->enter(db))
        fail_msg("%s", dr_error());
    return db;
}

static void close_db(dr_db *db)
{
    db->driver->leave(db);
    db->driver->close(db);
}

static void run(dr_db *db, const char *sql)
{
    if (dr_sql_script(db, sql))
        fail_msg("%s: %s", sql, dr_error());
}

static void make_first(void)
{
    dr_db *db = open_db();
    if (test_url())
        run(db, "CREATE SCHEMA drape");
    run(db, first_layout);
    if (test_url()) /* there was no such store then; it is the same way up */
        run(db, "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);"
                "INSERT INTO meta VALUES('layout','1')");
    else
        run(db, "PRAGMA user_version=1");
    run(db, "INSERT INTO jobs(type,state,place,created,settings,quick) VALUES('tryon','waiting',1,5,'{}',0);"
            "INSERT INTO jobs(type,state,place,created,settings,quick) VALUES('tryon','waiting',0,6,'{}',0);"
            "INSERT INTO jobs(type,state,created,ended,settings,results) VALUES('tryon','done',1,2,'{}','[1]')");
    close_db(db);
}

static void what_an_older_program_wrote_is_read(void **state)
{
    (void)state;
    make_first();
    dr_store *s = open_store();
    int64_t m = add(s, "mask", "{}"), last = add(s, "tryon", "{}");
    check_state(s, m, "waiting", 0);
    check_state(s, 2, "waiting", 1);
    check_state(s, 1, "waiting", 2);
    check_state(s, last, "waiting", 3);
    check_state(s, 3, "done", -1);
    dr_store_close(s);
    s = open_store();
    take(s, m);
    take(s, 2);
    dr_store_close(s);
}

static void columns_of_later_builds_are_added(void **state)
{
    (void)state;
    if (test_url())
        return;
    make_first();
    dr_db *db = open_db();
    run(db, "ALTER TABLE jobs DROP COLUMN quick; ALTER TABLE jobs DROP COLUMN status");
    close_db(db);
    dr_store *s = open_store();
    check_state(s, 2, "waiting", 0);
    dr_store_close(s);
}

/* One statement of the way up fails: nothing of it stays. */
static void half_an_upgrade_is_none(void **state)
{
    (void)state;
    dr_store *s;
    make_first();
    dr_db *db = open_db();
    run(db, "ALTER TABLE jobs ADD COLUMN adapter TEXT");
    close_db(db);
    dr_store_options o = {.url = test_url(), .dir = scratch_dir};
    assert_int_not_equal(dr_store_open(&s, &o), DR_OK);
    assert_non_null(strstr(dr_error(), "from layout 1 to 2"));
    db = open_db();
    run(db, "UPDATE jobs SET place=place"); /* still called so */
    assert_int_equal(db->driver->layout(db), 1);
    run(db, "ALTER TABLE jobs DROP COLUMN adapter");
    close_db(db);
    dr_store_close(open_store());
}

static void set_layout(int layout, const char *oldest)
{
    dr_db *db = open_db();
    assert_int_equal(db->driver->set_layout(db, layout), DR_OK);
    assert_int_equal(dr_sql_run(db, "UPDATE meta SET value=$1 WHERE key='oldest'", "s", oldest), DR_OK);
    close_db(db);
}

static void a_newer_layout_is_refused_unless_it_says_otherwise(void **state)
{
    (void)state;
    dr_store *s;
    dr_store_options o = {.url = test_url(), .dir = scratch_dir};
    dr_store_close(open_store());
    set_layout(DR_LAYOUT + 1, "3");
    assert_int_equal(dr_store_open(&s, &o), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "a newer drape has written"));
    set_layout(DR_LAYOUT + 1, "2"); /* what is new there is nothing to us */
    s = open_store();
    take(s, add_for(s, "", 0, NULL));
    dr_store_close(s);
}

/* A front of yesterday, while another one brings the database up to date: it reads, and it does not write. */
static void a_program_that_has_become_too_old_stops_writing(void **state)
{
    (void)state;
    int64_t id;
    dr_job j;
    if (!test_url())
        return; /* nobody else can */
    dr_store *s = open_store();
    int64_t kept = add_for(s, "", 0, NULL);
    set_layout(DR_LAYOUT + 1, "3");
    json_t *o = json_object();
    assert_int_equal(dr_store_add(s, &(dr_new_job){.type = "tryon", .settings = o, .search = ""}, &id), DR_EINVAL);
    assert_non_null(strstr(dr_error(), "a newer drape has written"));
    assert_int_equal(dr_store_move(s, kept, 0), DR_EINVAL);
    check_state(s, kept, "waiting", 0);
    assert_int_equal(dr_store_get(s, kept, &j), DR_OK);
    dr_job_clear(&j);
    json_decref(o);
    dr_store_close(s);
}

static void a_program_without_rights_to_change_tables_works_in_those_that_are_there(void **state)
{
    (void)state;
    static const char *const roles[] = {
        "DO $x$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname='drape_worker') THEN CREATE ROLE "
        "drape_worker LOGIN; END IF; END $x$",
        "GRANT USAGE ON SCHEMA drape TO drape_worker",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA drape TO drape_worker",
    };
    char url[512];
    dr_store *s;
    if (!test_url())
        return;
    snprintf(url, sizeof url, "postgresql://drape_worker@%s", strchr(test_url(), '@') + 1);
    dr_store_options o = {.url = url, .dir = scratch_dir};
    dr_db *db = open_db();
    assert_int_equal(dr_sql_run(db, roles[0], NULL), DR_OK);
    close_db(db);
    assert_int_equal(dr_store_open(&s, &o), DR_EIO); /* there are none, and it may not make them */
    assert_non_null(strstr(dr_error(), "drape store upgrade"));
    dr_store_close(open_store());
    db = open_db();
    assert_int_equal(dr_sql_run(db, roles[1], NULL), DR_OK);
    assert_int_equal(dr_sql_run(db, roles[2], NULL), DR_OK);
    close_db(db);
    if (dr_store_open(&s, &o))
        fail_msg("%s", dr_error());
    dr_lease l = take(s, add_for(s, "ann", 1, "model:a"));
    dr_blob b = put(s, "a picture");
    assert_int_equal(dr_store_end(s, &l, &(dr_end){"done", .garment = true, .adapter = b.id}), DR_OK);
    assert_int_equal(dr_store_delete(s, l.job), DR_OK);
    assert_int_equal(dr_store_audit(s, "ann", "x", 0, NULL), DR_OK);
    dr_store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_A_STORE(what_an_older_program_wrote_is_read),
        WITH_A_STORE(columns_of_later_builds_are_added),
        WITH_A_STORE(half_an_upgrade_is_none),
        WITH_A_STORE(a_newer_layout_is_refused_unless_it_says_otherwise),
        WITH_A_STORE(a_program_that_has_become_too_old_stops_writing),
        WITH_A_STORE(a_program_without_rights_to_change_tables_works_in_those_that_are_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
