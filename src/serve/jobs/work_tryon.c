/* A try-on job: the mask if there is none, then one picture after another. Pictures that are there already, from before
 * a crash, are not made again. */
#define _GNU_SOURCE /* asprintf */
#include "serve/jobs/work.h"

#include "base/json.h"
#include "base/progress.h"
#include "serve/jobs/models.h"
#include "serve/jobs/pictures.h"
#include "serve/jobs/settings.h"
#include "serve/jobs/taught.h"
#include "serve/store/ids.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct tryon_run {
    dr_work *w;
    drape_tryon_options o;
    drape_image garment; /* from a photo of it; without data: none */
    drape_garment_info found;
    drape_image labels;        /* of the photo, once they were asked for */
    int count, first, picture; /* first: made now, after those of an earlier run */
    double began, denoise_began, preview_at;
} tryon_run;

/* --- callbacks ---------------------------------------------------------------------------------- */

/* Parts of a picture's time, about as they are with real models. */
static double part(drape_stage stage, int done, int total)
{
    static const double from[] = {0, 0.02, 0.08, 0.93, 1};
    double share = total > 0 ? (double)done / total : 0;
    return from[stage] + (from[stage + 1] - from[stage]) * share;
}

static void on_progress(void *user, drape_stage stage, int done, int total)
{
    static const dr_work_stage stages[] = {DR_WORK_TEXT, DR_WORK_ENCODE, DR_WORK_DENOISE, DR_WORK_DECODE};
    tryon_run *r = user;
    double now = dr_now(), here = part(stage, done, total);
    double mine = (r->picture - r->first + here) / (r->count - r->first); /* of what this run makes */
    double left = mine > 0.1 ? (now - r->began) * (1 - mine) / mine : -1;
    if (stage == DRAPE_STAGE_DENOISE && done == 0)
        r->denoise_began = now;
    if (stage == DRAPE_STAGE_DENOISE && done == total && total > 0) {
        char what[300];
        snprintf(what, sizeof what, "step|%s", dr_json_text(r->w->settings, "model"));
        if (r->o.width == 0 && r->o.guidance_scale > 1)
            dr_store_set_speed(r->w->s->store, what, (now - r->denoise_began) / total);
    }
    dr_work_progress(r->w, stages[stage], done, total, (r->picture + here) / r->count, left);
}

static void on_preview(void *user, int step, const drape_image *picture)
{
    tryon_run *r = user;
    dr_work *w = r->w;
    void *png;
    size_t size;
    double now = dr_now();
    if (now - r->preview_at < (dr_store_is_shared(w->s->store) ? 1 : 0.25) ||
        drape_image_encode(picture, ".png", NULL, &png, &size))
        return;
    r->preview_at = now;
    w->live.preview = r->picture * 10000 + step;
    dr_store_patience(0); /* nobody needs it later */
    dr_status st = dr_store_set_preview(w->s->store, w->lease, w->live.preview, png, size);
    dr_store_patience(DR_WORK_PATIENCE);
    if (!st)
        dr_work_tell(w);
    free(png);
}

static bool on_cancel(void *user)
{
    const tryon_run *r = user;
    return dr_work_cancelled(r->w);
}

/* --- the model ---------------------------------------------------------------------------------- */

/* Which model and adapter the settings mean, and what takes the place of the model's own parts: of one that was taught
 * here nothing does, it has them. */
static dr_status find_model(dr_work *w, char dir[PATH_MAX], char adapter[PATH_MAX], drape_load_options *o)
{
    const char *garment = dr_json_text(w->settings, "garment"), *id = dr_json_text(w->settings, "model");
    const dr_model *m = dr_studio_model(w->s, id);
    dr_job j = {0};
    adapter[0] = 0;
    *o = (drape_load_options){0};
    dr_status st = garment ? dr_store_get(w->s->store, dr_job_number(garment), &j) : DR_OK;
    bool full = !st && garment && dr_teaches_model(j.settings);
    if (!st && !full && !m)
        st = dr_fail(DR_ENOENT, "model '%.100s' is not served any more: start drape serve with its --model", id);
    if (!st && garment)
        st = dr_taught_path(w->s, &j, full ? dir : adapter);
    if (!st && !full)
        snprintf(dir, PATH_MAX, "%s", m->dir);
    if (!st && dr_json_text(w->settings, "garment_photo"))
        dr_studio_garment_options(w->s, dir, o);
    else if (!st && !full)
        dr_studio_load_options(w->s, dir, o);
    dr_job_clear(&j);
    return st;
}

