/* SQLite as the store's database: one connection, one thread at a time. */
#include "serve/store/db.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct sqlite_db {
    dr_db db;
    sqlite3 *c;
    pthread_mutex_t mutex; /* recursive */
    int depth, transactions;
} sqlite_db;

struct dr_rows {
    sqlite_db *of;
    sqlite3_stmt *q;
};

/* How far jobs are is not for the disk. */
static const char at_open[] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; ATTACH ':memory:' AS passing;"
                              "CREATE TABLE passing.progress(job BIGINT PRIMARY KEY, live TEXT, step BIGINT, png BLOB)";

static const char *const words[][2] = {{"$", "?"},
                                       {"@now", "((julianday('now')-2440587.5)*86400.0)"},
                                       {"@up", "1e9"},
                                       {"@skip", ""},
                                       {"@id", "INTEGER PRIMARY KEY AUTOINCREMENT"},
                                       {"@bytes", "BLOB"},
                                       {"strpos(", "instr("},
                                       {NULL, NULL}};

static dr_status fault(sqlite_db *d)
{
    int code = sqlite3_errcode(d->c) & 0xff;
    dr_db_try_again = code == SQLITE_BUSY || code == SQLITE_LOCKED;
    return dr_fail(code == SQLITE_NOMEM ? DR_ENOMEM : DR_EIO, "the database '%s' fails: %s", d->db.name,
                   sqlite3_errmsg(d->c));
}

static dr_status enter(dr_db *db)
{
    sqlite_db *d = (sqlite_db *)db;
    pthread_mutex_lock(&d->mutex);
    d->depth++;
    return DR_OK;
}

static bool leave(dr_db *db)
{
    sqlite_db *d = (sqlite_db *)db;
    bool last = --d->depth == 0;
    pthread_mutex_unlock(&d->mutex);
    return last;
}

static dr_status begin(dr_db *db, bool alone)
{
    sqlite_db *d = (sqlite_db *)db;
    (void)alone;
    if (d->transactions == 0 && sqlite3_exec(d->c, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return fault(d);
    d->transactions++;
    return DR_OK;
}

static dr_status commit(dr_db *db)
{
    sqlite_db *d = (sqlite_db *)db;
    if (--d->transactions > 0 || sqlite3_exec(d->c, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
        return DR_OK;
    dr_status st = fault(d);
    sqlite3_exec(d->c, "ROLLBACK", NULL, NULL, NULL);
    return st;
}

static void rollback(dr_db *db)
{
    sqlite_db *d = (sqlite_db *)db;
    if (--d->transactions == 0)
        sqlite3_exec(d->c, "ROLLBACK", NULL, NULL, NULL);
}

static bool inside(dr_db *db)
{
    return ((sqlite_db *)db)->transactions > 0;
}

static int bind(sqlite3_stmt *q, int i, const dr_value *v)
{
    switch (v->type) {
    case 'i':
        return sqlite3_bind_int64(q, i, v->number);
    case 'd':
        return sqlite3_bind_double(q, i, v->real);
    case 'b':
        return sqlite3_bind_blob64(q, i, v->data, v->size, SQLITE_TRANSIENT);
    default:
        return sqlite3_bind_text(q, i, v->data, -1, SQLITE_TRANSIENT);
    }
}

static dr_rows *query(dr_db *db, const char *sql, const dr_value *v, int n, bool binary)
{
    sqlite_db *d = (sqlite_db *)db;
    dr_rows *r = calloc(1, sizeof *r);
    char *text = r ? dr_db_words(sql, words) : NULL;
    (void)binary;
    if (!text) {
        free(r);
        dr_fail(DR_ENOMEM, "out of memory");
        return NULL;
    }
    int rc = sqlite3_prepare_v2(d->c, text, -1, &r->q, NULL);
    free(text);
    for (int i = 0; rc == SQLITE_OK && i < n; i++)
        rc = bind(r->q, i + 1, &v[i]);
    r->of = d;
    if (rc == SQLITE_OK)
        return r;
    fault(d);
    sqlite3_finalize(r->q);
    free(r);
    return NULL;
}

static bool step(dr_rows *r)
{
    return sqlite3_step(r->q) == SQLITE_ROW;
}

static bool is_null(const dr_rows *r, int column)
{
    return sqlite3_column_type(r->q, column) == SQLITE_NULL;
}

static int64_t number(const dr_rows *r, int column)
{
    return sqlite3_column_int64(r->q, column);
}

static double real(const dr_rows *r, int column)
{
    return sqlite3_column_double(r->q, column);
}

static const char *text_of(const dr_rows *r, int column)
{
    return (const char *)sqlite3_column_text(r->q, column);
}

static const void *bytes(const dr_rows *r, int column, size_t *size)
{
    const void *data = sqlite3_column_blob(r->q, column);
    *size = (size_t)sqlite3_column_bytes(r->q, column);
    return data;
}

static dr_status end(dr_rows *r)
{
    sqlite_db *d = r->of;
    int rc = sqlite3_finalize(r->q);
    free(r);
    return rc == SQLITE_OK ? DR_OK : fault(d);
}

/* Numbered from the first version on, in a place of the file's own: programs from before look there. */
static int layout(dr_db *db)
{
    int v = (int)dr_sql_int(db, -1, "PRAGMA user_version", NULL);
    return v == 0 && dr_sql_int(db, 0, "SELECT 1 FROM sqlite_master WHERE name='jobs'", NULL) ? 1 : v;
}

static dr_status set_layout(dr_db *db, int v)
{
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA user_version=%d", v);
    return dr_sql_run(db, sql, NULL);
}

static void close_db(dr_db *db)
{
    sqlite_db *d = (sqlite_db *)db;
    sqlite3_close(d->c);
    pthread_mutex_destroy(&d->mutex);
    free((char *)(uintptr_t)d->db.name);
    free(d);
}

static const dr_driver driver = {.enter = enter,
                                 .leave = leave,
                                 .begin = begin,
                                 .commit = commit,
                                 .rollback = rollback,
                                 .inside = inside,
                                 .query = query,
                                 .step = step,
                                 .is_null = is_null,
                                 .number = number,
                                 .real = real,
                                 .text = text_of,
                                 .bytes = bytes,
                                 .end = end,
                                 .layout = layout,
                                 .set_layout = set_layout,
                                 .close = close_db};

dr_status dr_db_sqlite(dr_db **out, const char *path)
{
    pthread_mutexattr_t recursive;
    sqlite_db *d = calloc(1, sizeof *d);
    *out = NULL;
    if (!d || !(d->db.name = strdup(path))) {
        free(d);
        return dr_fail(DR_ENOMEM, "out of memory");
    }
    d->db.driver = &driver;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&d->mutex, &recursive);
    pthread_mutexattr_destroy(&recursive);
    dr_status st = DR_OK;
    if (sqlite3_open_v2(path, &d->c, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, NULL))
        st = dr_fail(DR_EIO, "cannot open '%s': %s", path, d->c ? sqlite3_errmsg(d->c) : "out of memory");
    if (!st)
        sqlite3_busy_timeout(d->c, 5000);
    if (!st && sqlite3_exec(d->c, at_open, NULL, NULL, NULL) != SQLITE_OK)
        st = dr_fail(DR_EINVAL, "cannot use '%s': %s", path, sqlite3_errmsg(d->c));
    if (st)
        close_db(&d->db);
    else
        *out = &d->db;
    return st;
}
