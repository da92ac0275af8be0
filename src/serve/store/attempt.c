/* Transactions that are tried again, and how long. */
#include "serve/store/store_impl.h"

#include "base/progress.h"

#include <time.h>

static _Thread_local double patience = 5;

void dr_store_patience(double seconds)
{
    patience = seconds;
}

double dr_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static dr_status start(dr_store *s, const dr_attempt *a)
{
    const dr_driver *d = s->db->driver;
    dr_db_try_again = false;
    dr_status st = d->enter(s->db);
    if (st || a->read)
        return st;
    st = d->begin(s->db, false);
    if (st)
        d->leave(s->db);
    return st;
}

/* *outer: it was no part of another. */
static dr_status finish(dr_store *s, const dr_attempt *a, dr_status st, bool *outer)
{
    const dr_driver *d = s->db->driver;
    if (!a->read && st)
        d->rollback(s->db);
    else if (!a->read)
        st = d->commit(s->db);
    if (!d->notify && !d->inside(s->db)) /* the lock is held still: what is pending is ours */
        dr_board_flush(&s->board, !st);
    *outer = d->leave(s->db);
    return st;
}

/* Waits a while, more and more of it; false when the patience is over, or it would be no use. */
static bool again(dr_attempt *a)
{
    double now = dr_now(), wait = a->tries < 7 ? 0.05 * (1 << a->tries) : 5;
    if (a->tries++ == 0)
        a->until = now + patience;
    if (!dr_db_try_again || now + wait > a->until)
        return false;
    struct timespec t = {(time_t)wait, (long)(1e9 * (wait - (double)(time_t)wait))};
    nanosleep(&t, NULL);
    return true;
}

bool dr_attempt_next(dr_store *s, dr_attempt *a, dr_status *st)
{
    bool outer;
    if (a->running) {
        a->running = false;
        *st = finish(s, a, *st, &outer);
        if (!*st || !outer || !again(a))
            return false;
    }
    for (;;) {
        *st = start(s, a);
        if (!*st)
            return a->running = true;
        if (!again(a))
            return false;
    }
}
