/* What was taught, and what is to be taught. */
#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "serve/api/api.h"
#include "serve/jobs/clients.h"
#include "serve/jobs/complete.h"
#include "serve/jobs/fields.h"
#include "serve/jobs/models.h"
#include "serve/jobs/settings.h"
#include "serve/jobs/taught.h"
#include "serve/jobs/train_set.h"
#include "serve/store/ids.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* 0 of a model that lies on another machine. */
static int64_t garment_bytes(dr_studio *s, const dr_job *j)
{
    char path[PATH_MAX], file[PATH_MAX];
    dr_blob b;
    struct stat st;
    if (j->adapter[0])
        return dr_store_blob(s->store, j->adapter, &b) ? 0 : b.bytes;
    if (dr_taught_path(s, j, path))
        return 0;
    bool model =
        dr_teaches_model(j->settings) && !dr_path(file, sizeof file, path, "unet/diffusion_pytorch_model.safetensors");
    return stat(model ? file : path, &st) == 0 ? (int64_t)st.st_size : 0;
}

static json_t *garment_json(dr_studio *s, const dr_job *j)
{
    char id[24];
    const json_t *o = j->settings, *first = json_array_get(json_object_get(o, "photos"), 0);
    snprintf(id, sizeof id, "%lld", (long long)j->id);
    return json_pack("{s:s, s:O, s:O, s:O, s:O, s:O, s:O?, s:O, s:f, s:I}", "id", id, "name",
                     json_object_get(o, "name"), "prompt", json_object_get(o, "prompt"), "method",
                     json_object_get(o, "method"), "model", json_object_get(o, "model"), "category",
                     json_object_get(o, "category"), "image", json_object_get(first, "photo"), "steps",
                     json_object_get(o, "steps"), "created", j->ended, "bytes", (json_int_t)garment_bytes(s, j));
}

void dr_get_garments(dr_studio *s, dr_request *r)
{
    dr_job *jobs;
    int n;
    dr_status st = dr_store_garments(s->store, &jobs, &n);
    if (st) {
        dr_answer_failure(&r->answer, st, NULL);
        return;
    }
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(list, garment_json(s, &jobs[i]));
    dr_jobs_free(jobs, n);
    dr_answer_json(&r->answer, 200, json_pack("{s:o}", "garments", list));
}

void dr_delete_garment(dr_studio *s, dr_request *r)
{
    int64_t id = dr_job_number(r->param);
    if (!dr_client_may(s, r, id))
        return;
    dr_status st = dr_store_forget_garment(s->store, id);
    if (st) {
        dr_answer_failure(&r->answer, st, NULL);
        return;
    }
    dr_studio_note(s, r, "forget", id);
    r->answer = (dr_answer){.status = 204, .type = "application/json", .bytes = ""};
}

/* --- lint --------------------------------------------------------------------------------------- */

/* Each line of `text` as a message. True if there was one. */
static bool add_lines(json_t *list, char *text, const char *severity)
{
    char *rest = NULL;
    bool any = false;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        json_array_append_new(list, json_pack("{s:s, s:s}", "text", line, "severity", severity));
        any = true;
    }
    return any;
}

static dr_status lint_photo(const char *photo, const char *mask, int resolution, json_t *list, bool *ok)
{
    char faults[2048], doubts[2048];
    dr_status st = (dr_status)drape_train_lint(photo, mask, resolution, faults, sizeof faults, doubts, sizeof doubts);
    if (!st && add_lines(list, faults, "error"))
        *ok = false;
    if (!st)
        add_lines(list, doubts, "warn");
    return st;
}

/* The time of a step, from earlier trainings of this kind, or else from pictures: forward, again for checkpoints, and
 * twice backward are four of the halves that a guided step has two of, and the optimizer comes to it. */
static double step_seconds(dr_studio *s, const json_t *settings)
{
    char what[300];
    dr_train_speed_name(settings, what, sizeof what);
    double seconds = dr_store_speed(s->store, what);
    if (seconds > 0)
        return seconds;
    const char *id = dr_json_text(settings, "model");
    const dr_model *m = dr_studio_model(s, id);
    double side = (double)dr_json_whole(settings, "resolution");
    snprintf(what, sizeof what, "step|%s", id);
    return m ? 2.4 * dr_store_speed(s->store, what) * side * side / ((double)m->width * m->height) : 0;
}

