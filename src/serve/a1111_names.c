/* Samplers, models and adapters by the names of the other world. */
#include "serve/a1111.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *scheduler, *name, *aliases; /* aliases with '|' */
} samplers[] = {
    {"euler-a", "Euler a", "k_euler_a|k_euler_ancestral|euler_ancestral"},
    {"euler", "Euler", "k_euler"},
    {"lms", "LMS", "k_lms"},
    {"heun", "Heun", "k_heun"},
    {"dpm++2m", "DPM++ 2M", "k_dpmpp_2m|dpmpp_2m"},
    {"dpm++2m-sde", "DPM++ 2M SDE", "k_dpmpp_2m_sde|dpmpp_2m_sde"},
    {"ddim", "DDIM", "k_ddim"},
    {"ddpm", "DDPM", "k_ddpm"},
    {"pndm", "PLMS", "k_plms"},
    {"unipc", "UniPC", "uni_pc"},
    {"lcm", "LCM", "k_lcm"},
};
enum { SAMPLERS = sizeof samplers / sizeof *samplers };

static bool is_alias(const char *aliases, const char *name, size_t n)
{
    for (const char *at = aliases; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        if (strcspn(at, "|") == n && strncasecmp(at, name, n) == 0)
            return true;
    return false;
}

const char *dr_a1111_scheduler(const char *sampler, bool *karras)
{
    size_t n = strlen(sampler);
    *karras = n > 7 && strcasecmp(sampler + n - 7, " karras") == 0;
    n -= *karras ? 7 : 0;
    for (int i = 0; i < SAMPLERS; i++)
        if (is_alias(samplers[i].name, sampler, n) || is_alias(samplers[i].scheduler, sampler, n) ||
            is_alias(samplers[i].aliases, sampler, n))
            return samplers[i].scheduler;
    return NULL;
}

const char *dr_a1111_sampler_name(const char *scheduler)
{
    for (int i = 0; i < SAMPLERS; i++)
        if (strcmp(samplers[i].scheduler, scheduler) == 0)
            return samplers[i].name;
    return scheduler;
}

void dr_a1111_samplers(dr_studio *s, dr_request *r)
{
    json_t *list = json_array();
    (void)s;
    for (int i = 0; i < SAMPLERS; i++) {
        json_t *aliases = json_pack("[s]", samplers[i].scheduler);
        for (const char *at = samplers[i].aliases; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
            json_array_append_new(aliases, json_stringn(at, strcspn(at, "|")));
        json_array_append_new(list,
                              json_pack("{s:s, s:o, s:{}}", "name", samplers[i].name, "aliases", aliases, "options"));
    }
    dr_answer_json(&r->answer, 200, list);
}

void dr_a1111_schedulers(dr_studio *s, dr_request *r)
{
    static const char *const names[][2] = {{"automatic", "Automatic"}, {"uniform", "Uniform"}, {"karras", "Karras"}};
    json_t *list = json_array();
    (void)s;
    for (int i = 0; i < 3; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:n, s:f, s:b}", "name", names[i][0], "label", names[i][1],
                                              "aliases", "default_rho", i == 2 ? 7.0 : -1.0, "need_inner_model", 0));
    dr_answer_json(&r->answer, 200, list);
}

/* --- models and adapters ------------------------------------------------------------------------- */

static const char *text(const json_t *o, const char *key)
{
    return json_string_value(json_object_get(o, key));
}

void dr_a1111_garment_name(const dr_job *jobs, int count, int i, char *out, size_t n)
{
    const char *name = text(jobs[i].settings, "name");
    bool twin = false;
    for (int k = 0; k < count; k++)
        twin = twin || (k != i && strcmp(text(jobs[k].settings, "name"), name) == 0);
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
        if (strcmp(text(jobs[i].settings, "method"), method) == 0 && strcasecmp(called, name) == 0) {
            id = jobs[i].id;
            snprintf(base, 128, "%s", text(jobs[i].settings, "model"));
        }
    }
    dr_jobs_free(jobs, n);
    return id;
}

int64_t dr_a1111_find_lora(dr_studio *s, const char *name)
{
    char base[128];
    return find_garment(s, "lora", name, base);
}

dr_status dr_a1111_find_model(dr_studio *s, const char *name, const dr_model **model, int64_t *garment)
{
    char base[128];
    *garment = 0;
    *model = dr_studio_model(s, name);
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

static void list_garments(dr_studio *s, const char *method, json_t *list)
{
    dr_job *jobs;
    int n;
    bool lora = strcmp(method, "lora") == 0;
    if (dr_store_garments(s->store, &jobs, &n))
        return;
    for (int i = 0; i < n; i++) {
        char name[160];
        if (strcmp(text(jobs[i].settings, "method"), method) != 0)
            continue;
        dr_a1111_garment_name(jobs, n, i, name, sizeof name);
        json_array_append_new(list, lora ? lora_json(name, text(jobs[i].settings, "prompt")) : model_json(name));
    }
    dr_jobs_free(jobs, n);
}

void dr_a1111_models(dr_studio *s, dr_request *r)
{
    json_t *list = json_array();
    for (int i = 0; i < s->model_count; i++)
        json_array_append_new(list, model_json(s->model[i].id));
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

static json_t *options_json(dr_studio *s)
{
    char *model = dr_a1111_chosen_model(s);
    json_t *o = json_pack("{s:s, s:i, s:s, s:f, s:f, s:b, s:s}", "sd_model_checkpoint", model ? model : "",
                          "CLIP_stop_at_last_layers", 1, "samples_format", "png", "eta_ddim", 0.0, "eta_ancestral", 1.0,
                          "img2img_color_correction", 0, "sd_vae", "Automatic");
    free(model);
    return o;
}

void dr_a1111_get_options(dr_studio *s, dr_request *r)
{
    dr_answer_json(&r->answer, 200, options_json(s));
}

static bool same(const json_t *a, const json_t *b)
{
    return json_equal(a, b) || (json_is_number(a) && json_is_number(b) && json_number_value(a) == json_number_value(b));
}

/* Every option must be one that is there, with its present value; the model alone can be chosen. */
static dr_status check_options(dr_studio *s, const json_t *in, const char **model, char *field)
{
    json_t *now = options_json(s), *value;
    const char *key;
    dr_status st = DR_OK;
    *model = NULL;
    json_object_foreach((json_t *)(uintptr_t)in, key, value)
    {
        if (!st && strcmp(key, "sd_model_checkpoint") == 0 && json_is_string(value)) {
            *model = json_string_value(value);
        } else if (!st && !same(value, json_object_get(now, key))) {
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

void dr_a1111_cmd_flags(dr_studio *s, dr_request *r)
{
    (void)s;
    dr_answer_json(&r->answer, 200, json_pack("{s:b}", "api", 1));
}

void dr_a1111_scripts(dr_studio *s, dr_request *r)
{
    (void)s;
    dr_answer_json(&r->answer, 200, json_pack("{s:[], s:[]}", "txt2img", "img2img"));
}

void dr_a1111_txt2img(dr_studio *s, dr_request *r)
{
    (void)s;
    dr_answer_error(&r->answer, 404, "unsupported", NULL,
                    "drape dresses people: its models paint into photos, so send img2img with init_images and mask");
}
