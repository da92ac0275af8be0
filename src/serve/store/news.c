/* News to those who listen: each has a list of its own, in which nothing stands twice. */
#include "serve/store/store_impl.h"

#include "base/choice.h"
#include "serve/store/ids.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct dr_listener {
    dr_board *board;
    dr_listener *next;
    pthread_cond_t some;
    bool woken;
    dr_news list[DR_MAX_NEWS]; /* oldest first */
    int count;
};

void dr_board_init(dr_board *h)
{
    pthread_mutex_init(&h->mutex, NULL);
}

void dr_board_clear(dr_board *h)
{
    DR_ASSERT(!h->first, "the store is closed before its listeners");
    pthread_mutex_destroy(&h->mutex);
}

static bool has(const dr_news *list, int count, const dr_news *n)
{
    for (int i = 0; i < count; i++)
        if (list[i].job == n->job && strcmp(list[i].what, n->what) == 0)
            return true;
    return false;
}

/* Adds to a list that has room for `room`; when it is full all of it becomes "all", which has all else in it. */
static void add_to(dr_news *list, int *count, int room, const dr_news *n)
{
    static const dr_news all = {.what = "all"};
    if (has(list, *count, n) || has(list, *count, &all))
        return;
    if (*count == room) {
        list[0] = all;
        *count = 1;
    } else {
        list[(*count)++] = *n;
    }
}

void dr_board_tell(dr_board *h, const dr_news *n)
{
    pthread_mutex_lock(&h->mutex);
    for (dr_listener *l = h->first; l; l = l->next) {
        add_to(l->list, &l->count, DR_MAX_NEWS, n);
        pthread_cond_signal(&l->some);
    }
    pthread_mutex_unlock(&h->mutex);
}

void dr_board_heard(void *store, const char *text)
{
    static const char known[] = "job|queue|live|preview|line|cancel|deleted|garments|all";
    dr_store *s = store;
    dr_news n = {.what = "all"};
    if (text) {
        size_t k = strcspn(text, " ");
        if (k >= sizeof n.what)
            return;
        memcpy(n.what, text, k);
        n.what[k] = 0;
        n.job = text[k] ? dr_job_number(text + k + 1) : 0;
        if (!dr_is_choice(known, n.what)) /* of a newer program */
            return;
    }
    dr_board_tell(&s->board, &n);
}

dr_status dr_say(dr_store *s, const char *what, int64_t job)
{
    char text[40];
    dr_news n = {.job = job};
    if (s->db->driver->notify) {
        snprintf(text, sizeof text, "%s %lld", what, (long long)job);
        return s->db->driver->notify(s->db, text);
    }
    snprintf(n.what, sizeof n.what, "%s", what);
    add_to(s->board.pending, &s->board.pending_count, DR_MAX_PENDING, &n);
    return DR_OK;
}

void dr_board_flush(dr_board *h, bool committed)
{
    for (int i = 0; committed && i < h->pending_count; i++)
        dr_board_tell(h, &h->pending[i]);
    h->pending_count = 0;
}

dr_status dr_store_listen(dr_store *s, dr_listener **out)
{
    dr_listener *l = *out = calloc(1, sizeof *l);
    if (!l)
        return dr_fail(DR_ENOMEM, "out of memory");
    l->board = &s->board;
    pthread_cond_init(&l->some, NULL);
    pthread_mutex_lock(&s->board.mutex);
    l->next = s->board.first;
    s->board.first = l;
    pthread_mutex_unlock(&s->board.mutex);
    return DR_OK;
}

void dr_listener_free(dr_listener *l)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->board->mutex);
    dr_listener **at = &l->board->first;
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    pthread_mutex_unlock(&l->board->mutex);
    pthread_cond_destroy(&l->some);
    free(l);
}

int dr_listener_wait(dr_listener *l, double seconds, dr_news *out, int room)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    double end = (double)until.tv_sec + 1e-9 * (double)until.tv_nsec + seconds;
    until.tv_sec = (time_t)end;
    until.tv_nsec = (long)(1e9 * (end - (double)until.tv_sec));
    pthread_mutex_lock(&l->board->mutex);
    while (l->count == 0 && !l->woken && pthread_cond_timedwait(&l->some, &l->board->mutex, &until) == 0)
        continue;
    l->woken = false;
    int n = l->count < room ? l->count : room;
    memcpy(out, l->list, (size_t)n * sizeof *out);
    memmove(l->list, l->list + n, (size_t)(l->count - n) * sizeof *l->list);
    l->count -= n;
    pthread_mutex_unlock(&l->board->mutex);
    return n;
}

void dr_listener_wake(dr_listener *l)
{
    pthread_mutex_lock(&l->board->mutex);
    l->woken = true;
    pthread_cond_signal(&l->some);
    pthread_mutex_unlock(&l->board->mutex);
}
