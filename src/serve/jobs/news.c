#include "serve/jobs/news.h"

#include "base/json.h"
#include "base/progress.h"
#include "serve/jobs/submit.h"
#include "serve/jobs/taught.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NEWS = 64, JOBS = 64 };
#define QUEUE_SECONDS 0.25 /* places in the queue are told no more often */

/* What was told of a running job. */
typedef struct told {
    int64_t job, line; /* line: the last one */
    int preview;
    double at;
} told;

struct dr_reporter {
    dr_studio *s;
    pthread_t thread;
    dr_listener *listener;
    atomic_bool stop;
    told job[JOBS];
    bool queue; /* it changed */
    double queue_said;
};

/* What was told of a job; a new entry takes the place of the one that nothing was told of for the longest time. */
static told *told_of(dr_reporter *r, int64_t job, bool *new)
{
    told *oldest = &r->job[0];
    *new = false;
    for (int i = 0; i < JOBS; i++) {
        if (r->job[i].job == job) {
            r->job[i].at = dr_now();
            return &r->job[i];
        }
        if (r->job[i].at < oldest->at)
            oldest = &r->job[i];
    }
    *new = true;
    *oldest = (told){.job = job, .preview = -1, .at = dr_now()};
    return oldest;
}

static int preview_number(const json_t *live)
{
    const char *url = dr_json_text(live, "preview"), *equals = url ? strrchr(url, '=') : NULL;
    return equals ? atoi(equals + 1) : -1;
}

/* How far it is, and the picture on the way if that is another one. */
static void tell_live(dr_reporter *r, int64_t job)
{
    json_t *live;
    bool new;
    char id[24];
    if (dr_store_live(r->s->store, job, &live))
        return;
    int number = preview_number(live);
    told *t = told_of(r, job, &new);
    if (number >= 0 && number != t->preview) {
        snprintf(id, sizeof id, "%lld", (long long)job);
        json_t *o =
            json_pack("{s:s, s:i, s:O}", "job", id, "step", number % 10000, "url", json_object_get(live, "preview"));
        dr_events_say(r->s->events, "preview", job, false, o);
        json_decref(o);
    }
    t->preview = number;
    json_decref(live);
    dr_studio_say_job(r->s, job);
}

/* Points of a loss that are new here: all of them, if nobody here was told of any. */
static void tell_lines(dr_reporter *r, int64_t job)
{
    json_t *lines, *line, *points = json_array(), *looks = json_array();
    size_t i;
    char id[24];
    bool new;
    told *t = told_of(r, job, &new);
    bool whole = t->line == 0;
    if (dr_store_lines(r->s->store, job, t->line, &lines, &t->line)) {
        json_decref(points);
        json_decref(looks);
        return;
    }
    json_array_foreach(lines, i, line)
    {
        json_array_extend(points, json_object_get(line, "points"));
        json_array_extend(looks, json_object_get(line, "looks"));
    }
    json_decref(lines);
    snprintf(id, sizeof id, "%lld", (long long)job);
    json_t *o = json_pack("{s:s, s:b, s:o, s:o}", "job", id, "whole", whole, "points", points, "looks", looks);
    dr_events_say(r->s->events, "loss", job, true, o);
    json_decref(o);
}

static void tell_queue(dr_reporter *r)
{
    if (!r->queue || dr_now() - r->queue_said < QUEUE_SECONDS)
        return;
    r->queue = false;
    r->queue_said = dr_now();
    dr_studio_say_queue(r->s);
}

static void stop_if_running(dr_studio *s, int64_t job)
{
    pthread_mutex_lock(&s->turn);
    if (s->running == job)
        atomic_store(&s->cancel, true);
    pthread_mutex_unlock(&s->turn);
}

static void answer_if_over(dr_studio *s, int64_t job)
{
    if (s->on_end && dr_studio_is_over(s, job))
        s->on_end(s->user, job);
}

/* News may have been lost: everybody asks again. Job 0 is whichever is waited for. */
static void tell_all(dr_reporter *r)
{
    json_t *nothing = json_object();
    dr_events_say(r->s->events, "sync", 0, false, nothing);
    json_decref(nothing);
    dr_studio_wake(r->s);
    if (r->s->on_end)
        r->s->on_end(r->s->user, 0);
}

static void tell(dr_reporter *r, const dr_news *n)
{
    dr_studio *s = r->s;
    if (strcmp(n->what, "job") == 0) {
        dr_studio_say_job(s, n->job);
        answer_if_over(s, n->job);
    } else if (strcmp(n->what, "live") == 0) {
        tell_live(r, n->job);
    } else if (strcmp(n->what, "line") == 0) {
        tell_lines(r, n->job);
    } else if (strcmp(n->what, "queue") == 0) {
        r->queue = true;
        dr_studio_wake(s);
    } else if (strcmp(n->what, "cancel") == 0) {
        stop_if_running(s, n->job);
    } else if (strcmp(n->what, "deleted") == 0) {
        dr_studio_say_deleted(s, n->job);
        answer_if_over(s, n->job);
        dr_taught_tidy(s);
    } else if (strcmp(n->what, "garments") == 0) {
        dr_studio_say_garments(s);
        dr_taught_tidy(s);
    } else if (strcmp(n->what, "all") == 0) {
        tell_all(r);
    }
}

static void *report(void *user)
{
    dr_reporter *r = user;
    dr_news news[NEWS];
    while (!atomic_load(&r->stop)) {
        int n = dr_listener_wait(r->listener, r->queue ? QUEUE_SECONDS : 1, news, NEWS);
        for (int i = 0; i < n; i++)
            tell(r, &news[i]);
        tell_queue(r);
    }
    return NULL;
}

dr_status dr_reporter_start(dr_reporter **out, dr_studio *s)
{
    *out = NULL;
    dr_reporter *r = calloc(1, sizeof *r);
    if (!r)
        return dr_fail(DR_ENOMEM, "out of memory");
    r->s = s;
    dr_status st = dr_store_listen(s->store, &r->listener);
    if (!st && pthread_create(&r->thread, NULL, report, r) != 0)
        st = dr_fail(DR_ENOMEM, "cannot start a thread");
    if (!st) {
        *out = r;
        return DR_OK;
    }
    dr_listener_free(r->listener);
    free(r);
    return st;
}

void dr_reporter_stop(dr_reporter *r)
{
    if (!r)
        return;
    atomic_store(&r->stop, true);
    dr_listener_wake(r->listener);
    pthread_join(r->thread, NULL);
    dr_listener_free(r->listener);
    free(r);
}
