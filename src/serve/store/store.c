/* Opening the store, and what one job does in it. The queue's order is in store_queue.c. */
#include "serve/store/store_impl.h"

#include "base/file.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define VERSION 1

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS jobs("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL, state TEXT NOT NULL, place INTEGER,"
    " created REAL NOT NULL, started REAL, ended REAL, garment INTEGER NOT NULL DEFAULT 0, error TEXT,"
    " settings TEXT NOT NULL, results TEXT NOT NULL DEFAULT '[]', warnings TEXT NOT NULL DEFAULT '[]', search TEXT,"
    " status INTEGER NOT NULL DEFAULT 0, quick INTEGER NOT NULL DEFAULT 0);"
    "CREATE INDEX IF NOT EXISTS jobs_state ON jobs(state, place);"
    "CREATE TABLE IF NOT EXISTS images("
    " id TEXT PRIMARY KEY, type TEXT NOT NULL, width INTEGER, height INTEGER, bytes INTEGER, added REAL);"
    "CREATE TABLE IF NOT EXISTS refers(job INTEGER, image TEXT, PRIMARY KEY(job, image)) WITHOUT ROWID;"
    "CREATE INDEX IF NOT EXISTS refers_image ON refers(image);"
    "CREATE TABLE IF NOT EXISTS speed(what TEXT PRIMARY KEY, seconds REAL);"
    "CREATE TABLE IF NOT EXISTS hashes(path TEXT PRIMARY KEY, bytes INTEGER, changed INTEGER, sha256 TEXT);";

/* --- opening ------------------------------------------------------------------------------------ */

static dr_status lock_dir(dr_store *s)
{
    char path[PATH_MAX];
    dr_status st = dr_path(path, sizeof path, s->dir, "lock");
    if (st)
        return st;
    s->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->lock_fd < 0)
        return dr_fail(DR_EIO, "cannot write into '%s': %s", s->dir, strerror(errno));
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
        return dr_fail(DR_EINVAL, "another drape serve works in '%s': end it, or choose another --data", s->dir);
    return DR_OK;
}

/* Columns that came later; programs from before do without them. */
static dr_status add_columns(dr_store *s)
{
    static const char *const added[][2] = {{"status", "ALTER TABLE jobs ADD COLUMN status INTEGER NOT NULL DEFAULT 0"},
                                           {"quick", "ALTER TABLE jobs ADD COLUMN quick INTEGER NOT NULL DEFAULT 0"}};
    static const char have[] = "SELECT COUNT(*) FROM pragma_table_info('jobs') WHERE name=?";
    dr_status st = DR_OK;
    for (size_t i = 0; !st && i < sizeof added / sizeof *added; i++)
        if (!dr_sql_int(s, 0, have, "s", added[i][0]))
            st = dr_sql_run(s, added[i][1], NULL);
    return st;
}

