/* How far it is, stop, and what a picture's text says. */
#include "serve/a1111/a1111.h"

#include "base/json.h"
#include "serve/jobs/clients.h"
#include "serve/jobs/kinds.h"
#include "serve/jobs/submit.h"

#include <stdlib.h>
#include <string.h>

/* The picture that is made now: the asking client's own where clients have tokens; 0: none. */
static int64_t running(dr_studio *s, const dr_request *r)
{
    return dr_studio_running(s, dr_kinds[DR_KIND_TRYON].name, r->who.name);
}

static json_t *preview(dr_studio *s, int64_t id)
{
    int step;
    void *png;
    size_t size;
    if (dr_store_preview(s->store, id, &step, &png, &size))
        return json_null();
    json_t *text = dr_a1111_to_base64(png, size);
    free(png);
    return text;
}

void dr_a1111_progress(dr_studio *s, dr_request *r)
{
    const char *skip = dr_request_arg(r, "skip_current_image");
    bool picture = !skip || (strcmp(skip, "true") != 0 && strcmp(skip, "1") != 0);
    int64_t id = running(s, r);
    int waiting = dr_store_waiting(s->store);
    dr_job j = {0};
    json_t *job = id && !dr_store_get(s->store, id, &j) ? dr_studio_job_json(s, &j) : NULL;
    bool runs = job && strcmp(j.state, "running") == 0;
    const char *stage = runs ? dr_json_text(job, "stage") : NULL;
    bool denoises = stage && strcmp(stage, "denoise") == 0;
    double fraction = runs ? dr_json_number(job, "fraction") : 0, left = runs ? dr_json_number(job, "seconds_left") : 0;
    json_t *state =
        json_pack("{s:b, s:b, s:b, s:s, s:i, s:s, s:i, s:i, s:i}", "skipped", 0, "interrupted", runs && j.cancel,
                  "stopping_generation", 0, "job", runs ? "img2img" : "", "job_count", waiting + runs, "job_timestamp",
                  "0", "job_no", runs ? (int)dr_json_whole(job, "picture") : 0, "sampling_step",
                  denoises ? (int)dr_json_whole(job, "done") : 0, "sampling_steps",
                  denoises ? (int)dr_json_whole(job, "total") : 0);
    json_t *o = json_pack("{s:f, s:f, s:o, s:o, s:n, s:n}", "progress",
                          fraction > 0 ? fraction
                          : runs       ? 0.001
                                       : 0,
                          "eta_relative", left > 0 ? left : 0, "state", state, "current_image",
                          runs && picture ? preview(s, id) : json_null(), "textinfo", "current_task");
    json_decref(job);
    dr_job_clear(&j);
    dr_answer_json(&r->answer, 200, o);
}

/* Stops the picture that is made. A training is nobody's but its owner's to stop. */
void dr_a1111_interrupt(dr_studio *s, dr_request *r)
{
    int64_t id = running(s, r);
    if (id && !dr_studio_cancel(s, id))
        dr_studio_note(s, r, "cancel", id);
    dr_answer_json(&r->answer, 200, json_object());
}

void dr_a1111_png_info(dr_studio *s, dr_request *r)
{
    static const dr_field table[] = {{"image", DR_FIELD_STRING, NULL, 0, 1e9}, {NULL}};
    json_t *o;
    void *data;
    size_t size;
    char *text = NULL;
    drape_image_info info;
    (void)s;
    if (dr_request_fields(r, table, &o))
        return;
    dr_status st = dr_a1111_base64(dr_json_text(o, "image"), &data, &size);
    json_decref(o);
    if (!st)
        st = (dr_status)drape_image_parameters(data, size, "image", &text);
    if (st && !drape_image_probe(&info, data, size, "image"))
        st = DR_OK; /* a picture without a text */
    free(data);
    if (st)
        dr_answer_failure(&r->answer, st, "image");
    else
        dr_answer_json(&r->answer, 200,
                       json_pack("{s:s, s:{s:s}, s:{}}", "info", text ? text : "", "items", "parameters",
                                 text ? text : "", "parameters"));
    free(text);
}
