/* Jobs: queued, listed, stopped, moved, forgotten. */
#include "base/choice.h"
#include "base/json.h"
#include "serve/api/api.h"
#include "serve/jobs/clients.h"
#include "serve/jobs/kinds.h"
#include "serve/jobs/submit.h"
#include "serve/jobs/train_set.h"
#include "serve/store/ids.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void answer_job(dr_studio *s, dr_request *r, int status, int64_t id)
{
    dr_job j;
    dr_status st = dr_store_get(s->store, id, &j);
    if (st)
        dr_answer_failure(&r->answer, st, NULL);
    else
        dr_answer_json(&r->answer, status, dr_studio_job_json(s, &j));
    dr_job_clear(&j);
}

/* A job in another state than the request needs is a conflict. */
static void answer_change(dr_studio *s, dr_request *r, dr_status st, int64_t id)
{
    if (st == DR_EINVAL)
        dr_answer_error(&r->answer, 409, "conflict", NULL, "%s", dr_error());
    else if (st == DR_EUNSUPPORTED)
        dr_answer_error(&r->answer, 429, "queue_full", NULL, "%s", dr_error());
    else if (st)
        dr_answer_failure(&r->answer, st, NULL);
    else
        answer_job(s, r, 200, id);
}

void dr_get_job(dr_studio *s, dr_request *r)
{
    answer_job(s, r, 200, dr_job_number(r->param));
}

static bool are_words(const char *list, const char *choices)
{
    char word[16];
    if (strlen(list) > 60)
        return false;
    for (const char *at = list[0] ? list : NULL; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
        size_t n = strcspn(at, ",");
        if (n >= sizeof word)
            return false;
        memcpy(word, at, n);
        word[n] = 0;
        if (!dr_is_choice(choices, word))
            return false;
    }
    return true;
}

/* The query of a list; false with the answer set. */
static bool read_filter(dr_request *r, dr_job_filter *f)
{
    const char *before = dr_request_arg(r, "before"), *limit = dr_request_arg(r, "limit");
    const char *wrong = NULL;
    char kinds[64];
    dr_kind_names(kinds, sizeof kinds);
    *f = (dr_job_filter){.types = dr_request_arg(r, "type"),
                         .states = dr_request_arg(r, "state"),
                         .words = dr_request_arg(r, "q"),
                         .before = dr_job_number(before),
                         .limit = 50};
    if (f->types && !are_words(f->types, kinds))
        wrong = "type";
    else if (f->states && !are_words(f->states, "waiting|running|done|failed|cancelled"))
        wrong = "state";
    else if (before && !dr_is_job_id(before))
        wrong = "before";
    else if (limit && !dr_query_int(limit, 1, 200, &f->limit))
        wrong = "limit";
    else if (f->words && dr_characters(f->words) > 200)
        wrong = "q";
    if (before && f->before == 0) /* there is none before the first */
        f->before = 1;
    if (wrong)
        dr_answer_error(&r->answer, 400, "bad_field", wrong, "%s does not have a value that is possible", wrong);
    return !wrong;
}

void dr_get_jobs(dr_studio *s, dr_request *r)
{
    dr_job_filter f;
    dr_job *jobs;
    int n;
    bool more;
    if (!read_filter(r, &f))
        return;
    dr_status st = dr_store_list(s->store, &f, &jobs, &n, &more);
    if (st) {
        dr_answer_failure(&r->answer, st, NULL);
        return;
    }
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(list, dr_studio_job_json(s, &jobs[i]));
    dr_jobs_free(jobs, n);
    dr_answer_json(&r->answer, 200, json_pack("{s:o, s:b}", "jobs", list, "more", more));
}

