/* How far a running job is, for whoever shows it. */
#include "serve/store/store_impl.h"

#include <stdlib.h>
#include <string.h>

/* A statement that changes something for the holder of the lease, and the news of it. */
static dr_status held(dr_store *s, const dr_lease *l, bool found, dr_status st, const char *news)
{
    if (!st && !found)
        st = dr_fail(DR_ENOENT, "job %lld is not this worker's any more", (long long)l->job);
    return st ? st : dr_say(s, news, l->job);
}

dr_status dr_store_set_live(dr_store *s, const dr_lease *l, const json_t *live)
{
    char *text = json_dumps(live, JSON_COMPACT);
    bool found;
    dr_status st = text ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);) {
            st = dr_sql_changed(s->db, &found,
                                "INSERT INTO progress(job,live) SELECT id,$3 FROM jobs WHERE id=$1 AND lease=$2 AND "
                                "state='running' ON CONFLICT(job) DO UPDATE SET live=excluded.live RETURNING job",
                                "iss", l->job, l->token, text);
            st = held(s, l, found, st, "live");
        }
    free(text);
    return st;
}

dr_status dr_store_live(dr_store *s, int64_t id, json_t **out)
{
    dr_status st;
    *out = NULL;
    for (dr_attempt a = {.read = true}; dr_attempt_next(s, &a, &st);) {
        dr_rows *r = dr_sql(s->db, "SELECT live FROM progress WHERE job=$1 AND live IS NOT NULL", "i", id);
        if (dr_row(s->db, r))
            *out = json_loads(s->db->driver->text(r, 0), 0, NULL);
        st = dr_sql_end(s->db, r);
        if (!st && !*out)
            st = dr_fail(DR_ENOENT, "nothing is known of how far job %lld is", (long long)id);
    }
    return st;
}

dr_status dr_store_set_preview(dr_store *s, const dr_lease *l, int step, const void *png, size_t size)
{
    bool found;
    dr_status st;
    for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);) {
        st = dr_sql_changed(s->db, &found,
                            "INSERT INTO progress(job,step,png) SELECT id,$3,$4 FROM jobs WHERE id=$1 AND lease=$2 "
                            "AND state='running' ON CONFLICT(job) DO UPDATE SET step=excluded.step, png=excluded.png "
                            "RETURNING job",
                            "isib", l->job, l->token, (int64_t)step, png, size);
        st = held(s, l, found, st, "preview");
    }
    return st;
}

/* The picture first: of the two it alone is large, and comes as bytes. */
dr_status dr_store_preview(dr_store *s, int64_t id, int *step, void **png, size_t *size)
{
    dr_status st;
    *png = NULL;
    for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);) {
        free(*png);
        *png = NULL;
        *step = (int)dr_sql_int(s->db, 0, "SELECT step FROM progress WHERE job=$1", "i", id);
        dr_rows *r = dr_sql(s->db, "SELECT png FROM progress WHERE job=$1 AND png IS NOT NULL", "!i", id);
        if (dr_row(s->db, r)) {
            const void *data = s->db->driver->bytes(r, 0, size);
            if ((*png = malloc(*size + 1)) != NULL)
                memcpy(*png, data, *size);
        }
        st = dr_sql_end(s->db, r);
        if (!st && !*png)
            st = dr_fail(DR_ENOENT, "there is no preview of this job");
    }
    return st;
}

dr_status dr_store_add_line(dr_store *s, const dr_lease *l, const json_t *line)
{
    char *text = json_dumps(line, JSON_COMPACT);
    bool found;
    dr_status st = text ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);) {
            st = dr_sql_changed(s->db, &found,
                                "INSERT INTO lines(job,number,line) SELECT id,"
                                "1+COALESCE((SELECT MAX(number) FROM lines WHERE job=$1),0),$3 FROM jobs WHERE id=$1 "
                                "AND lease=$2 AND state='running' RETURNING job",
                                "iss", l->job, l->token, text);
            st = held(s, l, found, st, "line");
        }
    free(text);
    return st;
}

dr_status dr_store_lines(dr_store *s, int64_t id, int64_t after, json_t **out, int64_t *last)
{
    dr_status st;
    *out = json_array();
    *last = after;
    for (dr_attempt a = {.read = true}; dr_attempt_next(s, &a, &st);) {
        json_array_clear(*out);
        dr_rows *r =
            dr_sql(s->db, "SELECT number,line FROM lines WHERE job=$1 AND number>$2 ORDER BY number", "ii", id, after);
        while (dr_row(s->db, r)) {
            json_t *line = json_loads(s->db->driver->text(r, 1), 0, NULL);
            if (line)
                json_array_append_new(*out, line);
            *last = s->db->driver->number(r, 0);
        }
        st = dr_sql_end(s->db, r);
    }
    if (st) {
        json_decref(*out);
        *out = NULL;
    }
    return st;
}
