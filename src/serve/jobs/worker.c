/* The one thread that computes: takes the next job, runs it, writes down how it ended. */
#include "serve/jobs/work.h"
#include "serve/store/store_impl.h"

#include "base/choice.h"
#include "base/json.h"
#include "base/progress.h"
#include "serve/jobs/settings.h"

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

/* --- for the jobs' files ------------------------------------------------------------------------- */

bool dr_work_cancelled(void *work)
{
    const dr_work *w = work;
    return atomic_load(&w->s->cancel) || atomic_load(&w->s->stopping);
}

void dr_work_progress(dr_work *w, dr_work_stage stage, int done, int total, double fraction, double left)
{
    dr_live *l = &w->s->live;
    double now = dr_now();
    pthread_mutex_lock(&w->s->mutex);
    bool tell = stage != l->stage || done == total || now - l->said > 0.2;
    l->stage = stage;
    l->done = done;
    l->total = total;
    l->fraction = fraction;
    l->seconds_left = left;
    if (tell)
        l->said = now;
    pthread_mutex_unlock(&w->s->mutex);
    if (tell)
        dr_studio_say_job(w->s, w->job->id);
}

json_t *dr_result_json(const dr_blob *b, const char *kind)
{
    return json_pack("{s:s, s:s, s:i, s:i}", "image", b->id, "kind", kind, "width", b->width, "height", b->height);
}

static dr_status write_down(dr_work *w)
{
    pthread_mutex_lock(&w->s->mutex);
    json_t *results = json_deep_copy(w->s->live.results), *warnings = json_deep_copy(w->s->live.warnings);
    pthread_mutex_unlock(&w->s->mutex);
    dr_status st = dr_store_results(w->s->store, w->job->id, results, warnings);
    json_decref(results);
    json_decref(warnings);
    return st;
}

dr_status dr_work_result(dr_work *w, json_t *result)
{
    pthread_mutex_lock(&w->s->mutex);
    int bad = json_array_append_new(w->s->live.results, result);
    pthread_mutex_unlock(&w->s->mutex);
    dr_status st = bad ? dr_fail(DR_ENOMEM, "out of memory") : write_down(w);
    if (!st)
        dr_studio_say_job(w->s, w->job->id);
    return st;
}

static bool said_already(const json_t *list, const char *text)
{
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v)
    {
        if (strcmp(json_string_value(v), text) == 0)
            return true;
    }
    return false;
}

void dr_work_warn(dr_work *w, const char *text)
{
    pthread_mutex_lock(&w->s->mutex);
    json_t *list = w->s->live.warnings;
    if (text[0] && json_array_size(list) < 50 && !said_already(list, text))
        json_array_append_new(list, json_string(text));
    pthread_mutex_unlock(&w->s->mutex);
    (void)write_down(w);
}

dr_status dr_work_parser(dr_work *w)
{
    if (*w->parser)
        return DR_OK;
    dr_work_progress(w, DR_WORK_LOAD, 0, 1, -1, -1);
    return (dr_status)drape_parser_load(w->parser, w->s->o->parser);
}

drape_mask_options dr_work_mask_options(dr_work *w, const json_t *o)
{
    drape_mask_options m = DRAPE_MASK_DEFAULTS;
    const char *what = dr_json_text(o, "what");
    m.what = what && strcmp(what, "garment") == 0 ? DRAPE_MASK_GARMENT : DRAPE_MASK_AGNOSTIC;
    m.category = (drape_category)dr_choice_index(DR_CATEGORIES, dr_json_text(o, "category"));
    m.sleeve = (drape_sleeve)dr_choice_index(DR_SLEEVES, dr_json_text(o, "sleeve"));
    m.person = (int)dr_json_whole(o, "person");
    m.grow = dr_json_number(o, "grow");
    m.cancel = dr_work_cancelled;
    m.user = w;
    return m;
}

/* --- one job ------------------------------------------------------------------------------------ */

static void finish(dr_studio *s)
{
    pthread_mutex_lock(&s->mutex);
    free(s->live.preview);
    json_decref(s->live.results);
    json_decref(s->live.warnings);
    s->live = (dr_live){0};
    pthread_mutex_unlock(&s->mutex);
}

static dr_status run(dr_worker *k, const dr_job *j)
{
    dr_work w = {.s = k->s,
                 .job = j,
                 .settings = j->settings,
                 .parser = &k->parser,
                 .pipeline = &k->pipeline,
                 .pipeline_key = &k->pipeline_key};
    if (strcmp(j->type, "mask") == 0)
        return dr_work_mask(&w);
    return strcmp(j->type, "tryon") == 0 ? dr_work_tryon(&w) : dr_work_train(&w);
}

/* How it ended. Stopping the server is no end: the job goes on with the next one. */
static void record(dr_studio *s, int64_t id, dr_status st)
{
    char error[2048];
    snprintf(error, sizeof error, "%s", dr_error());
    bool cancelled = st == DR_ECANCELLED && atomic_load(&s->cancel);
    dr_status written;
    if (st == DR_ECANCELLED && !cancelled)
        written = dr_store_requeue(s->store, id);
    else
        written = dr_store_end(s->store, id,
                               !st         ? "done"
                               : cancelled ? "cancelled"
                                           : "failed",
                               st, st && !cancelled ? error : NULL);
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
        dr_status st = run(k, &j);
        record(s, j.id, st);
        finish(s);
        bool train = strcmp(j.type, "train") == 0;
        dr_studio_ended(s, j.id);
        if (train && !st) {
            dr_work_train_done(s, j.id);
            json_t *nothing = json_object();
            dr_events_say(s->events, "garments", 0, false, nothing);
            json_decref(nothing);
        }
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
