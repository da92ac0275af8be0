#define _XOPEN_SOURCE 700 /* nftw */
#include "base/file.h"

#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

dr_status dr_file_read(const char *path, size_t max, char **out, size_t *size)
{
    *out = NULL;
    *size = 0;
    FILE *f = fopen(path, "rb");
    if (!f)
        return dr_fail(errno == ENOENT ? DR_ENOENT : DR_EIO, "cannot open '%s': %s", path, strerror(errno));
    size_t cap = 1 << 16, n = 0;
    char *buf = malloc(cap + 1);
    dr_status st = DR_OK;
    while (buf) {
        n += fread(buf + n, 1, cap - n, f);
        if (n < cap)
            break;
        if (cap > max) {
            st = dr_fail(DR_EINVAL, "cannot read '%s': larger than %zu MiB", path, max >> 20);
            break;
        }
        cap *= 2;
        char *more = realloc(buf, cap + 1);
        if (!more) {
            free(buf);
            buf = NULL;
        } else {
            buf = more;
        }
    }
    if (!buf)
        st = dr_fail(DR_ENOMEM, "out of memory reading '%s'", path);
    else if (!st && ferror(f))
        st = dr_fail(DR_EIO, "cannot read '%s': %s", path, strerror(errno));
    else if (!st && n > max)
        st = dr_fail(DR_EINVAL, "cannot read '%s': larger than %zu MiB", path, max >> 20);
    fclose(f);
    if (st) {
        free(buf);
        return st;
    }
    buf[n] = 0;
    *out = buf;
    *size = n;
    return DR_OK;
}

/* All open mappings: dr_map_drop() must not touch memory that is in none of them, where values would be lost. */
typedef struct mapping {
    const unsigned char *data;
    size_t size;
    struct mapping *next;
} mapping;

static pthread_mutex_t mappings_lock = PTHREAD_MUTEX_INITIALIZER;
static mapping *mappings;

static bool remember(const dr_map *m)
{
    mapping *more = malloc(sizeof *more);
    if (!more)
        return false;
    pthread_mutex_lock(&mappings_lock);
    *more = (mapping){m->data, m->size, mappings};
    mappings = more;
    pthread_mutex_unlock(&mappings_lock);
    return true;
}

static void forget(const dr_map *m)
{
    pthread_mutex_lock(&mappings_lock);
    mapping **at = &mappings, *found;
    while (*at && (*at)->data != m->data)
        at = &(*at)->next;
    found = *at;
    if (found)
        *at = found->next;
    pthread_mutex_unlock(&mappings_lock);
    free(found);
}

dr_status dr_map_open(dr_map *m, const char *path)
{
    *m = (dr_map){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return dr_fail(errno == ENOENT ? DR_ENOENT : DR_EIO, "cannot open '%s': %s", path, strerror(errno));
    struct stat s;
    dr_status st = DR_OK;
    if (fstat(fd, &s) < 0)
        st = dr_fail(DR_EIO, "cannot read '%s': %s", path, strerror(errno));
    else if (!S_ISREG(s.st_mode))
        st = dr_fail(DR_EINVAL, "cannot read '%s': not a regular file", path);
    else if (s.st_size == 0)
        st = dr_fail(DR_EINVAL, "cannot read '%s': the file is empty", path);
    if (!st) {
        void *p = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            st = dr_fail(DR_EIO, "cannot map '%s': %s", path, strerror(errno));
        else
            *m = (dr_map){p, (size_t)s.st_size};
    }
    if (!st && !remember(m)) {
        munmap((void *)(uintptr_t)m->data, m->size);
        *m = (dr_map){0};
        st = dr_fail(DR_ENOMEM, "out of memory reading '%s'", path);
    }
    close(fd);
    return st;
}

void dr_map_close(dr_map *m)
{
    if (m->data) {
        forget(m);
        munmap((void *)(uintptr_t)m->data, m->size);
    }
    *m = (dr_map){0};
}

void dr_map_drop(const void *p, size_t n)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t from = ((uintptr_t)p + page - 1) / page * page, to = ((uintptr_t)p + n) / page * page;
    bool mapped = false;
    if (from >= to)
        return;
    pthread_mutex_lock(&mappings_lock);
    for (const mapping *m = mappings; m && !mapped; m = m->next)
        mapped = (uintptr_t)m->data <= (uintptr_t)p && (uintptr_t)p + n <= (uintptr_t)m->data + m->size;
    pthread_mutex_unlock(&mappings_lock);
    if (mapped)
        madvise((void *)from, to - from, MADV_DONTNEED);
}

