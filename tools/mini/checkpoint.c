#include "mini/checkpoint.h"

#include "base/file.h"
#include "learn/checkpoint.h"
#include "pipeline/folder.h"
#include "pipeline/models.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- reading ---------------------------------------------------------------------------------------- */

static dr_status compare_runs(const mini_training *t, const json_t *saved)
{
    dr_status st = DR_OK;
    const char *key;
    json_t *v;
    json_object_foreach(t->run, key, v)
    {
        if (!st && !json_equal(v, json_object_get(saved, key)))
            st = dr_fail(DR_EINVAL, "cannot resume from '%s': it was made with another \"%s\"; see its state.json",
                         t->checkpoint, key);
    }
    return st;
}

static dr_status read_state(mini_training *t)
{
    char path[PATH_MAX];
    json_t *j = NULL;
    int64_t step = 0;
    dr_status st = dr_folder_path(path, sizeof path, t->checkpoint, "", "state.json");
    if (!st)
        st = dr_json_load(path, &j);
    if (!st)
        st = dr_json_int(j, path, "step", 0, 1, INT_MAX, &step);
    if (!st)
        st = compare_runs(t, json_object_get(j, "run"));
    json_decref(j);
    t->step = (int)step;
    return st;
}

dr_status mini_checkpoint_find(mini_training *t, bool resume)
{
    dr_checkpoint c = {.output = t->output};
    dr_checkpoint_sweep(t->output, NULL);
    dr_status st = dr_checkpoint_find(&c, "latest");
    memcpy(t->checkpoint, c.at, sizeof t->checkpoint);
    if (resume)
        return st ? st : read_state(t);
    if (!st)
        return dr_fail(DR_EINVAL, "'%s' is there already: add --resume to go on from it, or choose another --output",
                       t->checkpoint);
    t->checkpoint[0] = 0;
    return DR_OK;
}

static dr_status read_weights(const mini_part *part, const char *from)
{
    char dir[PATH_MAX];
    dr_weights files;
    dr_status st = dr_folder_path(dir, sizeof dir, from, part->folder, "");
    if (!st)
        st = dr_weights_load(&files, part->params, dir, part->rules);
    if (st)
        return st;
    st = dr_params_make_trainable(part->params); /* copies what lies in the mapping */
    dr_weights_close(&files);
    return st;
}

dr_status mini_training_weights(mini_training *t, uint64_t seed, const char *init)
{
    dr_status st = DR_OK;
    for (int i = 0; !st && i < t->parts; i++) {
        if (t->step || init)
            st = read_weights(&t->part[i], t->step ? t->checkpoint : init);
        else
            st = dr_weights_random(t->part[i].params, DR_F32, seed);
        if (!st)
            st = dr_params_make_trainable(t->part[i].params);
    }
    return st;
}

static dr_status read_moments(mini_training *t)
{
    char path[PATH_MAX];
    dr_status st = dr_folder_path(path, sizeof path, t->checkpoint, "", "optimizer.safetensors");
    if (!st)
        st = dr_adamw_load(&t->adamw, t->prefix, path);
    t->adamw.step = t->step;
    if (!st)
        st = dr_folder_path(path, sizeof path, t->checkpoint, "", "ema.safetensors");
    return st ? st : dr_ema_load(&t->ema, t->prefix, path);
}

/* --- training --------------------------------------------------------------------------------------- */

static dr_status list_trained(mini_training *t)
{
    size_t values = 0;
    for (int i = 0; i < t->parts; i++) {
        t->count += t->part[i].params->count;
        values += (size_t)dr_params_numel(t->part[i].params);
    }
    t->trained = calloc(t->count, sizeof(dr_tensor *));
    t->prefix = calloc(t->count, sizeof *t->prefix);
    t->gradients_size = values * sizeof(float);
    t->gradients = calloc(1, t->gradients_size);
    if (!t->trained || !t->prefix || !t->gradients)
        return dr_fail(DR_ENOMEM, "out of memory: %zu MiB for gradients", t->gradients_size >> 20);
    float *at = t->gradients;
    size_t k = 0;
    for (int i = 0; i < t->parts; i++)
        for (dr_param *q = t->part[i].params->first; q; q = q->next, k++) {
            t->trained[k] = &q->t;
            t->prefix[k] = i == 0 ? "" : "2/";
            q->t.grad = at;
            at += dr_numel(&q->t);
        }
    return DR_OK;
}

