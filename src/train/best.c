/* The model that was best by --keep_best, as OUTPUT/best-STEP: a folder like the result, complete or absent.
 *
 * A better one is written beside the one before, which goes only once a checkpoint knows of the new one. So the best of
 * what the newest checkpoint has seen is always there, whenever a run is killed. */
#include "train/trainer_state.h"

#include "base/path.h"
#include "pipeline/folder.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "best-"

static dr_status best_path(const dr_trainer *t, char *out, size_t n, int step)
{
    char name[32];
    snprintf(name, sizeof name, PREFIX "%d", step);
    return dr_trainer_path(t, out, n, name);
}

static dr_status fill(dr_trainer *t, const char *dir)
{
    char path[PATH_MAX];
    if (!t->o->lora_rank) {
        dr_status st = dr_trainer_write_parts(t, dir);
        return st || dr_trainer_part_alone(t) ? st : dr_folder_write_index(dir, t->schedule.class_name);
    }
    dr_status st = dr_path(path, sizeof path, dir, "pytorch_lora_weights.safetensors");
    return st ? st : dr_adapters_save(&t->adapters, path);
}

dr_status dr_trainer_keep_best(dr_trainer *t)
{
    char path[PATH_MAX], tmp[PATH_MAX + 16];
    if (dr_ranks_rank(t->ranks) > 0)
        return t->o->lora_rank ? DR_OK : dr_trainer_write_parts(t, NULL);
    dr_status st = best_path(t, path, sizeof path, t->checkpoint.step);
    if (!st && dr_exists(path)) /* of a run that was killed before its checkpoint */
        st = dr_remove_tree(path);
    if (!st)
        st = dr_folder_begin(tmp, sizeof tmp, path);
    if (st)
        return st;
    st = fill(t, tmp);
    if (!st)
        st = dr_folder_commit(tmp, path);
    if (st)
        (void)dr_remove_tree(tmp);
    return st;
}

/* "best-40" and "best-40.tmp-XXXXXX", but no other names. */
static bool is_ours(const char *name, int *step)
{
    char *end;
    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0 || name[strlen(PREFIX)] < '0' || name[strlen(PREFIX)] > '9')
        return false;
    *step = (int)strtol(name + strlen(PREFIX), &end, 10);
    if (strncmp(end, ".tmp-", 5) == 0)
        *step = -1;
    return !*end || *step < 0;
}

void dr_trainer_drop_others(dr_trainer *t, int best)
{
    char path[PATH_MAX];
    int step;
    DIR *d = t->o->keep_best && dr_ranks_rank(t->ranks) == 0 ? opendir(t->o->output_dir) : NULL;
    const struct dirent *f;
    while (d && (f = readdir(d)))
        if (is_ours(f->d_name, &step) && step != best && !dr_trainer_path(t, path, sizeof path, f->d_name))
            (void)dr_remove_tree(path);
    if (d)
        closedir(d);
    dr_error_clear();
}

void dr_trainer_miss_best(dr_trainer *t, int best)
{
    char path[PATH_MAX];
    if (t->o->keep_best && best >= 0 && !best_path(t, path, sizeof path, best) && !dr_exists(path))
        dr_trainer_say(t, "the best model so far, '%s', is gone: one that is better will be kept", path);
}
