#define _GNU_SOURCE
#include "learn/ranks.h"

#include "base/progress.h"
#include "learn/ranks_work.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE 10.0
#define CALLS (DR_RANKS_TAGS + 1) /* the tag of calls that are waited for at once */

int dr_ranks_rank(const dr_ranks *r)
{
    return r ? r->rank : 0;
}

int dr_ranks_size(const dr_ranks *r)
{
    return r ? r->size : 1;
}

bool dr_ranks_aborted(const dr_ranks *r)
{
    return r && r->aborted;
}

/* --- beginning and end ----------------------------------------------------------------------------------- */

static double patience_of(const dr_ranks_options *o)
{
    const char *given = getenv("DRAPE_RANKS_PATIENCE");
    double seconds = o && o->patience > 0 ? o->patience : given ? strtod(given, NULL) : PATIENCE;
    return seconds > 0 && isfinite(seconds) ? seconds : PATIENCE;
}

static void clear(dr_ranks *r)
{
    pthread_mutex_destroy(&r->lock);
    pthread_cond_destroy(&r->wake);
    pthread_cond_destroy(&r->changed);
    free(r);
}

/* Signals are for the threads that there were before. */
static int start_thread(dr_ranks *r)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&r->thread, NULL, dr_ranks_work, r);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

static dr_status start(dr_ranks *r)
{
    if (start_thread(r))
        return dr_fail(DR_ENOMEM, "cannot start a thread for the other ranks");
    pthread_mutex_lock(&r->lock);
    while (r->stage == DR_RANKS_OPENING)
        pthread_cond_wait(&r->changed, &r->lock);
    bool open = r->stage == DR_RANKS_OPEN;
    pthread_mutex_unlock(&r->lock);
    if (open)
        return DR_OK;
    pthread_join(r->thread, NULL);
    return dr_fail(DR_ENET, "cannot begin with %s: %s", r->link.name, r->text);
}

dr_status dr_ranks_open_link(dr_ranks **out, const dr_ranks_link *link, const dr_ranks_options *o)
{
    *out = NULL;
    dr_ranks *r = calloc(1, sizeof *r);
    if (!r)
        return dr_fail(DR_ENOMEM, "out of memory");
    r->link = *link;
    r->o = o ? *o : (dr_ranks_options){0};
    r->patience = patience_of(o);
    r->tail = &r->queue;
    if (gethostname(r->host, sizeof r->host - 1))
        strcpy(r->host, "unknown");
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->wake, NULL);
    pthread_cond_init(&r->changed, NULL);
    dr_status st = start(r);
    if (st) {
        clear(r);
        return st;
    }
    *out = r;
    if (r->size == 1) { /* a launcher that started one: nobody is there to talk to */
        dr_ranks_close(r);
        *out = NULL;
    }
    return DR_OK;
}

static void set_stage(dr_ranks *r, dr_ranks_stage stage)
{
    pthread_mutex_lock(&r->lock);
    if (r->stage == DR_RANKS_OPEN)
        r->stage = stage;
    pthread_cond_broadcast(&r->wake);
    pthread_mutex_unlock(&r->lock);
}

void dr_ranks_close(dr_ranks *r)
{
    if (!r)
        return;
    if (r->size > 1)
        (void)dr_ranks_barrier(r);
    set_stage(r, DR_RANKS_LEAVING);
    pthread_join(r->thread, NULL);
    clear(r);
}

dr_status dr_ranks_abort(dr_ranks *r, dr_status st)
{
    if (!r || !st || r->aborted)
        return st;
    pthread_mutex_lock(&r->lock);
    if (!r->aborted) {
        r->own = (dr_ranks_note){.kind = DR_NOTE_ABORT, .rank = r->rank, .status = (int32_t)st};
        snprintf(r->own.host, sizeof r->own.host, "%s", r->host);
        snprintf(r->own.text, sizeof r->own.text, "%s", dr_error());
        r->tell = true;
        pthread_cond_broadcast(&r->wake);
        while (!r->gone)
            pthread_cond_wait(&r->changed, &r->lock);
    }
    pthread_mutex_unlock(&r->lock);
    return st;
}

/* --- jobs ---------------------------------------------------------------------------------------------- */

void dr_ranks_start(dr_ranks *r, dr_ranks_job *job)
{
    pthread_mutex_lock(&r->lock);
    job->done = false;
    job->next = NULL;
    if (!r->aborted) { /* then what is left in the queue belongs to others, who are gone */
        *r->tail = job;
        r->tail = &job->next;
        pthread_cond_broadcast(&r->wake);
    }
    pthread_mutex_unlock(&r->lock);
}

