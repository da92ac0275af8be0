/* Models, and jobs as clients see them. */
#include "serve/jobs/studio.h"

#include "base/file.h"
#include "base/json.h"
#include "serve/jobs/fields.h"
#include "serve/jobs/settings.h"
#include "serve/store/store_impl.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* --- models ------------------------------------------------------------------------------------- */

/* An id of a name's first n bytes: what JSON cannot hold, and what is in `bad`, becomes '_'; with a number where
 * another has it. */
static void make_id(const dr_studio *s, char id[128], const char *name, size_t n, const char *bad,
                    bool (*taken)(const dr_studio *s, const char *id))
{
    n = n < 119 ? n : 119;
    for (size_t i = 0; i < n; i++)
        id[i] = (unsigned char)name[i] >= 0x80 || (unsigned char)name[i] < 0x20 || strchr(bad, name[i]) ? '_' : name[i];
    id[n] = 0;
    for (int i = 2; taken(s, id); i++)
        snprintf(id + n, 128 - n, "-%d", i);
}

static bool is_model(const dr_studio *s, const char *id)
{
    for (int i = 0; i < s->model_count; i++)
        if (strcmp(s->model[i].id, id) == 0)
            return true;
    return false;
}

static bool is_lora(const dr_studio *s, const char *id)
{
    return dr_studio_lora(s, id) != NULL;
}

static dr_status add_model(dr_studio *s, const char *dir)
{
    dr_model *m = &s->model[s->model_count];
    drape_pipeline *p;
    drape_model_info info;
    if (s->model_count == DR_MAX_MODELS)
        return dr_fail(DR_EINVAL, "%d models are too many", s->model_count + 1);
    dr_status st = (dr_status)drape_pipeline_load(&p, dir, NULL);
    if (st)
        return st;
    drape_pipeline_info(p, &info);
    *m = (dr_model){.dir = realpath(info.dir, NULL),
                    .width = info.width,
                    .height = info.height,
                    .multiple = info.multiple,
                    .steps = info.steps,
                    .guidance_scale = info.guidance_scale};
    snprintf(m->scheduler, sizeof m->scheduler, "%s", info.scheduler);
    snprintf(m->kind, sizeof m->kind, "%s", info.kind);
    drape_pipeline_free(p);
    if (!m->dir)
        return dr_fail(DR_ENOMEM, "out of memory");
    const char *slash = strrchr(m->dir, '/'), *name = slash && slash[1] ? slash + 1 : m->dir;
    make_id(s, m->id, name, strlen(name), "", is_model);
    s->model_count++;
    return DR_OK;
}

const dr_model *dr_studio_model(const dr_studio *s, const char *id)
{
    if (!id || !id[0])
        return &s->model[0];
    for (int i = 0; i < s->model_count; i++)
        if (strcmp(s->model[i].id, id) == 0)
            return &s->model[i];
    return NULL;
}

static dr_status add_lora(dr_studio *s, const char *path)
{
    dr_lora_file *l = &s->lora[s->lora_count];
    if (s->lora_count == DR_MAX_LORAS)
        return dr_fail(DR_EINVAL, "%d adapters are too many", s->lora_count + 1);
    *l = (dr_lora_file){.path = realpath(path, NULL)};
    if (!l->path)
        return dr_fail(DR_ENOENT, "there is no adapter '%s'", path);
    const char *slash = strrchr(l->path, '/'), *name = slash ? slash + 1 : l->path;
    size_t n = strlen(name), end = strlen(".safetensors");
    if (n > end && strcmp(name + n - end, ".safetensors") == 0)
        n -= end;
    make_id(s, l->id, name, n, "<>:", is_lora); /* "<lora:ID:1>" */
    s->lora_count++;
    return DR_OK;
}

const dr_lora_file *dr_studio_lora(const dr_studio *s, const char *id)
{
    for (int i = 0; id && i < s->lora_count; i++)
        if (strcmp(s->lora[i].id, id) == 0)
            return &s->lora[i];
    return NULL;
}

static bool have_parser(const dr_serve_options *o)
{
    drape_parser *p;
    bool have = drape_parser_load(&p, o->parser) == DRAPE_OK;
    drape_parser_free(p);
    return have;
}

