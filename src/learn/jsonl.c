#include "learn/jsonl.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_LOG ((size_t)1 << 30)

/* Whether a line stays when a run goes on behind `step`. */
static bool keeps(const char *line, size_t n, int64_t step)
{
    json_t *o = json_loadb(line, n, 0, NULL);
    const json_t *at = json_object_get(o, "step");
    bool keep = json_is_object(o) && (!json_is_number(at) || json_number_value(at) <= (double)step);
    json_decref(o);
    return keep;
}

/* Moves the lines that stay to the front; returns their bytes. */
static size_t drop_later(char *text, size_t size, int64_t step)
{
    size_t kept = 0;
    for (size_t at = 0; at < size;) {
        const char *newline = memchr(text + at, '\n', size - at);
        if (!newline)
            break; /* a line without its end was cut short */
        size_t n = (size_t)(newline - (text + at)) + 1;
        if (keeps(text + at, n - 1, step)) {
            memmove(text + kept, text + at, n);
            kept += n;
        }
        at += n;
    }
    return kept;
}

static dr_status rewind_log(const char *path, int64_t step)
{
    char *text;
    size_t size;
    if (!dr_exists(path))
        return DR_OK;
    if (step < 0)
        return dr_file_write(path, "", 0);
    dr_status st = dr_file_read(path, MAX_LOG, &text, &size);
    if (st)
        return st;
    size_t kept = drop_later(text, size, step);
    if (kept < size)
        st = dr_file_write(path, text, kept);
    free(text);
    return st;
}

dr_status dr_jsonl_open(dr_jsonl *j, const char *path, int64_t step)
{
    *j = (dr_jsonl){.fd = -1};
    dr_status st = rewind_log(path, step);
    if (st)
        return st;
    j->path = strdup(path);
    if (!j->path)
        return dr_fail(DR_ENOMEM, "out of memory");
    j->fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (j->fd >= 0)
        j->end = lseek(j->fd, 0, SEEK_END);
    if (j->fd < 0 || j->end < 0) {
        st = dr_fail(DR_EIO, "cannot write '%s': %s", path, strerror(errno));
        dr_jsonl_close(j);
    }
    return st;
}

static bool write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t k = write(fd, p, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return false;
        p += k;
        n -= (size_t)k;
    }
    return true;
}

dr_status dr_jsonl_write(dr_jsonl *j, const json_t *object)
{
    char *line = object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    if (!line)
        return dr_fail(DR_ENOMEM, "out of memory writing '%s'", j->path);
    size_t n = strlen(line);
    line[n] = '\n'; /* in place of the final 0, so that the line goes out in one call */
    bool ok = write_all(j->fd, line, n + 1);
    int e = errno;
    free(line);
    if (ok) {
        j->end += (off_t)n + 1;
        return DR_OK;
    }
    if (ftruncate(j->fd, j->end) == 0)
        lseek(j->fd, j->end, SEEK_SET);
    return dr_fail(DR_EIO, "cannot write '%s': %s", j->path, strerror(e));
}

json_t *dr_jsonl_number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

void dr_jsonl_close(dr_jsonl *j)
{
    if (j->path && j->fd >= 0)
        close(j->fd);
    free(j->path);
    *j = (dr_jsonl){.fd = -1};
}
