#include "serve/http/limits.h"

#include "serve/http/guard.h"

#include <stdio.h>
#include <string.h>

void dr_limits_init(dr_limits *l, size_t max_body_bytes)
{
    *l = (dr_limits){.max_body_bytes = max_body_bytes};
    pthread_mutex_init(&l->mutex, NULL);
}

static bool idle(const dr_client *c)
{
    return c->now[DR_LIMIT_POST] == 0 && c->now[DR_LIMIT_STREAM] == 0;
}

/* The client's entry, or the one of the idle client that was seen least lately; NULL when all are busy. */
static dr_client *find(dr_limits *l, const char *address)
{
    dr_client *oldest = NULL;
    for (int i = 0; i < DR_LIMIT_CLIENTS; i++) {
        dr_client *c = &l->client[i];
        if (strcmp(c->address, address) == 0)
            return c;
        if (idle(c) && (!oldest || c->seen < oldest->seen))
            oldest = c;
    }
    if (oldest) {
        *oldest = (dr_client){0};
        snprintf(oldest->address, sizeof oldest->address, "%s", address);
    }
    return oldest;
}

static void turn(dr_client *c, double now)
{
    c->seen = now;
    if (now - c->minute < 60)
        return;
    c->minute = now;
    c->posts = c->failures = 0;
}

bool dr_limits_enter(dr_limits *l, const char *address, dr_limited kind, double now)
{
    int most = kind == DR_LIMIT_POST         ? DR_LIMIT_POSTS
               : dr_is_this_machine(address) ? DR_LIMIT_STREAMS_HERE
                                             : DR_LIMIT_STREAMS;
    pthread_mutex_lock(&l->mutex);
    dr_client *c = find(l, address);
    bool ok = c != NULL;
    if (ok) {
        turn(c, now);
        ok = c->now[kind] < most && (kind != DR_LIMIT_POST || c->posts < DR_LIMIT_POSTS_A_MINUTE);
    }
    if (ok) {
        c->now[kind]++;
        c->posts += kind == DR_LIMIT_POST;
    }
    pthread_mutex_unlock(&l->mutex);
    return ok;
}

void dr_limits_leave(dr_limits *l, const char *address, dr_limited kind)
{
    pthread_mutex_lock(&l->mutex);
    dr_client *c = find(l, address);
    if (c && c->now[kind] > 0)
        c->now[kind]--;
    pthread_mutex_unlock(&l->mutex);
}

void dr_limits_fail(dr_limits *l, const char *address, double now)
{
    pthread_mutex_lock(&l->mutex);
    dr_client *c = find(l, address);
    if (c) {
        turn(c, now);
        c->failures++;
    }
    pthread_mutex_unlock(&l->mutex);
}

bool dr_limits_failed(dr_limits *l, const char *address, double now)
{
    pthread_mutex_lock(&l->mutex);
    dr_client *c = find(l, address);
    if (c)
        turn(c, now);
    bool failed = !c || c->failures >= DR_LIMIT_FAILURES_A_MINUTE;
    pthread_mutex_unlock(&l->mutex);
    return failed;
}

bool dr_limits_take(dr_limits *l, size_t bytes)
{
    pthread_mutex_lock(&l->mutex);
    bool ok = bytes <= l->max_body_bytes - l->body_bytes;
    l->body_bytes += ok ? bytes : 0;
    pthread_mutex_unlock(&l->mutex);
    return ok;
}

void dr_limits_give(dr_limits *l, size_t bytes)
{
    pthread_mutex_lock(&l->mutex);
    l->body_bytes -= bytes;
    pthread_mutex_unlock(&l->mutex);
}
