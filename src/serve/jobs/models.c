#include "serve/jobs/models.h"

#include "base/file.h"
#include "base/path.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static const char *file_name(const char *path)
{
    return dr_path_name(path)[0] ? dr_path_name(path) : path;
}

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
    o->weights = s->o->q8 ? DRAPE_WEIGHTS_Q8 : DRAPE_WEIGHTS_FILE;
}

void dr_studio_garment_options(const dr_studio *s, const char *dir, drape_load_options *o)
{
    dr_studio_load_options(s, dir, o);
    o->garment = true;
    o->attention = s->o->attention;
}

/* What it is when it dresses from a photo of the garment, if it does. */
static void look_for_garments(const dr_studio *s, const char *dir, dr_model *m)
{
    drape_load_options o;
    drape_model_info info;
    drape_pipeline *p;
    dr_studio_garment_options(s, dir, &o);
    if (drape_pipeline_load(&p, dir, &o))
        return;
    drape_pipeline_info(p, &info);
    m->garments = true;
    m->garment_width = info.width;
    m->garment_height = info.height;
    m->garment_steps = info.steps;
    m->garment_guidance = info.guidance_scale;
    m->garment_few_steps = info.few_steps;
    drape_pipeline_free(p);
}

/* A pipeline of the model: one that reads prompts, or where there is none, one that dresses from a photo alone. */
static dr_status open_any(const dr_studio *s, const char *dir, drape_pipeline **p, bool *prompts)
{
    drape_load_options o;
    dr_studio_load_options(s, dir, &o);
    o.embeddings = s->o->embeddings; /* what is wrong with their files shows now */
    o.embedding_count = s->o->embedding_count;
    o.skip_misfits = true;
    *prompts = true;
    if (!drape_pipeline_load(p, dir, &o))
        return DR_OK;
    char why[1024];
    snprintf(why, sizeof why, "%s", drape_error());
    dr_studio_garment_options(s, dir, &o);
    *prompts = false;
    return drape_pipeline_load(p, dir, &o) ? dr_fail(DR_EINVAL, "%s", why) : DR_OK;
}

static dr_status add_model(dr_studio *s, const char *dir)
{
    dr_model *m = &s->model[s->model_count];
    drape_pipeline *p;
    drape_model_info info;
    struct stat file;
    if (s->model_count == DR_MAX_MODELS)
        return dr_fail(DR_EINVAL, "more than %d models are too many for one server", DR_MAX_MODELS);
    bool prompts;
    dr_status st = open_any(s, dir, &p, &prompts);
    if (st)
        return st;
    drape_pipeline_info(p, &info);
    *m = (dr_model){.dir = realpath(info.dir, NULL),
                    .prompts = prompts,
                    .width = info.width,
                    .height = info.height,
                    .multiple = info.multiple,
                    .steps = info.steps,
                    .guidance_scale = info.guidance_scale,
                    .few_steps = info.few_steps,
                    .pure_noise = info.pure_noise};
    snprintf(m->scheduler, sizeof m->scheduler, "%s", info.scheduler);
    snprintf(m->kind, sizeof m->kind, "%s", info.kind);
    snprintf(m->family, sizeof m->family, "%s", info.family ? info.family : "");
    drape_pipeline_free(p);
    if (!m->dir)
        return dr_fail(DR_ENOMEM, "out of memory");
    look_for_garments(s, m->dir, m);
    const char *name = file_name(m->dir), *dot = m->family[0] ? strrchr(name, '.') : NULL;
    if (m->family[0] && stat(m->dir, &file) == 0)
        m->bytes = (int64_t)file.st_size;
    make_id(s, m->id, name, dot && dot > name ? (size_t)(dot - name) : strlen(name), "", is_model);
    s->model_count++;
    return DR_OK;
}

/* --- a folder of models --------------------------------------------------------------------------- */

static bool ends_with(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n > m && strcasecmp(name + n - m, end) == 0;
}

