#include "serve/serve.h"

#include "base/progress.h"
#include "base/threads.h"
#include "serve/api/api.h"
#include "serve/http/exchange.h"
#include "serve/jobs/hashes.h"
#include "serve/jobs/submit.h"
#include "serve/jobs/worker.h"
#include "serve/table.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define PING_SECONDS 15
#define SWEEP_SECONDS 600

static void tell_ready(const dr_serve_options *o, int port)
{
    char url[512];
    bool v6 = strchr(o->host, ':') != NULL;
    snprintf(url, sizeof url, "http://%s%s%s:%d/%s%s", v6 ? "[" : "", o->host, v6 ? "]" : "", port,
             o->token ? "?token=" : "", o->token ? o->token : "");
    if (o->ready)
        o->ready(o->user, url);
}

/* Until it is told to stop: what is to be done from time to time. */
static void watch(const dr_serve_options *o, dr_studio *s, dr_server *v)
{
    const struct timespec tick = {0, 100 * 1000 * 1000};
    double pinged = dr_now(), reaped = pinged, swept = pinged - SWEEP_SECONDS;
    while (!o->stop(o->user)) {
        double now = dr_now();
        if (now - swept >= SWEEP_SECONDS) {
            dr_studio_sweep(s);
            swept = now;
        }
        if (now - pinged >= PING_SECONDS) {
            dr_events_ping(s->events);
            pinged = now;
        }
        if (now - reaped >= 1) {
            dr_server_reap(v);
            reaped = now;
        }
        nanosleep(&tick, NULL);
    }
}

static void on_end(void *server, int64_t job)
{
    dr_server_job_over(server, job);
}

dr_status dr_serve(const dr_serve_options *o)
{
    dr_studio s;
    dr_server v;
    dr_worker *w = NULL;
    dr_hasher *h = NULL;
    dr_set_threads(o->studio.threads);
    dr_status st = dr_studio_open(&s, &o->studio);
    if (st)
        return st;
    const dr_server_options http = {.host = o->host,
                                    .port = o->port,
                                    .token = o->token,
                                    .origins = o->origins,
                                    .threads = o->studio.threads,
                                    .routes = dr_routes,
                                    .studio = &s,
                                    .events = s.events,
                                    .first = dr_events_first,
                                    .is_over = dr_studio_is_over};
    s.on_end = on_end;
    s.user = &v;
    st = dr_server_start(&v, &http);
    if (!st) {
        st = dr_hasher_start(&h, &s);
        if (!st)
            st = dr_worker_start(&w, &s);
        if (!st) {
            tell_ready(o, v.guard.port);
            watch(o, &s, &v);
        }
        dr_worker_stop(w);
        dr_hasher_stop(h);
        dr_server_stop(&v);
    }
    dr_studio_close(&s);
    return st;
}
