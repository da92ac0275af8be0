#include "base/listing.h"

#include "base/file.h"
#include "base/path.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int dr_compare_stems(const char *a, const char *b)
{
    return dr_compare_names(a, dr_path_stem(a), b, dr_path_stem(b));
}

static int by_stem(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    int c = dr_compare_stems(*x, *y);
    return c ? c : strcmp(*x, *y);
}

void dr_listing_clear(dr_listing *l)
{
    for (int i = 0; i < l->count; i++)
        free(l->name[i]);
    free(l->name);
    *l = (dr_listing){0};
}

static dr_status listing_add(dr_listing *l, const char *name)
{
    if (l->count == l->room) {
        int room = l->room ? 2 * l->room : 64;
        char **more = realloc(l->name, (size_t)room * sizeof *more);
        if (!more)
            return dr_fail(DR_ENOMEM, "out of memory listing '%s'", l->dir);
        l->name = more;
        l->room = room;
    }
    l->name[l->count] = strdup(name);
    if (!l->name[l->count])
        return dr_fail(DR_ENOMEM, "out of memory listing '%s'", l->dir);
    l->count++;
    return DR_OK;
}

static dr_status listing_add_file(dr_listing *l, const char *name)
{
    char *path = dr_path_new(l->dir, name);
    if (!path)
        return dr_fail(DR_ENOMEM, "out of memory listing '%s'", l->dir);
    /* what is there but no file is passed over; what a broken link promises is missed when it is read */
    dr_status st = dr_exists(path) && !dr_is_file(path) ? DR_OK : listing_add(l, name);
    free(path);
    return st;
}

dr_status dr_listing_open(dr_listing *l, const char *dir, bool (*wanted)(const char *name))
{
    *l = (dr_listing){.dir = dir};
    DIR *d = opendir(dir);
    if (!d)
        return dr_fail(errno == ENOENT ? DR_ENOENT : DR_EIO, "cannot read folder '%s': %s", dir, strerror(errno));
    dr_status st = DR_OK;
    for (struct dirent *e; !st && (e = readdir(d));)
        if (e->d_name[0] != '.' && wanted(e->d_name))
            st = listing_add_file(l, e->d_name);
    closedir(d);
    if (l->count > 0)
        qsort(l->name, (size_t)l->count, sizeof *l->name, by_stem);
    return st;
}

const char *dr_listing_find(const dr_listing *l, const char *name)
{
    int low = 0, high = l->count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (dr_compare_stems(l->name[middle], name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < l->count && dr_compare_stems(l->name[low], name) == 0 ? l->name[low] : NULL;
}

bool dr_same_folder(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}
