/* Jobs as clients see them, and the events about them. */
#include "serve/jobs/studio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *number_or_null(double v, bool known)
{
    return known ? json_real(v) : json_null();
}

static const char *const stage_name[] = {NULL,     "load", "text",    "encode", "denoise",
                                         "decode", "mask", "prepare", "train",  "validate"};
static const char *const stage_text[] = {
    NULL,       "loading the model",         "reading the prompt", "encoding the photo",
    "painting", "decoding the picture",      "finding clothes",    "encoding photos",
    "training", "making validation pictures"};

static json_t *training_json(const dr_live *l)
{
    const drape_train_report *r = &l->report;
    return json_pack("{s:i, s:i, s:f, s:f, s:f, s:f, s:I}", "step", r->step, "steps", r->steps, "loss", r->loss,
                     "smooth_loss", r->smooth_loss, "learning_rate", r->learning_rate, "seconds_per_step",
                     l->seconds_per_step, "memory", (json_int_t)r->memory);
}

json_t *dr_live_json(int64_t job, const dr_live *l)
{
    char url[80];
    json_t *o = json_object();
    json_object_set_new(o, "stage", l->stage ? json_string(stage_name[l->stage]) : json_null());
    json_object_set_new(o, "stage_text", l->stage ? json_string(stage_text[l->stage]) : json_null());
    json_object_set_new(o, "done", json_integer(l->done));
    json_object_set_new(o, "total", json_integer(l->total));
    json_object_set_new(o, "fraction", number_or_null(l->fraction, l->fraction >= 0));
    json_object_set_new(o, "seconds_left", number_or_null(l->seconds_left, l->seconds_left >= 0));
    json_object_set_new(o, "picture", json_integer(l->picture));
    snprintf(url, sizeof url, "api/v1/jobs/%lld/preview?step=%d", (long long)job, l->preview);
    json_object_set_new(o, "preview", l->preview >= 0 ? json_string(url) : json_null());
    json_object_set_new(o, "training", l->training ? training_json(l) : json_null());
    return o;
}

json_t *dr_studio_job_json(dr_studio *s, const dr_job *j)
{
    static const dr_live none = {.fraction = -1, .seconds_left = -1, .preview = -1};
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)j->id);
    json_t *o = json_pack("{s:s, s:s, s:s, s:o, s:f, s:o, s:o, s:s?, s:O, s:O, s:O}", "id", id, "type", j->type,
                          "state", j->state, "position", j->position >= 0 ? json_integer(j->position) : json_null(),
                          "created", j->created, "started", number_or_null(j->started, j->started > 0), "ended",
                          number_or_null(j->ended, j->ended > 0), "error", j->error, "settings", j->settings, "results",
                          j->results, "warnings", j->warnings);
    if (!o)
        return NULL;
    json_object_set_new(o, "garment", j->garment ? json_string(id) : json_null());
    json_object_set_new(o, "client", j->client[0] ? json_string(j->client) : json_null());
    json_object_set_new(o, "worker", j->worker[0] ? json_string(j->worker) : json_null());
    json_t *live = dr_live_json(j->id, &none), *said = NULL;
    json_object_update(o, live);
    json_decref(live);
    if (strcmp(j->state, "running") == 0 && !dr_store_live(s->store, j->id, &said))
        json_object_update_existing(o, said);
    json_decref(said);
    return o;
}

void dr_studio_say_job(dr_studio *s, int64_t id)
{
    dr_job j;
    if (dr_store_get(s->store, id, &j))
        return;
    json_t *o = dr_studio_job_json(s, &j);
    dr_events_say(s->events, "job", id, false, o);
    json_decref(o);
    dr_job_clear(&j);
}

void dr_studio_say_queue(dr_studio *s)
{
    dr_job *jobs;
    int n;
    bool more;
    dr_job_filter f = {.states = "waiting", .limit = 50};
    if (dr_store_list(s->store, &f, &jobs, &n, &more))
        return;
    for (int i = n - 1; i >= 0; i--) {
        json_t *o = dr_studio_job_json(s, &jobs[i]);
        dr_events_say(s->events, "job", jobs[i].id, false, o);
        json_decref(o);
    }
    dr_jobs_free(jobs, n);
}

void dr_studio_say_deleted(dr_studio *s, int64_t id)
{
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)id);
    json_t *o = json_pack("{s:s}", "id", number);
    dr_events_say(s->events, "deleted", 0, false, o);
    json_decref(o);
}

void dr_studio_say_garments(dr_studio *s)
{
    json_t *nothing = json_object();
    dr_events_say(s->events, "garments", 0, false, nothing);
    json_decref(nothing);
}
