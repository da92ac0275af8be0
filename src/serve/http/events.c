#define _GNU_SOURCE /* asprintf */
#include "serve/http/events.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RING = 1024, RING_BYTES = 8 << 20 };

typedef struct event {
    char *text;
    size_t size;
    int64_t job;
    bool only;
} event;

struct dr_events {
    pthread_mutex_t mutex;
    event ring[RING];
    uint64_t first, next; /* numbers of the oldest event that is kept and of the next to come */
    size_t bytes;
    uint64_t run; /* ids of another run mean nothing here */
    bool stopped;
    dr_stream *listeners;
};

struct dr_stream {
    dr_events *e;
    int64_t job;
    uint64_t at;   /* number of the event that is read next */
    char *first;   /* read before */
    size_t offset; /* of what is being read */
    bool waiting;
    void (*wake)(void *user);
    void *user;
    dr_stream *previous, *following;
};

dr_status dr_events_new(dr_events **out)
{
    struct timespec t;
    dr_events *e = *out = calloc(1, sizeof *e);
    if (!e)
        return dr_fail(DR_ENOMEM, "out of memory");
    clock_gettime(CLOCK_REALTIME, &t);
    e->run = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
    e->first = e->next = 1;
    pthread_mutex_init(&e->mutex, NULL);
    return DR_OK;
}

static event *slot(dr_events *e, uint64_t n)
{
    return &e->ring[n % RING];
}

static void drop_oldest(dr_events *e)
{
    event *old = slot(e, e->first++);
    e->bytes -= old->size;
    free(old->text);
    *old = (event){0};
}

void dr_events_free(dr_events *e)
{
    if (!e)
        return;
    while (e->first < e->next)
        drop_oldest(e);
    pthread_mutex_destroy(&e->mutex);
    free(e);
}

/* --- saying ------------------------------------------------------------------------------------- */

char *dr_event_text(const char *id, const char *name, const json_t *data)
{
    char *text = NULL, *json = json_dumps(data, JSON_COMPACT | JSON_ENCODE_ANY);
    bool has_id = id[0] != 0;
    if (json &&
        asprintf(&text, "%s%s%sevent: %s\ndata: %s\n\n", has_id ? "id: " : "", id, has_id ? "\n" : "", name, json) < 0)
        text = NULL;
    free(json);
    return text;
}

static void wake_all(dr_events *e)
{
    for (dr_stream *l = e->listeners; l; l = l->following)
        if (l->waiting) {
            l->waiting = false;
            l->wake(l->user);
        }
}

/* Takes `text`. The mutex is held. */
static void append(dr_events *e, char *text, int64_t job, bool only)
{
    size_t size = text ? strlen(text) : 0;
    if (!text)
        return; /* out of memory: whoever misses it asks again some time */
    if (e->next - e->first == RING)
        drop_oldest(e);
    *slot(e, e->next++) = (event){text, size, job, only};
    e->bytes += size;
    while (e->bytes > RING_BYTES && e->first + 1 < e->next)
        drop_oldest(e);
    wake_all(e);
}

void dr_events_say(dr_events *e, const char *name, int64_t job, bool only, const json_t *data)
{
    char id[48];
    pthread_mutex_lock(&e->mutex);
    snprintf(id, sizeof id, "%llu-%llu", (unsigned long long)e->run, (unsigned long long)e->next);
    append(e, dr_event_text(id, name, data), job, only);
    pthread_mutex_unlock(&e->mutex);
}

void dr_events_ping(dr_events *e)
{
    pthread_mutex_lock(&e->mutex);
    if (e->listeners)
        append(e, strdup(": still here\n\n"), 0, false);
    pthread_mutex_unlock(&e->mutex);
}

void dr_events_stop(dr_events *e)
{
    pthread_mutex_lock(&e->mutex);
    e->stopped = true;
    wake_all(e);
    pthread_mutex_unlock(&e->mutex);
}

/* --- listening ---------------------------------------------------------------------------------- */

/* The event after the one with this id; 0 if it is not known any more. */
static uint64_t after(const dr_events *e, const char *last)
{
    unsigned long long run, n;
    char rest;
    if (!last || sscanf(last, "%20llu-%20llu%c", &run, &n, &rest) != 2 || run != e->run)
        return 0;
    return n + 1 >= e->first && n < e->next ? n + 1 : 0;
}

dr_stream *dr_stream_new(dr_events *e, int64_t job, const char *last, char *first, void (*wake)(void *user), void *user)
{
    dr_stream *l = calloc(1, sizeof *l);
    if (!l) {
        free(first);
        return NULL;
    }
    pthread_mutex_lock(&e->mutex);
    uint64_t at = after(e, last);
    *l = (dr_stream){.e = e, .job = job, .at = at ? at : e->next, .first = first, .wake = wake, .user = user};
    if (at) {
        free(first);
        l->first = NULL;
    }
    l->following = e->listeners;
    if (e->listeners)
        e->listeners->previous = l;
    e->listeners = l;
    pthread_mutex_unlock(&e->mutex);
    return l;
}

void dr_stream_free(dr_stream *l)
{
    if (!l)
        return;
    pthread_mutex_lock(&l->e->mutex);
    if (l->previous)
        l->previous->following = l->following;
    else
        l->e->listeners = l->following;
    if (l->following)
        l->following->previous = l->previous;
    pthread_mutex_unlock(&l->e->mutex);
    free(l->first);
    free(l);
}

/* Copies on from `text`; true when all of it has been read. */
static bool copy(dr_stream *l, const char *text, size_t size, char *buf, size_t max, size_t *n)
{
    *n = size - l->offset < max ? size - l->offset : max;
    memcpy(buf, text + l->offset, *n);
    l->offset += *n;
    if (l->offset < size)
        return false;
    l->offset = 0;
    return true;
}

static ssize_t read_first(dr_stream *l, char *buf, size_t max)
{
    size_t n;
    if (copy(l, l->first, strlen(l->first), buf, max, &n)) {
        free(l->first);
        l->first = NULL;
    }
    return (ssize_t)n;
}

/* What a listener missed is gone: it begins again behind it. */
static void resync(dr_stream *l)
{
    l->at = l->e->next;
    l->first = strdup("event: sync\ndata: {}\n\n");
}

static bool concerns(const dr_stream *l, const event *v)
{
    return l->job == 0 ? !v->only : v->job == 0 || v->job == l->job;
}

/* Something, 0 for nothing now, -1 for the end. The mutex is held. */
static ssize_t read_on(dr_stream *l, char *buf, size_t max)
{
    dr_events *e = l->e;
    if (e->stopped || (l->at < e->first && l->offset > 0)) /* within an event that is gone */
        return -1;
    if (!l->first && l->at < e->first)
        resync(l);
    if (l->first && l->first[0])
        return read_first(l, buf, max);
    for (; l->at < e->next; l->at++) {
        const event *v = slot(e, l->at);
        size_t n;
        if (l->offset == 0 && !concerns(l, v))
            continue;
        l->at += copy(l, v->text, v->size, buf, max, &n);
        return (ssize_t)n;
    }
    return 0;
}

ssize_t dr_stream_read(dr_stream *l, char *buf, size_t max, void (*pause)(void *user))
{
    pthread_mutex_lock(&l->e->mutex);
    ssize_t n = read_on(l, buf, max);
    if (n == 0) {
        l->waiting = true;
        pause(l->user); /* under the mutex: nobody wakes it before it sleeps */
    }
    pthread_mutex_unlock(&l->e->mutex);
    return n;
}
