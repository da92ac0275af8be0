#include "base/text.h"

#include <glib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LOOK = 1024 }; /* bytes: a pointer has 130, a page says what it is in the first line */

const char *dr_skip_bom(const char *text)
{
    return strncmp(text, "\xEF\xBB\xBF", 3) == 0 ? text + 3 : text;
}

static bool is_ascii(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] & 0x80)
            return false;
    return true;
}

static int compare_bytes(const char *a, size_t na, const char *b, size_t nb)
{
    int c = memcmp(a, b, na < nb ? na : nb);
    return c ? c : (na > nb) - (na < nb);
}

int dr_compare_names(const char *a, size_t na, const char *b, size_t nb)
{
    /* plain letters are their own normal form */
    char *x = is_ascii(a, na) ? NULL : g_utf8_normalize(a, (gssize)na, G_NORMALIZE_NFC);
    char *y = is_ascii(b, nb) ? NULL : g_utf8_normalize(b, (gssize)nb, G_NORMALIZE_NFC);
    int c = compare_bytes(x ? x : a, x ? strlen(x) : na, y ? y : b, y ? strlen(y) : nb);
    g_free(x);
    g_free(y);
    return c;
}

static bool starts(const char *s, const char *with)
{
    return strncasecmp(s, with, strlen(with)) == 0;
}

static dr_status lfs_pointer(const char *text, const char *path)
{
    const char *size = strstr(text, "\nsize ");
    char bytes[64] = "";
    if (size)
        snprintf(bytes, sizeof bytes, " of %llu bytes", strtoull(size + 6, NULL, 10));
    return dr_fail(
        DR_EINVAL,
        "cannot read '%s': it is a git-lfs pointer and not the file%s itself; run 'git lfs pull' in that clone, "
        "or fetch a model with 'drape pull'",
        path, bytes);
}

dr_status dr_check_stand_in(const void *data, size_t n, const char *path)
{
    char head[LOOK + 1];
    size_t kept = n < LOOK ? n : LOOK;
    memcpy(head, data, kept);
    head[kept] = 0;
    const char *s = dr_skip_bom(head);
    s += strspn(s, " \t\r\n");
    if (starts(s, "version http") && strstr(s, "\noid sha256:"))
        return lfs_pointer(s, path);
    if (starts(s, "<!doctype html") || starts(s, "<html") || (starts(s, "<?xml") && strstr(s, "<html")))
        return dr_fail(
            DR_EINVAL,
            "cannot read '%s': it is a web page and not the file itself; download it again, by the link of the "
            "file and not of the page about it, and log in first where the site asks for it",
            path);
    if (starts(s, "<?xml") && strstr(s, "<Error>"))
        return dr_fail(DR_EINVAL,
                       "cannot read '%s': it is a server's error message and not the file; download it again", path);
    return DR_OK;
}

const char *dr_show(dr_shown *out, const char *s, size_t n)
{
    size_t at = 0, i = 0;
    while (i < n && at <= 60) {
        gunichar c = g_utf8_get_char_validated(s + i, (gssize)(n - i));
        bool good = c != (gunichar)-1 && c != (gunichar)-2 && c && g_unichar_isprint(c);
        if (good)
            at += (size_t)g_unichar_to_utf8(c, out->text + at);
        else
            out->text[at++] = '?';
        i += c == (gunichar)-1 || c == (gunichar)-2 || !c ? 1 : (size_t)g_unichar_to_utf8(c, NULL);
    }
    memcpy(out->text + at, i < n ? "..." : "", i < n ? 4 : 1);
    return out->text;
}
