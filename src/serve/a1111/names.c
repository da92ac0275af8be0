/* Models, adapters and options by the names of the other world. */
#include "serve/a1111/a1111.h"

#include "base/json.h"
#include "serve/jobs/models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SHORT_HASH = 10 }; /* digits */

/* --- models and adapters ------------------------------------------------------------------------- */

void dr_a1111_garment_name(const dr_job *jobs, int count, int i, char *out, size_t n)
{
    const char *name = dr_json_text(jobs[i].settings, "name");
    bool twin = false;
    for (int k = 0; k < count; k++)
        twin = twin || (k != i && strcmp(dr_json_text(jobs[k].settings, "name"), name) == 0);
    if (twin)
        snprintf(out, n, "%s %lld", name, (long long)jobs[i].id);
    else
        snprintf(out, n, "%s", name);
}

/* The garment of this name and method; 0. *base gets the id of its model, 128 bytes. */
static int64_t find_garment(dr_studio *s, const char *method, const char *name, char *base)
{
    dr_job *jobs;
    int n;
    int64_t id = 0;
    if (dr_store_garments(s->store, &jobs, &n))
        return 0;
    for (int i = 0; i < n && !id; i++) {
        char called[160];
        dr_a1111_garment_name(jobs, n, i, called, sizeof called);
        if (strcmp(dr_json_text(jobs[i].settings, "method"), method) == 0 && strcasecmp(called, name) == 0) {
            id = jobs[i].id;
            snprintf(base, 128, "%s", dr_json_text(jobs[i].settings, "model"));
        }
    }
    dr_jobs_free(jobs, n);
    return id;
}

static bool is_short_hash(const char *name, const char *hash)
{
    return strlen(name) == SHORT_HASH && strncmp(name, hash, SHORT_HASH) == 0;
}

static bool is_name(const char *known, const char *name, size_t n)
{
    return strlen(known) == n && strncmp(known, name, n) == 0;
}

int64_t dr_a1111_find_lora(dr_studio *s, const char *name)
{
    char base[128];
    return find_garment(s, "lora", name, base);
}

void dr_a1111_model_title(dr_studio *s, const dr_model *m, char *out, size_t n)
{
    char hash[65];
    if (dr_model_hash(s, m, hash))
        snprintf(out, n, "%s [%.10s]", dr_model_file(m), hash);
    else
        snprintf(out, n, "%s", dr_model_file(m));
}

/* By its name, with or without the file's extension, by its hash or the first digits of it, or by both as in the title.
 * A title that was told before the hash was known stays good. */
static const dr_model *find_served(dr_studio *s, const char *name)
{
    const dr_model *m = dr_studio_model(s, name);
    const char *bracket = strstr(name, " [");
    size_t n = bracket && name[strlen(name) - 1] == ']' ? (size_t)(bracket - name) : strlen(name);
    for (int i = 0; !m && i < s->model_count; i++) {
        const dr_model *one = &s->model[i];
        char hash[65];
        bool hashed = dr_model_hash(s, one, hash) && (strcmp(name, hash) == 0 || is_short_hash(name, hash));
        if (hashed || is_name(dr_model_file(one), name, n) || is_name(one->id, name, n))
            m = one;
    }
    return m;
}

dr_status dr_a1111_find_model(dr_studio *s, const char *name, const dr_model **model, int64_t *garment)
{
    char base[128];
    *garment = 0;
    *model = find_served(s, name);
    if (*model)
        return DR_OK;
    *garment = find_garment(s, "full", name, base);
    *model = *garment ? dr_studio_model(s, base) : NULL;
    return *model ? DR_OK : dr_fail(DR_EINVAL, "there is no model '%.100s' here", name);
}

static json_t *lora_json(const char *name, const char *prompt)
{
    return json_pack("{s:s, s:s, s:s, s:{s:s}}", "name", name, "alias", name, "path", name, "metadata", "prompt",
                     prompt);
}