static dr_status open_db(dr_store *s)
{
    char path[PATH_MAX], *why = NULL;
    dr_status st = dr_path(path, sizeof path, s->dir, "drape.db");
    if (st)
        return st;
    if (sqlite3_open_v2(path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, NULL) !=
        SQLITE_OK)
        return dr_fail(DR_EIO, "cannot open '%s': %s", path, s->db ? sqlite3_errmsg(s->db) : "out of memory");
    sqlite3_busy_timeout(s->db, 5000);
    if (sqlite3_exec(s->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;", NULL, NULL, &why) != SQLITE_OK ||
        dr_sql_int(s, 0, "PRAGMA user_version", NULL) > VERSION ||
        sqlite3_exec(s->db, schema, NULL, NULL, &why) != SQLITE_OK) {
        st = dr_fail(DR_EINVAL, "cannot use '%s': %s", path, why ? why : "a newer drape has written it");
        sqlite3_free(why);
        return st;
    }
    st = add_columns(s);
    return st ? st : dr_sql_run(s, "PRAGMA user_version=1", NULL);
}

/* What was running when the last server ended comes first, in its old order. */
static dr_status recover(dr_store *s)
{
    dr_status st = dr_sql_begin(s);
    if (st)
        return st;
    st = dr_sql_run(s,
                    "UPDATE jobs SET state='waiting', started=NULL, place="
                    "(SELECT COALESCE(MIN(place),0)-1 FROM jobs WHERE state='waiting') WHERE state='running'",
                    NULL);
    return dr_sql_commit(s, st);
}

static dr_status make_dirs(const dr_store *s)
{
    char path[PATH_MAX];
    static const char *const below[] = {"", "/blobs", "/train", "/tmp"};
    dr_status st = DR_OK;
    for (int i = 0; !st && i < 4; i++) {
        snprintf(path, sizeof path, "%s%s", s->dir, below[i]);
        st = dr_mkdirs(path);
    }
    return st;
}

dr_status dr_store_open(dr_store **out, const char *data_dir)
{
    pthread_mutexattr_t recursive;
    char path[PATH_MAX];
    *out = NULL;
    dr_store *s = calloc(1, sizeof *s);
    if (!s || !(s->dir = strdup(data_dir))) {
        free(s);
        return dr_fail(DR_ENOMEM, "out of memory");
    }
    s->lock_fd = -1;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&s->mutex, &recursive);
    pthread_mutexattr_destroy(&recursive);
    dr_status st = strlen(data_dir) > PATH_MAX - 200 ? dr_fail(DR_EINVAL, "--data is too long") : make_dirs(s);
    if (!st)
        st = lock_dir(s);
    if (!st)
        st = dr_path(path, sizeof path, s->dir, "tmp");
    if (!st) { /* what a killed server left half done */
        (void)dr_remove_tree(path);
        st = dr_mkdirs(path);
    }
    if (!st)
        st = open_db(s);
    if (!st)
        st = recover(s);
    if (st) {
        dr_store_close(s);
        return st;
    }
    dr_store_remove_strays(s);
    *out = s;
    return st;
}

void dr_store_close(dr_store *s)
{
    if (!s)
        return;
    sqlite3_close(s->db);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    pthread_mutex_destroy(&s->mutex);
    free(s->dir);
    free(s);
}

const char *dr_store_dir(const dr_store *s)
{
    return s->dir;
}

void dr_store_train_path(const dr_store *s, int64_t id, const char *rest, char *out, size_t n)
{
    /* the folder's name is bounded: it fits */
    (void)dr_path_format(out, n, s->dir, "train/%lld%s%s", (long long)id, rest[0] ? "/" : "", rest);
}

/* --- rows --------------------------------------------------------------------------------------- */

#define COLUMNS                                                                                                        \
    "id,type,state,created,started,ended,garment,error,settings,results,warnings,"                                     \
    "CASE state WHEN 'waiting' THEN (SELECT COUNT(*) FROM jobs b WHERE b.state='waiting' AND b.place<a.place)"         \
    " ELSE -1 END,status,quick FROM jobs a "

void dr_job_clear(dr_job *j)
{
    free(j->error);
    json_decref(j->settings);
    json_decref(j->results);
    json_decref(j->warnings);
    *j = (dr_job){0};
}

void dr_jobs_free(dr_job *jobs, int count)
{
    for (int i = 0; i < count; i++)
        dr_job_clear(&jobs[i]);
    free(jobs);
}

static json_t *json_column(sqlite3_stmt *q, int i)
{
    const char *text = (const char *)sqlite3_column_text(q, i);
    return text ? json_loads(text, 0, NULL) : NULL;
}