dr_status dr_studio_open(dr_studio *s, const dr_serve_options *o)
{
    *s = (dr_studio){.o = o};
    pthread_mutex_init(&s->mutex, NULL);
    pthread_mutex_init(&s->decode, NULL);
    pthread_cond_init(&s->work, NULL);
    dr_status st = DR_OK;
    for (int i = 0; !st && i < o->model_count; i++)
        st = add_model(s, o->models[i]);
    for (int i = 0; !st && i < o->lora_count; i++)
        st = add_lora(s, o->loras[i]);
    if (!st)
        st = dr_events_new(&s->events);
    if (!st)
        st = dr_store_open(&s->store, o->data);
    s->parser = !st && have_parser(o);
    if (st)
        dr_studio_close(s);
    return st;
}

void dr_studio_close(dr_studio *s)
{
    dr_store_close(s->store);
    dr_events_free(s->events);
    for (int i = 0; i < s->model_count; i++)
        free(s->model[i].dir);
    for (int i = 0; i < s->lora_count; i++)
        free(s->lora[i].path);
    free(s->live.preview);
    json_decref(s->live.results);
    json_decref(s->live.warnings);
    free(s->options_model);
    pthread_mutex_destroy(&s->mutex);
    pthread_mutex_destroy(&s->decode);
    pthread_cond_destroy(&s->work);
}

/* --- jobs as JSON ------------------------------------------------------------------------------- */

static json_t *number_or_null(double v, bool known)
{
    return known ? json_real(v) : json_null();
}

static const char *const stage_name[] = {NULL,     "load", "text",    "encode", "denoise",
                                         "decode", "mask", "prepare", "train",  "validate"};
static const char *const stage_text[] = {
    NULL,       "loading the model",         "reading the prompt", "encoding the photo",
    "painting", "decoding the picture",      "finding clothes",    "encoding photos",
    "training", "making validation pictures"};

static json_t *training_json(const dr_live *l)
{
    const drape_train_report *r = &l->report;
    return json_pack("{s:i, s:i, s:f, s:f, s:f, s:f, s:I}", "step", r->step, "steps", r->steps, "loss", r->loss,
                     "smooth_loss", r->smooth_loss, "learning_rate", r->learning_rate, "seconds_per_step",
                     l->seconds_per_step, "memory", (json_int_t)r->memory);
}

static void add_live(json_t *o, const dr_live *l)
{
    char url[80];
    json_object_set_new(o, "stage", l->stage ? json_string(stage_name[l->stage]) : json_null());
    json_object_set_new(o, "stage_text", l->stage ? json_string(stage_text[l->stage]) : json_null());
    json_object_set_new(o, "done", json_integer(l->done));
    json_object_set_new(o, "total", json_integer(l->total));
    json_object_set_new(o, "fraction", number_or_null(l->fraction, l->job && l->fraction >= 0));
    json_object_set_new(o, "seconds_left", number_or_null(l->seconds_left, l->job && l->seconds_left >= 0));
    json_object_set_new(o, "picture", json_integer(l->picture));
    snprintf(url, sizeof url, "api/v1/jobs/%lld/preview?step=%d", (long long)l->job, l->preview_step);
    json_object_set_new(o, "preview", l->preview ? json_string(url) : json_null());
    json_object_set_new(o, "training", l->training ? training_json(l) : json_null());
    if (l->results)
        json_object_set_new(o, "results", json_deep_copy(l->results));
    if (l->warnings)
        json_object_set_new(o, "warnings", json_deep_copy(l->warnings));
}

json_t *dr_studio_job_json(dr_studio *s, const dr_job *j)
{
    static const dr_live none = {0};
    char id[24];
    snprintf(id, sizeof id, "%lld", (long long)j->id);
    json_t *o = json_pack("{s:s, s:s, s:s, s:o, s:f, s:o, s:o, s:s?, s:O, s:O, s:O}", "id", id, "type", j->type,
                          "state", j->state, "position", j->position >= 0 ? json_integer(j->position) : json_null(),
                          "created", j->created, "started", number_or_null(j->started, j->started > 0), "ended",
                          number_or_null(j->ended, j->ended > 0), "error", j->error, "settings", j->settings, "results",
                          j->results, "warnings", j->warnings);
    if (!o)
        return NULL;
    json_object_set_new(o, "garment", j->garment ? json_string(id) : json_null());
    pthread_mutex_lock(&s->mutex);
    add_live(o, s->live.job == j->id && strcmp(j->state, "running") == 0 ? &s->live : &none);
    pthread_mutex_unlock(&s->mutex);
    return o;
}

