#include "mini/flats.h"

#include "base/path.h"
#include "io/labels.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *kind;
    uint8_t label;
    bool short_sleeves;
} kinds[] = {{"tshirt-", DR_LABEL_UPPER, true}, {"longsleeve-", DR_LABEL_UPPER, false},
             {"shirt-", DR_LABEL_UPPER, false}, {"outwear-", DR_LABEL_UPPER, false},
             {"dress-", DR_LABEL_DRESS, false}, {"skirt-", DR_LABEL_SKIRT, false},
             {"pants-", DR_LABEL_PANTS, false}};

/* Whether a file is one to train on, and of what. */
static bool is_flat(const char *name, mini_flat *flat)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t n = strlen(kinds[i].kind);
        if (strncmp(name, kinds[i].kind, n) == 0) {
            flat->label = kinds[i].label;
            flat->short_sleeves = kinds[i].short_sleeves;
            return strtol(name + n, NULL, 10) % MINI_FLATS_TEST != 0;
        }
    }
    return false;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const mini_flat *)a)->name, ((const mini_flat *)b)->name);
}

dr_status mini_flats_open(mini_flats *f, const char *dir)
{
    *f = (mini_flats){0};
    dr_status st = dr_path(f->dir, sizeof f->dir, dir);
    DIR *d = st ? NULL : opendir(dir);
    if (!d)
        return st ? st : dr_fail(DR_ENOENT, "cannot read '%s': %s", dir, strerror(errno));
    for (struct dirent *e; !st && (e = readdir(d));) {
        mini_flat flat;
        if (!is_flat(e->d_name, &flat) ||
            snprintf(flat.name, sizeof flat.name, "%s", e->d_name) >= (int)sizeof flat.name)
            continue;
        mini_flat *more = realloc(f->flat, (size_t)(f->count + 1) * sizeof *more);
        if (!more) {
            st = dr_fail(DR_ENOMEM, "out of memory");
            break;
        }
        f->flat = more;
        f->flat[f->count++] = flat;
    }
    closedir(d);
    if (!st && f->count == 0)
        st = dr_fail(DR_EINVAL, "'%s' has no garments: photos are called tshirt-1.jpg, dress-1.jpg and so on", dir);
    if (!st)
        qsort(f->flat, (size_t)f->count, sizeof *f->flat, by_name);
    return st;
}

void mini_flats_clear(mini_flats *f)
{
    free(f->flat);
    *f = (mini_flats){0};
}

static bool fits(const mini_flat *flat, uint8_t label, bool short_sleeves)
{
    return flat->label == label && (label != DR_LABEL_UPPER || flat->short_sleeves == short_sleeves);
}

const mini_flat *mini_flats_choose(const mini_flats *f, uint8_t label, bool short_sleeves, dr_rng *r)
{
    int n = 0;
    for (int i = 0; i < f->count; i++)
        n += fits(&f->flat[i], label, short_sleeves);
    int64_t at = n ? dr_rng_below(r, n) : 0;
    for (int i = 0; n && i < f->count; i++)
        if (fits(&f->flat[i], label, short_sleeves) && at-- == 0)
            return &f->flat[i];
    return NULL;
}

dr_status mini_flat_read(const mini_flats *f, const mini_flat *flat, dr_image *out)
{
    char path[PATH_MAX];
    dr_status st = dr_path(path, sizeof path, f->dir, flat->name);
    return st ? st : dr_image_read(out, path, 3);
}
