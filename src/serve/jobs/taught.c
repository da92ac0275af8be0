#include "serve/jobs/taught.h"

#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "serve/jobs/models.h"
#include "serve/store/ids.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool dr_teaches_model(const json_t *settings)
{
    const char *method = dr_json_text(settings, "method");
    return method && strcmp(method, "full") == 0;
}

/* A folder that all machines see. No model is looked for in it, since its name begins with a dot. */
static dr_status shared_folder(const dr_studio *s, int64_t id, char out[PATH_MAX])
{
    return dr_path_format(out, PATH_MAX, s->o->model_folder, ".taught/%lld", (long long)id);
}

void dr_training_folder(const dr_studio *s, const json_t *settings, int64_t id, char out[PATH_MAX])
{
    if (!dr_teaches_model(settings) || !s->shared[0] || shared_folder(s, id, out))
        dr_store_train_path(s->store, id, "", out, PATH_MAX);
}

void dr_training_home(const dr_studio *s, const json_t *settings, char out[128])
{
    snprintf(out, 128, "%s", !dr_teaches_model(settings) ? "" : s->shared[0] ? s->shared : dr_store_host(s->store));
}

dr_status dr_taught_path(dr_studio *s, const dr_job *j, char out[PATH_MAX])
{
    char folder[PATH_MAX];
    if (!j->garment)
        return dr_fail(DR_ENOENT, "garment %lld has been deleted", (long long)j->id);
    if (j->adapter[0])
        return dr_store_file(s->store, j->adapter, out, PATH_MAX);
    bool here = !j->host[0] || strcmp(j->host, dr_store_host(s->store)) == 0;
    if (here)
        dr_store_train_path(s->store, j->id, "", folder, sizeof folder);
    else if (strcmp(j->host, s->shared) != 0 || shared_folder(s, j->id, folder))
        return dr_fail(DR_ENOENT, "garment %lld lies at '%s', which is not here", (long long)j->id, j->host);
    return dr_path(out, PATH_MAX, folder,
                   dr_teaches_model(j->settings) ? "out" : "out/pytorch_lora_weights.safetensors");
}

static void tidy(dr_studio *s, int64_t id, const char *path)
{
    dr_job j;
    dr_status st = dr_store_get(s->store, id, &j);
    bool done = !st && strcmp(j.state, "done") == 0; /* one that was stopped may go on */
    if (st == DR_ENOENT || (done && !j.garment))
        (void)dr_remove_tree(path);
    dr_job_clear(&j);
}

void dr_taught_tidy(dr_studio *s)
{
    char folder[PATH_MAX], path[PATH_MAX];
    if (!s->shared[0] || dr_path(folder, sizeof folder, s->o->model_folder, ".taught"))
        return;
    DIR *d = opendir(folder);
    const struct dirent *f;
    while (d && (f = readdir(d))) {
        int64_t id = dr_job_number(f->d_name);
        if (id > 0 && !shared_folder(s, id, path))
            tidy(s, id, path);
    }
    if (d)
        closedir(d);
}

/* --- what jobs need and workers have --------------------------------------------------------------- */

static void need_garment(dr_studio *s, const char *id, bool *model, FILE *f)
{
    dr_job j;
    if (!id || dr_store_get(s->store, dr_job_number(id), &j))
        return;
    if (dr_teaches_model(j.settings)) { /* it takes the model's place */
        *model = true;
        if (j.host[0])
            fprintf(f, "%s%s\n", strchr(j.host, ':') ? "" : "host:", j.host);
    }
    dr_job_clear(&j);
}

char *dr_job_needs(dr_studio *s, const json_t *settings)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return NULL;
    const char *model = dr_json_text(settings, "model"), *lora = dr_json_text(settings, "lora");
    bool taught = false, mask = strcmp(dr_json_text(settings, "type"), "mask") == 0;
    need_garment(s, dr_json_text(settings, "garment"), &taught, f);
    if (model && !taught)
        fprintf(f, "%s:%s\n", dr_json_text(settings, "garment_photo") ? "dress" : "model", model);
    if (lora)
        fprintf(f, "lora:%s\n", lora);
    if (mask || json_is_object(json_object_get(settings, "auto")))
        fprintf(f, "parser\n");
    return fclose(f) == 0 ? text : NULL;
}

char *dr_worker_offers(const dr_studio *s)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return NULL;
    for (int i = 0; i < s->model_count; i++) {
        if (s->model[i].prompts)
            fprintf(f, "model:%s\n", s->model[i].id);
        if (s->model[i].garments)
            fprintf(f, "dress:%s\n", s->model[i].id);
    }
    for (int i = 0; i < s->lora_count; i++)
        fprintf(f, "lora:%s\n", s->lora[i].id);
    if (s->parser)
        fprintf(f, "parser\n");
    if (s->shared[0])
        fprintf(f, "%s\n", s->shared);
    fprintf(f, "host:%s\n", dr_store_host(s->store));
    return fclose(f) == 0 ? text : NULL;
}