dr_status mini_training_optimizer(mini_training *t, const dr_adamw_options *o, double ema_decay)
{
    dr_status st = list_trained(t);
    if (!st)
        st = dr_adamw_init(&t->adamw, o, t->trained, t->count);
    if (!st)
        st = dr_ema_init(&t->ema, t->trained, t->count, ema_decay);
    return !st && t->step ? read_moments(t) : st;
}

double mini_training_update(mini_training *t, const dr_ops *ops, double lr, double max_norm)
{
    double norm = dr_adamw_grad_norm(&t->adamw, ops);
    if (!isfinite(norm))
        return norm;
    dr_adamw_step(&t->adamw, ops, (float)lr, dr_adamw_clip_scale(norm, max_norm));
    dr_ema_update(&t->ema, t->step);
    t->step++;
    return norm;
}

void mini_training_clear(mini_training *t)
{
    dr_ema_clear(&t->ema);
    dr_adamw_clear(&t->adamw);
    free(t->gradients);
    free(t->trained);
    free(t->prefix);
    json_decref(t->run);
    *t = (mini_training){0};
}

double mini_lr(double lr, int step, int steps, int warmup, int cool)
{
    double rise = warmup > 0 ? (step + 1.0) / warmup : 1, fall = cool > 0 ? (steps - step) / (double)cool : 1;
    return lr * fmax(0, fmin(1, fmin(rise, fall)));
}

/* --- writing ---------------------------------------------------------------------------------------- */

static dr_status save_state(const mini_training *t, const char *dir)
{
    char path[PATH_MAX];
    dr_status st = dr_folder_path(path, sizeof path, dir, "", "state.json");
    if (st)
        return st;
    json_t *j = json_pack("{s:i, s:O}", "step", t->step, "run", t->run);
    st = j ? dr_json_save(path, j) : dr_fail(DR_ENOMEM, "out of memory");
    json_decref(j);
    return st;
}

static dr_status save_part(const mini_part *part, const char *dir)
{
    char path[PATH_MAX];
    dr_status st = dr_folder_path(path, sizeof path, dir, part->folder, "");
    if (!st)
        st = dr_mkdirs(path);
    if (!st)
        st = dr_folder_path(path, sizeof path, dir, part->folder, part->file);
    return st ? st : dr_weights_save(part->params, path, DR_F32, "", 0);
}

static dr_status save_all(const mini_training *t, const char *dir)
{
    char path[PATH_MAX];
    dr_status st = save_state(t, dir);
    for (int i = 0; !st && i < t->parts; i++)
        st = save_part(&t->part[i], dir);
    if (!st)
        st = dr_folder_path(path, sizeof path, dir, "", "optimizer.safetensors");
    if (!st)
        st = dr_adamw_save(&t->adamw, t->prefix, path);
    if (!st)
        st = dr_folder_path(path, sizeof path, dir, "", "ema.safetensors");
    return st ? st : dr_ema_save(&t->ema, t->prefix, path);
}

/* Out of sight at once, then removed: a kill in between leaves no half checkpoint that looks whole. */
static dr_status drop(const char *path)
{
    char away[PATH_MAX + 16];
    snprintf(away, sizeof away, "%s.tmp-REMOVE", path);
    if (rename(path, away) != 0)
        return dr_fail(DR_EIO, "cannot remove '%s': %s", path, strerror(errno));
    return dr_folder_remove(away);
}

dr_status mini_checkpoint_save(mini_training *t)
{
    char path[PATH_MAX], tmp[PATH_MAX + 16], name[64];
    snprintf(name, sizeof name, "checkpoint-%d", t->step);
    dr_status st = dr_folder_path(path, sizeof path, t->output, "", name);
    if (st || strcmp(path, t->checkpoint) == 0) /* it is there already */
        return st;
    st = dr_folder_begin(tmp, sizeof tmp, path);
    if (!st) {
        st = save_all(t, tmp);
        if (!st)
            st = dr_folder_commit(tmp, path);
        if (st)
            dr_folder_remove(tmp);
    }
    if (st)
        return dr_fail_prefix(st, "cannot write checkpoint '%s'", path);
    if (t->checkpoint[0])
        drop(t->checkpoint);
    snprintf(t->checkpoint, sizeof t->checkpoint, "%s", path);
    return DR_OK;
}
