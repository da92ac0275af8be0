/* The queue: which job is next, and how jobs come in, move, and leave.
 *
 * The waiting jobs are in order of `place`. A change of order numbers all of them anew: there are at most a thousand.
 */
#include "serve/store/store_impl.h"

#include "base/choice.h"

#include "base/choice.h"
#include "base/file.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* Ids of the waiting jobs in order, room for one more; *quick of them are quick ones that lead. -1: failure. */
static int waiting_ids(dr_store *s, int64_t *ids, int *quick)
{
    int n = 0;
    bool leading = true;
    *quick = 0;
    sqlite3_stmt *q = dr_sql(s, "SELECT id, quick FROM jobs WHERE state='waiting' ORDER BY place, id", NULL);
    while (q && n < DR_MAX_WAITING && sqlite3_step(q) == SQLITE_ROW) {
        ids[n++] = sqlite3_column_int64(q, 0);
        leading = leading && sqlite3_column_int(q, 1);
        *quick += leading;
    }
    return q && !dr_sql_end(s, q) ? n : -1;
}

/* Puts `id` at `position` among the waiting ones, in which it may be already. */
static dr_status place(dr_store *s, int64_t id, int position)
{
    int64_t ids[DR_MAX_WAITING + 1];
    int quick, n = waiting_ids(s, ids, &quick), kept = 0;
    dr_status st = n < 0 ? DR_EIO : DR_OK;
    for (int i = 0; i < n; i++)
        if (ids[i] != id)
            ids[kept++] = ids[i];
    if (position > kept)
        position = kept;
    memmove(ids + position + 1, ids + position, (size_t)(kept - position) * sizeof *ids);
    ids[position] = id;
    for (int i = 0; !st && i <= kept; i++)
        st = dr_sql_run(s, "UPDATE jobs SET place=?, state='waiting' WHERE id=?", "ii", (int64_t)i, ids[i]);
    return st;
}

/* A quick one before all that are not, others last; -1: there is no room. */
static int entry(dr_store *s, bool quick)
{
    int64_t ids[DR_MAX_WAITING];
    int leading, n = waiting_ids(s, ids, &leading);
    return n < 0 || n >= DR_MAX_WAITING ? -1 : quick ? leading : n;
}

static dr_status full(void)
{
    return dr_fail(DR_EUNSUPPORTED, "%d jobs wait already: wait until some are done", DR_MAX_WAITING);
}

dr_status dr_store_add(dr_store *s, const char *type, bool quick, const json_t *settings, const char *search,
                       int64_t *id)
{
    char *text = json_dumps(settings, JSON_COMPACT);
    dr_status st = text ? dr_sql_begin(s) : dr_fail(DR_ENOMEM, "out of memory");
    if (st)
        return st;
    int position = entry(s, quick);
    st = position < 0 ? full() : DR_OK;
    if (!st)
        st = dr_sql_run(s, "INSERT INTO jobs(type,quick,state,place,created,settings,search) VALUES(?,?,'new',0,?,?,?)",
                        "sidss", type, (int64_t)quick, dr_time(), text, search);
    *id = sqlite3_last_insert_rowid(s->db);
    if (!st)
        st = place(s, *id, position);
    if (!st)
        st = dr_store_refer(s, *id, settings);
    free(text);
    return dr_sql_commit(s, st);
}

dr_status dr_store_take(dr_store *s, dr_job *out)
{
    *out = (dr_job){0};
    dr_status st = dr_sql_begin(s);
    if (st)
        return st;
    int64_t id = dr_sql_int(s, 0, "SELECT id FROM jobs WHERE state='waiting' ORDER BY place, id LIMIT 1", NULL);
    if (id == 0)
        st = dr_fail(DR_ENOENT, "no job waits");
    else
        st = dr_sql_run(s, "UPDATE jobs SET state='running', started=?, ended=NULL, error=NULL, place=NULL WHERE id=?",
                        "di", dr_time(), id);
    st = dr_sql_commit(s, st);
    if (st)
        return st;
    st = dr_store_get(s, id, out);
    if (st) /* a row that cannot be read must not stop those behind it */
        (void)dr_store_end(s, id, &(dr_end){"failed", st, dr_error()});
    return st;
}

/* A change of a job that must be in one of the states. */
static dr_status begin_in(dr_store *s, int64_t id, const char *states, const char *what)
{
    dr_job j;
    dr_status st = dr_sql_begin(s);
    if (st)
        return st;
    st = dr_store_get(s, id, &j);
    if (!st && !dr_is_choice(states, j.state))
        st = dr_fail(DR_EINVAL, "job %lld is %s: %s", (long long)id, j.state, what);
    dr_job_clear(&j);
    return st ? dr_sql_commit(s, st) : DR_OK;
}

dr_status dr_store_requeue(dr_store *s, int64_t id)
{
    dr_status st = begin_in(s, id, "running", "it does not run");
    if (st)
        return st;
    st = dr_sql_run(s, "UPDATE jobs SET started=NULL WHERE id=?", "i", id);
    if (!st)
        st = place(s, id, 0);
    return dr_sql_commit(s, st);
}

dr_status dr_store_cancel(dr_store *s, int64_t id)
{
    dr_status st = begin_in(s, id, "waiting", "it does not wait any more");
    if (st)
        return st;
    st = dr_sql_run(s, "UPDATE jobs SET state='cancelled', place=NULL, ended=? WHERE id=?", "di", dr_time(), id);
    return dr_sql_commit(s, st);
}

dr_status dr_store_retry(dr_store *s, int64_t id)
{
    dr_job j = {0};
    dr_status st = begin_in(s, id, "failed|cancelled", "only one that failed or was cancelled can be tried again");
    if (st)
        return st;
    st = dr_store_get(s, id, &j);
    int position = st ? -1 : entry(s, j.quick);
    if (!st && position < 0)
        st = full();
    if (!st)
        st = dr_sql_run(s, "UPDATE jobs SET error=NULL, ended=NULL, started=NULL WHERE id=?", "i", id);
    if (!st)
        st = place(s, id, position);
    dr_job_clear(&j);
    return dr_sql_commit(s, st);
}

dr_status dr_store_move(dr_store *s, int64_t id, int position)
{
    dr_status st = begin_in(s, id, "waiting", "only one that waits can be moved");
    return st ? st : dr_sql_commit(s, place(s, id, position));
}

/* --- leaving ------------------------------------------------------------------------------------ */

dr_status dr_store_delete(dr_store *s, int64_t id)
{
    char path[PATH_MAX], (*pictures)[65] = NULL;
    int count = 0;
    dr_status st = begin_in(s, id, "done|failed|cancelled", "cancel it first");
    if (st)
        return st;
    st = dr_store_release(s, id, &pictures, &count);
    if (!st)
        st = dr_sql_run(s, "DELETE FROM jobs WHERE id=?", "i", id);
    st = dr_sql_commit(s, st);
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
    char path[PATH_MAX];
    dr_job j;
    dr_status st = dr_store_get(s, id, &j);
    if (!st && !j.garment)
        st = dr_fail(DR_ENOENT, "there is no garment %lld", (long long)id);
    dr_job_clear(&j);
    if (st)
        return st;
    dr_store_lock(s);
    st = dr_sql_run(s, "UPDATE jobs SET garment=0 WHERE id=?", "i", id);
    dr_store_unlock(s);
    dr_store_train_path(s, id, "", path, sizeof path);
    if (!st)
        (void)dr_remove_tree(path);
    return st;
}