dr_status dr_out_open(dr_out *o, const char *path)
{
    *o = (dr_out){0};
    size_t n = strlen(path) + 16;
    o->path = strdup(path);
    o->tmp = malloc(n);
    if (!o->path || !o->tmp) {
        dr_out_abort(o);
        return dr_fail(DR_ENOMEM, "out of memory writing '%s'", path);
    }
    snprintf(o->tmp, n, "%s.tmp-XXXXXX", path);
    int fd = mkstemp(o->tmp);
    if (fd < 0) {
        int e = errno;
        free(o->tmp);
        o->tmp = NULL;
        dr_out_abort(o);
        return dr_fail(DR_EIO, "cannot write '%s': %s", path, strerror(e));
    }
    mode_t mask = umask(0);
    umask(mask);
    fchmod(fd, 0666 & ~mask); /* mkstemp makes 0600; results should be as any program's */
    o->f = fdopen(fd, "wb");
    if (!o->f) {
        close(fd);
        dr_out_abort(o);
        return dr_fail(DR_ENOMEM, "out of memory writing '%s'", path);
    }
    return DR_OK;
}

dr_status dr_out_write(dr_out *o, const void *data, size_t size)
{
    if (size && fwrite(data, 1, size, o->f) != size)
        return dr_fail(DR_EIO, "cannot write '%s': %s", o->path, strerror(errno));
    return DR_OK;
}

dr_status dr_out_patch(dr_out *o, uint64_t at, const void *data, size_t size)
{
    errno = EIO; /* a short write sets none */
    if (fflush(o->f) != 0 || pwrite(fileno(o->f), data, size, (off_t)at) != (ssize_t)size)
        return dr_fail(DR_EIO, "cannot write '%s': %s", o->path, strerror(errno));
    return DR_OK;
}

dr_status dr_out_commit(dr_out *o)
{
    dr_status st = DR_OK;
    if (fflush(o->f) != 0 || fsync(fileno(o->f)) != 0)
        st = dr_fail(DR_EIO, "cannot write '%s': %s", o->path, strerror(errno));
    if (fclose(o->f) != 0 && !st)
        st = dr_fail(DR_EIO, "cannot write '%s': %s", o->path, strerror(errno));
    o->f = NULL;
    if (!st && rename(o->tmp, o->path) != 0)
        st = dr_fail(DR_EIO, "cannot write '%s': %s", o->path, strerror(errno));
    if (!st) {
        free(o->tmp);
        o->tmp = NULL;
        dr_dir_sync_of(o->path);
    }
    dr_out_abort(o);
    return st;
}

void dr_out_abort(dr_out *o)
{
    if (o->f)
        fclose(o->f);
    if (o->tmp)
        unlink(o->tmp);
    free(o->tmp);
    free(o->path);
    *o = (dr_out){0};
}

dr_status dr_file_write(const char *path, const void *data, size_t size)
{
    dr_out o;
    dr_status st = dr_out_open(&o, path);
    if (st)
        return st;
    st = dr_out_write(&o, data, size);
    if (st) {
        dr_out_abort(&o);
        return st;
    }
    return dr_out_commit(&o);
}

dr_status dr_mkdirs(const char *path)
{
    char *p = strdup(path);
    if (!p)
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_status st = DR_OK;
    for (char *s = p + 1;; s++) {
        if (*s != '/' && *s != 0)
            continue;
        char c = *s;
        *s = 0;
        if (mkdir(p, 0777) != 0 && errno != EEXIST) {
            st = dr_fail(DR_EIO, "cannot make folder '%s': %s", p, strerror(errno));
            break;
        }
        *s = c;
        if (!c)
            break;
    }
    if (!st && !dr_is_dir(path))
        st = dr_fail(DR_EIO, "cannot make folder '%s': a file of that name exists", path);
    free(p);
    return st;
}

static __thread int remove_errno; /* of the first thing that stays */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *f)
{
    (void)st, (void)kind, (void)f;
    if (remove(path) != 0 && !remove_errno)
        remove_errno = errno;
    return 0; /* the rest goes all the same */
}

dr_status dr_remove_tree(const char *path)
{
    remove_errno = 0;
    if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT && !remove_errno)
        remove_errno = errno;
    return remove_errno ? dr_fail(DR_EIO, "cannot remove '%s': %s", path, strerror(remove_errno)) : DR_OK;
}

dr_status dr_dir_sync(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        int e = errno;
        if (fd >= 0)
            close(fd);
        return dr_fail(DR_EIO, "cannot sync folder '%s': %s", path, strerror(e));
    }
    close(fd);
    return DR_OK;
}

void dr_dir_sync_of(const char *path)
{
    char folder[PATH_MAX];
    if (dr_path_folder(folder, sizeof folder, path) || dr_dir_sync(folder))
        dr_error_clear();
}

bool dr_exists(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0;
}

bool dr_is_dir(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

bool dr_is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

uint64_t dr_disk_free(const char *path)
{
    struct statvfs v;
    char *p = strdup(path);
    uint64_t n = UINT64_MAX;
    while (p) {
        if (statvfs(p[0] ? p : ".", &v) == 0) {
            n = (uint64_t)v.f_bavail * v.f_frsize;
            break;
        }
        char *slash = strrchr(p, '/');
        if (!slash) {
            if (!p[0])
                break;
            p[0] = 0;
            continue;
        }
        slash[slash == p] = 0;
        if (slash == p && statvfs("/", &v) != 0)
            break;
    }
    free(p);
    return n;
}
