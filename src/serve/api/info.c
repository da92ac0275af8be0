/* GET info; streams of events. */
#define _GNU_SOURCE /* asprintf */
#include "base/choice.h"
#include "serve/api/api.h"
#include "serve/jobs/kinds.h"
#include "serve/jobs/settings.h"
#include "serve/jobs/submit.h"
#include "serve/jobs/train_set.h"
#include "serve/store/ids.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *word_list(const dr_job_options *job, const char *option)
{
    json_t *list = json_array();
    const char *word, *choices = dr_job_option(job, option)->choices;
    size_t n;
    while (dr_choice_next(&choices, &word, &n))
        json_array_append_new(list, json_stringn(word, n));
    return list;
}

static json_t *amount(int64_t v)
{
    return v > 0 ? json_integer(v) : json_null();
}

static json_t *models_json(const dr_studio *s)
{
    json_t *list = json_array();
    for (int i = 0; i < s->model_count; i++) {
        const dr_model *m = &s->model[i];
        json_t *garments =
            m->garments ? json_pack("{s:i, s:i, s:i, s:f}", "width", m->garment_width, "height", m->garment_height,
                                    "steps", m->garment_steps, "guidance_scale", m->garment_guidance)
                        : json_null();
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:i, s:i, s:i, s:s, s:s, s:i, s:f, s:s?, s:o, s:b, s:o}", "id",
                                        m->id, "name", m->id, "width", m->width, "height", m->height, "multiple",
                                        m->multiple, "kind", m->kind, "scheduler", m->scheduler, "steps", m->steps,
                                        "guidance_scale", m->guidance_scale, "family", m->family[0] ? m->family : NULL,
                                        "bytes", amount(m->bytes), "prompts", m->prompts, "garments", garments));
    }
    return list;
}

static json_t *loras_json(const dr_studio *s)
{
    json_t *list = json_array();
    for (int i = 0; i < s->lora_count; i++)
        json_array_append_new(list, json_string(s->lora[i].id));
    return list;
}

void dr_get_info(dr_studio *s, dr_request *r)
{
    char running[24];
    int64_t job = dr_studio_running(s, NULL, "");
    snprintf(running, sizeof running, "%lld", (long long)job);
    json_t *limits =
        json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:i}", "upload_bytes", 64 << 20, "pixels", DRAPE_MAX_PIXELS, "photos",
                  DR_MAX_PHOTOS, "count", DR_MAX_COUNT, "steps", (int)dr_job_option(&dr_tryon_job, "steps")->most,
                  "train_steps", DR_MAX_TRAIN_STEPS, "waiting", DR_MAX_WAITING);
    dr_answer_json(&r->answer, 200,
                   json_pack("{s:s, s:i, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:{s:o, s:o}, s:{s:i, s:s?}}", "version",
                             drape_version(), "api", 1, "models", models_json(s), "loras", loras_json(s), "schedulers",
                             word_list(&dr_tryon_job, "scheduler"), "categories", word_list(&dr_mask_job, "category"),
                             "sleeves", word_list(&dr_mask_job, "sleeve"), "parser", s->parser, "limits", limits,
                             "keep", "seconds", amount(s->o->keep.seconds), "bytes", amount(s->o->keep.bytes), "queue",
                             "waiting", dr_store_waiting(s->store), "running", job ? running : NULL));
}

/* --- events ------------------------------------------------------------------------------------- */

void dr_get_events(dr_studio *s, dr_request *r)
{
    (void)s, (void)r;
}

void dr_get_job_events(dr_studio *s, dr_request *r)
{
    dr_job j;
    dr_status st = dr_store_get(s->store, dr_job_number(r->param), &j);
    if (st)
        dr_answer_failure(&r->answer, st, NULL);
    dr_job_clear(&j);
}

/* Text with one more event behind it; takes `text` and `data`. */
static char *add_event(char *text, const char *name, json_t *data)
{
    char *event = dr_event_text("", name, data), *sum = NULL;
    if (event && asprintf(&sum, "%s%s", text ? text : "", event) < 0)
        sum = NULL;
    free(event);
    free(text);
    json_decref(data);
    return sum;
}

char *dr_events_first(dr_studio *s, const dr_request *r, int64_t *job)
{
    char *text = r->last_event_id ? strdup("event: sync\ndata: {}\n\n") : NULL;
    dr_job_filter f = {.states = "waiting,running", .limit = 200};
    dr_job one, *jobs;
    int n;
    bool more;
    *job = dr_job_number(r->param);
    if (*job) {
        if (!dr_store_get(s->store, *job, &one)) {
            text = add_event(text, "job", dr_studio_job_json(s, &one));
            if (dr_kind_teaches(one.type))
                text = add_event(text, "loss",
                                 json_pack("{s:s, s:b, s:o, s:o}", "job", r->param, "whole", 1, "points",
                                           dr_loss_points(s, *job), "looks", dr_looks(s, *job)));
            dr_job_clear(&one);
        }
    } else if (!dr_store_list(s->store, &f, &jobs, &n, &more)) {
        for (int i = n - 1; i >= 0; i--)
            text = add_event(text, "job", dr_studio_job_json(s, &jobs[i]));
        dr_jobs_free(jobs, n);
    }
    return text ? text : strdup(": hello\n\n");
}
