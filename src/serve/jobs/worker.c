/* Takes the next job, runs it, writes down how it ended. A second thread says meanwhile that it is still there. */
#define _GNU_SOURCE /* asprintf */
#include "serve/jobs/worker.h"

#include "base/progress.h"
#include "serve/jobs/kinds.h"
#include "serve/jobs/numbers.h"
#include "serve/jobs/taught.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ALONE_SECONDS 1e9 /* of a lease in a store that nobody else has open */
#define BEAT_SECONDS 2    /* a cancellation that was not heard is seen after these */
#define HERE_SECONDS 5

struct dr_worker {
    dr_studio *s;
    pthread_t thread, heart;
    bool heart_runs;
    drape_parser *parser;
    drape_pipeline *pipeline;
    char *pipeline_key;
    char name[128], *offers;
    double seconds; /* of a lease */
    json_t *about;
    pthread_mutex_t mutex; /* of the lease and `over` */
    pthread_cond_t beat;
    dr_lease lease; /* job 0: none */
    bool over;
};

/* --- signs of life ------------------------------------------------------------------------------- */

/* Holds the lease, and hears of cancellations that no news brought. A job whose lease could not be held goes on all the
 * same while nobody else has it, but not in a folder that another machine may already write to. */
static void hold(dr_worker *k, const dr_lease *l, double *held)
{
    dr_studio *s = k->s;
    bool cancel = false;
    dr_status st = dr_store_beat(s->store, l, k->seconds, &cancel);
    double now = dr_now();
    *held = st ? *held : now;
    pthread_mutex_lock(&k->mutex);
    if (k->lease.job == l->job && strcmp(k->lease.token, l->token) == 0) { /* it did not end meanwhile */
        if (cancel)
            atomic_store(&s->cancel, true);
        if (st == DR_ENOENT || (s->shared[0] && now - *held > k->seconds))
            atomic_store(&s->lost, true);
    }
    pthread_mutex_unlock(&k->mutex);
}

static void *beat(void *user)
{
    dr_worker *k = user;
    double held = dr_now(), said = 0;
    int64_t job = 0;
    dr_store_patience(1);
    pthread_mutex_lock(&k->mutex);
    while (!k->over) {
        dr_lease l = k->lease;
        pthread_mutex_unlock(&k->mutex);
        if (l.job != job)
            held = dr_now();
        job = l.job;
        if (job)
            hold(k, &l, &held);
        if (dr_now() - said >= HERE_SECONDS) {
            (void)dr_store_here(k->s->store, k->name, k->about);
            said = dr_now();
        }
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += BEAT_SECONDS;
        pthread_mutex_lock(&k->mutex);
        if (!k->over)
            pthread_cond_timedwait(&k->beat, &k->mutex, &until);
    }
    pthread_mutex_unlock(&k->mutex);
    return NULL;
}

static void stop_heart(dr_worker *k)
{
    pthread_mutex_lock(&k->mutex);
    k->over = true;
    pthread_cond_signal(&k->beat);
    pthread_mutex_unlock(&k->mutex);
    if (k->heart_runs)
        pthread_join(k->heart, NULL);
    k->heart_runs = false;
}

static void set_lease(dr_worker *k, const dr_lease *l)
{
    pthread_mutex_lock(&k->mutex);
    k->lease = l ? *l : (dr_lease){0};
    pthread_mutex_unlock(&k->mutex);
}

/* --- one job ------------------------------------------------------------------------------------- */

/* How it ended. Stopping the worker is no end: the job goes on with the next one. */
static dr_status record(dr_worker *k, const dr_kind *kind, const dr_work *w, dr_status st)
{
    dr_studio *s = k->s;
    char error[2048];
    snprintf(error, sizeof error, "%s", dr_error());
    bool cancelled = st == DR_ECANCELLED && atomic_load(&s->cancel);
    dr_end end = {.state = !st         ? "done"
                           : cancelled ? "cancelled"
                                       : "failed",
                  .status = st,
                  .error = st && !cancelled ? error : NULL,
                  .garment = !st && kind->teaches,
                  .adapter = w->adapter[0] ? w->adapter : NULL,
                  .host = w->home[0] ? w->home : NULL};
    if (atomic_load(&s->lost))
        return dr_fail(DR_ENOENT, "another worker has it now");
    bool stopped = st == DR_ECANCELLED && !cancelled;
    return stopped ? dr_store_requeue(s->store, w->lease) : dr_store_end(s->store, w->lease, &end);
}

/* Numbers for /metrics. They are worth nobody's waiting. */
static void count(dr_studio *s, const dr_job *j, double seconds)
{
    char name[64];
    dr_store_patience(0);
    snprintf(name, sizeof name, "ms|%s", j->type);
    (void)dr_store_count(s->store, name, (int64_t)(1000 * seconds));
    snprintf(name, sizeof name, "took|%s|%d", j->type, dr_time_bucket(seconds));
    (void)dr_store_count(s->store, name, 1);
    dr_store_patience(DR_WORK_PATIENCE);
}