static dr_status read_row(sqlite3_stmt *q, dr_job *j)
{
    const char *error = (const char *)sqlite3_column_text(q, 7);
    *j = (dr_job){.id = sqlite3_column_int64(q, 0),
                  .created = sqlite3_column_double(q, 3),
                  .started = sqlite3_column_double(q, 4),
                  .ended = sqlite3_column_double(q, 5),
                  .garment = sqlite3_column_int(q, 6) != 0,
                  .error = error ? strdup(error) : NULL,
                  .settings = json_column(q, 8),
                  .results = json_column(q, 9),
                  .warnings = json_column(q, 10),
                  .position = sqlite3_column_int(q, 11),
                  .status = (dr_status)sqlite3_column_int(q, 12),
                  .quick = sqlite3_column_int(q, 13) != 0};
    snprintf(j->type, sizeof j->type, "%s", (const char *)sqlite3_column_text(q, 1));
    snprintf(j->state, sizeof j->state, "%s", (const char *)sqlite3_column_text(q, 2));
    if (json_is_object(j->settings) && json_is_array(j->results) && json_is_array(j->warnings))
        return DR_OK;
    dr_status st = dr_fail(DR_EIO, "job %lld in the database is damaged", (long long)j->id);
    dr_job_clear(j);
    return st;
}

dr_status dr_store_get(dr_store *s, int64_t id, dr_job *out)
{
    *out = (dr_job){0};
    dr_store_lock(s);
    sqlite3_stmt *q = dr_sql(s, "SELECT " COLUMNS "WHERE id=?", "i", id);
    dr_status st = q ? DR_OK : DR_EIO;
    if (q && sqlite3_step(q) == SQLITE_ROW)
        st = read_row(q, out);
    else if (q)
        st = dr_fail(DR_ENOENT, "there is no job %lld", (long long)id);
    sqlite3_finalize(q);
    dr_store_unlock(s);
    return st;
}

/* All rows of a statement, which it ends. */
static dr_status collect(dr_store *s, sqlite3_stmt *q, dr_job **out, int *count)
{
    int room = 0;
    *out = NULL;
    *count = 0;
    if (!q)
        return DR_EIO;
    dr_status st = DR_OK;
    while (!st && sqlite3_step(q) == SQLITE_ROW) {
        if (*count == room) {
            room = room ? 2 * room : 64;
            dr_job *more = realloc(*out, (size_t)room * sizeof *more);
            if (!more) {
                st = dr_fail(DR_ENOMEM, "out of memory");
                break;
            }
            *out = more;
        }
        st = read_row(q, *out + *count);
        *count += !st;
    }
    dr_status end = dr_sql_end(s, q);
    st = st ? st : end;
    if (st) {
        dr_jobs_free(*out, *count);
        *out = NULL;
        *count = 0;
    }
    return st;
}

/* True when `word` is in "a,b,c"; NULL has all. */
static const char *csv(const char *list, char out[80])
{
    snprintf(out, 80, ",%s,", list ? list : "");
    return out;
}

dr_status dr_store_list(dr_store *s, const dr_job_filter *f, dr_job **out, int *count, bool *more)
{
    char types[80], states[80];
    int64_t before = f->before > 0 ? f->before : INT64_MAX;
    /* every word is to be found; SQLite's instr() takes % and _ for themselves */
    char *words = strdup(f->words ? f->words : ""), *rest = NULL;
    const char *w[4] = {"", "", "", ""};
    for (int i = 0; words && i < 4; i++) {
        const char *word = strtok_r(i ? NULL : words, " \t\n", &rest);
        w[i] = word ? word : "";
    }
    dr_store_lock(s);
    sqlite3_stmt *q = dr_sql(s,
                             "SELECT " COLUMNS "WHERE id<?1 AND (?2=',,' OR instr(?2,','||type||',')>0) AND "
                             "(?3=',,' OR instr(?3,','||state||',')>0) AND instr(lower(search),lower(?4))>0 AND "
                             "instr(lower(search),lower(?5))>0 AND instr(lower(search),lower(?6))>0 AND "
                             "instr(lower(search),lower(?7))>0 ORDER BY id DESC LIMIT ?8",
                             "issssssi", before, csv(f->types, types), csv(f->states, states), w[0], w[1], w[2], w[3],
                             (int64_t)f->limit + 1);
    dr_status st = collect(s, q, out, count);
    dr_store_unlock(s);
    free(words);
    *more = *count > f->limit;
    if (*more)
        dr_job_clear(&(*out)[--*count]);
    return st;
}

