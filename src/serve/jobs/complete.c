#include "serve/jobs/complete.h"

#include "serve/jobs/fields.h"

#include "base/json.h"
#include "serve/jobs/models.h"
#include "serve/jobs/settings.h"
#include "serve/store/ids.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static dr_status fault(char *field, const char *name)
{
    snprintf(field, DR_FIELD_PATH, "%s", name);
    return DR_EINVAL;
}

/* The picture a field names; an absent one is DR_ENOENT with the field. */
static dr_status find_picture(dr_studio *s, const json_t *o, const char *key, char *field, dr_blob *b)
{
    const char *id = dr_json_text(o, key);
    dr_status st = dr_store_blob(s->store, id, b);
    if (st) {
        size_t n = strlen(field);
        snprintf(field + n, DR_FIELD_PATH - n, "%s%s", n ? "." : "", key);
    }
    return st;
}

/* The rule of drape's masks: the photo's shape, at any size. */
static dr_status check_mask(const dr_blob *photo, const dr_blob *mask, const char *name, char *field)
{
    double h = (double)mask->width * photo->height / photo->width, off = h - mask->height;
    if (off < 0)
        off = -off;
    if (off <= 2 || off <= 0.01 * mask->height)
        return DR_OK;
    dr_fail(DR_EINVAL, "the mask is %dx%d, the photo %dx%d: only the size may differ, not the shape", mask->width,
            mask->height, photo->width, photo->height);
    return fault(field, name);
}

static dr_status check_model(dr_studio *s, json_t *o, char *field, const dr_model **m)
{
    *m = dr_studio_model(s, dr_json_text(o, "model"));
    if (*m) {
        json_object_set_new(o, "model", json_string((*m)->id));
        return DR_OK;
    }
    fault(field, "model");
    return dr_fail(DR_ENOENT, "there is no model '%.100s' here", dr_json_text(o, "model"));
}

/* One side alone goes with the model's other one. */
static dr_status complete_size(json_t *o, const dr_model *m, char *field)
{
    bool photo = dr_json_text(o, "garment_photo");
    int64_t w = dr_json_whole(o, "width"), h = dr_json_whole(o, "height");
    if (w == 0 && h > 0)
        json_object_set_new(o, "width", json_integer(photo ? m->garment_width : m->width));
    if (h == 0 && w > 0)
        json_object_set_new(o, "height", json_integer(photo ? m->garment_height : m->height));
    if (w % m->multiple == 0 && h % m->multiple == 0)
        return DR_OK;
    dr_fail(DR_EINVAL, "the size %lldx%lld does not work: this model takes multiples of %d", (long long)w, (long long)h,
            m->multiple);
    return fault(field, w % m->multiple ? "width" : "height");
}

/* A garment brings its model. */
static dr_status check_garment(dr_studio *s, json_t *o, char *field)
{
    const char *id = dr_json_text(o, "garment");
    dr_job j;
    if (!id)
        return DR_OK;
    dr_status st = dr_store_get(s->store, dr_job_number(id), &j);
    if (!st && j.garment)
        json_object_set(o, "model", json_object_get(j.settings, "model"));
    else if (!st)
        st = dr_fail(DR_ENOENT, "there is no garment %s", id);
    dr_job_clear(&j);
    return st ? (fault(field, "garment"), st) : DR_OK;
}

static dr_status check_lora(const dr_studio *s, json_t *o, char *field)
{
    const char *id = dr_json_text(o, "lora");
    if (!id || !id[0])
        json_object_set_new(o, "lora", json_null());
    else if (!dr_studio_lora(s, id))
        return fault(field, "lora"), dr_fail(DR_ENOENT, "there is no adapter '%.100s' here", id);
    return DR_OK;
}

static dr_status need_parser(const dr_studio *s, char *field, const char *name)
{
    if (s->parser)
        return DR_OK;
    fault(field, name);
    return dr_fail(DR_EUNSUPPORTED,
                   "there is no clothes parser here: start drape serve with --parser DIR, or send a mask");
}

static void draw_seed(json_t *o)
{
    uint32_t seed = 0;
    if (json_is_integer(json_object_get(o, "seed")))
        return;
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        seed = 1;
    json_object_set_new(o, "seed", json_integer(seed));
}

