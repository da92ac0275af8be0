#define _GNU_SOURCE /* dladdr */
#include "pipeline/shipped.h"

#include "base/file.h"
#include "base/path.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct shipped {
    const char *what, *option, *variable; /* for messages; the environment variable */
    const char *place, *marker;           /* below a data folder; a file that is in it */
} shipped;

static const shipped parser = {"clothes parser", "--parser", "DRAPE_PARSER", "models/mini/parser", "config.json"};
static const shipped small_model = {"small model", "--model", "DRAPE_MODEL", "models/mini", "model_index.json"};

/* The folder of a file joined with where data lies from there; false where that is too long. */
static bool beside(char *out, const char *file, const char *to_data, const char *place)
{
    char folder[PATH_MAX], joined[2 * PATH_MAX];
    if (!strchr(file, '/') || dr_path_folder(folder, sizeof folder, file) ||
        dr_path(joined, sizeof joined, folder, to_data, place))
        return false;
    char *plain = realpath(joined, NULL); /* without the "..", where it is there */
    int n = snprintf(out, PATH_MAX, "%s", plain ? plain : joined);
    free(plain);
    return n > 0 && n < PATH_MAX;
}

/* False where the system does not tell. */
static bool beside_program(char *out, const char *place)
{
    char exe[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (length <= 0)
        return false;
    exe[length] = 0;
    return beside(out, exe, DRAPE_DATA_FROM_BIN, place);
}

/* For programs on the shared library; false when we are part of the program itself. */
static bool beside_library(char *out, const char *place)
{
    Dl_info self;
    if (!dladdr((const void *)(uintptr_t)&dr_small_model_find, &self) || !self.dli_fname)
        return false;
    return strncmp(dr_path_name(self.dli_fname), "libdrape.", 9) == 0 &&
           beside(out, self.dli_fname, DRAPE_DATA_FROM_LIB, place);
}

static bool has(const char *dir, const char *marker)
{
    char path[PATH_MAX + 32];
    return !dr_path(path, sizeof path, dir, marker) && dr_exists(path);
}

static dr_status take(char *out, size_t n, const char *place)
{
    int length = snprintf(out, n, "%s", place);
    return length >= 0 && (size_t)length < n ? DR_OK : dr_fail(DR_EINVAL, "the path '%.64s...' is too long", place);
}

typedef struct places {
    char path[4][PATH_MAX];
    int count;
} places;

static void add(places *p, bool known, const char *path)
{
    for (int i = 0; i < p->count; i++)
        known = known && strcmp(p->path[i], path) != 0;
    if (known)
        snprintf(p->path[p->count++], PATH_MAX, "%s", path);
}

static void list(places *p, const char *place)
{
    char path[PATH_MAX];
    p->count = 0;
    add(p, beside_program(path, place), path);
    add(p, beside_library(path, place), path);
    add(p, snprintf(path, sizeof path, DRAPE_DATA_DIR "/%s", place) > 0, path);
#ifdef DRAPE_SOURCE_DIR /* not in packages: that folder is on another machine */
    add(p, snprintf(path, sizeof path, DRAPE_SOURCE_DIR "/%s", place) > 0, path);
#endif
}

static dr_status find(const shipped *s, char *out, size_t n)
{
    places *p;
    const char *asked = getenv(s->variable);
    if (asked && asked[0])
        return take(out, n, asked);
    p = malloc(sizeof *p);
    if (!p)
        return dr_fail(DR_ENOMEM, "out of memory");
    list(p, s->place);
    char named[1024] = "";
    dr_status st = DR_ENOENT;
    for (int i = 0; st == DR_ENOENT && i < p->count; i++) {
        size_t used = strlen(named);
        if (has(p->path[i], s->marker))
            st = take(out, n, p->path[i]);
        else
            snprintf(named + used, sizeof named - used, "%s'%s'",
                     !i                 ? ""
                     : i + 1 < p->count ? ", "
                                        : " or ",
                     p->path[i]);
    }
    free(p);
    if (st == DR_ENOENT)
        return dr_fail(DR_ENOENT, "there is no %s in %s; pass a folder (%s DIR), or name it in %s", s->what, named,
                       s->option, s->variable);
    return st;
}

dr_status dr_parser_find(char *out, size_t n)
{
    return find(&parser, out, n);
}

dr_status dr_small_model_find(char *out, size_t n)
{
    return find(&small_model, out, n);
}