static dr_status estimate(dr_studio *s, const json_t *settings, const char *dir, json_t *answer, bool *ok)
{
    char text[1024];
    dr_train_paths paths;
    drape_train_options o;
    drape_train_need need = {0};
    dr_status st = dr_train_options_of(s, settings, dir, &paths, &o);
    if (st)
        return st;
    st = (dr_status)drape_train_estimate(&o, &need, text, sizeof text);
    if (st && st != DR_ENOMEM)
        return st;
    double seconds = step_seconds(s, settings);
    json_object_set_new(answer, "memory", json_integer((json_int_t)need.memory));
    json_object_set_new(answer, "memory_free", need.available ? json_integer((json_int_t)need.available) : json_null());
    json_object_set_new(answer, "memory_text", json_string(text));
    json_object_set_new(answer, "seconds_per_step", seconds > 0 ? json_real(seconds) : json_null());
    json_object_set_new(answer, "seconds", seconds > 0 ? json_real(seconds * o.max_train_steps) : json_null());
    if (st) {
        json_array_append_new(json_object_get(answer, "general"),
                              json_pack("{s:s, s:s}", "text", text, "severity", "error"));
        *ok = false;
    }
    return DR_OK;
}

/* A few photos teach the photos, not the garment. */
static void lint_count(const json_t *settings, json_t *general)
{
    size_t n = json_array_size(json_object_get(settings, "photos"));
    char text[160];
    if (n >= 4)
        return;
    snprintf(text, sizeof text,
             "%zu photo%s: with 5 to 10, from different sides, it learns the garment and not the photo", n,
             n == 1 ? "" : "s");
    json_array_append_new(general, json_pack("{s:s, s:s}", "text", text, "severity", "warn"));
}

static dr_status lint(dr_studio *s, const json_t *settings, const char *dir, json_t *answer)
{
    size_t n = json_array_size(json_object_get(settings, "photos"));
    char(*photos)[512] = calloc(n, sizeof *photos), (*masks)[512] = calloc(n, sizeof *masks);
    bool ok = true;
    int resolution = (int)dr_json_whole(settings, "resolution");
    dr_status st = photos && masks ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = dr_train_folders(s, settings, dir, photos, masks);
    for (size_t i = 0; !st && i < n; i++) {
        json_t *list = json_array();
        json_array_append_new(json_object_get(answer, "photos"), list);
        st = lint_photo(photos[i], masks[i], resolution, list, &ok);
    }
    lint_count(settings, json_object_get(answer, "general"));
    if (!st)
        st = estimate(s, settings, dir, answer, &ok);
    json_object_set_new(answer, "ok", json_boolean(ok));
    free(photos);
    free(masks);
    return st;
}

void dr_post_lint(dr_studio *s, dr_request *r)
{
    char dir[512], field[DR_FIELD_PATH] = "";
    dr_field fields[DR_LINT_FIELDS];
    json_t *in, *settings = NULL;
    if (dr_request_json(r, &in))
        return;
    dr_status wrong = dr_fields_read(dr_lint_fields(fields), in, &settings, field), st = wrong;
    if (!st && !dr_json_text(settings, "name")[0]) /* not named yet */
        json_object_set_new(settings, "name", json_string("garment"));
    if (!st)
        st = dr_complete_train(s, settings, field);
    json_decref(in);
    json_t *answer = json_pack("{s:b, s:[], s:[], s:n, s:n, s:n, s:n, s:n}", "ok", 0, "photos", "general", "memory",
                               "memory_free", "memory_text", "seconds", "seconds_per_step");
    if (!st)
        st = dr_path(dir, sizeof dir, dr_store_dir(s->store), "tmp", "lint-XXXXXX");
    if (!st && !mkdtemp(dir))
        st = dr_fail(DR_EIO, "cannot make a folder in '%s'", dr_store_dir(s->store));
    if (!st) {
        pthread_mutex_lock(&s->decode);
        st = lint(s, settings, dir, answer);
        pthread_mutex_unlock(&s->decode);
        (void)dr_remove_tree(dir);
    }
    json_decref(settings);
    if (wrong)
        dr_answer_failure(&r->answer, wrong, field);
    else if (st)
        dr_answer_conflict(&r->answer, st, field);
    if (st) {
        json_decref(answer);
    } else {
        dr_answer_json(&r->answer, 200, answer);
    }
}