static void run(dr_worker *k, const dr_job *j, const dr_lease *l)
{
    dr_studio *s = k->s;
    const dr_kind *kind = dr_kind_of(j->type);
    double began = dr_now();
    dr_work w = {.s = s,
                 .job = j,
                 .lease = l,
                 .settings = j->settings,
                 .live = {.fraction = -1, .seconds_left = -1, .preview = -1},
                 .results = json_deep_copy(j->results),
                 .warnings = json_deep_copy(j->warnings),
                 .parser = &k->parser,
                 .pipeline = &k->pipeline,
                 .pipeline_key = &k->pipeline_key};
    dr_status st =
        kind ? kind->run(&w) : dr_fail(DR_EUNSUPPORTED, "this drape does not know jobs of type '%s'", j->type);
    dr_status written = record(k, kind, &w, st);
    set_lease(k, NULL);
    if (written) /* it runs again when its lease is over, or after the next start */
        fprintf(stderr, "drape: job %lld: %s\n", (long long)j->id, dr_error());
    if (!written && !st && kind->done)
        kind->done(s, &w);
    if (!written && st != DR_ECANCELLED)
        count(s, j, dr_now() - began);
    json_decref(w.results);
    json_decref(w.warnings);
}

/* --- one after another ---------------------------------------------------------------------------- */

/* Waits for a job to come; when the database fails, for better times. */
static void wait_for_news(dr_worker *k, bool failed)
{
    dr_studio *s = k->s;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    /* where there are others, a lease of theirs may run out, which is no news */
    until.tv_sec += failed ? 1 : dr_store_is_shared(s->store) ? 3 : 60;
    pthread_mutex_lock(&s->mutex);
    while (!atomic_load(&s->stopping) && (failed || !s->news))
        if (pthread_cond_timedwait(&s->work, &s->mutex, &until))
            break;
    pthread_mutex_unlock(&s->mutex);
}

/* The next job; false after a wait. */
static bool next_job(dr_worker *k, dr_job *j, dr_lease *l)
{
    dr_studio *s = k->s;
    const dr_claim claim = {.worker = k->name, .offers = k->offers, .seconds = k->seconds};
    pthread_mutex_lock(&s->mutex);
    s->news = false;
    pthread_mutex_unlock(&s->mutex);
    dr_store_patience(0);
    pthread_mutex_lock(&s->turn);
    dr_status st = dr_store_claim(s->store, &claim, j, l);
    if (!st) {
        s->running = j->id;
        atomic_store(&s->cancel, false);
        atomic_store(&s->lost, false);
        set_lease(k, l);
    }
    pthread_mutex_unlock(&s->turn);
    dr_store_patience(DR_WORK_PATIENCE);
    if (!st)
        return true;
    if (st != DR_ENOENT)
        fprintf(stderr, "drape: %s\n", dr_error());
    wait_for_news(k, st != DR_ENOENT);
    return false;
}

static void *work(void *user)
{
    dr_worker *k = user;
    dr_studio *s = k->s;
    drape_set_threads(s->o->threads); /* OpenMP's setting belongs to the thread */
    while (!atomic_load(&s->stopping)) {
        dr_job j;
        dr_lease l;
        if (!next_job(k, &j, &l))
            continue;
        run(k, &j, &l);
        pthread_mutex_lock(&s->turn);
        s->running = 0;
        pthread_mutex_unlock(&s->turn);
        dr_job_clear(&j);
    }
    return NULL;
}

/* --- start and stop -------------------------------------------------------------------------------- */

static json_t *about(const dr_studio *s)
{
    json_t *models = json_array();
    for (int i = 0; i < s->model_count; i++)
        json_array_append_new(models, json_string(s->model[i].id));
    return json_pack("{s:s, s:s, s:o}", "host", dr_store_host(s->store), "version", drape_version(), "models", models);
}

static void free_worker(dr_worker *k)
{
    drape_parser_free(k->parser);
    drape_pipeline_free(k->pipeline);
    free(k->pipeline_key);
    free(k->offers);
    json_decref(k->about);
    pthread_mutex_destroy(&k->mutex);
    pthread_cond_destroy(&k->beat);
    free(k);
}

dr_status dr_worker_start(dr_worker **out, dr_studio *s)
{
    bool shared = dr_store_is_shared(s->store);
    *out = NULL;
    dr_worker *k = calloc(1, sizeof *k);
    if (!k)
        return dr_fail(DR_ENOMEM, "out of memory");
    k->s = s;
    k->seconds = shared ? s->o->lease : ALONE_SECONDS;
    k->offers = dr_worker_offers(s);
    k->about = about(s);
    pthread_mutex_init(&k->mutex, NULL);
    pthread_cond_init(&k->beat, NULL);
    snprintf(k->name, sizeof k->name, "%.100s/%ld", dr_store_host(s->store), (long)getpid());
    bool ok = k->offers && k->about && (!shared || pthread_create(&k->heart, NULL, beat, k) == 0);
    k->heart_runs = ok && shared;
    if (ok && pthread_create(&k->thread, NULL, work, k) == 0) {
        *out = k;
        return DR_OK;
    }
    stop_heart(k);
    free_worker(k);
    return dr_fail(DR_ENOMEM, "cannot start a thread");
}

void dr_worker_stop(dr_worker *k)
{
    if (!k)
        return;
    atomic_store(&k->s->stopping, true);
    dr_studio_wake(k->s);
    pthread_join(k->thread, NULL);
    bool said = k->heart_runs;
    stop_heart(k);
    if (said)
        (void)dr_store_gone(k->s->store, k->name);
    free_worker(k);
}