static json_t *model_json(const char *name)
{
    return json_pack("{s:s, s:s, s:n, s:n, s:s, s:n}", "title", name, "model_name", name, "hash", "sha256", "filename",
                     name, "config");
}

/* A folder has no hash; a file has one as soon as it is computed. */
static json_t *served_json(dr_studio *s, const dr_model *m)
{
    char title[320], hash[65], digits[SHORT_HASH + 1];
    if (!m->family[0])
        return model_json(m->id);
    bool hashed = dr_model_hash(s, m, hash);
    dr_a1111_model_title(s, m, title, sizeof title);
    snprintf(digits, sizeof digits, "%.10s", hash);
    return json_pack("{s:s, s:s, s:s?, s:s?, s:s, s:n}", "title", title, "model_name", m->id, "hash",
                     hashed ? digits : NULL, "sha256", hashed ? hash : NULL, "filename", dr_model_file(m), "config");
}

static void list_garments(dr_studio *s, const char *method, json_t *list)
{
    dr_job *jobs;
    int n;
    bool lora = strcmp(method, "lora") == 0;
    if (dr_store_garments(s->store, &jobs, &n))
        return;
    for (int i = 0; i < n; i++) {
        char name[160];
        if (strcmp(dr_json_text(jobs[i].settings, "method"), method) != 0)
            continue;
        dr_a1111_garment_name(jobs, n, i, name, sizeof name);
        json_array_append_new(list,
                              lora ? lora_json(name, dr_json_text(jobs[i].settings, "prompt")) : model_json(name));
    }
    dr_jobs_free(jobs, n);
}

void dr_a1111_models(dr_studio *s, dr_request *r)
{
    json_t *list = json_array();
    for (int i = 0; i < s->model_count; i++)
        json_array_append_new(list, served_json(s, &s->model[i]));
    list_garments(s, "full", list);
    dr_answer_json(&r->answer, 200, list);
}

void dr_a1111_loras(dr_studio *s, dr_request *r)
{
    json_t *list = json_array();
    for (int i = 0; i < s->lora_count; i++)
        json_array_append_new(list, lora_json(s->lora[i].id, ""));
    list_garments(s, "lora", list);
    dr_answer_json(&r->answer, 200, list);
}

/* --- options ------------------------------------------------------------------------------------ */

char *dr_a1111_chosen_model(dr_studio *s)
{
    pthread_mutex_lock(&s->mutex);
    char *name = strdup(s->options_model ? s->options_model : s->model[0].id);
    pthread_mutex_unlock(&s->mutex);
    return name;
}

/* What is as it is, in the other program's words. */
static const char fixed_options[] =
    "{\"CLIP_stop_at_last_layers\": 1, \"sd_vae\": \"Automatic\", \"samples_format\": \"png\", \"grid_format\": "
    "\"png\", "
    "\"samples_save\": false, \"grid_save\": false, \"return_grid\": false, \"return_mask\": false, "
    "\"return_mask_composite\": false, \"save_init_img\": false, \"enable_pnginfo\": true, \"eta_ddim\": 0.0, "
    "\"eta_ancestral\": 1.0, \"eta_noise_seed_delta\": 0, \"s_churn\": 0.0, \"s_tmin\": 0.0, \"s_tmax\": 0.0, "
    "\"s_noise\": 1.0, \"s_min_uncond\": 0.0, \"initial_noise_multiplier\": 1.0, \"inpainting_mask_weight\": 1.0, "
    "\"img2img_color_correction\": false, \"img2img_fix_steps\": false, \"img2img_extra_noise\": 0.0, "
    "\"always_discard_next_to_last_sigma\": false, \"randn_source\": \"CPU\", \"emphasis\": \"None\", "
    "\"token_merging_ratio\": 0.0, \"token_merging_ratio_img2img\": 0.0, \"tiling\": false, "
    "\"face_restoration\": false, \"sd_hypernetwork\": \"None\", \"sd_lora\": \"None\"}";