void dr_studio_say_job(dr_studio *s, int64_t id)
{
    dr_job j;
    if (dr_store_get(s->store, id, &j))
        return;
    json_t *o = dr_studio_job_json(s, &j);
    dr_events_say(s->events, "job", id, false, o);
    json_decref(o);
    dr_job_clear(&j);
}

void dr_studio_say_queue(dr_studio *s)
{
    dr_job *jobs;
    int n;
    bool more;
    dr_job_filter f = {.states = "waiting", .limit = 50};
    if (dr_store_list(s->store, &f, &jobs, &n, &more))
        return;
    for (int i = n - 1; i >= 0; i--) {
        json_t *o = dr_studio_job_json(s, &jobs[i]);
        dr_events_say(s->events, "job", jobs[i].id, false, o);
        json_decref(o);
    }
    dr_jobs_free(jobs, n);
}

/* --- what happens to jobs ------------------------------------------------------------------------ */

/* The words by which a job is found. */
static char *search_text(const json_t *settings)
{
    static const char *const keys[] = {"prompt", "negative_prompt", "name", "model", "category", "method", "scheduler"};
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return NULL;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *v = dr_json_text(settings, keys[i]);
        fprintf(f, "%s ", v ? v : "");
    }
    fprintf(f, "%lld", (long long)dr_json_whole(settings, "seed"));
    return fclose(f) == 0 ? text : NULL;
}

dr_status dr_studio_submit(dr_studio *s, json_t *settings, char *field, int64_t *id)
{
    const char *type = dr_json_text(settings, "type");
    dr_status st = dr_studio_complete(s, settings, field);
    if (st)
        return st;
    char *search = search_text(settings);
    st = dr_store_add(s->store, type, settings, search ? search : "", id);
    free(search);
    if (st)
        return st;
    dr_studio_say_job(s, *id);
    if (strcmp(type, "mask") == 0)
        dr_studio_say_queue(s);
    dr_studio_wake(s);
    return DR_OK;
}

void dr_studio_wake(dr_studio *s)
{
    pthread_mutex_lock(&s->mutex);
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->mutex);
}

void dr_studio_ended(dr_studio *s, int64_t id)
{
    dr_studio_say_job(s, id);
    dr_studio_say_queue(s);
    if (s->on_end)
        s->on_end(s->user, id);
}

dr_status dr_studio_cancel(dr_studio *s, int64_t id)
{
    bool running;
    pthread_mutex_lock(&s->mutex);
    running = s->live.job == id;
    if (running)
        atomic_store(&s->cancel, true);
    pthread_mutex_unlock(&s->mutex);
    if (running)
        return DR_OK;
    dr_status st = dr_store_cancel(s->store, id);
    if (!st)
        dr_studio_ended(s, id);
    return st;
}

void dr_studio_sweep(dr_studio *s)
{
    int64_t *gone;
    int count;
    if (dr_store_sweep(s->store, &s->o->keep, &gone, &count))
        fprintf(stderr, "drape serve: %s\n", dr_error());
    for (int i = 0; i < count; i++) {
        char id[24];
        snprintf(id, sizeof id, "%lld", (long long)gone[i]);
        json_t *o = json_pack("{s:s}", "id", id);
        dr_events_say(s->events, "deleted", 0, false, o);
        json_decref(o);
    }
    free(gone);
}

bool dr_keep_parse(const char *text, dr_keep *out)
{
    static const struct {
        const char *unit;
        double seconds, bytes;
    } units[] = {{"d", 86400, 0}, {"h", 3600, 0},         {"GB", 0, 1e9},
                 {"MB", 0, 1e6},  {"GiB", 0, 1073741824}, {"TB", 0, 1e12}};
    *out = (dr_keep){0};
    for (const char *at = text; *at;) {
        char *end;
        double v = strtod(at, &end);
        size_t n = strcspn(end, ","), i = 0, known = sizeof units / sizeof *units;
        while (i < known && (strlen(units[i].unit) != n || memcmp(units[i].unit, end, n) != 0))
            i++;
        if (end == at || !(v > 0) || v > 1e6 || i == known)
            return false;
        if (units[i].seconds > 0)
            out->seconds = (int64_t)(v * units[i].seconds);
        else
            out->bytes = (int64_t)(v * units[i].bytes);
        at = end + n + (end[n] == ',');
    }
    return text[0] != 0;
}
