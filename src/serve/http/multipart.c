#define _GNU_SOURCE /* memmem, strcasestr */
#include "serve/http/multipart.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

bool dr_is_multipart(const char *content_type)
{
    return content_type && strncasecmp(content_type, "multipart/form-data", 19) == 0;
}

/* "--BOUNDARY" from boundary=BOUNDARY or boundary="BOUNDARY". */
static bool boundary_of(const char *content_type, char out[80])
{
    const char *b = strcasestr(content_type, "boundary=");
    if (!b)
        return false;
    b += 9;
    size_t n = *b == '"' ? strcspn(++b, "\"") : strcspn(b, "; \t");
    if (n < 1 || n > 70)
        return false;
    snprintf(out, 80, "--%.*s", (int)n, b);
    return true;
}

static bool has_file_name(const char *head, size_t size)
{
    for (size_t i = 0; i + 9 <= size; i++)
        if (strncasecmp(head + i, "filename=", 9) == 0 || strncasecmp(head + i, "filename*", 9) == 0)
            return true;
    return false;
}

dr_status dr_multipart_file(const char *content_type, const char *body, size_t size, const char **file, size_t *length)
{
    char boundary[80];
    *file = NULL;
    *length = 0;
    if (!boundary_of(content_type, boundary))
        return dr_fail(DR_EINVAL, "the form has no usable boundary in its content type");
    size_t n = strlen(boundary);
    const char *end = body + size, *part = memmem(body, size, boundary, n);
    while (part) {
        part += n;
        if (end - part < 4 || memcmp(part, "--", 2) == 0)
            break;
        const char *head = part, *data = memmem(part, (size_t)(end - part), "\r\n\r\n", 4);
        const char *next = data ? memmem(data, (size_t)(end - data), boundary, n) : NULL;
        if (!data || !next || next < data + 6 || memcmp(next - 2, "\r\n", 2) != 0)
            return dr_fail(DR_EINVAL, "the form is cut off or badly formed");
        bool named = has_file_name(head, (size_t)(data - head));
        data += 4;
        if (named || !*file) {
            *file = data;
            *length = (size_t)(next - 2 - data);
        }
        if (named)
            return DR_OK;
        part = next;
    }
    return *file ? DR_OK : dr_fail(DR_EINVAL, "the form has no file in it");
}
