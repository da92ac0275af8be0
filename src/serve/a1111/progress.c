/* How far it is, stop, and what a picture's text says. */
#include "serve/a1111/a1111.h"

#include "base/json.h"
#include "serve/jobs/kinds.h"
#include "serve/jobs/submit.h"

#include <stdlib.h>
#include <string.h>

/* That is still running: its end is written down a moment before the worker lets go of it. */
static bool is_tryon(dr_studio *s, int64_t id)
{
    dr_job j = {0};
    bool tryon = id && !dr_store_get(s->store, id, &j) && dr_kind_of(j.type) == &dr_kinds[DR_KIND_TRYON] &&
                 strcmp(j.state, "running") == 0;
    dr_job_clear(&j);
    return tryon;
}

void dr_a1111_progress(dr_studio *s, dr_request *r)
{
    const char *skip = dr_request_arg(r, "skip_current_image");
    bool picture = !skip || (strcmp(skip, "true") != 0 && strcmp(skip, "1") != 0);
    pthread_mutex_lock(&s->mutex);
    int64_t id = s->live.job;
    pthread_mutex_unlock(&s->mutex);
    bool tryon = is_tryon(s, id);
    int waiting = dr_store_waiting(s->store);
    pthread_mutex_lock(&s->mutex);
    const dr_live *l = &s->live;
    bool runs = tryon && l->job == id;
    json_t *image = runs && picture && l->preview ? dr_a1111_to_base64(l->preview, l->preview_size) : json_null();
    double fraction = runs && l->fraction > 0 ? l->fraction : runs ? 0.001 : 0;
    bool denoises = runs && l->stage == DR_WORK_DENOISE;
    json_t *state = json_pack("{s:b, s:b, s:b, s:s, s:i, s:s, s:i, s:i, s:i}", "skipped", 0, "interrupted",
                              runs && atomic_load(&s->cancel), "stopping_generation", 0, "job", runs ? "img2img" : "",
                              "job_count", waiting + runs, "job_timestamp", "0", "job_no", runs ? l->picture : 0,
                              "sampling_step", denoises ? l->done : 0, "sampling_steps", denoises ? l->total : 0);
    json_t *o = json_pack("{s:f, s:f, s:o, s:o, s:n, s:n}", "progress", fraction, "eta_relative",
                          runs && l->seconds_left > 0 ? l->seconds_left : 0, "state", state, "current_image", image,
                          "textinfo", "current_task");
    pthread_mutex_unlock(&s->mutex);
    dr_answer_json(&r->answer, 200, o);
}

/* Stops the picture that is made. A training is nobody's but its owner's to stop. */
void dr_a1111_interrupt(dr_studio *s, dr_request *r)
{
    pthread_mutex_lock(&s->mutex);
    int64_t id = s->live.job;
    pthread_mutex_unlock(&s->mutex);
    if (is_tryon(s, id))
        (void)dr_studio_cancel(s, id);
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
