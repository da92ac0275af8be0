#include "serve/serve.h"

#include "base/progress.h"
#include "base/threads.h"
#include "serve/http/exchange.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define PING_SECONDS 15
#define SWEEP_SECONDS 600

static void tell_ready(const dr_server *v)
{
    const dr_serve_options *o = v->studio->o;
    char url[512];
    bool v6 = strchr(o->host, ':') != NULL;
    snprintf(url, sizeof url, "http://%s%s%s:%d/%s%s", v6 ? "[" : "", o->host, v6 ? "]" : "", v->guard.port,
             o->token ? "?token=" : "", o->token ? o->token : "");
    if (o->ready)
        o->ready(o->user, url);
}

/* Until it is told to stop: what is to be done from time to time. */
static void watch(dr_server *v)
{
    const dr_serve_options *o = v->studio->o;
    const struct timespec tick = {0, 100 * 1000 * 1000};
    double pinged = dr_now(), reaped = pinged, swept = pinged - SWEEP_SECONDS;
    while (!o->stop(o->user)) {
        double now = dr_now();
        if (now - swept >= SWEEP_SECONDS) {
            dr_studio_sweep(v->studio);
            swept = now;
        }
        if (now - pinged >= PING_SECONDS) {
            dr_events_ping(v->studio->events);
            pinged = now;
        }
        if (now - reaped >= 1) {
            dr_server_reap(v);
            reaped = now;
        }
        nanosleep(&tick, NULL);
    }
}

dr_status dr_serve(const dr_serve_options *o)
{
    dr_studio s;
    dr_server v;
    dr_worker *w;
    dr_set_threads(o->threads);
    dr_status st = dr_studio_open(&s, o);
    if (st)
        return st;
    st = dr_server_start(&v, &s);
    if (!st) {
        st = dr_worker_start(&w, &s);
        if (!st) {
            tell_ready(&v);
            watch(&v);
            dr_worker_stop(w);
        }
        dr_server_stop(&v);
    }
    dr_studio_close(&s);
    return st;
}
