/* The queue: how jobs come in, move, and leave. What is next is in lease.c.
 *
 * The waiting ones are in order of rank (priority, and quick before slow), then of turn, then of id. A client's job has
 * the turn behind that of its last one that waits, or the first turn that waits at all: so clients take turns, and
 * whoever comes with a hundred jobs has them between those of others. */
#include "serve/store/store_impl.h"

#include "base/file.h"
#include "serve/store/ids.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static int64_t rank_of(int priority, bool quick)
{
    return 2 * (int64_t)priority + quick;
}

static dr_status full(void)
{
    return dr_fail(DR_EUNSUPPORTED, "%d jobs wait already: wait until some are done", DR_MAX_WAITING);
}

/* The turn of a client's next job; DR_EUNSUPPORTED when there is no room. */
static dr_status next_turn(dr_store *s, const char *client, int64_t rank, double *turn)
{
    const dr_driver *d = s->db->driver;
    dr_rows *r = dr_sql(s->db,
                        "SELECT (SELECT MAX(turn) FROM jobs WHERE state='waiting' AND rank=$1 AND client=$2),"
                        "(SELECT MIN(turn) FROM jobs WHERE state='waiting' AND rank=$1),"
                        "(SELECT MAX(turn) FROM jobs),(SELECT COUNT(*) FROM jobs WHERE state='waiting')",
                        "is", rank, client);
    bool room = false;
    if (dr_row(s->db, r)) {
        double first = d->is_null(r, 1) ? 0 : d->real(r, 1);
        double own = d->is_null(r, 0) ? first : d->real(r, 0) + 1;
        *turn = own > first ? own : first;
        if (d->is_null(r, 1)) /* nobody waits */
            *turn = d->is_null(r, 2) ? 1 : d->real(r, 2) + 1;
        room = d->number(r, 3) < DR_MAX_WAITING;
    }
    dr_status st = dr_sql_end(s->db, r);
    return st ? st : room ? DR_OK : full();
}

/* --- coming in -------------------------------------------------------------------------------------- */

static dr_status insert(dr_store *s, const dr_new_job *n, const char *settings, const char *ticket, int64_t *id)
{
    const char *client = n->client ? n->client : "";
    double turn;
    bool added = false;
    int64_t rank = rank_of(n->priority, n->quick);
    dr_status st = next_turn(s, client, rank, &turn);
    if (!st) /* the ticket: when the line is cut at the end nobody knows whether it came in */
        st = dr_sql_changed(s->db, &added,
                            "INSERT INTO jobs(type,quick,state,rank,turn,created,settings,search,client,priority,"
                            "ticket) VALUES($1,$2,'waiting',$3,$4,@now,$5,$6,$7,$8,$9) ON CONFLICT(ticket) DO NOTHING "
                            "RETURNING id",
                            "siidsssis", n->type, (int64_t)n->quick, rank, turn, settings, n->search, client,
                            (int64_t)n->priority, ticket);
    if (st)
        return st;
    *id = dr_sql_int(s->db, 0, "SELECT id FROM jobs WHERE ticket=$1", "s", ticket);
    return *id ? DR_OK : dr_fail(DR_EIO, "the database '%s' has lost a job", s->db->name);
}

static dr_status add_needs(dr_store *s, int64_t id, const char *needs)
{
    dr_status st = DR_OK;
    while (!st && needs && *needs) {
        size_t n = strcspn(needs, "\n");
        char *one = strndup(needs, n);
        if (!one)
            return dr_fail(DR_ENOMEM, "out of memory");
        if (n > 0)
            st = dr_sql_run(s->db, "INSERT INTO needs(job,what) VALUES($1,$2) ON CONFLICT DO NOTHING", "is", id, one);
        free(one);
        needs += n + (needs[n] == '\n');
    }
    return st;
}

dr_status dr_store_add(dr_store *s, const dr_new_job *n, int64_t *id)
{
    char ticket[23];
    char *settings = json_dumps(n->settings, JSON_COMPACT);
    dr_status st = settings ? dr_random_text(ticket, 22) : dr_fail(DR_ENOMEM, "out of memory");
    *id = 0;
    if (!st)
        for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);) {
            st = insert(s, n, settings, ticket, id);
            if (!st)
                st = add_needs(s, *id, n->needs);
            if (!st)
                st = dr_store_refer(s, *id, n->settings);
            if (!st)
                st = dr_say(s, "job", *id);
            if (!st)
                st = dr_say(s, "queue", 0);
        }
    free(settings);
    return st;
}