/* Opens the pipeline, or keeps the one that is open if it is the same. */
static dr_status open_pipeline(dr_work *w)
{
    char dir[PATH_MAX], adapter[PATH_MAX], *key;
    drape_load_options o;
    dr_status st = find_model(w, dir, adapter, &o);
    double scale = dr_json_number(w->settings, "garment_scale"), more = dr_json_number(w->settings, "lora_scale");
    const char *id = dr_json_text(w->settings, "lora");
    const dr_lora_file *file = dr_studio_lora(w->s, id);
    if (!st && id && !file)
        st = dr_fail(DR_ENOENT, "adapter '%.100s' is not served any more: start drape serve with its --lora", id);
    const char *precision = dr_json_text(w->settings, "precision");
    if (st)
        return st;
    if (asprintf(&key, "%s|%s|%g|%s|%g|%s|%d", dir, adapter, adapter[0] ? scale : 0, file ? file->path : "",
                 file ? more : 0, precision, o.garment) < 0)
        return dr_fail(DR_ENOMEM, "out of memory");
    if (*w->pipeline && strcmp(*w->pipeline_key, key) == 0) {
        free(key);
        return DR_OK;
    }
    dr_work_progress(w, DR_WORK_LOAD, 0, 1, -1, -1);
    drape_pipeline_free(*w->pipeline);
    *w->pipeline = NULL;
    free(*w->pipeline_key);
    *w->pipeline_key = key;
    drape_lora loras[2];
    int count = 0;
    if (adapter[0])
        loras[count++] = (drape_lora){adapter, scale};
    if (file)
        loras[count++] = (drape_lora){file->path, more};
    o.loras = loras;
    o.lora_count = count;
    if (!o.garment) {
        o.embeddings = w->s->o->embeddings;
        o.embedding_count = w->s->o->embedding_count;
        o.skip_misfits = true;
    }
    o.precision = strcmp(precision, "fast") == 0   ? DRAPE_FAST
                  : strcmp(precision, "auto") == 0 ? DRAPE_AUTO
                                                   : DRAPE_EXACT;
    /* a large model is mapped again for each picture; small ones stay */
    o.keep_models = (int)dr_json_whole(w->settings, "count") > 1;
    return (dr_status)drape_pipeline_load(w->pipeline, dir, &o);
}

/* --- pictures ----------------------------------------------------------------------------------- */

static drape_tryon_options options_of(const json_t *o)
{
    drape_tryon_options t = DRAPE_TRYON_DEFAULTS;
    dr_fields_take(dr_tryon_fields, o, &dr_tryon_job, &t);
    return t;
}

