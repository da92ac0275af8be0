#include "base/status.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local char message[16384]; /* long enough to list the faults of a whole folder */

/* What a terminal does not show, or obeys instead: a byte order mark before a path, an escape sequence in a file's
 * name. Length in bytes, 0 if *s is visible; `code` is what to show. */
static size_t invisible(const unsigned char *s, unsigned *code)
{
    if ((*s < 0x20 && *s != '\n' && *s != '\t') || *s == 0x7f) {
        *code = *s;
        return 1;
    }
    if (*s == 0xc2 && s[1] >= 0x80 && s[1] < 0xa0) {
        *code = s[1];
        return 2;
    }
    if ((*s & 0xf0) != 0xe0 || (s[1] & 0xc0) != 0x80 || (s[2] & 0xc0) != 0x80)
        return 0;
    *code = (*s & 0xfu) << 12 | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu);
    bool hidden = *code == 0xfeff || (*code >= 0x200b && *code <= 0x200f) || (*code >= 0x2028 && *code <= 0x202e) ||
                  (*code >= 0x2060 && *code <= 0x206f);
    return hidden ? 3 : 0;
}

/* The message is `text` with all of it to be seen. */
static void keep(const char *text)
{
    size_t at = 0, n;
    for (unsigned code; *text && at + 12 < sizeof message; text += n ? n : 1) {
        n = invisible((const unsigned char *)text, &code);
        if (n)
            at += (size_t)snprintf(message + at, sizeof message - at, "<U+%04X>", code);
        else
            message[at++] = *text;
    }
    message[at] = 0;
}

dr_status dr_fail(dr_status code, const char *fmt, ...)
{
    /* the arguments may point into the message itself, so format beside it */
    char text[sizeof message];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    keep(text);
    return code;
}

dr_status dr_fail_prefix(dr_status code, const char *fmt, ...)
{
    char prefix[512], text[sizeof message];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(prefix, sizeof prefix, fmt, ap);
    va_end(ap);
    int n = snprintf(text, sizeof text, "%s: ", prefix);
    size_t at = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
    snprintf(text + at, sizeof text - at, "%s", message);
    keep(text);
    return code;
}

const char *dr_error(void)
{
    return message;
}

void dr_error_clear(void)
{
    message[0] = 0;
}

_Noreturn void dr_assert_fail(const char *file, int line, const char *cond, const char *fmt, ...)
{
    va_list ap;
    fprintf(stderr, "drape: internal error at %s:%d: %s: ", file, line, cond);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    abort();
}
