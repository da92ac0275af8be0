#include "serve/store/layout.h"

#include "serve/store/ids.h"

#include <stdio.h>
#include <string.h>

/* What was in layout 1 stands first, so that the statements make what is missing of both. */
static const char tables[] =
    "CREATE TABLE IF NOT EXISTS jobs("
    " id @id, type TEXT NOT NULL, state TEXT NOT NULL, turn DOUBLE PRECISION,"
    " created DOUBLE PRECISION NOT NULL, started DOUBLE PRECISION, ended DOUBLE PRECISION,"
    " garment BIGINT NOT NULL DEFAULT 0, error TEXT, settings TEXT NOT NULL, results TEXT NOT NULL DEFAULT '[]',"
    " warnings TEXT NOT NULL DEFAULT '[]', search TEXT, status BIGINT NOT NULL DEFAULT 0,"
    " quick BIGINT NOT NULL DEFAULT 0, rank BIGINT NOT NULL DEFAULT 0, priority BIGINT NOT NULL DEFAULT 0,"
    " client TEXT NOT NULL DEFAULT '', ticket TEXT UNIQUE, worker TEXT, lease TEXT, expires DOUBLE PRECISION,"
    " seconds DOUBLE PRECISION,"
    " cancel BIGINT NOT NULL DEFAULT 0, lost BIGINT NOT NULL DEFAULT 0, host TEXT, adapter TEXT);"
    "CREATE INDEX IF NOT EXISTS jobs_queue ON jobs(rank DESC, turn, id) WHERE state='waiting';"
    "CREATE INDEX IF NOT EXISTS jobs_state ON jobs(state, ended);"
    "CREATE INDEX IF NOT EXISTS jobs_turn ON jobs(turn);"
    "CREATE TABLE IF NOT EXISTS images("
    " id TEXT PRIMARY KEY, type TEXT NOT NULL, width BIGINT, height BIGINT, bytes BIGINT, added DOUBLE PRECISION);"
    "CREATE TABLE IF NOT EXISTS refers("
    " job BIGINT, image TEXT REFERENCES images(id), PRIMARY KEY(job, image));"
    "CREATE INDEX IF NOT EXISTS refers_image ON refers(image);"
    "CREATE TABLE IF NOT EXISTS speed(what TEXT PRIMARY KEY, seconds DOUBLE PRECISION);"
    "CREATE TABLE IF NOT EXISTS hashes(path TEXT PRIMARY KEY, bytes BIGINT, changed BIGINT, sha256 TEXT);"
    "CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS needs(job BIGINT, what TEXT, PRIMARY KEY(job, what));"
    "CREATE TABLE IF NOT EXISTS lines(job BIGINT, number BIGINT, line TEXT NOT NULL, PRIMARY KEY(job, number));"
    "CREATE TABLE IF NOT EXISTS workers(name TEXT PRIMARY KEY, seen DOUBLE PRECISION NOT NULL, about TEXT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS counters(name TEXT PRIMARY KEY, value BIGINT NOT NULL);"
    "CREATE TABLE IF NOT EXISTS tokens("
    " name TEXT PRIMARY KEY, sha256 TEXT NOT NULL UNIQUE, rights TEXT NOT NULL, priority BIGINT NOT NULL,"
    " created DOUBLE PRECISION NOT NULL, used DOUBLE PRECISION NOT NULL DEFAULT 0);"
    "CREATE TABLE IF NOT EXISTS audits("
    " id @id, time DOUBLE PRECISION NOT NULL, client TEXT NOT NULL, what TEXT NOT NULL, job BIGINT, detail TEXT)";

/* What SQLite has elsewhere: pictures in files, how far jobs are in memory. */
static const char shared_tables[] =
    "CREATE TABLE IF NOT EXISTS pieces("
    " image TEXT REFERENCES images(id) ON DELETE CASCADE, number BIGINT, data @bytes NOT NULL,"
    " PRIMARY KEY(image, number));"
    "ALTER TABLE pieces ALTER COLUMN data SET STORAGE EXTERNAL;" /* pictures are compressed already */
    "CREATE UNLOGGED TABLE IF NOT EXISTS progress(job BIGINT PRIMARY KEY, live TEXT, step BIGINT, png @bytes)";

/* From 1 to 2. Places in the queue become turns of one and the same client. */
static const char several_machines[] = "DROP INDEX IF EXISTS jobs_state;"
                                       "ALTER TABLE jobs RENAME COLUMN place TO turn;"
                                       "ALTER TABLE jobs ADD COLUMN rank BIGINT NOT NULL DEFAULT 0;"
                                       "ALTER TABLE jobs ADD COLUMN priority BIGINT NOT NULL DEFAULT 0;"
                                       "ALTER TABLE jobs ADD COLUMN client TEXT NOT NULL DEFAULT '';"
                                       "ALTER TABLE jobs ADD COLUMN ticket TEXT;"
                                       "CREATE UNIQUE INDEX jobs_ticket ON jobs(ticket);"
                                       "ALTER TABLE jobs ADD COLUMN worker TEXT;"
                                       "ALTER TABLE jobs ADD COLUMN lease TEXT;"
                                       "ALTER TABLE jobs ADD COLUMN expires DOUBLE PRECISION;"
                                       "ALTER TABLE jobs ADD COLUMN seconds DOUBLE PRECISION;"
                                       "ALTER TABLE jobs ADD COLUMN cancel BIGINT NOT NULL DEFAULT 0;"
                                       "ALTER TABLE jobs ADD COLUMN lost BIGINT NOT NULL DEFAULT 0;"
                                       "ALTER TABLE jobs ADD COLUMN host TEXT;"
                                       "ALTER TABLE jobs ADD COLUMN adapter TEXT";