/* Who waits asks now and then whether the user still wants it. */
static void wait_a_while(dr_ranks *r)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 100000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    if (pthread_cond_timedwait(&r->changed, &r->lock, &until) && r->o.interrupted && r->o.interrupted(r->o.user))
        r->hurry = true;
}

dr_status dr_ranks_wait(dr_ranks *r, dr_ranks_job *job)
{
    pthread_mutex_lock(&r->lock);
    r->waiting++;
    while (!job->done && !r->gone) /* until then the link may still write what is being received */
        wait_a_while(r);
    r->waiting--;
    bool done = job->done;
    dr_status st = done ? DR_OK : r->status;
    pthread_mutex_unlock(&r->lock);
    return done ? DR_OK : dr_fail(st, "%s", r->text);
}

static dr_status run(dr_ranks *r, dr_ranks_job *job)
{
    job->request = calloc((size_t)(job->sends + job->receives) + 1, sizeof *job->request);
    if (!job->request)
        return dr_fail(DR_ENOMEM, "out of memory");
    job->tag = CALLS;
    dr_ranks_start(r, job);
    dr_status st = dr_ranks_wait(r, job);
    free(job->request);
    return st;
}

/* --- calls --------------------------------------------------------------------------------------------- */

#define PIECE ((size_t)1 << 28) /* bytes that travel at once */

dr_status dr_ranks_send(dr_ranks *r, int to, const void *data, size_t size)
{
    dr_status st = DR_OK;
    for (size_t at = 0; !st && at < size; at += PIECE) {
        size_t n = size - at < PIECE ? size - at : PIECE;
        dr_ranks_part part = {to, (char *)(uintptr_t)data + at, n}; /* which is only read */
        st = run(r, &(dr_ranks_job){.send = &part, .sends = 1});
    }
    return st;
}

dr_status dr_ranks_receive(dr_ranks *r, int from, void *data, size_t size)
{
    dr_status st = DR_OK;
    for (size_t at = 0; !st && at < size; at += PIECE) {
        size_t n = size - at < PIECE ? size - at : PIECE;
        dr_ranks_part part = {from, (char *)data + at, n};
        st = run(r, &(dr_ranks_job){.receive = &part, .receives = 1});
    }
    return st;
}

/* By halves: who has it hands it to the one that is half of what is left away. */
dr_status dr_ranks_broadcast(dr_ranks *r, int root, void *data, size_t size)
{
    if (!r)
        return DR_OK;
    int me = (r->rank - root + r->size) % r->size, step = 1; /* as if root were 0 */
    dr_status st = DR_OK;
    for (; step < r->size && !(me & step); step *= 2)
        ;
    if (me)
        st = dr_ranks_receive(r, (me - step + root) % r->size, data, size);
    for (step /= 2; !st && step > 0; step /= 2)
        if (me + step < r->size)
            st = dr_ranks_send(r, (me + step + root) % r->size, data, size);
    return st;
}

/* All of them to rank 0, in one job. */
static dr_status collect(dr_ranks *r, const double *x, size_t n, double *all)
{
    dr_ranks_part mine = {0, (double *)(uintptr_t)x, n * sizeof *x};
    if (r->rank)
        return run(r, &(dr_ranks_job){.send = &mine, .sends = 1});
    dr_ranks_part *from = calloc((size_t)r->size, sizeof *from);
    if (!from)
        return dr_fail(DR_ENOMEM, "out of memory");
    for (int i = 1; i < r->size; i++)
        from[i - 1] = (dr_ranks_part){i, all + (size_t)i * n, n * sizeof *x};
    dr_status st = run(r, &(dr_ranks_job){.receive = from, .receives = r->size - 1});
    free(from);
    return st;
}

dr_status dr_ranks_sum(dr_ranks *r, double *x, size_t n)
{
    if (!r)
        return DR_OK;
    double *all = r->rank ? NULL : calloc((size_t)r->size * n, sizeof *all);
    if (!all && !r->rank)
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_status st = collect(r, x, n, all);
    for (int i = 1; !st && all && i < r->size; i++)
        for (size_t k = 0; k < n; k++)
            x[k] += all[(size_t)i * n + k];
    free(all);
    return st ? st : dr_ranks_broadcast(r, 0, x, n * sizeof *x);
}

dr_status dr_ranks_barrier(dr_ranks *r)
{
    double nothing = 0;
    return dr_ranks_sum(r, &nothing, 1);
}