/* By its name. A VAE that lies beside a file of the same name is a part of that. */
static bool is_model_file(const char *name)
{
    return (ends_with(name, ".safetensors") || ends_with(name, ".ckpt") || ends_with(name, ".gguf")) &&
           !ends_with(name, ".vae.safetensors") && !ends_with(name, ".vae.ckpt");
}

static bool is_listed(const dr_studio *s, const char *path)
{
    char real[PATH_MAX];
    for (int i = 0; realpath(path, real) && i < s->model_count; i++)
        if (strcmp(s->model[i].dir, real) == 0)
            return true;
    return false;
}

static int is_seen(const struct dirent *f)
{
    return f->d_name[0] != '.';
}

/* Pipeline folders and single files in a folder, by their names. One that is no good, or not a model at all, does not
 * keep the others from being served. */
static dr_status add_folder(dr_studio *s, const char *folder)
{
    char path[PATH_MAX], index[PATH_MAX];
    struct dirent **files;
    int n = scandir(folder, &files, is_seen, alphasort);
    if (n < 0)
        return dr_fail(DR_ENOENT, "--models: cannot open folder '%s'", folder);
    for (int i = 0; i < n; i++) {
        const char *name = files[i]->d_name;
        bool fits =
            !dr_path(path, sizeof path, folder, name) && !dr_path(index, sizeof index, path, "model_index.json");
        bool model = fits && (dr_is_dir(path) ? dr_is_file(index) : is_model_file(name));
        if (model && !is_listed(s, path) && add_model(s, path))
            fprintf(stderr, "drape serve: '%s' is left out: %s\n", path, dr_error());
        free(files[i]);
    }
    free(files);
    return DR_OK;
}

/* --------------------------------------------------------------------------------------------------- */

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
    const char *name = file_name(l->path);
    static const char *const endings[] = {".safetensors", ".pt", ".bin", ".ckpt"};
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (ends_with(name, endings[i]))
            n = strlen(name) - strlen(endings[i]);
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

dr_status dr_studio_add_models(dr_studio *s)
{
    const dr_studio_options *o = s->o;
    dr_status st = DR_OK;
    for (int i = 0; !st && i < o->model_count; i++)
        st = add_model(s, o->models[i]);
    if (!st && o->model_folder)
        st = add_folder(s, o->model_folder);
    if (!st && s->model_count == 0)
        st = dr_fail(DR_ENOENT, "--models: there is no model in '%s'", o->model_folder ? o->model_folder : "");
    bool dresses = false;
    for (int i = 0; i < s->model_count; i++)
        dresses = dresses || s->model[i].garments;
    if (!st && o->attention && !dresses) { /* why, of the first */
        drape_load_options load;
        drape_pipeline *p;
        dr_studio_garment_options(s, s->model[0].dir, &load);
        st = (dr_status)drape_pipeline_load(&p, s->model[0].dir, &load);
    }
    for (int i = 0; !st && i < o->lora_count; i++)
        st = add_lora(s, o->loras[i]);
    return st;
}

void dr_studio_drop_models(dr_studio *s)
{
    for (int i = 0; i < s->model_count; i++)
        free(s->model[i].dir);
    for (int i = 0; i < s->lora_count; i++)
        free(s->lora[i].path);
}

const char *dr_model_file(const dr_model *m)
{
    return m->family[0] ? file_name(m->dir) : m->id;
}

bool dr_model_hash(dr_studio *s, const dr_model *m, char out[65])
{
    pthread_mutex_lock(&s->mutex);
    memcpy(out, m->sha256, 65);
    pthread_mutex_unlock(&s->mutex);
    return out[0] != 0;
}

void dr_model_set_hash(dr_studio *s, int i, const char *sha256)
{
    pthread_mutex_lock(&s->mutex);
    snprintf(s->model[i].sha256, sizeof s->model[i].sha256, "%s", sha256);
    pthread_mutex_unlock(&s->mutex);
}