/* What was left open is as the preset has it, or as the model likes it best. */
static void complete_pace(json_t *o, const dr_model *m)
{
    bool photo = dr_json_text(o, "garment_photo");
    const drape_model_info model = {.scheduler = photo ? "ddim" : m->scheduler,
                                    .steps = photo ? m->garment_steps : m->steps,
                                    .guidance_scale = photo ? m->garment_guidance : m->guidance_scale,
                                    .few_steps = photo ? m->garment_few_steps : m->few_steps,
                                    .garment = photo,
                                    .pure_noise = m->pure_noise};
    drape_tryon_options t = DRAPE_TRYON_DEFAULTS;
    drape_tryon_leave_open(&t);
    dr_fields_take(dr_tryon_fields, o, &dr_tryon_job, &t);
    drape_model_advise(&model, &t);
    for (const dr_field *f = dr_tryon_fields; f->name; f++)
        if (f->job == &dr_tryon_job && strcmp(f->name, "seed") != 0 && json_is_null(json_object_get(o, f->name)))
            json_object_set_new(o, f->name, dr_field_value(f, &t));
    if (json_is_null(json_object_get(o, "precision")))
        json_object_set_new(o, "precision", json_string(t.preset == DRAPE_PRESET_EXACT ? "exact" : "auto"));
}

/* Two parts of the run, of which the first must not lie behind the second. */
static dr_status check_part(const json_t *o, const char *start, const char *end, const char *what, char *field)
{
    double from = dr_json_number(o, start), to = dr_json_number(o, end);
    if (from <= to)
        return DR_OK;
    dr_fail(DR_EINVAL, "%s is %.10g and %s %.10g: %s cannot end before it begins", start, from, end, to, what);
    return fault(field, start);
}

/* As the library says it, which comes later. */
static dr_status check_reuse(const json_t *o, char *field)
{
    double threshold = dr_json_number(o, "cache_threshold");
    if (dr_json_whole(o, "cache_interval") <= 1 || threshold <= 0)
        return DR_OK;
    dr_fail(DR_EINVAL,
            "cache_interval is %d and cache_threshold %.10g: a call is left out, or reuses the model's deep part, not "
            "both; leave one of them out",
            (int)dr_json_whole(o, "cache_interval"), threshold);
    return fault(field, "cache_threshold");
}

/* Whether the model dresses so, and nothing is asked of it that it cannot do then. */
static dr_status check_garment_photo(dr_studio *s, const json_t *o, const dr_model *m, char *field)
{
    static const char *const texts[] = {"prompt", "negative_prompt"};
    dr_blob b;
    if (!dr_json_text(o, "garment_photo")) {
        if (m->prompts)
            return DR_OK;
        dr_fail(DR_EINVAL, "model '%.100s' dresses from a photo of the garment alone: garment_photo is missing", m->id);
        return fault(field, "garment_photo");
    }
    if (!m->garments) {
        dr_fail(DR_EINVAL, "model '%.100s' does not dress from a photo of the garment", m->id);
        return fault(field, "garment_photo");
    }
    for (size_t i = 0; i < 2; i++)
        if (dr_json_text(o, texts[i])[0]) {
            dr_fail(DR_EINVAL, "a photo of the garment takes the place of prompts: leave %s out", texts[i]);
            return fault(field, texts[i]);
        }
    static const char *const ways[] = {"long_prompt", "prompt_weights"};
    for (size_t i = 0; i < 2; i++)
        if (dr_json_flag(o, ways[i])) {
            dr_fail(DR_EINVAL, "a photo of the garment takes the place of prompts: leave %s out", ways[i]);
            return fault(field, ways[i]);
        }
    if (dr_json_text(o, "garment")) {
        dr_fail(DR_EINVAL, "a garment that was taught and one from a photo do not go together");
        return fault(field, "garment");
    }
    if (dr_json_number(o, "strength") != 1) {
        dr_fail(DR_EINVAL, "dressing from a photo of the garment starts from noise alone: leave strength at 1");
        return fault(field, "strength");
    }
    return find_picture(s, o, "garment_photo", field, &b);
}

