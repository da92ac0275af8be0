#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local char message[16384]; /* long enough to list the faults of a whole folder */

dr_status dr_fail(dr_status code, const char *fmt, ...)
{
    /* the arguments may point into the message itself, so format beside it */
    char text[sizeof message];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    memcpy(message, text, sizeof message);
    return code;
}

dr_status dr_fail_prefix(dr_status code, const char *fmt, ...)
{
    char prefix[512], text[sizeof message];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(prefix, sizeof prefix, fmt, ap);
    va_end(ap);
    memcpy(text, message, sizeof text);
    int n = snprintf(message, sizeof message, "%s: ", prefix);
    size_t at = n < 0 ? 0 : (size_t)n < sizeof message ? (size_t)n : sizeof message - 1;
    snprintf(message + at, sizeof message - at, "%s", text);
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
