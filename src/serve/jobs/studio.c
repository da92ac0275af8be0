/* What the server has: store, events, models, adapters. */
#include "serve/jobs/studio.h"

#include "base/file.h"
#include "base/path.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void dr_studio_load_options(const dr_studio *s, const char *dir, drape_load_options *o)
{
    *o = (drape_load_options){.vae = s->o->vae, .tokenizer = s->o->tokenizer};
    o->ema = s->o->ema && dir && dr_is_file(dir);
}

static dr_status add_model(dr_studio *s, const char *dir)
{
    dr_model *m = &s->model[s->model_count];
    drape_pipeline *p;
    drape_model_info info;
    if (s->model_count == DR_MAX_MODELS)
        return dr_fail(DR_EINVAL, "%d models are too many", s->model_count + 1);
    drape_load_options o;
    dr_studio_load_options(s, dir, &o);
    o.embeddings = s->o->embeddings; /* what is wrong with their files shows now */
    o.embedding_count = s->o->embedding_count;
    o.skip_misfits = true;
    dr_status st = (dr_status)drape_pipeline_load(&p, dir, &o);
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
    const char *name = dr_path_name(m->dir)[0] ? dr_path_name(m->dir) : m->dir;
    const char *dot = dr_is_file(m->dir) ? strrchr(name, '.') : NULL;
    make_id(s, m->id, name, dot && dot > name ? (size_t)(dot - name) : strlen(name), "", is_model);
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
    const char *name = dr_path_name(l->path);
    static const char *const endings[] = {".safetensors", ".pt", ".bin", ".ckpt"};
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t end = strlen(endings[i]);
        if (n > end && strcmp(name + n - end, endings[i]) == 0) {
            n -= end;
            break;
        }
    }
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

static bool have_parser(const dr_studio_options *o)
{
    drape_parser *p;
    bool have = drape_parser_load(&p, o->parser) == DRAPE_OK;
    drape_parser_free(p);
    return have;
}

dr_status dr_studio_open(dr_studio *s, const dr_studio_options *o)
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

void dr_studio_wake(dr_studio *s)
{
    pthread_mutex_lock(&s->mutex);
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->mutex);
}