dr_status dr_store_garments(dr_store *s, dr_job **out, int *count)
{
    dr_store_lock(s);
    dr_status st = collect(s, dr_sql(s, "SELECT " COLUMNS "WHERE garment=1 ORDER BY id DESC", NULL), out, count);
    dr_store_unlock(s);
    return st;
}

int dr_store_waiting(dr_store *s)
{
    dr_store_lock(s);
    int n = (int)dr_sql_int(s, 0, "SELECT COUNT(*) FROM jobs WHERE state='waiting'", NULL);
    dr_store_unlock(s);
    return n;
}

/* --- results and ends --------------------------------------------------------------------------- */

dr_status dr_store_results(dr_store *s, int64_t id, const json_t *results, const json_t *warnings)
{
    char *r = json_dumps(results, JSON_COMPACT), *w = json_dumps(warnings, JSON_COMPACT);
    dr_status st = r && w ? dr_sql_begin(s) : dr_fail(DR_ENOMEM, "out of memory");
    if (!st) {
        st = dr_sql_run(s, "UPDATE jobs SET results=?, warnings=? WHERE id=?", "ssi", r, w, id);
        if (!st)
            st = dr_store_refer(s, id, results);
        st = dr_sql_commit(s, st);
    }
    free(r);
    free(w);
    return st;
}

dr_status dr_store_end(dr_store *s, int64_t id, const dr_end *end)
{
    dr_store_lock(s);
    dr_status st =
        dr_sql_run(s,
                   "UPDATE jobs SET state=?, error=?, ended=?, status=?, place=NULL, garment=? "
                   "WHERE id=? AND state='running'",
                   "ssdiii", end->state, end->error, dr_time(), (int64_t)end->status, (int64_t)end->garment, id);
    dr_store_unlock(s);
    return st;
}

double dr_store_speed(dr_store *s, const char *what)
{
    double seconds = 0;
    dr_store_lock(s);
    sqlite3_stmt *q = dr_sql(s, "SELECT seconds FROM speed WHERE what=?", "s", what);
    if (q && sqlite3_step(q) == SQLITE_ROW)
        seconds = sqlite3_column_double(q, 0);
    sqlite3_finalize(q);
    dr_store_unlock(s);
    return seconds;
}

void dr_store_set_speed(dr_store *s, const char *what, double seconds)
{
    dr_store_lock(s);
    (void)dr_sql_run(s, "INSERT INTO speed VALUES(?1,?2) ON CONFLICT(what) DO UPDATE SET seconds=?2", "sd", what,
                     seconds);
    dr_store_unlock(s);
}

bool dr_store_hash(dr_store *s, const char *path, const dr_file_state *now, char out[65])
{
    out[0] = 0;
    dr_store_lock(s);
    sqlite3_stmt *q = dr_sql(s, "SELECT sha256 FROM hashes WHERE path=? AND bytes=? AND changed=?", "sii", path,
                             now->bytes, now->changed);
    if (q && sqlite3_step(q) == SQLITE_ROW)
        snprintf(out, 65, "%s", (const char *)sqlite3_column_text(q, 0));
    sqlite3_finalize(q);
    dr_store_unlock(s);
    return out[0] != 0;
}

void dr_store_set_hash(dr_store *s, const char *path, const dr_file_state *now, const char *sha256)
{
    dr_store_lock(s);
    (void)dr_sql_run(s,
                     "INSERT INTO hashes VALUES(?1,?2,?3,?4) ON CONFLICT(path) DO UPDATE SET bytes=?2, changed=?3, "
                     "sha256=?4",
                     "siis", path, now->bytes, now->changed, sha256);
    dr_store_unlock(s);
}
