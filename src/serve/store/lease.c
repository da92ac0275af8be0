/* Running jobs: the next one, its heartbeat, what comes of it. Whatever is written names the lease: a worker that was
 * taken for lost and comes back changes nothing. */
#include "serve/store/store_impl.h"

#include "serve/store/ids.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static dr_status lost(const dr_lease *l)
{
    return dr_fail(DR_ENOENT, "job %lld is not this worker's any more", (long long)l->job);
}

static dr_status ended(dr_store *s, int64_t id, const char *type, const char *state)
{
    char name[64];
    snprintf(name, sizeof name, "ended|%s|%s", type, state);
    dr_status st = dr_bump(s, name, 1);
    if (!st)
        st = dr_sql_run(s->db, "DELETE FROM progress WHERE job=$1", "i", id);
    return st ? st : dr_say(s, "job", id);
}

/* --- leases that are over --------------------------------------------------------------------------- */

/* The job of a worker that is gone waits again; one that nobody wants is cancelled, one that loses all its workers
 * (it may be what kills them) fails. */
static dr_status expire(dr_store *s, int64_t id)
{
    static const char sql[] =
        "UPDATE jobs SET state=CASE WHEN cancel=1 THEN 'cancelled' WHEN lost+1>=$2 THEN 'failed' ELSE 'waiting' END,"
        "error=CASE WHEN cancel=0 AND lost+1>=$2 THEN $3 ELSE NULL END,"
        "status=CASE WHEN cancel=0 AND lost+1>=$2 THEN $4 ELSE 0 END,"
        "ended=CASE WHEN cancel=1 OR lost+1>=$2 THEN @now ELSE NULL END,"
        "lost=lost+1, lease=NULL, expires=NULL WHERE id=$1 AND state='running' RETURNING type,state";
    char type[16] = "", state[16] = "", error[120];
    snprintf(error, sizeof error, "%d workers were lost while they ran this job", DR_MAX_LOST);
    dr_rows *r = dr_sql(s->db, sql, "iisi", id, (int64_t)DR_MAX_LOST, error, (int64_t)DR_EIO);
    if (dr_row(s->db, r)) {
        dr_row_text(s->db, r, 0, type, sizeof type);
        dr_row_text(s->db, r, 1, state, sizeof state);
    }
    dr_status st = dr_sql_end(s->db, r);
    if (!st && state[0])
        st = dr_bump(s, "lost", 1);
    if (!st && state[0] && strcmp(state, "waiting") != 0)
        return ended(s, id, type, state);
    if (!st && state[0])
        st = dr_say(s, "job", id);
    return st || !state[0] ? st : dr_say(s, "queue", 0);
}

/* A database that was away itself gives everybody the time of a lease to come back. */
static dr_status expire_all(dr_store *s)
{
    int64_t ids[64];
    int n = 0;
    dr_rows *r = dr_sql(s->db,
                        "SELECT id FROM jobs WHERE state='running' AND expires<@now AND @up>seconds ORDER BY id "
                        "LIMIT 64 @skip",
                        NULL);
    while (n < 64 && dr_row(s->db, r))
        ids[n++] = s->db->driver->number(r, 0);
    dr_status st = dr_sql_end(s->db, r);
    for (int i = 0; !st && i < n; i++)
        st = expire(s, ids[i]);
    return st;
}

/* --- taking one ------------------------------------------------------------------------------------- */

static int64_t next_waiting(dr_store *s, const char *types, const char *offers)
{
    return dr_sql_int(s->db, 0,
                      "SELECT a.id FROM jobs a WHERE a.state='waiting' AND ($1='' OR strpos($1,','||a.type||',')>0) "
                      "AND ($2='' OR NOT EXISTS (SELECT 1 FROM needs n WHERE n.job=a.id AND "
                      "strpos($2,$3||n.what||$3)=0)) ORDER BY a.rank DESC, a.turn, a.id LIMIT 1 @skip",
                      "sss", types, offers, "\n");
}

static dr_status take(dr_store *s, const dr_claim *c, const char *types, const char *offers, dr_job *out,
                      const dr_lease *l, int64_t *id, dr_status *damage)
{
    dr_status st = expire_all(s);
    if (!st && (*id = next_waiting(s, types, offers)) == 0)
        return DR_OK; /* what has expired is to stay so */
    if (!st)
        st = dr_sql_run(s->db,
                        "UPDATE jobs SET state='running', started=@now, ended=NULL, error=NULL, worker=$2, lease=$3, "
                        "expires=@now+$4, seconds=$4, cancel=0 WHERE id=$1",
                        "issd", *id, c->worker, l->token, c->seconds);
    if (!st)
        st = dr_say(s, "job", *id);
    if (!st)
        st = dr_say(s, "queue", 0);
    if (st || (st = dr_store_get(s, *id, out)) == DR_OK || dr_db_try_again)
        return st;
    *damage = st; /* a row that cannot be read must not stop those behind it */
    return dr_sql_run(s->db, "UPDATE jobs SET state='failed', error=$2, status=$3, ended=@now WHERE id=$1", "isi", *id,
                      dr_error(), (int64_t)st);
}

