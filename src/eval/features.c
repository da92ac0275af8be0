#include "eval/features.h"

#include "base/crc32.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC "drape features 1"

/* In front of the vectors. */
typedef struct head {
    char magic[16];
    char what[DR_FEATURES_WHAT];
    int64_t dim;
} head;
_Static_assert(sizeof(head) == 88, "the file's format");

/* In front of each vector. */
typedef struct record {
    dr_features_key key;
    uint32_t sum; /* of the key and the values */
    uint32_t none;
} record;
_Static_assert(sizeof(record) == 24, "the file's format");

typedef struct slot {
    dr_features_key key;
    int64_t at; /* which record; -1: free */
} slot;

struct dr_features {
    int file;
    char *path;
    int dim;
    int64_t count;
    slot *table; /* open addressing */
    size_t slots;
    float *spare;
};

dr_features_key dr_features_key_of(const void *bytes, size_t size)
{
    const unsigned char *p = bytes;
    dr_features_key k = {14695981039346656037u, size};
    for (size_t i = 0; i < size; i++)
        k.hash = (k.hash ^ p[i]) * 1099511628211u;
    return k;
}

/* --- the index ----------------------------------------------------------------------------------------- */

static slot *slot_of(slot *table, size_t slots, dr_features_key k)
{
    size_t i = (size_t)(k.hash ^ k.hash >> 32) % slots;
    while (table[i].at >= 0 && (table[i].key.hash != k.hash || table[i].key.size != k.size))
        i = (i + 1) % slots;
    return &table[i];
}

static dr_status grow(dr_features *f)
{
    size_t slots = f->slots ? 2 * f->slots : 256;
    slot *table = malloc(slots * sizeof *table);
    if (!table)
        return dr_fail(DR_ENOMEM, "out of memory for the features in '%s'", f->path);
    for (size_t i = 0; i < slots; i++)
        table[i].at = -1;
    for (size_t i = 0; i < f->slots; i++)
        if (f->table[i].at >= 0)
            *slot_of(table, slots, f->table[i].key) = f->table[i];
    free(f->table);
    f->table = table;
    f->slots = slots;
    return DR_OK;
}

static dr_status note(dr_features *f, dr_features_key k, int64_t at)
{
    dr_status st = 2 * (size_t)(f->count + 1) > f->slots ? grow(f) : DR_OK;
    if (!st)
        *slot_of(f->table, f->slots, k) = (slot){k, at};
    return st;
}

/* --- the file -------------------------------------------------------------------------------------------- */

static size_t values_size(const dr_features *f)
{
    return (size_t)f->dim * sizeof(float);
}

static off_t place(const dr_features *f, int64_t at)
{
    return (off_t)(sizeof(head) + (size_t)at * (sizeof(record) + values_size(f)));
}

static uint32_t sum_of(const dr_features *f, dr_features_key k, const float *values)
{
    return dr_crc32(dr_crc32(0, &k, sizeof k), values, values_size(f));
}

static bool read_at(const dr_features *f, void *to, size_t n, off_t at)
{
    return pread(f->file, to, n, at) == (ssize_t)n;
}

static bool write_at(const dr_features *f, const void *from, size_t n, off_t at)
{
    size_t done = 0;
    while (done < n) {
        ssize_t k = pwrite(f->file, (const char *)from + done, n - done, at + (off_t)done);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return false;
        done += (size_t)k;
    }
    return true;
}

static bool read_record(const dr_features *f, int64_t at, record *r, float *values)
{
    return read_at(f, r, sizeof *r, place(f, at)) &&
           read_at(f, values, values_size(f), place(f, at) + (off_t)sizeof *r) && r->sum == sum_of(f, r->key, values);
}

/* Up to the first record that is not whole: what lies behind it goes. */
static dr_status read_all(dr_features *f)
{
    record r;
    dr_status st = DR_OK;
    while (!st && read_record(f, f->count, &r, f->spare)) {
        st = note(f, r.key, f->count);
        f->count++;
    }
    if (!st && ftruncate(f->file, place(f, f->count)) != 0)
        st = dr_fail(DR_EIO, "cannot write '%s': %s", f->path, strerror(errno));
    return st;
}

static dr_status begin(dr_features *f, const char what[DR_FEATURES_WHAT], int dim)
{
    head have, want = {.magic = MAGIC, .dim = dim};
    struct stat s;
    snprintf(want.what, sizeof want.what, "%s", what);
    if (fstat(f->file, &s) != 0 || !S_ISREG(s.st_mode))
        return dr_fail(DR_EINVAL, "cannot keep features in '%s': it is no file", f->path);
    bool empty = s.st_size == 0;
    if (!empty && (!read_at(f, &have, sizeof have, 0) || memcmp(have.magic, want.magic, sizeof want.magic) != 0))
        return dr_fail(DR_EINVAL, "cannot keep features in '%s': it is another kind of file", f->path);
    if (!empty && memcmp(&have, &want, sizeof want) == 0)
        return read_all(f);
    if (ftruncate(f->file, 0) != 0 || !write_at(f, &want, sizeof want, 0))
        return dr_fail(DR_EIO, "cannot write '%s': %s", f->path, strerror(errno));
    return DR_OK;
}

dr_status dr_features_open(dr_features **out, const char *path, const char what[DR_FEATURES_WHAT], int dim)
{
    dr_features *f = *out = calloc(1, sizeof *f);
    if (!f)
        return dr_fail(DR_ENOMEM, "out of memory");
    f->dim = dim;
    f->path = strdup(path);
    f->spare = malloc(values_size(f));
    f->file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    dr_status st = DR_OK;
    if (f->file < 0)
        st = dr_fail(DR_EIO, "cannot open '%s': %s", path, strerror(errno));
    else if (!f->path || !f->spare)
        st = dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = begin(f, what, dim);
    if (st) {
        dr_features_close(f);
        *out = NULL;
    }
    return st;
}

void dr_features_close(dr_features *f)
{
    if (!f)
        return;
    if (f->file >= 0)
        close(f->file);
    free(f->path);
    free(f->table);
    free(f->spare);
    free(f);
}

int64_t dr_features_count(const dr_features *f)
{
    return f->count;
}

bool dr_features_find(dr_features *f, dr_features_key key, float *out)
{
    record r;
    const slot *s = f->slots ? slot_of(f->table, f->slots, key) : NULL;
    return s && s->at >= 0 && read_record(f, s->at, &r, out);
}

dr_status dr_features_add(dr_features *f, dr_features_key key, const float *values)
{
    record r = {.key = key, .sum = sum_of(f, key, values)};
    dr_status st = note(f, key, f->count);
    if (st)
        return st;
    off_t at = place(f, f->count);
    if (!write_at(f, &r, sizeof r, at) || !write_at(f, values, values_size(f), at + (off_t)sizeof r))
        return dr_fail(DR_EIO, "cannot write '%s': %s", f->path, strerror(errno));
    f->count++;
    return DR_OK;
}