/* `auto` with its defaults where no mask is given. */
static dr_status complete_auto(dr_studio *s, json_t *o, char *field)
{
    dr_status st = DR_OK;
    if (dr_json_text(o, "mask"))
        return DR_OK;
    bool open =
        dr_json_text(o, "garment_photo") && !json_is_object(json_object_get(o, "auto")); /* the garment says it */
    if (!open && !json_is_object(json_object_get(o, "auto"))) {
        json_t *nothing = json_object(), *all = NULL;
        st = dr_fields_read(dr_auto_fields, nothing, &all, field);
        json_decref(nothing);
        json_object_set_new(o, "auto", all);
    }
    return st ? st : need_parser(s, field, "mask");
}

dr_status dr_complete_tryon(dr_studio *s, json_t *o, char *field)
{
    const dr_model *m;
    dr_blob photo, mask;
    dr_status st = find_picture(s, o, "photo", field, &photo);
    if (!st && dr_json_text(o, "mask"))
        st = find_picture(s, o, "mask", field, &mask);
    if (!st && dr_json_text(o, "mask"))
        st = check_mask(&photo, &mask, "mask", field);
    if (!st)
        st = complete_auto(s, o, field);
    if (!st)
        st = check_garment(s, o, field);
    if (!st)
        st = check_lora(s, o, field);
    if (!st)
        st = check_model(s, o, field, &m);
    if (!st)
        st = check_garment_photo(s, o, m, field);
    if (!st)
        st = complete_size(o, m, field);
    if (!st)
        complete_pace(o, m);
    if (!st)
        st = check_part(o, "guidance_start", "guidance_end", "guidance", field);
    if (!st)
        st = check_part(o, "cache_start", "cache_end", "reuse", field);
    if (!st)
        st = check_reuse(o, field);
    draw_seed(o);
    return st;
}

dr_status dr_complete_mask(dr_studio *s, json_t *o, char *field)
{
    dr_blob photo, rough;
    dr_status st = find_picture(s, o, "photo", field, &photo);
    if (!st && dr_json_text(o, "refine"))
        st = find_picture(s, o, "refine", field, &rough);
    if (!st && dr_json_text(o, "refine"))
        st = check_mask(&photo, &rough, "refine", field);
    return st ? st : need_parser(s, field, "");
}

static dr_status complete_validation(dr_studio *s, const json_t *o, char *field)
{
    const json_t *v = json_object_get(o, "validation");
    dr_blob photo, mask;
    if (!json_is_object(v))
        return DR_OK;
    snprintf(field, DR_FIELD_PATH, "validation");
    dr_status st = find_picture(s, v, "photo", field, &photo);
    if (!st)
        st = find_picture(s, v, "mask", field, &mask);
    if (!st)
        st = check_mask(&photo, &mask, "validation.mask", field);
    if (!st)
        field[0] = 0;
    return st;
}

dr_status dr_complete_train(dr_studio *s, json_t *o, char *field)
{
    const dr_model *m;
    size_t i;
    json_t *p;
    dr_status st = check_model(s, o, field, &m);
    json_array_foreach(json_object_get(o, "photos"), i, p)
    {
        dr_blob b;
        if (st)
            break;
        snprintf(field, DR_FIELD_PATH, "photos[%zu]", i);
        st = find_picture(s, p, "photo", field, &b);
        if (!st)
            st = find_picture(s, p, "mask", field, &b);
        if (!st)
            field[0] = 0;
    }
    if (!st)
        st = complete_validation(s, o, field);
    if (st)
        return st;
    int64_t resolution = dr_json_whole(o, "resolution");
    if (resolution == 0)
        json_object_set_new(o, "resolution", json_integer(m->width < m->height ? m->width : m->height));
    else if (resolution % m->multiple) {
        dr_fail(DR_EINVAL, "the resolution is %lld, must be a multiple of %d for this model", (long long)resolution,
                m->multiple);
        return fault(field, "resolution");
    }
    if (!dr_json_text(o, "prompt")[0])
        json_object_set(o, "prompt", json_object_get(o, "name"));
    if (!json_is_number(json_object_get(o, "learning_rate")))
        json_object_set_new(o, "learning_rate",
                            json_real(strcmp(dr_json_text(o, "method"), "lora") == 0 ? 1e-4 : 5e-6));
    return DR_OK;
}
