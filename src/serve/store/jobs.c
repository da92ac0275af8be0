/* Jobs as they are read. */
#include "serve/store/store_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char dr_job_columns[] =
    "a.id,a.type,a.state,a.created,a.started,a.ended,a.garment,a.error,a.settings,a.results,a.warnings,"
    "CASE a.state WHEN 'waiting' THEN (SELECT COUNT(*) FROM jobs b WHERE b.state='waiting' AND (b.rank>a.rank OR "
    "(b.rank=a.rank AND (b.turn<a.turn OR (b.turn=a.turn AND b.id<a.id))))) ELSE -1 END,a.status,a.quick,a.cancel,"
    "a.priority,a.client,a.worker,a.host,a.adapter ";

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

static json_t *json_column(dr_db *db, const dr_rows *r, int i)
{
    const char *text = db->driver->text(r, i);
    return text ? json_loads(text, 0, NULL) : NULL;
}

dr_status dr_job_read(dr_db *db, const dr_rows *r, dr_job *j)
{
    const dr_driver *d = db->driver;
    const char *error = d->text(r, 7);
    *j = (dr_job){.id = d->number(r, 0),
                  .created = d->real(r, 3),
                  .started = d->is_null(r, 4) ? 0 : d->real(r, 4),
                  .ended = d->is_null(r, 5) ? 0 : d->real(r, 5),
                  .garment = d->number(r, 6) != 0,
                  .error = error ? strdup(error) : NULL,
                  .settings = json_column(db, r, 8),
                  .results = json_column(db, r, 9),
                  .warnings = json_column(db, r, 10),
                  .position = (int)d->number(r, 11),
                  .status = (dr_status)d->number(r, 12),
                  .quick = d->number(r, 13) != 0,
                  .cancel = d->number(r, 14) != 0,
                  .priority = (int)d->number(r, 15)};
    dr_row_text(db, r, 1, j->type, sizeof j->type);
    dr_row_text(db, r, 2, j->state, sizeof j->state);
    dr_row_text(db, r, 16, j->client, sizeof j->client);
    dr_row_text(db, r, 17, j->worker, sizeof j->worker);
    dr_row_text(db, r, 18, j->host, sizeof j->host);
    dr_row_text(db, r, 19, j->adapter, sizeof j->adapter);
    if (json_is_object(j->settings) && json_is_array(j->results) && json_is_array(j->warnings))
        return DR_OK;
    dr_status st = dr_fail(DR_EIO, "job %lld in the database is damaged", (long long)j->id);
    dr_job_clear(j);
    return st;
}

dr_status dr_store_get(dr_store *s, int64_t id, dr_job *out)
{
    char sql[1024];
    dr_status st;
    *out = (dr_job){0};
    snprintf(sql, sizeof sql, "SELECT %s FROM jobs a WHERE a.id=$1", dr_job_columns);
    for (dr_attempt a = {.read = true}; dr_attempt_next(s, &a, &st);) {
        dr_rows *r = dr_sql(s->db, sql, "i", id);
        bool found = dr_row(s->db, r);
        if (found)
            st = dr_job_read(s->db, r, out);
        dr_status end = dr_sql_end(s->db, r);
        st = st ? st : end || found ? end : dr_fail(DR_ENOENT, "there is no job %lld", (long long)id);
    }
    return st;
}

/* All rows of an answer, which it ends. */
static dr_status collect(dr_db *db, dr_rows *r, dr_job **out, int *count)
{
    int room = 0;
    dr_status st = DR_OK;
    *out = NULL;
    *count = 0;
    while (!st && dr_row(db, r)) {
        if (*count == room) {
            room = room ? 2 * room : 64;
            dr_job *more = realloc(*out, (size_t)room * sizeof *more);
            if (!more) {
                st = dr_fail(DR_ENOMEM, "out of memory");
                break;
            }
            *out = more;
        }
        st = dr_job_read(db, r, *out + *count);
        *count += !st;
    }
    dr_status end = dr_sql_end(db, r);
    st = st ? st : end;
    if (st) {
        dr_jobs_free(*out, *count);
        *out = NULL;
        *count = 0;
    }
    return st;
}

/* ",a,b,c,", in which ",b," is found; ",," has all. */
static const char *csv(const char *list, char out[80])
{
    snprintf(out, 80, ",%s,", list ? list : "");
    return out;
}

dr_status dr_store_list(dr_store *s, const dr_job_filter *f, dr_job **out, int *count, bool *more)
{
    char types[80], states[80], sql[2048];
    int64_t before = f->before > 0 ? f->before : INT64_MAX;
    /* every word is to be found; strpos() takes % and _ for themselves */
    char *words = strdup(f->words ? f->words : ""), *rest = NULL;
    const char *w[4] = {"", "", "", ""};
    dr_status st;
    for (int i = 0; words && i < 4; i++) {
        const char *word = strtok_r(i ? NULL : words, " \t\n", &rest);
        w[i] = word ? word : "";
    }
    snprintf(sql, sizeof sql,
             "SELECT %s FROM jobs a WHERE a.id<$1 AND ($2=',,' OR strpos($2,','||a.type||',')>0) AND "
             "($3=',,' OR strpos($3,','||a.state||',')>0) AND strpos(lower(a.search),lower($4))>0 AND "
             "strpos(lower(a.search),lower($5))>0 AND strpos(lower(a.search),lower($6))>0 AND "
             "strpos(lower(a.search),lower($7))>0 AND ($8=0 OR a.client=$9) ORDER BY a.id DESC LIMIT $10",
             dr_job_columns);
    for (dr_attempt a = {.read = true}; dr_attempt_next(s, &a, &st);)
        st =
            collect(s->db,
                    dr_sql(s->db, sql, "issssssisi", before, csv(f->types, types), csv(f->states, states), w[0], w[1],
                           w[2], w[3], (int64_t)(f->client != NULL), f->client ? f->client : "", (int64_t)f->limit + 1),
                    out, count);
    free(words);
    *more = !st && *count > f->limit;
    if (*more)
        dr_job_clear(&(*out)[--*count]);
    return st;
}

dr_status dr_store_garments(dr_store *s, dr_job **out, int *count)
{
    char sql[1024];
    dr_status st;
    snprintf(sql, sizeof sql, "SELECT %s FROM jobs a WHERE a.garment=1 ORDER BY a.id DESC", dr_job_columns);
    for (dr_attempt a = {.read = true}; dr_attempt_next(s, &a, &st);)
        st = collect(s->db, dr_sql(s->db, sql, NULL), out, count);
    return st;
}

int dr_store_waiting(dr_store *s)
{
    dr_status st;
    int64_t n = -1;
    for (dr_attempt a = {.read = true}; dr_attempt_next(s, &a, &st);) {
        n = dr_sql_int(s->db, -1, "SELECT COUNT(*) FROM jobs WHERE state='waiting'", NULL);
        st = n < 0 ? DR_EIO : DR_OK;
    }
    return n < 0 ? 0 : (int)n;
}