void dr_post_job(dr_studio *s, dr_request *r)
{
    char field[DR_FIELD_PATH] = "", kinds[64];
    json_t *in, *settings = NULL;
    int64_t id;
    if (dr_request_json(r, &in))
        return;
    const dr_kind *kind = dr_kind_of(dr_json_text(in, "type"));
    dr_status wrong = DR_OK, st = DR_OK;
    if (!kind) {
        dr_kind_names(kinds, sizeof kinds);
        snprintf(field, sizeof field, "type");
        wrong = dr_fail(DR_EINVAL, "type must be one of %s", kinds);
    }
    if (!wrong)
        wrong = dr_fields_read(kind->fields, in, &settings, field);
    if (!wrong)
        st = dr_studio_submit(s, r, settings, field, &id);
    json_decref(in);
    json_decref(settings);
    if (wrong)
        dr_answer_failure(&r->answer, wrong, field);
    else if (st == DR_EUNSUPPORTED && strstr(dr_error(), "jobs wait"))
        dr_answer_error(&r->answer, 429, "queue_full", NULL, "%s", dr_error());
    else if (st)
        dr_answer_conflict(&r->answer, st, field);
    else
        answer_job(s, r, 201, id);
}

void dr_cancel_job(dr_studio *s, dr_request *r)
{
    int64_t id = dr_job_number(r->param);
    if (!dr_client_may(s, r, id))
        return;
    dr_status st = dr_studio_cancel(s, id);
    if (!st)
        dr_studio_note(s, r, "cancel", id);
    answer_change(s, r, st, id);
}

void dr_retry_job(dr_studio *s, dr_request *r)
{
    int64_t id = dr_job_number(r->param);
    if (!dr_client_may(s, r, id))
        return;
    dr_status st = dr_store_retry(s->store, id);
    if (!st)
        dr_studio_note(s, r, "retry", id);
    answer_change(s, r, st, id);
}

void dr_move_job(dr_studio *s, dr_request *r)
{
    static const dr_field table[] = {{"position", DR_FIELD_INT, NULL, 0, 1e6}, {NULL}};
    int64_t id = dr_job_number(r->param);
    json_t *o;
    if (!dr_client_may(s, r, id) || dr_request_fields(r, table, &o))
        return;
    dr_status st = dr_store_move(s->store, id, (int)dr_json_whole(o, "position"));
    json_decref(o);
    if (!st)
        dr_studio_note(s, r, "move", id);
    answer_change(s, r, st, id);
}

void dr_delete_job(dr_studio *s, dr_request *r)
{
    int64_t id = dr_job_number(r->param);
    if (!dr_client_may(s, r, id))
        return;
    dr_status st = dr_store_delete(s->store, id);
    if (st) {
        answer_change(s, r, st, id);
        return;
    }
    dr_studio_note(s, r, "delete", id);
    r->answer = (dr_answer){.status = 204, .type = "application/json", .bytes = ""};
}

/* --- what runs ---------------------------------------------------------------------------------- */

void dr_get_loss(dr_studio *s, dr_request *r)
{
    int64_t id = dr_job_number(r->param);
    dr_job j;
    dr_status st = dr_store_get(s->store, id, &j);
    bool train = !st && dr_kind_teaches(j.type);
    dr_job_clear(&j);
    if (train)
        dr_answer_json(&r->answer, 200,
                       json_pack("{s:o, s:o}", "points", dr_loss_points(s, id), "looks", dr_looks(s, id)));
    else
        dr_answer_error(&r->answer, 404, "not_found", NULL, "there is no training '%s'", r->param);
}

void dr_get_preview(dr_studio *s, dr_request *r)
{
    int64_t id = dr_job_number(r->param);
    const char *step = dr_request_arg(r, "step");
    int number;
    void *png;
    size_t size;
    if (step && !dr_query_int(step, 0, INT_MAX, &number)) {
        dr_answer_error(&r->answer, 400, "bad_field", "step", "step must be a whole number from 0 to 2147483647");
        return;
    }
    if (id == 0 || dr_store_preview(s->store, id, &number, &png, &size))
        dr_answer_error(&r->answer, 404, "not_found", NULL, "there is no preview of this job");
    else
        r->answer = (dr_answer){.status = 200, .type = "image/png", .data = png, .size = size};
}