dr_status dr_store_claim(dr_store *s, const dr_claim *c, dr_job *out, dr_lease *lease)
{
    char types[80] = "", *offers = NULL, why[256] = "";
    int64_t id = 0;
    dr_status damage = DR_OK, st = DR_OK;
    *out = (dr_job){0};
    if (c->types)
        snprintf(types, sizeof types, ",%s,", c->types);
    if (c->offers) {
        size_t n = strlen(c->offers) + 3;
        if ((offers = malloc(n)) != NULL)
            snprintf(offers, n, "\n%s\n", c->offers);
        else
            st = dr_fail(DR_ENOMEM, "out of memory");
    }
    if (!st)
        st = dr_random_text(lease->token, 32);
    if (!st)
        for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);) {
            dr_job_clear(out);
            id = 0;
            damage = DR_OK;
            st = take(s, c, types, offers ? offers : "", out, lease, &id, &damage);
            if (damage)
                snprintf(why, sizeof why, "%s", dr_error());
        }
    free(offers);
    lease->job = id;
    if (st) {
        dr_job_clear(out);
        return st;
    }
    if (damage)
        return dr_fail(damage, "%s", why);
    return id ? DR_OK : dr_fail(DR_ENOENT, "no job waits");
}

/* --- holding it ------------------------------------------------------------------------------------- */

dr_status dr_store_beat(dr_store *s, const dr_lease *l, double seconds, bool *cancel)
{
    dr_status st;
    for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);) {
        dr_rows *r = dr_sql(s->db,
                            "UPDATE jobs SET expires=@now+$3, seconds=$3 WHERE id=$1 AND lease=$2 AND "
                            "state='running' RETURNING cancel",
                            "isd", l->job, l->token, seconds);
        bool held = dr_row(s->db, r);
        *cancel = held && s->db->driver->number(r, 0) == 1;
        st = dr_sql_end(s->db, r);
        if (!st && !held)
            st = lost(l);
    }
    return st;
}

dr_status dr_store_results(dr_store *s, const dr_lease *l, const json_t *results, const json_t *warnings)
{
    char *r = json_dumps(results, JSON_COMPACT), *w = json_dumps(warnings, JSON_COMPACT);
    bool held;
    dr_status st = r && w ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);) {
            st = dr_sql_changed(s->db, &held,
                                "UPDATE jobs SET results=$3, warnings=$4 WHERE id=$1 AND lease=$2 AND "
                                "state='running' RETURNING id",
                                "isss", l->job, l->token, r, w);
            if (!st)
                st = held ? dr_store_refer(s, l->job, results) : lost(l);
            if (!st)
                st = dr_say(s, "job", l->job);
        }
    free(r);
    free(w);
    return st;
}

/* --- its end ---------------------------------------------------------------------------------------- */

static dr_status end_once(dr_store *s, const dr_lease *l, const dr_end *e)
{
    char type[16] = "";
    dr_rows *r = dr_sql(s->db,
                        "UPDATE jobs SET state=$3, error=$4, ended=@now, status=$5, garment=$6, adapter=$7, host=$8, "
                        "expires=NULL WHERE id=$1 AND lease=$2 AND state='running' RETURNING type",
                        "isssiiss", l->job, l->token, e->state, e->error, (int64_t)e->status, (int64_t)e->garment,
                        e->adapter, e->host);
    bool held = dr_row(s->db, r);
    if (held)
        dr_row_text(s->db, r, 0, type, sizeof type);
    dr_status st = dr_sql_end(s->db, r);
    if (st)
        return st;
    if (!held) { /* it was said already, and the answer got lost */
        st = dr_sql_changed(s->db, &held, "SELECT 1 FROM jobs WHERE id=$1 AND lease=$2 AND state=$3", "iss", l->job,
                            l->token, e->state);
        return st || held ? st : lost(l);
    }
    if (e->adapter)
        st = dr_sql_run(s->db, "INSERT INTO refers(job,image) VALUES($1,$2) ON CONFLICT DO NOTHING", "is", l->job,
                        e->adapter);
    if (!st)
        st = ended(s, l->job, type, e->state);
    return st || !e->garment ? st : dr_say(s, "garments", 0);
}

dr_status dr_store_end(dr_store *s, const dr_lease *l, const dr_end *end)
{
    dr_status st;
    for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);)
        st = end_once(s, l, end);
    return st;
}

dr_status dr_store_requeue(dr_store *s, const dr_lease *l)
{
    static const char sql[] =
        "UPDATE jobs SET state=CASE WHEN cancel=1 THEN 'cancelled' ELSE 'waiting' END, "
        "ended=CASE WHEN cancel=1 THEN @now ELSE NULL END, started=NULL, worker=NULL, lease=NULL, expires=NULL "
        "WHERE id=$1 AND lease=$2 AND state='running' RETURNING id";
    bool held;
    dr_status st;
    for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);) {
        st = dr_sql_changed(s->db, &held, sql, "is", l->job, l->token);
        if (!st && !held && a.tries == 0) /* the second time it may have been us */
            st = lost(l);
        if (!st)
            st = dr_sql_run(s->db, "DELETE FROM progress WHERE job=$1", "i", l->job);
        if (!st)
            st = dr_say(s, "job", l->job);
        if (!st)
            st = dr_say(s, "queue", 0);
    }
    return st;
}
