/* SQLite with our errors. */
#include "serve/store/store_impl.h"

#include <stdarg.h>
#include <time.h>

static dr_status db_error(dr_store *s)
{
    int code = sqlite3_errcode(s->db);
    return dr_fail(code == SQLITE_NOMEM ? DR_ENOMEM : DR_EIO, "the database '%s/drape.db' fails: %s", s->dir,
                   sqlite3_errmsg(s->db));
}

static sqlite3_stmt *prepare(dr_store *s, const char *sql, const char *types, va_list ap)
{
    sqlite3_stmt *q = NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL);
    for (int i = 1; rc == SQLITE_OK && types && *types; types++, i++) {
        if (*types == 'i')
            rc = sqlite3_bind_int64(q, i, va_arg(ap, int64_t));
        else if (*types == 'd')
            rc = sqlite3_bind_double(q, i, va_arg(ap, double));
        else
            rc = sqlite3_bind_text(q, i, va_arg(ap, const char *), -1, SQLITE_TRANSIENT);
    }
    if (rc == SQLITE_OK)
        return q;
    db_error(s);
    sqlite3_finalize(q);
    return NULL;
}

sqlite3_stmt *dr_sql(dr_store *s, const char *sql, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    sqlite3_stmt *q = prepare(s, sql, types, ap);
    va_end(ap);
    return q;
}

dr_status dr_sql_end(dr_store *s, sqlite3_stmt *q)
{
    return sqlite3_finalize(q) == SQLITE_OK ? DR_OK : db_error(s);
}

dr_status dr_sql_run(dr_store *s, const char *sql, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    sqlite3_stmt *q = prepare(s, sql, types, ap);
    va_end(ap);
    if (!q)
        return DR_EIO;
    sqlite3_step(q);
    return dr_sql_end(s, q);
}

int64_t dr_sql_int(dr_store *s, int64_t none, const char *sql, const char *types, ...)
{
    va_list ap;
    va_start(ap, types);
    sqlite3_stmt *q = prepare(s, sql, types, ap);
    va_end(ap);
    int64_t v = none;
    if (q && sqlite3_step(q) == SQLITE_ROW && sqlite3_column_type(q, 0) != SQLITE_NULL)
        v = sqlite3_column_int64(q, 0);
    sqlite3_finalize(q);
    return v;
}

void dr_store_lock(dr_store *s)
{
    pthread_mutex_lock(&s->mutex);
}

void dr_store_unlock(dr_store *s)
{
    pthread_mutex_unlock(&s->mutex);
}

dr_status dr_sql_begin(dr_store *s)
{
    dr_store_lock(s);
    dr_status st = dr_sql_run(s, "BEGIN IMMEDIATE", NULL);
    if (st)
        dr_store_unlock(s);
    return st;
}

dr_status dr_sql_commit(dr_store *s, dr_status st)
{
    if (!st)
        st = dr_sql_run(s, "COMMIT", NULL);
    if (st) /* not through dr_sql_run: the message is to stay the first fault's */
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    dr_store_unlock(s);
    return st;
}

double dr_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