json_t *dr_a1111_options_json(dr_studio *s)
{
    char *model = dr_a1111_chosen_model(s), title[320];
    const dr_model *m = model ? find_served(s, model) : NULL;
    if (m) /* as the list has it */
        dr_a1111_model_title(s, m, title, sizeof title);
    json_t *o = json_pack("{s:s}", "sd_model_checkpoint",
                          m       ? title
                          : model ? model
                                  : ""),
           *fixed = json_loads(fixed_options, 0, NULL);
    if (o && fixed)
        json_object_update(o, fixed);
    json_decref(fixed);
    free(model);
    return o;
}

void dr_a1111_get_options(dr_studio *s, dr_request *r)
{
    dr_answer_json(&r->answer, 200, dr_a1111_options_json(s));
}

/* Every option must have its present value, or ask for nothing; the model alone can be chosen. */
static dr_status check_options(dr_studio *s, const json_t *in, const char **model, char *field)
{
    json_t *now = dr_a1111_options_json(s), *value;
    const char *key;
    dr_status st = DR_OK;
    *model = NULL;
    json_object_foreach((json_t *)(uintptr_t)in, key, value)
    {
        if (!st && strcmp(key, "sd_model_checkpoint") == 0 && json_string_length(value) > 0) {
            *model = json_string_value(value);
        } else if (!st && !dr_a1111_at_rest(value) && !dr_a1111_same(value, json_object_get(now, key))) {
            st = dr_fail(DR_EINVAL, "option '%.60s' cannot be set here", key);
            snprintf(field, DR_FIELD_PATH, "%.60s", key);
        }
    }
    json_decref(now);
    return st;
}

void dr_a1111_post_options(dr_studio *s, dr_request *r)
{
    char field[DR_FIELD_PATH] = "";
    const dr_model *m;
    const char *name;
    int64_t garment;
    json_t *in;
    if (dr_request_json(r, &in))
        return;
    dr_status st = check_options(s, in, &name, field);
    if (!st && name) {
        snprintf(field, sizeof field, "sd_model_checkpoint");
        st = dr_a1111_find_model(s, name, &m, &garment);
    }
    if (!st && name) {
        pthread_mutex_lock(&s->mutex);
        free(s->options_model);
        s->options_model = strdup(name);
        pthread_mutex_unlock(&s->mutex);
    }
    json_decref(in);
    if (st)
        dr_answer_failure(&r->answer, st, field);
    else
        dr_answer_json(&r->answer, 200, json_null());
}

/* --- what clients ask for without need ------------------------------------------------------------ */

void dr_a1111_empty_list(dr_studio *s, dr_request *r)
{
    (void)s;
    dr_answer_json(&r->answer, 200, json_array());
}

void dr_a1111_embeddings(dr_studio *s, dr_request *r)
{
    (void)s;
    dr_answer_json(&r->answer, 200, json_pack("{s:{}, s:{}}", "loaded", "skipped"));
}

/* Models and adapters are those of the start; garments are looked up at every request. */
void dr_a1111_refresh(dr_studio *s, dr_request *r)
{
    (void)s;
    dr_answer_json(&r->answer, 200, json_null());
}

void dr_a1111_cmd_flags(dr_studio *s, dr_request *r)
{
    (void)s;
    dr_answer_json(&r->answer, 200, json_pack("{s:b}", "api", 1));
}

void dr_a1111_scripts(dr_studio *s, dr_request *r)
{
    (void)s;
    dr_answer_json(&r->answer, 200, json_pack("{s:[], s:[s]}", "txt2img", "img2img", DR_A1111_GARMENT));
}

void dr_a1111_txt2img(dr_studio *s, dr_request *r)
{
    (void)s;
    dr_answer_error(&r->answer, 404, "unsupported", NULL,
                    "drape dresses people: its models paint into photos, so send img2img with init_images and mask");
}