/* --- moving ----------------------------------------------------------------------------------------- */

/* Why a change does not go: there is no such job, or it is in another state than the change needs. */
static dr_status refuse(dr_store *s, int64_t id, const char *what)
{
    dr_job j;
    dr_status st = dr_store_get(s, id, &j);
    if (!st)
        st = dr_fail(DR_EINVAL, "job %lld is %s: %s", (long long)id, j.state, what);
    dr_job_clear(&j);
    return st;
}

/* Turns that are whole and all different again. */
static dr_status spread(dr_store *s)
{
    return dr_sql_run(s->db,
                      "UPDATE jobs SET turn=n.place FROM (SELECT id AS job, row_number() OVER "
                      "(ORDER BY rank DESC, turn, id) AS place FROM jobs WHERE state='waiting') AS n "
                      "WHERE jobs.id=n.job",
                      NULL);
}

typedef struct seat {
    int64_t rank;
    double turn;
} seat;

/* The seats before and behind a place among the others; how many there are of the two, `behind` first. */
static dr_status neighbours(dr_store *s, int64_t id, int position, seat *before, seat *behind, int *count)
{
    const dr_driver *d = s->db->driver;
    int64_t others = dr_sql_int(s->db, 0, "SELECT COUNT(*) FROM jobs WHERE state='waiting' AND id<>$1", "i", id);
    int64_t at = position < others ? position : others;
    dr_rows *r = dr_sql(s->db,
                        "SELECT rank,turn FROM jobs WHERE state='waiting' AND id<>$1 ORDER BY rank DESC, turn, id "
                        "LIMIT 2 OFFSET $2",
                        "ii", id, at > 0 ? at - 1 : 0);
    *count = 0;
    if (at > 0 && dr_row(s->db, r)) {
        *before = (seat){d->number(r, 0), d->real(r, 1)};
        *count |= 1;
    }
    if (dr_row(s->db, r)) {
        *behind = (seat){d->number(r, 0), d->real(r, 1)};
        *count |= 2;
    }
    return dr_sql_end(s->db, r);
}

/* Between two neighbours; false when there is no number between them. */
static bool between(const seat *before, const seat *behind, int count, seat *out)
{
    if (count == 1)
        *out = (seat){before->rank, before->turn + 1};
    else if (count == 2 || before->rank > behind->rank)
        *out = (seat){behind->rank, behind->turn - 1};
    else
        *out = (seat){behind->rank, before->turn + (behind->turn - before->turn) / 2};
    return count != 3 || before->rank > behind->rank || (out->turn > before->turn && out->turn < behind->turn);
}

static dr_status place(dr_store *s, int64_t id, int position)
{
    seat before, behind, mine;
    int count;
    dr_status st = neighbours(s, id, position, &before, &behind, &count);
    if (st || count == 0)
        return st;
    if (!between(&before, &behind, count, &mine)) {
        st = spread(s);
        if (!st)
            st = neighbours(s, id, position, &before, &behind, &count);
        if (st || !between(&before, &behind, count, &mine))
            return st ? st : dr_fail(DR_EIO, "the queue's order in '%s' is damaged", s->db->name);
    }
    return dr_sql_run(s->db, "UPDATE jobs SET rank=$2, turn=$3 WHERE id=$1 AND state='waiting'", "iid", id, mine.rank,
                      mine.turn);
}

dr_status dr_store_move(dr_store *s, int64_t id, int position)
{
    dr_status st;
    bool waits;
    for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);) {
        /* a change that changes nothing holds it where it is */
        st = dr_sql_changed(s->db, &waits, "UPDATE jobs SET turn=turn WHERE id=$1 AND state='waiting' RETURNING id",
                            "i", id);
        if (!st)
            st = waits ? place(s, id, position) : refuse(s, id, "only one that waits can be moved");
        if (!st)
            st = dr_say(s, "queue", 0);
    }
    return st;
}

static dr_status cancel(dr_store *s, int64_t id, bool *running)
{
    bool waits;
    dr_status st = dr_sql_changed(s->db, &waits,
                                  "UPDATE jobs SET state='cancelled', ended=@now WHERE id=$1 AND state='waiting' "
                                  "RETURNING id",
                                  "i", id);
    if (!st && waits) {
        st = dr_say(s, "job", id);
        return st ? st : dr_say(s, "queue", 0);
    }
    if (!st)
        st = dr_sql_changed(s->db, running, "UPDATE jobs SET cancel=1 WHERE id=$1 AND state='running' RETURNING id",
                            "i", id);
    if (st)
        return st;
    return *running ? dr_say(s, "cancel", id) : refuse(s, id, "it does not wait any more");
}

