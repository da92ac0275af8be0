#include "base/path.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Writes what there is room for; the length that the whole would have, as snprintf(). */
static size_t put(char *out, size_t n, const char *const *parts)
{
    size_t len = 0;
    char last = '/'; /* no slash before the first part */
    for (; *parts; parts++) {
        if (!(*parts)[0])
            continue;
        const char *slash = last == '/' ? "" : "/";
        int more = snprintf(len < n ? out + len : NULL, len < n ? n - len : 0, "%s%s", slash, *parts);
        len += (size_t)more;
        last = (*parts)[strlen(*parts) - 1];
    }
    return len;
}

static dr_status too_long(const char *dir)
{
    return dr_fail(DR_EINVAL, "the path '%s' is too long", dir);
}

dr_status dr_path_join(char *out, size_t n, const char *const *parts)
{
    out[0] = 0;
    return put(out, n, parts) < n ? DR_OK : too_long(parts[0]);
}

char *dr_path_join_new(const char *const *parts)
{
    size_t n = put(NULL, 0, parts) + 1;
    char *path = calloc(n, 1);
    if (path)
        put(path, n, parts);
    return path;
}

dr_status dr_path_format(char *out, size_t n, const char *dir, const char *format, ...)
{
    size_t at = put(out, n, (const char *const[]){dir, NULL});
    bool slash = at > 0 && at < n && out[at - 1] != '/';
    if (at + (slash ? 1 : 0) >= n)
        return too_long(dir);
    if (slash)
        out[at++] = '/';
    va_list args;
    va_start(args, format);
    int len = vsnprintf(out + at, n - at, format, args);
    va_end(args);
    return len >= 0 && (size_t)len < n - at ? DR_OK : too_long(dir);
}

const char *dr_path_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

size_t dr_path_stem(const char *path)
{
    const char *name = dr_path_name(path), *dot = strrchr(name, '.');
    while (*name == '.')
        name++;
    return dot && dot > name ? (size_t)(dot - path) : strlen(path);
}

const char *dr_path_extension(const char *path)
{
    return path + dr_path_stem(path);
}

size_t dr_path_trimmed(const char *path)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    return n;
}

dr_status dr_path_folder(char *out, size_t n, const char *path)
{
    size_t len = dr_path_trimmed(path);
    while (len > 0 && path[len - 1] != '/')
        len--;
    if (len == 0) { /* a name alone */
        path = ".";
        len = 1;
    }
    while (len > 1 && path[len - 1] == '/')
        len--;
    if (len >= n)
        return too_long(path);
    memmove(out, path, len);
    out[len] = 0;
    return DR_OK;
}

bool dr_path_ends_with(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    return n > m && strcmp(path + n - m, end) == 0;
}

bool dr_cache_folder(char *out, size_t n)
{
    const char *own = getenv("DRAPE_CACHE_DIR"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (own && *own)
        return dr_path(out, n, own) == DR_OK;
    if (xdg && *xdg)
        return dr_path(out, n, xdg, "drape") == DR_OK;
    return home && *home && dr_path(out, n, home, ".cache/drape") == DR_OK;
}
