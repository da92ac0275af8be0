#include "learn/ranks_work.h"

#include "base/progress.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOTES DR_RANKS_TAGS /* the tag of notes */
#define BEAT 0.5            /* seconds between signs of life */
#define HURRIED 2.0         /* seconds of patience once the user wants to stop */
#define TELLING 2.0         /* seconds to tell the others that this rank stops */

/* --- stopping ------------------------------------------------------------------------------------------- */

/* From now on every call fails. */
static void abort_with(dr_ranks *r, dr_status st, const char *text)
{
    pthread_mutex_lock(&r->lock);
    if (!r->aborted) {
        r->status = st;
        snprintf(r->text, sizeof r->text, "%s", text);
        r->aborted = true;
    }
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

/* To all others, for a short while: one of them may be gone. */
static void tell_all(dr_ranks *r, dr_ranks_note *note)
{
    dr_ranks_request *sent = calloc((size_t)r->size, sizeof *sent);
    double until = dr_now() + TELLING;
    int left = 0;
    for (int i = 0; sent && i < r->size; i++)
        left += i != r->rank && r->link.send(r->link.self, i, NOTES, note, sizeof *note, &sent[i]) == 0;
    while (left > 0 && dr_now() < until) {
        for (int i = 0; i < r->size; i++)
            if (sent[i] && r->link.test(r->link.self, &sent[i]) != 0) {
                sent[i] = 0;
                left--;
            }
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    free(sent);
}

static void link_failed(dr_ranks *r)
{
    dr_ranks_note note = {.kind = DR_NOTE_ABORT, .rank = r->rank, .status = DR_ENET};
    snprintf(note.host, sizeof note.host, "%s", r->host);
    snprintf(note.text, sizeof note.text, "cannot reach another rank: %.600s", r->link.fault(r->link.self));
    abort_with(r, DR_ENET, note.text);
    tell_all(r, &note);
}

/* --- notes ---------------------------------------------------------------------------------------------- */

static int left_of(const dr_ranks *r)
{
    return (r->rank + r->size - 1) % r->size;
}

static bool listen(dr_ranks *r)
{
    return r->link.receive(r->link.self, DR_RANKS_ANY, NOTES, &r->heard, sizeof r->heard, &r->hearing) == 0;
}

static bool say(dr_ranks *r, dr_note_kind kind)
{
    r->beat = (dr_ranks_note){.kind = (int32_t)kind, .rank = r->rank};
    r->last_beat = dr_now();
    return r->link.send(r->link.self, (r->rank + 1) % r->size, NOTES, &r->beat, sizeof r->beat, &r->beating) == 0;
}

/* One that was heard; false when it was the last. */
static bool take(dr_ranks *r)
{
    const dr_ranks_note *n = &r->heard;
    char text[1024];
    if (n->rank == left_of(r))
        r->last_heard = dr_now();
    r->bye_heard |= n->kind == DR_NOTE_BYE;
    if (n->kind != DR_NOTE_ABORT)
        return n->kind != DR_NOTE_BYE;
    snprintf(text, sizeof text, "rank %d on '%.63s' stopped: %.755s", n->rank, n->host, n->text);
    abort_with(r, (dr_status)n->status, text);
    return false;
}

/* Whoever is heard no more is taken for gone, and all others are told. */
static void check_left(dr_ranks *r)
{
    double silent = dr_now() - r->last_heard;
    if (r->bye_heard || silent < (r->hurry && r->patience > HURRIED ? HURRIED : r->patience))
        return;
    dr_ranks_note note = {.kind = DR_NOTE_ABORT, .rank = r->rank, .status = DR_ENET};
    snprintf(note.host, sizeof note.host, "%s", r->host);
    snprintf(
        note.text, sizeof note.text,
        "rank %d has not been heard of for %.0f seconds: its process or machine is gone; the last checkpoint is whole",
        left_of(r), silent);
    abort_with(r, DR_ENET, note.text);
    tell_all(r, &note);
}

static bool notes(dr_ranks *r, bool leaving)
{
    int got = r->hearing ? r->link.test(r->link.self, &r->hearing) : 0;
    if (got > 0)
        r->hearing = 0;
    if (got < 0 || (got > 0 && take(r) && !listen(r)))
        return false;
    if (r->beating) {
        int sent = r->link.test(r->link.self, &r->beating);
        if (sent < 0)
            return false;
        if (sent)
            r->beating = 0;
    }
    bool bye = leaving && !r->bye_sent;
    if (!r->beating && (bye || (!leaving && dr_now() - r->last_beat > BEAT))) {
        r->bye_sent |= bye;
        if (!say(r, bye ? DR_NOTE_BYE : DR_NOTE_BEAT))
            return false;
    }
    check_left(r);
    return true;
}

/* --- jobs ----------------------------------------------------------------------------------------------- */

static bool begin(dr_ranks *r, dr_ranks_job *j)
{
    dr_ranks_link *l = &r->link;
    if (j->before)
        j->before(j);
    j->left = j->receives + j->sends;
    for (int i = 0; i < j->receives; i++)
        if (l->receive(l->self, j->receive[i].rank, j->tag, j->receive[i].data, j->receive[i].size, &j->request[i]))
            return false;
    for (int i = 0; i < j->sends; i++)
        if (l->send(l->self, j->send[i].rank, j->tag, j->send[i].data, j->send[i].size, &j->request[j->receives + i]))
            return false;
    return true;
}

/* As many as there is room for. */
static bool begin_queued(dr_ranks *r)
{
    while (r->actives < DR_RANKS_AT_ONCE) {
        pthread_mutex_lock(&r->lock);
        dr_ranks_job *j = r->queue;
        r->queue = j ? j->next : NULL;
        if (!r->queue)
            r->tail = &r->queue;
        pthread_mutex_unlock(&r->lock);
        if (!j)
            return true;
        r->active[r->actives++] = j;
        r->idle = 0;
        if (!begin(r, j))
            return false;
    }
    return true;
}

static void finish(dr_ranks *r, dr_ranks_job *j)
{
    if (j->after)
        j->after(j);
    pthread_mutex_lock(&r->lock);
    j->done = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    r->idle = 0;
}

static bool advance(dr_ranks *r)
{
    int stay = 0;
    for (int k = 0; k < r->actives; k++) {
        dr_ranks_job *j = r->active[k];
        for (int i = 0; i < j->receives + j->sends; i++) {
            int got = j->request[i] ? r->link.test(r->link.self, &j->request[i]) : 0;
            if (got < 0)
                return false;
            if (got) {
                j->request[i] = 0;
                j->left--;
                r->idle = 0;
            }
        }
        if (j->left)
            r->active[stay++] = j;
        else
            finish(r, j);
    }
    r->actives = stay;
    return true;
}

/* --- the thread ----------------------------------------------------------------------------------------- */

/* Nobody who computes is to lose more than a little of his core by it; who waits has nothing better to do. */
static void rest(dr_ranks *r)
{
    struct timespec until;
    pthread_mutex_lock(&r->lock);
    bool waited_for = r->waiting > 0, quiet = r->stage == DR_RANKS_OPEN && !r->actives && !r->queue && !r->tell;
    if (quiet) {
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 20000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&r->wake, &r->lock, &until);
    }
    pthread_mutex_unlock(&r->lock);
    r->idle++;
    if (quiet)
        return;
    if (waited_for && r->idle < 2000)
        sched_yield();
    else
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

/* True until all is over. */
static bool go_on(dr_ranks *r)
{
    pthread_mutex_lock(&r->lock);
    bool tell = r->tell, leaving = r->stage == DR_RANKS_LEAVING && !r->queue && !r->actives;
    pthread_mutex_unlock(&r->lock);
    if (tell) {
        abort_with(r, (dr_status)r->own.status, r->own.text);
        tell_all(r, &r->own);
        return false;
    }
    bool well = notes(r, leaving);
    if (well && r->aborted) /* whoever waited has returned: his jobs are gone */
        return false;
    if (!well || !begin_queued(r) || !advance(r)) {
        link_failed(r);
        return false;
    }
    return !(r->bye_sent && !r->beating && r->bye_heard);
}

static void open_link(dr_ranks *r)
{
    char text[sizeof r->text] = "no reason was given";
    int failed = r->link.open(r->link.self, &r->rank, &r->size, text, sizeof text);
    r->last_heard = dr_now();
    if (!failed && r->size > 1 && !listen(r)) {
        snprintf(text, sizeof text, "%s", r->link.fault(r->link.self));
        failed = -1;
    }
    pthread_mutex_lock(&r->lock);
    if (failed)
        snprintf(r->text, sizeof r->text, "%s", text);
    r->stage = failed ? DR_RANKS_OVER : DR_RANKS_OPEN;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

static bool leaves(dr_ranks *r)
{
    pthread_mutex_lock(&r->lock);
    bool leaving = r->stage == DR_RANKS_LEAVING;
    pthread_mutex_unlock(&r->lock);
    return leaving;
}

void *dr_ranks_work(void *ranks)
{
    dr_ranks *r = ranks;
    open_link(r);
    if (r->stage == DR_RANKS_OVER)
        return NULL;
    if (r->size > 1)
        while (go_on(r))
            rest(r);
    pthread_mutex_lock(&r->lock);
    r->gone = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    while (r->size == 1 && !leaves(r))
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    r->link.close(r->link.self, !r->aborted);
    return NULL;
}