dr_status dr_layout_is_newer(const char *name, int layout)
{
    return dr_fail(DR_EINVAL,
                   "a newer drape has written '%s' (layout %d, this one knows %d): update this one, or choose another "
                   "store",
                   name, layout, DR_LAYOUT);
}

void dr_layout_meta(dr_db *db, const char *key, char *out, size_t n)
{
    out[0] = 0;
    dr_rows *r = dr_sql(db, "SELECT value FROM meta WHERE key=$1", "s", key);
    if (dr_row(db, r))
        dr_row_text(db, r, 0, out, n);
    (void)dr_sql_end(db, r);
}

/* Two columns that layout 1 got on its way; only SQLite was there then. */
static dr_status add_late_columns(dr_db *db)
{
    static const char *const added[][2] = {{"status", "ALTER TABLE jobs ADD COLUMN status INTEGER NOT NULL DEFAULT 0"},
                                           {"quick", "ALTER TABLE jobs ADD COLUMN quick INTEGER NOT NULL DEFAULT 0"}};
    static const char have[] = "SELECT COUNT(*) FROM pragma_table_info('jobs') WHERE name=$1";
    dr_status st = DR_OK;
    for (size_t i = 0; !st && i < sizeof added / sizeof *added; i++)
        if (!dr_sql_int(db, 0, have, "s", added[i][0]))
            st = dr_sql_run(db, added[i][1], NULL);
    return st;
}

static dr_status set_meta(dr_db *db, const char *key, const char *value, const char *on_conflict)
{
    char sql[160];
    snprintf(sql, sizeof sql, "INSERT INTO meta(key,value) VALUES($1,$2) ON CONFLICT(key) DO %s", on_conflict);
    return dr_sql_run(db, sql, "ss", key, value);
}

static dr_status upgrade(dr_db *db, int from)
{
    char id[17], oldest[16];
    bool shared = db->driver->shared;
    dr_status st = DR_OK;
    if (shared && !dr_sql_int(db, 0, "SELECT CASE WHEN to_regnamespace('drape') IS NULL THEN 0 ELSE 1 END", NULL))
        st = dr_sql_run(db, "CREATE SCHEMA drape", NULL);
    if (!st && from == 1 && !shared)
        st = add_late_columns(db);
    if (!st && from == 1)
        st = dr_sql_script(db, several_machines);
    if (!st)
        st = dr_sql_script(db, tables);
    if (!st && shared)
        st = dr_sql_script(db, shared_tables);
    snprintf(oldest, sizeof oldest, "%d", DR_LAYOUT_OLDEST);
    if (!st)
        st = set_meta(db, "oldest", oldest, "UPDATE SET value=excluded.value");
    if (!st)
        st = dr_random_text(id, 16);
    if (!st)
        st = set_meta(db, "id", id, "NOTHING");
    return st ? st : db->driver->set_layout(db, DR_LAYOUT);
}

/* DR_OK where this program may use a layout that is newer than it knows. */
static dr_status check_newer(dr_db *db, int layout)
{
    char oldest[32];
    dr_layout_meta(db, "oldest", oldest, sizeof oldest);
    int least = 0;
    return sscanf(oldest, "%d", &least) == 1 && least <= DR_LAYOUT ? DR_OK : dr_layout_is_newer(db->name, layout);
}

static dr_status upgrade_alone(dr_db *db)
{
    dr_status st = db->driver->begin(db, true);
    if (st)
        return st;
    int layout = db->driver->layout(db); /* another may have been quicker */
    st = layout < 0 ? DR_EIO : layout < DR_LAYOUT ? upgrade(db, layout) : DR_OK;
    if (!st)
        return db->driver->commit(db);
    db->driver->rollback(db);
    return dr_fail_prefix(st, "cannot bring the store from layout %d to %d%s", layout, DR_LAYOUT,
                          db->driver->shared ? " (its owner can, by 'drape store upgrade')" : "");
}

dr_status dr_layout_open(dr_db *db)
{
    dr_status st = db->driver->enter(db);
    if (st)
        return st;
    int layout = db->driver->layout(db);
    if (layout < 0)
        st = DR_EIO;
    else if (layout > DR_LAYOUT)
        st = check_newer(db, layout);
    else if (layout < DR_LAYOUT)
        st = upgrade_alone(db);
    db->driver->leave(db);
    return st;
}
