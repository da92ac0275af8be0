/* Takes the next job, runs it, writes down how it ended. */
#include "serve/jobs/worker.h"

#include "serve/jobs/kinds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct dr_worker {
    dr_studio *s;
    pthread_t thread;
    drape_parser *parser;
    drape_pipeline *pipeline;
    char *pipeline_key;
};

static void finish(dr_studio *s)
{
    pthread_mutex_lock(&s->mutex);
    free(s->live.preview);
    json_decref(s->live.results);
    json_decref(s->live.warnings);
    s->live = (dr_live){0};
    pthread_mutex_unlock(&s->mutex);
}

static dr_status run(dr_worker *k, const dr_kind *kind, const dr_job *j)
{
    dr_work w = {.s = k->s,
                 .job = j,
                 .settings = j->settings,
                 .parser = &k->parser,
                 .pipeline = &k->pipeline,
                 .pipeline_key = &k->pipeline_key};
    return kind ? kind->run(&w) : dr_fail(DR_EUNSUPPORTED, "this drape does not know jobs of type '%s'", j->type);
}

/* How it ended. Stopping the server is no end: the job goes on with the next one. */
static void record(dr_studio *s, const dr_kind *kind, int64_t id, dr_status st)
{
    char error[2048];
    snprintf(error, sizeof error, "%s", dr_error());
    bool cancelled = st == DR_ECANCELLED && atomic_load(&s->cancel);
    dr_end end = {.state = !st         ? "done"
                           : cancelled ? "cancelled"
                                       : "failed",
                  .status = st,
                  .error = st && !cancelled ? error : NULL,
                  .garment = !st && kind->teaches};
    bool stopped = st == DR_ECANCELLED && !cancelled;
    dr_status written = stopped ? dr_store_requeue(s->store, id) : dr_store_end(s->store, id, &end);
    if (written) /* it runs again after the next start */
        fprintf(stderr, "drape serve: job %lld: %s\n", (long long)id, dr_error());
}

/* The next job; false after a wait: for one to come, or, when the database fails, for better times. */
static bool next_job(dr_studio *s, dr_job *j)
{
    pthread_mutex_lock(&s->mutex); /* so that a cancellation finds it waiting or running, never in between */
    dr_status st = dr_store_take(s->store, j);
    if (!st) {
        s->live = (dr_live){.job = j->id,
                            .fraction = -1,
                            .seconds_left = -1,
                            .results = json_deep_copy(j->results),
                            .warnings = json_deep_copy(j->warnings)};
        atomic_store(&s->cancel, false);
    }
    pthread_mutex_unlock(&s->mutex);
    if (!st)
        return true;
    if (st != DR_ENOENT)
        fprintf(stderr, "drape serve: %s\n", dr_error());
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += st == DR_ENOENT ? 60 : 1;
    pthread_mutex_lock(&s->mutex);
    if (!atomic_load(&s->stopping) && (st != DR_ENOENT || dr_store_waiting(s->store) == 0))
        pthread_cond_timedwait(&s->work, &s->mutex, &until);
    pthread_mutex_unlock(&s->mutex);
    return false;
}

static void *work(void *user)
{
    dr_worker *k = user;
    dr_studio *s = k->s;
    drape_set_threads(s->o->threads); /* OpenMP's setting belongs to the thread */
    while (!atomic_load(&s->stopping)) {
        dr_job j;
        if (!next_job(s, &j))
            continue;
        dr_studio_say_job(s, j.id);
        dr_studio_say_queue(s);
        const dr_kind *kind = dr_kind_of(j.type);
        dr_status st = run(k, kind, &j);
        record(s, kind, j.id, st);
        finish(s);
        dr_studio_ended(s, j.id);
        if (!st && kind->done)
            kind->done(s, j.id);
        if (!st && kind->teaches)
            dr_studio_say_garments(s);
        dr_job_clear(&j);
    }
    return NULL;
}

dr_status dr_worker_start(dr_worker **out, dr_studio *s)
{
    dr_worker *k = *out = calloc(1, sizeof *k);
    if (!k)
        return dr_fail(DR_ENOMEM, "out of memory");
    k->s = s;
    if (pthread_create(&k->thread, NULL, work, k) == 0)
        return DR_OK;
    free(k);
    *out = NULL;
    return dr_fail(DR_ENOMEM, "cannot start a thread");
}

void dr_worker_stop(dr_worker *k)
{
    if (!k)
        return;
    atomic_store(&k->s->stopping, true);
    dr_studio_wake(k->s);
    pthread_join(k->thread, NULL);
    drape_parser_free(k->parser);
    drape_pipeline_free(k->pipeline);
    free(k->pipeline_key);
    free(k);
}
