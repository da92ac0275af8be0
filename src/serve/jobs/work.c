/* What every kind of job needs while it runs. */
#include "serve/jobs/work.h"

#include "base/choice.h"
#include "base/json.h"
#include "base/progress.h"
#include "serve/jobs/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TELL_SECONDS 0.2

bool dr_work_cancelled(void *work)
{
    const dr_work *w = work;
    return atomic_load(&w->s->cancel) || atomic_load(&w->s->stopping) || atomic_load(&w->s->lost);
}

/* Whoever looks on can do without it when the database is away; the work cannot wait. */
void dr_work_tell(dr_work *w)
{
    json_t *live = dr_live_json(w->job->id, &w->live);
    w->live.said = dr_now();
    dr_store_patience(0);
    (void)dr_store_set_live(w->s->store, w->lease, live);
    dr_store_patience(DR_WORK_PATIENCE);
    json_decref(live);
}

void dr_work_progress(dr_work *w, dr_work_stage stage, int done, int total, double fraction, double left)
{
    dr_live *l = &w->live;
    bool tell = stage != l->stage || done == total || dr_now() - l->said > TELL_SECONDS;
    l->stage = stage;
    l->done = done;
    l->total = total;
    l->fraction = fraction;
    l->seconds_left = left;
    if (tell)
        dr_work_tell(w);
}

json_t *dr_result_json(const dr_blob *b, const char *kind)
{
    return json_pack("{s:s, s:s, s:i, s:i}", "image", b->id, "kind", kind, "width", b->width, "height", b->height);
}

static dr_status write_down(dr_work *w)
{
    return dr_store_results(w->s->store, w->lease, w->results, w->warnings);
}

dr_status dr_work_result(dr_work *w, json_t *result)
{
    return json_array_append_new(w->results, result) ? dr_fail(DR_ENOMEM, "out of memory") : write_down(w);
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
    if (!text[0] || json_array_size(w->warnings) >= 50 || said_already(w->warnings, text))
        return;
    json_array_append_new(w->warnings, json_string(text));
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
