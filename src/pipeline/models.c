#include "pipeline/models.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>

static dr_status part_path(char out[PATH_MAX], const char *dir, const char *part, const char *file)
{
    int n = snprintf(out, PATH_MAX, "%s/%s%s%s", dir, part, file ? "/" : "", file ? file : "");
    if (n < 0 || n >= PATH_MAX)
        return dr_fail(DR_EINVAL, "the path '%s' is too long", dir);
    return DR_OK;
}

static dr_status config_json(const char *dir, const char *part, char path[PATH_MAX], json_t **out)
{
    dr_status st = part_path(path, dir, part, "config.json");
    return st ? st : dr_json_load(path, out);
}

dr_status dr_text_config(dr_clip_config *c, const char *dir)
{
    char path[PATH_MAX];
    json_t *j;
    dr_status st = config_json(dir, "text_encoder", path, &j);
    if (st)
        return st;
    st = dr_clip_config_parse(c, j, path);
    json_decref(j);
    return st;
}

dr_status dr_vae_config_load(dr_vae_config *c, const char *dir)
{
    char path[PATH_MAX];
    json_t *j;
    dr_status st = config_json(dir, "vae", path, &j);
    if (st)
        return st;
    st = dr_vae_config_parse(c, j, path);
    json_decref(j);
    return st;
}

static dr_status unet_config(dr_unet_config *c, const char *dir, const char *part)
{
    char path[PATH_MAX];
    json_t *j;
    dr_status st = config_json(dir, part, path, &j);
    if (st)
        return st;
    st = dr_unet_config_parse(c, j, path);
    json_decref(j);
    return st;
}

dr_status dr_folder_schedule(dr_schedule *s, const char *dir)
{
    char path[PATH_MAX];
    json_t *index;
    dr_status st = part_path(path, dir, "scheduler", "scheduler_config.json");
    if (!st)
        st = dr_schedule_load(s, path);
    if (st || s->class_name[0])
        return st;
    st = part_path(path, dir, "model_index.json", NULL);
    if (!st)
        st = dr_json_load(path, &index);
    if (st) {
        dr_schedule_clear(s);
        return st;
    }
    const char *class = json_string_value(json_array_get(json_object_get(index, "scheduler"), 1));
    if (class)
        snprintf(s->class_name, sizeof s->class_name, "%s", class);
    json_decref(index);
    return DR_OK;
}

dr_status dr_unet_config_load(dr_unet_config *c, const char *dir)
{
    return unet_config(c, dir, "unet");
}

static dr_status bind(dr_weights *files, dr_params *p, const char *dir, const char *part, const dr_weights_rules *rules)
{
    char path[PATH_MAX];
    dr_weights_rules trusting = *rules;
    trusting.trusted = true;
    dr_status st = part_path(path, dir, part, NULL);
    return st ? st : dr_weights_load(files, p, path, &trusting);
}

dr_status dr_text_load(dr_text_model *m, const char *dir)
{
    dr_clip_config c;
    if (m->loaded)
        return DR_OK;
    dr_status st = dr_text_config(&c, dir);
    if (!st)
        st = dr_params_init(&m->params);
    if (!st)
        st = dr_clip_init(&m->net, &c, &m->params);
    if (!st)
        st = bind(&m->files, &m->params, dir, "text_encoder", &dr_weights_text);
    m->loaded = true;
    if (st)
        dr_text_unload(m);
    return st;
}

dr_status dr_vae_load(dr_vae_model *m, const char *dir)
{
    dr_vae_config c;
    if (m->loaded)
        return DR_OK;
    dr_status st = dr_vae_config_load(&c, dir);
    if (!st)
        st = dr_params_init(&m->params);
    if (!st)
        st = dr_vae_init(&m->net, &c, &m->params);
    if (!st)
        st = bind(&m->files, &m->params, dir, "vae", &dr_weights_vae);
    m->loaded = true;
    if (st)
        dr_vae_unload(m);
    return st;
}

dr_status dr_unet_load(dr_unet_model *m, const char *dir)
{
    return dr_unet_load_part(m, dir, "unet");
}

dr_status dr_unet_load_part(dr_unet_model *m, const char *dir, const char *part)
{
    dr_unet_config c;
    if (m->loaded)
        return DR_OK;
    dr_status st = unet_config(&c, dir, part);
    if (!st)
        st = dr_params_init(&m->params);
    if (!st)
        st = dr_unet_init(&m->net, &c, &m->params);
    if (!st)
        st = bind(&m->files, &m->params, dir, part, &dr_weights_unet);
    m->loaded = true;
    if (st)
        dr_unet_unload(m);
    return st;
}

static void unload(dr_params *p, dr_weights *files, bool *loaded)
{
    if (!*loaded)
        return;
    dr_params_clear(p); /* before the files: parameters point into them */
    dr_weights_close(files);
    *loaded = false;
}

void dr_text_unload(dr_text_model *m)
{
    unload(&m->params, &m->files, &m->loaded);
}

void dr_vae_unload(dr_vae_model *m)
{
    unload(&m->params, &m->files, &m->loaded);
}

void dr_unet_unload(dr_unet_model *m)
{
    unload(&m->params, &m->files, &m->loaded);
}

dr_status dr_params_check(const dr_params *p, const char *path)
{
    dr_status st = DR_OK;
    for (const dr_param *q = p->first; !st && q; q = q->next) {
        st = dr_check_finite(q->t.data, q->t.dtype, (size_t)dr_numel(&q->t), q->t.name, path);
        if (q->t.mapped)
            dr_map_drop(q->t.data, dr_nbytes(&q->t));
    }
    return st;
}

dr_status dr_output_check(const float *out, size_t n, const dr_params *p, const char *what, const char *path)
{
    bool finite = true;
    for (size_t i = 0; i < n; i++)
        finite = finite && isfinite(out[i]);
    if (finite)
        return DR_OK;
    dr_status st = dr_params_check(p, path);
    return st ? st
              : dr_fail(DR_EINVAL,
                        "the %s's output is not a number, though all weights in '%s' are: they are too large "
                        "for f32 sums",
                        what, path);
}

dr_status dr_params_make_trainable(dr_params *p)
{
    for (dr_param *q = p->first; q; q = q->next) {
        dr_status st = dr_param_make_own_f32(q);
        if (st)
            return st;
        q->t.constant = false;
        q->t.needs_grad = true;
    }
    return DR_OK;
}
