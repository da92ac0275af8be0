/* What every kind of job needs while it runs. */
#include "serve/jobs/work.h"

#include "base/choice.h"
#include "base/json.h"
#include "base/progress.h"
#include "serve/jobs/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    dr_fields_take(dr_mask_fields, o, &dr_mask_job, &m);
    m.cancel = dr_work_cancelled;
    m.user = w;
    return m;
}
