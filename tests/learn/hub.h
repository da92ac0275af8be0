/* Ranks as threads of one program: what an MPI does between processes, in memory. */
#ifndef TESTS_LEARN_HUB_H
#define TESTS_LEARN_HUB_H

#include "train/scratch.h"

#include "learn/ranks.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define HUB_MOST 8

/* A send or a receive that waits for its other half. */
typedef struct hub_half {
    struct hub_half *next, *before; /* that waits; made before it */
    bool sends, done, dead;
    int from, to, tag;
    void *data;
    size_t size;
} hub_half;

typedef struct hub hub;
typedef struct hub_seat {
    hub *at;
    int rank;
    bool dead; /* nothing it says arrives any more */
} hub_seat;

struct hub {
    pthread_mutex_t lock;
    int size;
    hub_half *waiting, **last;
    hub_half *newest; /* of all: a rank that stops asks for its halves no more, so they live as long as the hub */
    hub_seat seat[HUB_MOST];
};

typedef struct hub_rank {
    hub *at;
    dr_ranks *ranks;
    int rank;
    void (*body)(struct hub_rank *me);
    void *shared;
    dr_status status; /* of opening */
} hub_rank;

static int hub_open(void *self, int *rank, int *size, char *fault, size_t n)
{
    const hub_seat *s = self;
    (void)fault, (void)n;
    *rank = s->rank;
    *size = s->at->size;
    return 0;
}

static bool hub_fits(const hub_half *a, const hub_half *b)
{
    const hub_half *s = a->sends ? a : b, *r = a->sends ? b : a;
    return a->sends != b->sends && !s->dead && s->to == r->to && s->tag == r->tag &&
           (r->from == DR_RANKS_ANY || r->from == s->from);
}

/* Meets the first that waits for it, or waits. */
static int hub_put(hub_seat *s, hub_half half, dr_ranks_request *out)
{
    hub *h = s->at;
    hub_half *mine = malloc(sizeof *mine);
    *mine = half;
    mine->dead = s->dead;
    *out = (dr_ranks_request)(uintptr_t)mine;
    pthread_mutex_lock(&h->lock);
    mine->before = h->newest;
    h->newest = mine;
    for (hub_half **at = &h->waiting; !s->dead && *at; at = &(*at)->next) {
        hub_half *other = *at;
        if (!hub_fits(mine, other))
            continue;
        hub_half *send = mine->sends ? mine : other, *receive = mine->sends ? other : mine;
        memcpy(receive->data, send->data, send->size < receive->size ? send->size : receive->size);
        *at = other->next;
        if (!*at)
            h->last = at;
        mine->done = other->done = true;
        pthread_mutex_unlock(&h->lock);
        return 0;
    }
    mine->next = NULL;
    *h->last = mine;
    h->last = &mine->next;
    pthread_mutex_unlock(&h->lock);
    return 0;
}

static int hub_send(void *self, int to, int tag, const void *data, size_t size, dr_ranks_request *out)
{
    hub_seat *s = self;
    const hub_half half = {
        .sends = true, .from = s->rank, .to = to, .tag = tag, .data = (void *)(uintptr_t)data, .size = size};
    return hub_put(s, half, out);
}

static int hub_receive(void *self, int from, int tag, void *data, size_t size, dr_ranks_request *out)
{
    hub_seat *s = self;
    const hub_half half = {.from = from, .to = s->rank, .tag = tag, .data = data, .size = size};
    return hub_put(s, half, out);
}

static int hub_test(void *self, dr_ranks_request *request)
{
    hub_seat *s = self;
    hub_half *half = (hub_half *)(uintptr_t)*request;
    pthread_mutex_lock(&s->at->lock);
    bool done = half->done;
    pthread_mutex_unlock(&s->at->lock);
    return done;
}

/* What still waits is never met. */
static void hub_close(void *self, int orderly)
{
    const hub_seat *s = self;
    hub *h = s->at;
    (void)orderly;
    pthread_mutex_lock(&h->lock);
    for (hub_half **at = &h->waiting; *at;) {
        hub_half *half = *at;
        if ((half->sends ? half->from : half->to) != s->rank) {
            at = &half->next;
            continue;
        }
        *at = half->next;
    }
    for (h->last = &h->waiting; *h->last; h->last = &(*h->last)->next)
        ;
    pthread_mutex_unlock(&h->lock);
}

static const char *hub_fault(void *self)
{
    (void)self;
    return "none";
}

static void *hub_run(void *arg)
{
    hub_rank *me = arg;
    const dr_ranks_link link = {DR_RANKS_LINK_VERSION,
                                "threads",
                                &me->at->seat[me->rank],
                                hub_open,
                                hub_send,
                                hub_receive,
                                hub_test,
                                hub_close,
                                hub_fault};
    me->status = dr_ranks_open_link(&me->ranks, &link, &(dr_ranks_options){.patience = 1});
    if (!me->status)
        me->body(me);
    dr_ranks_close(me->ranks);
    return NULL;
}

/* The body on as many threads. */
__attribute__((unused)) static void hub_all(int size, void (*body)(hub_rank *me), void *shared)
{
    hub h = {.size = size};
    pthread_t thread[HUB_MOST];
    hub_rank rank[HUB_MOST];
    h.last = &h.waiting;
    pthread_mutex_init(&h.lock, NULL);
    for (int i = 0; i < size; i++) {
        h.seat[i] = (hub_seat){&h, i, false};
        rank[i] = (hub_rank){.at = &h, .rank = i, .body = body, .shared = shared};
        assert_int_equal(pthread_create(&thread[i], NULL, hub_run, &rank[i]), 0);
    }
    for (int i = 0; i < size; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(rank[i].status, DR_OK);
    }
    for (hub_half *half = h.newest, *before; half; half = before) {
        before = half->before;
        free(half);
    }
    pthread_mutex_destroy(&h.lock);
}

#endif
