#include "pipeline/parser_find.h"

#include "base/file.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PARSER "models/mini/parser"

/* The program's folder joined with where data lies from there; false where the system does not tell. */
static bool beside_program(char *out, size_t n)
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
    snprintf(joined, sizeof joined, "%s/" DRAPE_DATA_FROM_BIN "/" PARSER, exe);
    plain = realpath(joined, NULL); /* without the "..", where it is there */
    int length_out = snprintf(out, n, "%s", plain ? plain : joined);
    free(plain);
    return length_out > 0 && (size_t)length_out < n;
}

static bool has_config(const char *dir)
{
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/config.json", dir);
    return dr_exists(path);
}

static dr_status take(char *out, size_t n, const char *place)
{
    int length = snprintf(out, n, "%s", place);
    return length >= 0 && (size_t)length < n ? DR_OK : dr_fail(DR_EINVAL, "the path '%.64s...' is too long", place);
}

dr_status dr_parser_find(char *out, size_t n)
{
    char beside[PATH_MAX];
    const char *asked = getenv("DRAPE_PARSER");
    const char *installed = DRAPE_DATA_DIR "/" PARSER, *source = DRAPE_SOURCE_DIR "/" PARSER;
    if (asked && asked[0])
        return take(out, n, asked);
    bool told = beside_program(beside, sizeof beside) && strcmp(beside, installed) != 0;
    if (told && has_config(beside))
        return take(out, n, beside);
    if (has_config(installed))
        return take(out, n, installed);
    if (has_config(source))
        return take(out, n, source);
    return dr_fail(DR_ENOENT,
                   "there is no clothes parser in %s%s%s'%s' or '%s'; pass a parser's folder (--parser DIR), or name "
                   "it in DRAPE_PARSER",
                   told ? "'" : "", told ? beside : "", told ? "', " : "", installed, source);
}
