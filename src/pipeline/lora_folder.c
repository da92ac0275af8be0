#include "pipeline/lora_folder.h"

#include "base/file.h"
#include "base/path.h"
#include "pipeline/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each as safetensors first: a folder may have both, of the same. */
static const char *const known[][2] = {{"adapter_model.safetensors", "adapter_model.bin"},
                                       {"pytorch_lora_weights.safetensors", "pytorch_lora_weights.bin"}};

enum { NAMES = 8 }; /* that a message lists */

typedef struct found {
    char name[NAMES][256];
    int count; /* of all .safetensors files, or of all pickles where there are none */
} found;

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

static bool is_pickle(const char *name)
{
    return dr_path_ends_with(name, ".bin") || dr_path_ends_with(name, ".pt") || dr_path_ends_with(name, ".pth") ||
           dr_path_ends_with(name, ".ckpt");
}

static dr_status look(found *f, const char *dir, bool pickles)
{
    DIR *d = opendir(dir);
    if (!d)
        return dr_fail(errno == ENOENT ? DR_ENOENT : DR_EIO, "cannot open '%s': %s", dir, strerror(errno));
    for (struct dirent *e; (e = readdir(d));) {
        if (!(pickles ? is_pickle(e->d_name) : dr_path_ends_with(e->d_name, ".safetensors")) || e->d_name[0] == '.')
            continue;
        if (f->count < NAMES)
            snprintf(f->name[f->count], sizeof f->name[0], "%s", e->d_name);
        f->count++;
    }
    closedir(d);
    qsort(f->name, (size_t)(f->count < NAMES ? f->count : NAMES), sizeof f->name[0], by_name);
    return DR_OK;
}

/* A name that makers of LoRA files use; NULL without one. More than one of them: *several. */
static const char *well_known(const char *dir, bool *several)
{
    const char *name = NULL;
    char path[4096];
    *several = false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        for (size_t k = 0; k < 2; k++)
            if (!dr_path(path, sizeof path, dir, known[i][k]) && dr_exists(path)) {
                *several |= name != NULL;
                name = known[i][k];
                break;
            }
    return name;
}

static dr_status ambiguous(const found *f, const char *dir)
{
    char names[NAMES * 260] = "";
    for (int i = 0; i < f->count && i < NAMES; i++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "", f->name[i]);
    }
    return dr_fail(DR_EINVAL, "which LoRA of folder '%s' is meant? It has %s%s; pass one of these files", dir, names,
                   f->count > NAMES ? ", ..." : "");
}

static dr_status none(const char *dir)
{
    char path[4096];
    if (!dr_path(path, sizeof path, dir, "model_index.json") && dr_exists(path))
        return dr_fail(DR_EINVAL, "'%s' is the folder of a whole model and no LoRA; pass it with --model", dir);
    return dr_fail(DR_ENOENT, "there is no LoRA in folder '%s': expected %s, %s or another .safetensors file%s", dir,
                   known[0][0], known[1][0], dr_snapshot_hint(dir, path, sizeof path) ? path : "");
}

dr_status dr_lora_in_folder(char *out, size_t n, const char *dir)
{
    found f = {0};
    bool several;
    dr_status st = look(&f, dir, false);
    if (!st && !f.count)
        st = look(&f, dir, true);
    if (st)
        return st;
    const char *name = well_known(dir, &several);
    if (several || (!name && f.count > 1))
        return ambiguous(&f, dir);
    if (!name && f.count == 0)
        return none(dir);
    return dr_path(out, n, dir, name ? name : f.name[0]);
}
