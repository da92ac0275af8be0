/* News to those who listen: each has a list of its own, in which nothing stands twice. */
#include "serve/store/store_impl.h"

#include "base/choice.h"
#include "serve/store/ids.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct dr_listener {
    dr_hub *hub;
    dr_listener *next;
    pthread_cond_t some;
    bool woken;
    dr_news list[DR_MAX_NEWS]; /* oldest first */
    int count;
};

void dr_hub_init(dr_hub *h)
{
    pthread_mutex_init(&h->mutex, NULL);
}

void dr_hub_clear(dr_hub *h)
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

/* Adds to a list that has room for `room`; when it is full all of it becomes "all". */
static void add_to(dr_news *list, int *count, int room, const dr_news *n)
{
    if (has(list, *count, n))
        return;
    if (*count == room) {
        list[0] = (dr_news){.what = "all"};
        *count = 1;
    } else {
        list[(*count)++] = *n;
    }
}

void dr_hub_tell(dr_hub *h, const dr_news *n)
{
    pthread_mutex_lock(&h->mutex);
    for (dr_listener *l = h->first; l; l = l->next) {
        add_to(l->list, &l->count, DR_MAX_NEWS, n);
        pthread_cond_signal(&l->some);
    }
    pthread_mutex_unlock(&h->mutex);
}

void dr_hub_heard(void *store, const char *text)
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
    dr_hub_tell(&s->hub, &n);
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
    add_to(s->hub.pending, &s->hub.pending_count, DR_MAX_PENDING, &n);
    return DR_OK;
}

void dr_hub_flush(dr_hub *h, bool committed)
{
    for (int i = 0; committed && i < h->pending_count; i++)
        dr_hub_tell(h, &h->pending[i]);
    h->pending_count = 0;
}

dr_status dr_store_listen(dr_store *s, dr_listener **out)
{
    dr_listener *l = *out = calloc(1, sizeof *l);
    if (!l)
        return dr_fail(DR_ENOMEM, "out of memory");
    l->hub = &s->hub;
    pthread_cond_init(&l->some, NULL);
    pthread_mutex_lock(&s->hub.mutex);
    l->next = s->hub.first;
    s->hub.first = l;
    pthread_mutex_unlock(&s->hub.mutex);
    return DR_OK;
}

void dr_listener_free(dr_listener *l)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->hub->mutex);
    dr_listener **at = &l->hub->first;
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    pthread_mutex_unlock(&l->hub->mutex);
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
    pthread_mutex_lock(&l->hub->mutex);
    while (l->count == 0 && !l->woken && pthread_cond_timedwait(&l->some, &l->hub->mutex, &until) == 0)
        continue;
    l->woken = false;
    int n = l->count < room ? l->count : room;
    memcpy(out, l->list, (size_t)n * sizeof *out);
    memmove(l->list, l->list + n, (size_t)(l->count - n) * sizeof *l->list);
    l->count -= n;
    pthread_mutex_unlock(&l->hub->mutex);
    return n;
}

void dr_listener_wake(dr_listener *l)
{
    pthread_mutex_lock(&l->hub->mutex);
    l->woken = true;
    pthread_cond_signal(&l->some);
    pthread_mutex_unlock(&l->hub->mutex);
}
