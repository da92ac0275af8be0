#include "eval/keep.h"

#include "base/crc32.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[] = "drape eval 1\n";
enum { MAGIC = sizeof magic - 1, KEY = DR_KEEP_KEY - 1 };

/* In front of a record's bytes, packed: key, size, checksum of key, size and bytes. All machines that read a file are
 * like the one that wrote it, since it is a cache. */
typedef struct head {
    char key[KEY];
    uint32_t size, crc;
} head;
_Static_assert(sizeof(head) == KEY + 8, "no padding");

struct dr_keep_entry {
    char key[KEY];
    size_t at, size; /* of the bytes in the mapping */
};

static int by_key(const void *a, const void *b)
{
    return memcmp(a, b, KEY); /* the key comes first */
}

static uint32_t checksum(const head *h, const void *data)
{
    return dr_crc32(dr_crc32(0, h, KEY + 4), data, h->size);
}

static dr_status add_entry(dr_keep *k, int *room, const head *h, size_t at)
{
    if (k->count == *room) {
        *room = *room ? 2 * *room : 256;
        dr_keep_entry *more = realloc(k->entry, (size_t)*room * sizeof *more);
        if (!more)
            return dr_fail(DR_ENOMEM, "out of memory");
        k->entry = more;
    }
    dr_keep_entry *e = &k->entry[k->count++];
    memcpy(e->key, h->key, KEY);
    e->at = at;
    e->size = h->size;
    return DR_OK;
}

/* Lists the whole records; *end is where they end. */
static dr_status read_records(dr_keep *k, size_t *end)
{
    int room = 0;
    size_t at = MAGIC;
    dr_status st = DR_OK;
    while (!st && k->map.size - at >= sizeof(head)) {
        head h;
        memcpy(&h, k->map.data + at, sizeof h);
        if (h.size > k->map.size - at - sizeof h || checksum(&h, k->map.data + at + sizeof h) != h.crc)
            break;
        st = add_entry(k, &room, &h, at + sizeof h);
        at += sizeof h + h.size;
    }
    *end = at;
    if (k->count)
        qsort(k->entry, (size_t)k->count, sizeof *k->entry, by_key);
    return st;
}

/* A file that is ours, or an empty one, which becomes ours. */
static dr_status begin(dr_keep *k)
{
    struct stat s;
    size_t end = MAGIC;
    if (fstat(k->fd, &s) != 0 || !S_ISREG(s.st_mode))
        return dr_fail(DR_EINVAL, "'%s' is no file that numbers can be kept in", k->path);
    if (s.st_size == 0)
        return write(k->fd, magic, MAGIC) == MAGIC ? DR_OK
                                                   : dr_fail(DR_EIO, "cannot write '%s': %s", k->path, strerror(errno));
    dr_status st = dr_map_open(&k->map, k->path);
    if (!st && (k->map.size < MAGIC || memcmp(k->map.data, magic, MAGIC) != 0))
        return dr_fail(DR_EINVAL, "'%s' is no file that 'drape eval' has written: name another one for --cache",
                       k->path);
    if (!st)
        st = read_records(k, &end);
    if (!st && end < k->map.size && ftruncate(k->fd, (off_t)end) != 0)
        st = dr_fail(DR_EIO, "cannot write '%s': %s", k->path, strerror(errno));
    return st;
}

dr_status dr_keep_open(dr_keep *k, const char *path)
{
    char folder[PATH_MAX];
    *k = (dr_keep){.path = strdup(path), .fd = -1};
    if (!k->path)
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_status st = dr_path_folder(folder, sizeof folder, path);
    if (!st)
        st = dr_mkdirs(folder);
    if (!st && (k->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) < 0)
        st = dr_fail(DR_EIO, "cannot open '%s': %s", path, strerror(errno));
    k->open = !st;
    if (!st)
        st = begin(k);
    if (st)
        dr_keep_close(k);
    return st;
}

void dr_keep_close(dr_keep *k)
{
    if (k->map.data)
        dr_map_close(&k->map);
    if (k->open)
        close(k->fd);
    free(k->entry);
    free(k->path);
    *k = (dr_keep){0};
}

const void *dr_keep_find(const dr_keep *k, const char *key, size_t size)
{
    const dr_keep_entry *e = k->count ? bsearch(key, k->entry, (size_t)k->count, sizeof *k->entry, by_key) : NULL;
    return e && e->size == size ? k->map.data + e->at : NULL;
}

dr_status dr_keep_add(dr_keep *k, const char *key, const void *data, size_t size)
{
    head h = {.size = (uint32_t)size};
    if (!k->open)
        return DR_OK;
    DR_ASSERT(strlen(key) == KEY && size < UINT32_MAX, "a record of %zu bytes", size);
    memcpy(h.key, key, KEY);
    h.crc = checksum(&h, data);
    char *record = malloc(sizeof h + size);
    if (!record)
        return dr_fail(DR_ENOMEM, "out of memory");
    memcpy(record, &h, sizeof h);
    memcpy(record + sizeof h, data, size);
    ssize_t written = write(k->fd, record, sizeof h + size); /* at the end, whoever else writes */
    free(record);
    if (written != (ssize_t)(sizeof h + size))
        return dr_fail(DR_EIO, "cannot write '%s': %s", k->path, written < 0 ? strerror(errno) : "the disk is full");
    return DR_OK;
}

static dr_status add_file(GChecksum *sum, const char *path)
{
    char piece[1 << 16];
    size_t n;
    FILE *f = fopen(path, "rb");
    if (!f)
        return dr_fail(errno == ENOENT ? DR_ENOENT : DR_EIO, "cannot open '%s': %s", path, strerror(errno));
    while ((n = fread(piece, 1, sizeof piece, f)) > 0)
        g_checksum_update(sum, (const guchar *)piece, (gssize)n);
    bool failed = ferror(f) != 0;
    fclose(f);
    return failed ? dr_fail(DR_EIO, "cannot read '%s': %s", path, strerror(errno)) : DR_OK;
}

dr_status dr_keep_key(char key[DR_KEEP_KEY], const char *settings, const char *const *path, int count)
{
    dr_status st = DR_OK;
    GChecksum *all = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(all, (const guchar *)settings, -1);
    for (int i = 0; !st && i < count; i++) {
        GChecksum *one = g_checksum_new(G_CHECKSUM_SHA256); /* of each, so that no two lists of files are one stream */
        if (path[i])
            st = add_file(one, path[i]);
        g_checksum_update(all, (const guchar *)(path[i] ? g_checksum_get_string(one) : "none"), -1);
        g_checksum_free(one);
    }
    snprintf(key, DR_KEEP_KEY, "%s", g_checksum_get_string(all));
    g_checksum_free(all);
    return st;
}
