#include "learn/checkpoint.h"

#include "base/file.h"
#include "base/path.h"
#include "pipeline/folder.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PREFIX "checkpoint-"

_Static_assert(sizeof((dr_checkpoint *)0)->at >= PATH_MAX, "a path has room");

void dr_checkpoint_clear(dr_checkpoint *c)
{
    json_decref(c->run);
    json_decref(c->own);
    *c = (dr_checkpoint){0};
}

/* --- which there are -------------------------------------------------------------------------------- */

/* The step of a folder's name "checkpoint-500"; -1 if it is none. */
static long step_of(const char *name)
{
    char *end;
    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0 || !name[strlen(PREFIX)])
        return -1;
    long n = strtol(name + strlen(PREFIX), &end, 10);
    return *end || n < 0 ? -1 : n;
}

/* The step of the oldest or the newest checkpoint among those of steps up to `bound`; *count of them. -1 if none. */
static long find_step(const char *dir, bool oldest, long bound, int *count)
{
    long found = -1;
    DIR *d = opendir(dir);
    const struct dirent *f;
    *count = 0;
    while (d && (f = readdir(d))) {
        long step = step_of(f->d_name);
        if (step < 0 || step > bound)
            continue;
        if (found < 0 || (oldest ? step < found : step > found))
            found = step;
        ++*count;
    }
    if (d)
        closedir(d);
    return found;
}

static dr_status step_path(const dr_checkpoint *c, char *out, size_t n, long step)
{
    char name[64];
    snprintf(name, sizeof name, PREFIX "%ld", step);
    return dr_path(out, n, c->output, name);
}

dr_status dr_checkpoint_find(dr_checkpoint *c, const char *name)
{
    int count;
    dr_status st;
    if (strcmp(name, "latest") == 0) {
        long step = find_step(c->output, false, LONG_MAX, &count);
        st = step < 0 ? dr_fail(DR_ENOENT, "no checkpoint in '%s' to resume from", c->output)
                      : step_path(c, c->at, sizeof c->at, step);
    } else {
        st = dr_path(c->at, sizeof c->at, c->output, name);
        if (!st && !dr_is_dir(c->at))
            st = dr_path(c->at, sizeof c->at, name);
        if (!st && !dr_is_dir(c->at))
            st = dr_fail(DR_ENOENT, "no checkpoint '%s', neither in '%s' nor as a path", name, c->output);
    }
    if (st)
        c->at[0] = 0;
    return st;
}

/* A damaged file is not passed over in silence: whoever resumes would not know that steps are lost. */
dr_status dr_checkpoint_blame(const dr_checkpoint *c, dr_status st)
{
    char path[PATH_MAX], fault[1024];
    long step = step_of(dr_path_name(c->at)), before = -1;
    int count;
    if (st != DR_EINVAL && st != DR_ENOENT && st != DR_EIO)
        return st;
    if (step > 0 && !step_path(c, path, sizeof path, step) && strcmp(path, c->at) == 0)
        before = find_step(c->output, false, step - 1, &count);
    snprintf(fault, sizeof fault, "%s", dr_error());
    if (before < 0 || step_path(c, path, sizeof path, before))
        return dr_fail(st, "cannot resume from '%s': %s", c->at, fault);
    return dr_fail(st, "cannot resume from '%s': %s; remove that folder to go on from '%s'", c->at, fault, path);
}

/* --- what goes --------------------------------------------------------------------------------------- */

static bool begins(const char *name, const char *stem)
{
    return strncmp(name, stem, strlen(stem)) == 0;
}

static bool is_leftover(const char *name, const char *const *also)
{
    const char *tmp = strstr(name, ".tmp-");
    bool ours = begins(name, PREFIX);
    for (; also && *also; also++)
        ours |= begins(name, *also) && tmp == name + strlen(*also);
    return ours && tmp && strlen(tmp) == strlen(".tmp-XXXXXX");
}

