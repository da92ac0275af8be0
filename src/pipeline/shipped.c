#include "pipeline/shipped.h"

#include "base/file.h"

#include <limits.h>
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

/* The program's folder joined with where data lies from there; false where the system does not tell. */
static bool beside_program(char *out, size_t n, const char *place)
{
    char exe[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (length <= 0)
        return false;
    exe[length] = 0;
    char *slash = strrchr(exe, '/');
    if (!slash)
        return false;
    *slash = 0;
    char joined[2 * PATH_MAX], *plain;
    snprintf(joined, sizeof joined, "%s/" DRAPE_DATA_FROM_BIN "/%s", exe, place);
    plain = realpath(joined, NULL); /* without the "..", where it is there */
    int length_out = snprintf(out, n, "%s", plain ? plain : joined);
    free(plain);
    return length_out > 0 && (size_t)length_out < n;
}

static bool has(const char *dir, const char *marker)
{
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/%s", dir, marker);
    return dr_exists(path);
}

static dr_status take(char *out, size_t n, const char *place)
{
    int length = snprintf(out, n, "%s", place);
    return length >= 0 && (size_t)length < n ? DR_OK : dr_fail(DR_EINVAL, "the path '%.64s...' is too long", place);
}

static dr_status find(const shipped *s, char *out, size_t n)
{
    char beside[PATH_MAX], installed[PATH_MAX], source[PATH_MAX];
    const char *asked = getenv(s->variable);
    if (asked && asked[0])
        return take(out, n, asked);
    snprintf(installed, sizeof installed, DRAPE_DATA_DIR "/%s", s->place);
    snprintf(source, sizeof source, DRAPE_SOURCE_DIR "/%s", s->place);
    bool told = beside_program(beside, sizeof beside, s->place) && strcmp(beside, installed) != 0;
    if (told && has(beside, s->marker))
        return take(out, n, beside);
    if (has(installed, s->marker))
        return take(out, n, installed);
    if (has(source, s->marker))
        return take(out, n, source);
    return dr_fail(DR_ENOENT, "there is no %s in %s%s%s'%s' or '%s'; pass a folder (%s DIR), or name it in %s", s->what,
                   told ? "'" : "", told ? beside : "", told ? "', " : "", installed, source, s->option, s->variable);
}

dr_status dr_parser_find(char *out, size_t n)
{
    return find(&parser, out, n);
}

dr_status dr_small_model_find(char *out, size_t n)
{
    return find(&small_model, out, n);
}
