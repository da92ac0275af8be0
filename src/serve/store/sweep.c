#define _XOPEN_SOURCE 700 /* nftw */
/* What goes when: jobs by age and by the size of everything, pictures that nobody refers to. */
#include "base/path.h"
#include "serve/store/store_impl.h"

#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static __thread int64_t tree_bytes;

static int add_bytes(const char *path, const struct stat *st, int kind, struct FTW *f)
{
    (void)path, (void)f;
    tree_bytes += kind == FTW_F ? (int64_t)st->st_size : 0;
    return 0;
}

static int64_t bytes_of(const char *path)
{
    tree_bytes = 0;
    (void)nftw(path, add_bytes, 16, FTW_PHYS);
    return tree_bytes;
}

static int64_t all_bytes(dr_store *s)
{
    char path[PATH_MAX];
    int64_t n = 0;
    dr_status st;
    for (dr_attempt a = {.read = true}; dr_attempt_next(s, &a, &st);)
        n = dr_sql_int(s->db, 0, "SELECT CAST(SUM(bytes) AS BIGINT) FROM images", NULL);
    return dr_path(path, sizeof path, s->dir, "train") ? n : n + bytes_of(path);
}

/* The job that goes first: over for so long, not a garment; 0: none. */
static int64_t oldest(dr_store *s, double seconds)
{
    int64_t id = 0;
    dr_status st;
    for (dr_attempt a = {.read = true}; dr_attempt_next(s, &a, &st);)
        id = dr_sql_int(s->db, 0,
                        "SELECT id FROM jobs WHERE state IN ('done','failed','cancelled') AND garment=0 AND "
                        "ended<@now-$1 ORDER BY ended LIMIT 1",
                        "d", seconds);
    return id;
}

static dr_status drop(dr_store *s, int64_t id, int64_t **gone, int *count)
{
    int64_t *more = realloc(*gone, (size_t)(*count + 1) * sizeof **gone);
    if (!more)
        return dr_fail(DR_ENOMEM, "out of memory");
    *gone = more;
    dr_status st = dr_store_delete(s, id);
    if (!st)
        more[(*count)++] = id;
    return st == DR_ENOENT ? DR_OK : st; /* another machine was quicker */
}

dr_status dr_store_sweep(dr_store *s, const dr_keep *keep, int64_t **gone, int *count)
{
    int64_t id;
    *gone = NULL;
    *count = 0;
    dr_status st = dr_store_drop_blobs(s, 24 * 3600);
    while (!st && keep->seconds > 0 && (id = oldest(s, (double)keep->seconds)) != 0)
        st = drop(s, id, gone, count);
    while (!st && keep->bytes > 0 && all_bytes(s) > keep->bytes && (id = oldest(s, 0)) != 0)
        st = drop(s, id, gone, count);
    if (!st && dr_store_is_shared(s))
        dr_store_remove_strays(s);
    return st;
}

bool dr_keep_parse(const char *text, dr_keep *out)
{
    static const struct {
        const char *unit;
        double seconds, bytes;
    } units[] = {{"d", 86400, 0}, {"h", 3600, 0},         {"GB", 0, 1e9},
                 {"MB", 0, 1e6},  {"GiB", 0, 1073741824}, {"TB", 0, 1e12}};
    *out = (dr_keep){0};
    for (const char *at = text; *at;) {
        char *end;
        double v = strtod(at, &end);
        size_t n = strcspn(end, ","), i = 0, known = sizeof units / sizeof *units;
        while (i < known && (strlen(units[i].unit) != n || memcmp(units[i].unit, end, n) != 0))
            i++;
        if (end == at || !(v > 0) || v > 1e6 || i == known)
            return false;
        if (units[i].seconds > 0)
            out->seconds = (int64_t)(v * units[i].seconds);
        else
            out->bytes = (int64_t)(v * units[i].bytes);
        at = end + n + (end[n] == ',');
    }
    return text[0] != 0;
}