dr_status dr_store_cancel(dr_store *s, int64_t id, bool *running)
{
    dr_status st;
    for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);) {
        *running = false;
        st = cancel(s, id, running);
    }
    return st;
}

static dr_status retry(dr_store *s, const dr_job *j)
{
    static const char what[] = "only one that failed or was cancelled can be tried again";
    double turn;
    bool found;
    if (strcmp(j->state, "failed") != 0 && strcmp(j->state, "cancelled") != 0)
        return dr_fail(DR_EINVAL, "job %lld is %s: %s", (long long)j->id, j->state, what);
    int64_t rank = rank_of(j->priority, j->quick);
    dr_status st = next_turn(s, j->client, rank, &turn);
    if (!st)
        st = dr_sql_changed(s->db, &found,
                            "UPDATE jobs SET state='waiting', error=NULL, ended=NULL, started=NULL, worker=NULL, "
                            "lease=NULL, cancel=0, lost=0, rank=$2, turn=$3 WHERE id=$1 AND "
                            "state IN ('failed','cancelled') RETURNING id",
                            "iid", j->id, rank, turn);
    if (!st && !found)
        st = refuse(s, j->id, what);
    if (!st)
        st = dr_say(s, "job", j->id);
    return st ? st : dr_say(s, "queue", 0);
}

dr_status dr_store_retry(dr_store *s, int64_t id)
{
    dr_status st;
    for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);) {
        dr_job j;
        st = dr_store_get(s, id, &j);
        if (!st)
            st = retry(s, &j);
        dr_job_clear(&j);
    }
    return st;
}

/* --- leaving ---------------------------------------------------------------------------------------- */

static dr_status forget(dr_store *s, int64_t id, char (**pictures)[65], int *count)
{
    static const char *const rests[] = {"DELETE FROM needs WHERE job=$1", "DELETE FROM lines WHERE job=$1",
                                        "DELETE FROM progress WHERE job=$1"};
    bool found, garment;
    dr_job j;
    dr_status st = dr_store_get(s, id, &j);
    garment = j.garment;
    dr_job_clear(&j);
    if (!st)
        st = dr_sql_changed(s->db, &found,
                            "DELETE FROM jobs WHERE id=$1 AND state IN ('done','failed','cancelled') RETURNING id", "i",
                            id);
    if (!st && !found)
        st = refuse(s, id, "cancel it first");
    for (size_t i = 0; !st && i < sizeof rests / sizeof *rests; i++)
        st = dr_sql_run(s->db, rests[i], "i", id);
    if (!st)
        st = dr_store_release(s, id, pictures, count);
    if (!st)
        st = dr_say(s, "deleted", id);
    return st || !garment ? st : dr_say(s, "garments", 0);
}

dr_status dr_store_delete(dr_store *s, int64_t id)
{
    char path[PATH_MAX], (*pictures)[65] = NULL;
    int count = 0;
    dr_status st;
    for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);) {
        free(pictures);
        pictures = NULL;
        st = forget(s, id, &pictures, &count);
    }
    if (!st) {
        dr_store_unlink(s, pictures, count);
        dr_store_train_path(s, id, "", path, sizeof path);
        (void)dr_remove_tree(path);
    }
    free(pictures);
    return st;
}

dr_status dr_store_forget_garment(dr_store *s, int64_t id)
{
    char path[PATH_MAX], adapter[1][65] = {""};
    bool dropped = false;
    dr_status st;
    for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);) {
        dr_job j;
        st = dr_store_get(s, id, &j);
        if (!st && !j.garment)
            st = dr_fail(DR_ENOENT, "there is no garment %lld", (long long)id);
        memcpy(adapter[0], j.adapter, sizeof adapter[0]);
        dr_job_clear(&j);
        if (!st)
            st = dr_sql_run(s->db, "UPDATE jobs SET garment=0, adapter=NULL, host=NULL WHERE id=$1", "i", id);
        if (!st && adapter[0][0])
            st = dr_store_let_go(s, id, adapter[0], &dropped);
        if (!st)
            st = dr_say(s, "job", id);
        if (!st)
            st = dr_say(s, "garments", 0);
    }
    if (!st && dropped)
        dr_store_unlink(s, adapter, 1);
    dr_store_train_path(s, id, "", path, sizeof path);
    if (!st)
        (void)dr_remove_tree(path);
    return st;
}