void dr_checkpoint_sweep(const char *output, const char *const *also)
{
    char path[PATH_MAX];
    DIR *d = opendir(output);
    const struct dirent *f;
    while (d && (f = readdir(d)))
        if (is_leftover(f->d_name, also) && !dr_path(path, sizeof path, output, f->d_name))
            (void)dr_remove_tree(path);
    if (d)
        closedir(d);
    dr_error_clear();
}

/* Out of sight at once, then removed: a kill in between leaves no half checkpoint that looks whole. */
static dr_status drop(const char *path)
{
    char away[PATH_MAX + 16];
    snprintf(away, sizeof away, "%s.tmp-REMOVE", path);
    if (rename(path, away) != 0)
        return dr_fail(DR_EIO, "cannot remove '%s': %s", path, strerror(errno));
    return dr_remove_tree(away);
}

/* The oldest beyond the limit go, now that a newer one is safe. */
static void drop_old(const dr_checkpoint *c)
{
    char path[PATH_MAX];
    int count;
    for (;;) {
        long step = find_step(c->output, true, c->step, &count);
        if (c->keep == 0 || count <= c->keep || step_path(c, path, sizeof path, step) || drop(path))
            return;
    }
}

/* --- writing ----------------------------------------------------------------------------------------- */

static dr_status save_state(const dr_checkpoint *c, const char *dir)
{
    char path[PATH_MAX];
    dr_status st = dr_path(path, sizeof path, dir, "state.json");
    if (st)
        return st;
    json_t *j = json_pack("{s:s, s:i, s:i, s:o, s:O, s:O*}", "written_by", "drape", "format", c->format, "step",
                          c->step, "updates", json_array(), "run", c->run, "own", c->own);
    for (int i = 0; i < c->trainings; i++)
        json_array_append_new(json_object_get(j, "updates"), json_integer(c->training[i]->adamw.step));
    st = j ? dr_json_save(path, j) : dr_fail(DR_ENOMEM, "out of memory");
    json_decref(j);
    return st;
}

static dr_status save_all(const dr_checkpoint *c, const char *dir)
{
    dr_status st = save_state(c, dir);
    for (int i = 0; !st && i < c->trainings; i++) {
        st = dr_training_save_weights(c->training[i], dir);
        if (!st)
            st = dr_training_save_moments(c->training[i], dir);
    }
    return st;
}

static bool same_folder(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static dr_status write_to(const dr_checkpoint *c, const char *path)
{
    char tmp[PATH_MAX + 16];
    dr_status st = dr_exists(path) ? drop(path) : DR_OK; /* it belongs to a course of the run that was left */
    if (!st)
        st = dr_folder_begin(tmp, sizeof tmp, path);
    if (st)
        return st;
    st = save_all(c, tmp);
    if (!st)
        st = dr_folder_commit(tmp, path);
    if (st)
        (void)dr_remove_tree(tmp);
    return st;
}

/* Of several ranks the first one writes; the others hand it what they have. */
static dr_status hand_over(const dr_checkpoint *c)
{
    dr_status st = DR_OK;
    for (int i = 0; !st && i < c->trainings; i++)
        st = dr_training_save_moments(c->training[i], "");
    return st;
}

dr_status dr_checkpoint_save(dr_checkpoint *c)
{
    char path[PATH_MAX];
    dr_ranks *ranks = c->trainings ? c->training[0]->o.ranks : NULL;
    dr_status st = step_path(c, path, sizeof path, c->step);
    int there = c->step == c->at_step && same_folder(c->at, path);
    if (!st)
        st = dr_ranks_broadcast(ranks, 0, &there, sizeof there);
    if (st || there)
        return st;
    bool writes = dr_ranks_rank(ranks) == 0;
    st = writes ? write_to(c, path) : hand_over(c);
    if (st && !writes)
        return st;
    if (st)
        return dr_fail_prefix(st, "cannot write checkpoint '%s'", path);
    if (writes)
        drop_old(c);
    snprintf(c->at, sizeof c->at, "%s", path);
    c->at_step = c->step;
    return DR_OK;
}