static dr_status check_prompts(const tryon_run *r)
{
    char text[2048], *rest = NULL;
    dr_status st = (dr_status)drape_tryon_doubts(*r->w->pipeline, &r->o, text, sizeof text);
    for (char *line = st ? NULL : strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        dr_work_warn(r->w, line);
    return st;
}

/* The garment's photo, made ready. One in which no garment is found stays as it is where a mask is given. */
static dr_status get_garment(tryon_run *r)
{
    dr_work *w = r->w;
    const char *id = dr_json_text(w->settings, "garment_photo");
    drape_garment_options o = {.name = "the garment's photo", .cancel = on_cancel, .user = r};
    drape_image photo = {0};
    if (!id)
        return DR_OK;
    dr_fields_take(dr_tryon_fields, w->settings, &dr_garment_job, &o);
    dr_status st = dr_studio_read(w->s, id, "the garment's photo", &photo);
    bool given = dr_json_text(w->settings, "mask") || json_is_object(json_object_get(w->settings, "auto"));
    bool look = o.cut != DRAPE_CUT_KEEP || (!given && o.category == DRAPE_GARMENT_AUTO);
    if (!st && look)
        st = dr_work_parser(w);
    if (!st && look) {
        dr_work_progress(w, DR_WORK_MASK, 0, 1, -1, -1);
        st = (dr_status)drape_garment(*w->parser, &photo, &o, &r->garment, &r->found);
    }
    bool keep = !look || (st == DR_EINVAL && given && o.cut == DRAPE_CUT_AUTO && photo.data);
    if (st && keep)
        dr_work_warn(w, "no garment is found in the garment's photo, which is taken as it is");
    if (keep) {
        o.cut = DRAPE_CUT_KEEP;
        o.category = o.category == DRAPE_GARMENT_AUTO ? DRAPE_GARMENT_UPPER : o.category;
        st = (dr_status)drape_garment(NULL, &photo, &o, &r->garment, &r->found);
    }
    drape_image_free(&photo);
    r->o.garment = r->garment.data ? &r->garment : NULL;
    return st;
}

static dr_status get_mask(tryon_run *r, const drape_image *photo, drape_image *mask)
{
    char warnings[1024] = "";
    dr_work *w = r->w;
    const char *id = dr_json_text(w->settings, "mask");
    if (id) {
        dr_status st = dr_studio_read_mask(w->s, id, photo, warnings, sizeof warnings, mask);
        dr_work_warn(w, warnings);
        return st;
    }
    dr_status st = dr_work_parser(w);
    if (st)
        return st;
    const json_t *automatic = json_object_get(w->settings, "auto");
    drape_mask_options o = dr_work_mask_options(w, automatic);
    if (!json_is_object(automatic) && r->garment.data) { /* its sleeves may be longer than the old one's */
        o.category = r->found.mask;
        o.sleeve = DRAPE_SLEEVE_LONG;
    }
    dr_work_progress(w, DR_WORK_MASK, 0, 1, -1, -1);
    st = (dr_status)drape_mask_labels(*w->parser, photo, &o, &r->labels);
    return st ? st : (dr_status)drape_mask_from_labels(&r->labels, &o, mask);
}

static dr_status keep_unworn(tryon_run *r, const drape_image *photo, const drape_image *mask, drape_image *out)
{
    const drape_mask_options parsing = {.cancel = on_cancel, .user = r};
    bool kept = true, asked = r->o.unworn == DRAPE_UNWORN_KEEP;
    dr_status st = dr_work_parser(r->w);
    if (st && !asked) /* none is installed */
        return DR_OK;
    if (!st && !r->labels.data)
        st = (dr_status)drape_mask_labels(*r->w->parser, photo, &parsing, &r->labels);
    if (!st)
        st = (dr_status)drape_tryon_unworn(*r->w->parser, photo, mask, &r->labels, &r->o, out, &kept);
    if (!st && !kept && asked)
        dr_work_warn(r->w,
                     "the clothes parser sees no garment in the result, so the whole mask stays as it is painted");
    return st;
}

static dr_status make_picture(tryon_run *r, const drape_image *photo, const drape_image *mask)
{
    dr_blob b;
    drape_image out = {0};
    drape_pipeline *p = *r->w->pipeline;
    dr_status st = (dr_status)drape_tryon(p, photo, mask, &r->o, &out);
    if (st)
        return st;
    if (drape_tryon_keeps_unworn(p, &r->o) && (st = keep_unworn(r, photo, mask, &out))) {
        drape_image_free(&out);
        return st;
    }
    char *parameters = drape_tryon_parameters(p, &r->o, out.width, out.height);
    st = dr_studio_keep_image(r->w->s, &out, parameters, &b);
    free(parameters);
    drape_image_free(&out);
    if (st)
        return st;
    json_t *result = dr_result_json(&b, "picture");
    json_object_set_new(result, "seed", json_integer((json_int_t)r->o.seed));
    return dr_work_result(r->w, result);
}

dr_status dr_work_tryon(dr_work *w)
{
    drape_image photo = {0}, mask = {0};
    uint64_t seed = (uint64_t)dr_json_whole(w->settings, "seed");
    tryon_run r = {.w = w,
                   .o = options_of(w->settings),
                   .count = (int)dr_json_whole(w->settings, "count"),
                   .first = (int)json_array_size(w->job->results)};
    r.o.callbacks.user = &r;
    r.o.callbacks.progress = on_progress;
    r.o.callbacks.cancel = on_cancel;
    r.o.callbacks.preview = r.o.callbacks.preview_every > 0 ? on_preview : NULL;
    dr_status st = dr_studio_read(w->s, dr_json_text(w->settings, "photo"), "the photo", &photo);
    if (!st)
        st = get_garment(&r);
    if (!st)
        st = get_mask(&r, &photo, &mask);
    if (!st)
        st = open_pipeline(w);
    if (!st)
        st = check_prompts(&r);
    r.began = dr_now();
    for (r.picture = r.first; !st && r.picture < r.count; r.picture++) {
        w->live.picture = r.picture;
        r.o.seed = seed + (uint64_t)r.picture;
        st = make_picture(&r, &photo, &mask);
    }
    drape_image_free(&photo);
    drape_image_free(&mask);
    drape_image_free(&r.garment);
    drape_image_free(&r.labels);
    return st;
}
