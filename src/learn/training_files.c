/* A training's weights, moments and average in the folder of a checkpoint. */
#include "learn/training.h"

#include "base/file.h"
#include "base/path.h"
#include "pipeline/folder.h"
#include "pipeline/models.h"

#include <limits.h>

/* --- weights ---------------------------------------------------------------------------------------- */

static dr_status read_part(const dr_part *part, const char *from)
{
    char dir[PATH_MAX];
    dr_weights files;
    dr_status st = dr_path(dir, sizeof dir, from, part->folder);
    if (!st)
        st = dr_weights_load(&files, part->params, dir, part->rules);
    if (st)
        return st;
    st = dr_params_make_trainable(part->params); /* copies what lies in the mapping */
    dr_weights_close(&files);
    return st;
}

dr_status dr_training_weights(dr_training *t, const char *from, uint64_t seed)
{
    dr_status st = DR_OK;
    for (int i = 0; !st && i < t->parts; i++)
        if (from) {
            st = read_part(&t->part[i], from);
        } else {
            st = dr_weights_random(t->part[i].params, DR_F32, seed);
            if (!st)
                st = dr_params_make_trainable(t->part[i].params);
        }
    return st;
}

static dr_status save_part(const dr_part *part, const char *dir)
{
    char path[PATH_MAX];
    dr_status st = DR_OK;
    if (part->config_from) {
        st = dr_source_copy(part->config_from, part->folder, dir, false);
    } else {
        st = dr_path(path, sizeof path, dir, part->folder);
        if (!st)
            st = dr_mkdirs(path);
    }
    if (!st)
        st = dr_path(path, sizeof path, dir, part->folder, part->file);
    if (st)
        return st;
    if (part->save)
        return part->save(part->owner, path);
    return dr_weights_save(part->params, path, DR_F32, part->file_prefix ? part->file_prefix : "", 0);
}

dr_status dr_training_save_weights(const dr_training *t, const char *dir)
{
    dr_status st = DR_OK;
    for (int i = 0; !st && i < t->parts; i++)
        st = save_part(&t->part[i], dir);
    return st;
}

/* --- moments and average ---------------------------------------------------------------------------- */

static dr_status path_of(const dr_training *t, char *out, size_t n, const char *dir, const char *file)
{
    return dr_path(out, n, dir, t->folder ? t->folder : "", file);
}

dr_status dr_training_save_moments(const dr_training *t, const char *dir)
{
    char path[PATH_MAX];
    dr_status st = path_of(t, path, sizeof path, dir, "");
    if (!st && dr_ranks_rank(t->o.ranks) == 0)
        st = dr_mkdirs(path);
    if (!st)
        st = path_of(t, path, sizeof path, dir, "optimizer.safetensors");
    if (!st)
        st = dr_adamw_save_shares(&t->adamw, t->prefix, path, t->exchange);
    if (st || !t->o.average)
        return st;
    st = path_of(t, path, sizeof path, dir, "ema.safetensors");
    return st ? st : dr_ema_save_shares(&t->ema, t->prefix, path, t->exchange);
}

dr_status dr_training_load_moments(dr_training *t, const char *dir, int64_t updates)
{
    char path[PATH_MAX];
    dr_status st = path_of(t, path, sizeof path, dir, "optimizer.safetensors");
    if (!st)
        st = dr_adamw_load(&t->adamw, t->prefix, path);
    t->adamw.step = updates;
    if (st || !t->o.average)
        return st;
    st = path_of(t, path, sizeof path, dir, "ema.safetensors");
    return st ? st : dr_ema_load(&t->ema, t->prefix, path);
}
