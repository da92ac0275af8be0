#include "serve/serve.h"

#include "base/progress.h"
#include "base/threads.h"
#include "serve/api/api.h"
#include "serve/http/exchange.h"
#include "serve/jobs/clients.h"
#include "serve/jobs/hashes.h"
#include "serve/jobs/news.h"
#include "serve/jobs/submit.h"
#include "serve/jobs/worker.h"
#include "serve/table.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define PING_SECONDS 15
#define SWEEP_SECONDS 600
#define LOOK_SECONDS 5

static void tell_ready(const dr_serve_options *o, int port)
{
    char url[512] = "";
    bool v6 = strchr(o->host, ':') != NULL;
    if (port > 0)
        snprintf(url, sizeof url, "http://%s%s%s:%d/%s%s", v6 ? "[" : "", o->host, v6 ? "]" : "", port,
                 o->token ? "?token=" : "", o->token ? o->token : "");
    if (o->ready)
        o->ready(o->user, url);
}

/* Until it is told to stop: what is to be done from time to time. `v` is NULL where nothing listens. */
static void watch(const dr_serve_options *o, dr_studio *s, dr_server *v)
{
    const struct timespec tick = {0, 100 * 1000 * 1000};
    double pinged = dr_now(), reaped = pinged, looked = pinged, swept = pinged - SWEEP_SECONDS;
    while (!o->stop(o->user)) {
        double now = dr_now();
        if (now - swept >= SWEEP_SECONDS) {
            dr_studio_sweep(s);
            swept = now;
        }
        if (v && now - pinged >= PING_SECONDS) {
            dr_events_ping(s->events);
            pinged = now;
        }
        if (v && now - looked >= LOOK_SECONDS) {
            dr_clients_look(s);
            dr_server_look_again(v);
            looked = now;
        }
        if (v && now - reaped >= 1) {
            dr_server_reap(v);
            reaped = now;
        }
        nanosleep(&tick, NULL);
    }
}

static void on_end(void *server, int64_t job)
{
    if (job)
        dr_server_job_over(server, job);
    else
        dr_server_look_again(server);
}

/* What goes on beside the HTTP side, each part NULL where there is none. */
typedef struct parts {
    dr_worker *worker;
    dr_hasher *hasher;
    dr_reporter *reporter;
} parts;

static dr_status start(parts *p, dr_studio *s, int workers, bool page)
{
    dr_status st = dr_reporter_start(&p->reporter, s);
    if (!st && page)
        st = dr_hasher_start(&p->hasher, s);
    if (!st && workers > 0)
        st = dr_worker_start(&p->worker, s);
    return st;
}

static void stop(const parts *p)
{
    dr_worker_stop(p->worker);
    dr_hasher_stop(p->hasher);
    dr_reporter_stop(p->reporter);
}

static dr_status serve(const dr_serve_options *o, dr_studio *s, bool page)
{
    dr_server v;
    parts p = {0};
    const dr_server_options http = {.host = o->host,
                                    .port = o->port,
                                    .token = o->token,
                                    .has_clients = page ? dr_clients_exist : NULL,
                                    .client = page ? dr_client_find : NULL,
                                    .origins = o->origins,
                                    .proxies = o->proxies,
                                    .threads = o->studio.threads,
                                    .routes = page ? dr_routes : dr_worker_routes,
                                    .page = page,
                                    .open = !page,
                                    .studio = s,
                                    .events = s->events,
                                    .first = dr_events_first,
                                    .is_over = dr_studio_is_over,
                                    .counts = &s->counts};
    bool listens = o->port >= 0;
    s->on_end = listens ? on_end : NULL;
    s->user = &v;
    dr_status st = listens ? dr_server_start(&v, &http) : DR_OK;
    if (st)
        return st;
    st = start(&p, s, o->workers, page);
    if (!st) {
        tell_ready(o, listens ? (int)v.guard.port : 0);
        watch(o, s, listens ? &v : NULL);
    }
    stop(&p);
    if (listens)
        dr_server_stop(&v);
    return st;
}

static dr_status open_and_serve(const dr_serve_options *o, bool page)
{
    dr_studio s;
    dr_set_threads(o->studio.threads);
    dr_status st = dr_studio_open(&s, &o->studio);
    if (st)
        return st;
    dr_clients_look(&s);
    st = serve(o, &s, page);
    dr_studio_close(&s);
    return st;
}

dr_status dr_serve(const dr_serve_options *o)
{
    return open_and_serve(o, true);
}

dr_status dr_work(const dr_serve_options *o)
{
    return open_and_serve(o, false);
}
