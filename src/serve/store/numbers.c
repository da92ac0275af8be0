/* Workers that are there, what is counted, and what is remembered to guess by. */
#include "serve/store/store_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- workers ---------------------------------------------------------------------------------------- */

dr_status dr_store_here(dr_store *s, const char *worker, const json_t *about)
{
    char *text = json_dumps(about, JSON_COMPACT);
    dr_status st = text ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);)
            st = dr_sql_run(s->db,
                            "INSERT INTO workers(name,seen,about) VALUES($1,@now,$2) ON CONFLICT(name) DO UPDATE SET "
                            "seen=excluded.seen, about=excluded.about",
                            "ss", worker, text);
    free(text);
    return st;
}

dr_status dr_store_gone(dr_store *s, const char *worker)
{
    dr_status st;
    for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);)
        st = dr_sql_run(s->db, "DELETE FROM workers WHERE name=$1", "s", worker);
    return st;
}

dr_status dr_store_workers(dr_store *s, double seconds, json_t **out)
{
    const dr_driver *d = s->db->driver;
    dr_status st;
    *out = json_array();
    for (dr_attempt a = {.read = true}; dr_attempt_next(s, &a, &st);) {
        json_array_clear(*out);
        dr_rows *r = dr_sql(s->db,
                            "SELECT w.name,w.seen,w.about,(SELECT MIN(j.id) FROM jobs j WHERE j.state='running' AND "
                            "j.worker=w.name) FROM workers w WHERE w.seen>@now-$1 ORDER BY w.name",
                            "d", seconds);
        while (dr_row(s->db, r)) {
            json_t *about = json_loads(d->text(r, 2), 0, NULL);
            json_t *job = d->is_null(r, 3) ? json_null() : json_integer((json_int_t)d->number(r, 3));
            json_array_append_new(*out, json_pack("{s:s, s:f, s:o, s:o}", "name", d->text(r, 0), "seen", d->real(r, 1),
                                                  "job", job, "about", about ? about : json_object()));
        }
        st = dr_sql_end(s->db, r);
    }
    if (st) {
        json_decref(*out);
        *out = NULL;
    }
    return st;
}

/* --- counting --------------------------------------------------------------------------------------- */

dr_status dr_bump(dr_store *s, const char *name, int64_t add)
{
    return dr_sql_run(s->db,
                      "INSERT INTO counters(name,value) VALUES($1,$2) ON CONFLICT(name) DO UPDATE SET "
                      "value=counters.value+excluded.value",
                      "si", name, add);
}

dr_status dr_store_count(dr_store *s, const char *name, int64_t add)
{
    dr_status st;
    for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);)
        st = dr_bump(s, name, add);
    return st;
}

static dr_status count(dr_store *s, dr_counts *out)
{
    const dr_driver *d = s->db->driver;
    dr_rows *r = dr_sql(s->db,
                        "SELECT (SELECT COUNT(*) FROM jobs WHERE state='waiting'),"
                        "(SELECT COUNT(*) FROM jobs WHERE state='running'),"
                        "(SELECT @now-MIN(created) FROM jobs WHERE state='waiting'),"
                        "(SELECT COUNT(*) FROM images),(SELECT CAST(SUM(bytes) AS BIGINT) FROM images)",
                        NULL);
    if (dr_row(s->db, r)) {
        out->waiting = d->number(r, 0);
        out->running = d->number(r, 1);
        out->oldest = d->is_null(r, 2) ? 0 : d->real(r, 2);
        out->pictures = d->number(r, 3);
        out->bytes = d->is_null(r, 4) ? 0 : d->number(r, 4);
    }
    dr_status st = dr_sql_end(s->db, r);
    r = st ? NULL : dr_sql(s->db, "SELECT name,value FROM counters ORDER BY name", NULL);
    while (!st && dr_row(s->db, r))
        json_object_set_new(out->ever, d->text(r, 0), json_integer((json_int_t)d->number(r, 1)));
    return st ? st : dr_sql_end(s->db, r);
}

dr_status dr_store_counts(dr_store *s, dr_counts *out)
{
    dr_status st;
    *out = (dr_counts){.ever = json_object()};
    for (dr_attempt a = {.read = true}; dr_attempt_next(s, &a, &st);)
        st = count(s, out);
    if (st) {
        json_decref(out->ever);
        out->ever = NULL;
    }
    return st;
}

/* --- remembering ------------------------------------------------------------------------------------ */

double dr_store_speed(dr_store *s, const char *what)
{
    double seconds = 0;
    dr_status st;
    for (dr_attempt a = {.read = true}; dr_attempt_next(s, &a, &st);) {
        dr_rows *r = dr_sql(s->db, "SELECT seconds FROM speed WHERE what=$1", "s", what);
        if (dr_row(s->db, r))
            seconds = s->db->driver->real(r, 0);
        st = dr_sql_end(s->db, r);
    }
    return seconds;
}

void dr_store_set_speed(dr_store *s, const char *what, double seconds)
{
    dr_status st;
    for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);)
        st = dr_sql_run(s->db,
                        "INSERT INTO speed(what,seconds) VALUES($1,$2) ON CONFLICT(what) DO UPDATE SET "
                        "seconds=excluded.seconds",
                        "sd", what, seconds);
}

/* A path is one machine's. */
static void path_here(const dr_store *s, const char *path, char *out, size_t n)
{
    bool shared = dr_store_is_shared(s);
    snprintf(out, n, "%s%s%s", shared ? s->host : "", shared ? ":" : "", path);
}

bool dr_store_hash(dr_store *s, const char *path, const dr_file_state *now, char out[65])
{
    char key[4300];
    dr_status st;
    path_here(s, path, key, sizeof key);
    out[0] = 0;
    for (dr_attempt a = {.read = true}; dr_attempt_next(s, &a, &st);) {
        dr_rows *r = dr_sql(s->db, "SELECT sha256 FROM hashes WHERE path=$1 AND bytes=$2 AND changed=$3", "sii", key,
                            now->bytes, now->changed);
        if (dr_row(s->db, r))
            dr_row_text(s->db, r, 0, out, 65);
        st = dr_sql_end(s->db, r);
    }
    return out[0] != 0;
}

void dr_store_set_hash(dr_store *s, const char *path, const dr_file_state *now, const char *sha256)
{
    char key[4300];
    dr_status st;
    path_here(s, path, key, sizeof key);
    for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);)
        st = dr_sql_run(s->db,
                        "INSERT INTO hashes(path,bytes,changed,sha256) VALUES($1,$2,$3,$4) ON CONFLICT(path) DO "
                        "UPDATE SET bytes=excluded.bytes, changed=excluded.changed, sha256=excluded.sha256",
                        "siis", key, now->bytes, now->changed, sha256);
}
