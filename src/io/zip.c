#include "io/zip.h"

#include "base/file.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOCAL = 30, /* bytes of the fixed parts of records */
    CENTRAL = 46,
    END = 22,
    END64 = 56,
    LOCATOR64 = 20,
    MAX_COMMENT = 65535,
    MAX_NAME = 1024,
    FLAG_ENCRYPTED = 1 | 1 << 6 | 1 << 13,
    FLAG_SIZES_BEHIND = 1 << 3,
};

typedef struct reader {
    const unsigned char *data;
    size_t size;
    const char *path;
    size_t from, to; /* the central directory */
    uint64_t said;   /* entries */
    const char *root;
    size_t root_size; /* the folder's name and its slash */
    dr_shown shown;
} reader;

static uint64_t le(const unsigned char *p, int bytes)
{
    uint64_t v = 0;
    for (int i = bytes - 1; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

static dr_status damaged(const reader *r, const char *what)
{
    return dr_fail(DR_EINVAL, "cannot read '%s': its zip archive is damaged: %s; get it again", r->path, what);
}

static dr_status bad_entry(reader *r, const char *name, size_t n, const char *what)
{
    return dr_fail(DR_EINVAL, "cannot read '%s': its zip entry '%s' %s", r->path, dr_show(&r->shown, name, n), what);
}

/* The end record stands at the end, but for a comment that fits exactly; SIZE_MAX if there is none. */
static size_t find_end(const reader *r)
{
    for (size_t comment = 0; comment <= MAX_COMMENT && comment + END <= r->size; comment++) {
        const unsigned char *p = r->data + r->size - comment - END;
        if (memcmp(p, "PK\5\6", 4) == 0 && le(p + 20, 2) == comment)
            return r->size - comment - END;
    }
    return SIZE_MAX;
}

/* A zip64 end record takes the place of the older one, whose fields say the same or that they are too small. */
static dr_status read_end64(reader *r, size_t locator, const unsigned char *end, uint64_t *size, uint64_t *from)
{
    const unsigned char *p = r->data + locator;
    uint64_t at = le(p + 8, 8);
    if (le(p + 4, 4) != 0 || le(p + 16, 4) > 1)
        return damaged(r, "it is said to be in several parts");
    if (at > locator || locator - at < END64 || memcmp(r->data + at, "PK\6\6", 4) != 0)
        return damaged(r, "its zip64 end record is not where it is said to be");
    p = r->data + at;
    uint64_t length = le(p + 4, 8);
    if (length != locator - at - 12)
        return damaged(r, "its zip64 end record has another length than it says");
    if (le(p + 16, 4) != 0 || le(p + 20, 4) != 0 || le(p + 24, 8) != le(p + 32, 8))
        return damaged(r, "it is said to be in several parts");
    r->said = le(p + 32, 8);
    *size = le(p + 40, 8);
    *from = le(p + 48, 8);
    r->to = (size_t)at;
    if ((le(end + 10, 2) != 0xffff && le(end + 10, 2) != r->said) ||
        (le(end + 12, 4) != 0xffffffff && le(end + 12, 4) != *size) ||
        (le(end + 16, 4) != 0xffffffff && le(end + 16, 4) != *from))
        return damaged(r, "its two end records do not agree");
    return DR_OK;
}

static dr_status read_end(reader *r)
{
    size_t at = find_end(r);
    if (at == SIZE_MAX)
        return dr_fail(
            DR_EINVAL,
            "cannot read '%s': it is the beginning of a zip archive (PyTorch's format) whose directory at the "
            "end is missing; it was cut short, get it again",
            r->path);
    const unsigned char *p = r->data + at;
    uint64_t size = le(p + 12, 4), from = le(p + 16, 4);
    r->said = le(p + 10, 2);
    r->to = at;
    if (at >= LOCATOR64 && memcmp(p - LOCATOR64, "PK\6\7", 4) == 0) {
        dr_status st = read_end64(r, at - LOCATOR64, p, &size, &from);
        if (st)
            return st;
    } else if (le(p + 4, 2) != 0 || le(p + 6, 2) != 0 || le(p + 8, 2) != r->said) {
        return damaged(r, "it is said to be in several parts");
    }
    if (from > r->to || size != r->to - from)
        return damaged(r, "its directory does not lie where its end record says");
    r->from = (size_t)from;
    if (r->said > size / CENTRAL)
        return dr_fail(
            DR_EINVAL,
            "cannot read '%s': its zip archive is damaged: it is said to have %llu entries, its directory of "
            "%llu bytes has no room for them; get it again",
            r->path, (unsigned long long)r->said, (unsigned long long)size);
    return DR_OK;
}

/* The 64-bit fields stand in for those that are all ones, in this order. */
static bool zip64_fields(const unsigned char *extra, size_t n, uint64_t *size, uint64_t *packed, uint64_t *from)
{
    uint64_t *field[] = {size, packed, from};
    if (*size != 0xffffffff && *packed != 0xffffffff && *from != 0xffffffff)
        return true;
    for (size_t at = 0; n - at >= 4;) {
        size_t id = (size_t)le(extra + at, 2), length = (size_t)le(extra + at + 2, 2);
        at += 4;
        if (length > n - at)
            return false;
        const unsigned char *p = extra + at, *end = p + length;
        for (int i = 0; id == 1 && i < 3; i++)
            if (*field[i] == 0xffffffff) {
                if (end - p < 8)
                    return false;
                *field[i] = le(p, 8);
                p += 8;
            }
        if (id == 1)
            return true;
        at += length;
    }
    return false;
}

/* Names are looked up and never opened; but an archive with such ones is made to be unpacked by somebody else. */
static dr_status check_name(reader *r, const char *name, size_t n)
{
    if (n == 0 || n > MAX_NAME)
        return damaged(r, n ? "an entry has a name of more than 1024 bytes" : "an entry has no name");
    for (size_t i = 0; i < n; i++)
        if (name[i] == '\\' || name[i] == 0)
            return bad_entry(r, name, n, "has a backslash or a zero byte in its name, as no checkpoint has");
    if (name[0] == '/' || (n > 1 && name[1] == ':'))
        return bad_entry(r, name, n,
                         "has an absolute name and leads out of the archive; the file is not to be trusted");
    for (const char *s = name, *end = name + n; s < end;) {
        const char *slash = memchr(s, '/', (size_t)(end - s)), *to = slash ? slash : end;
        if (to - s == 2 && s[0] == '.' && s[1] == '.')
            return bad_entry(r, name, n, "leads out of the archive by '..'; the file is not to be trusted");
        s = to + 1;
    }
    const char *slash = memchr(name, '/', n);
    if (!r->root && slash) {
        r->root = name;
        r->root_size = (size_t)(slash - name) + 1;
    }
    if (!slash || r->root_size > n || memcmp(name, r->root, r->root_size) != 0)
        return bad_entry(r, name, n,
                         "lies outside the one folder that PyTorch puts everything in; it is no PyTorch checkpoint, or "
                         "was packed by hand");
    return DR_OK;
}

/* What the entry itself says in front of its bytes has to be what the directory says. */
static dr_status check_local(reader *r, dr_zip_entry *e, const char *name, size_t n)
{
    if (e->from > r->from || r->from - e->from < LOCAL || memcmp(r->data + e->from, "PK\3\4", 4) != 0)
        return bad_entry(r, name, n, "is not where the archive's directory says; the file is damaged, get it again");
    const unsigned char *p = r->data + e->from;
    size_t room = r->from - e->from - LOCAL, local_n = (size_t)le(p + 26, 2), extra = (size_t)le(p + 28, 2);
    if (local_n != n || n > room || memcmp(p + LOCAL, name, n) != 0)
        return bad_entry(r, name, n,
                         "has another name in the archive than in its directory; the file is not to be trusted");
    if ((le(p + 8, 2) != 0) != e->compressed || (le(p + 6, 2) & FLAG_ENCRYPTED))
        return bad_entry(r, name, n, "is compressed or encrypted in another way than the archive's directory says");
    if (extra > room - n || e->size > room - n - extra)
        return dr_fail(
            DR_EINVAL,
            "cannot read '%s': its zip entry '%s' is said to have %zu bytes, more than the file has there; it "
            "is damaged or was cut short, get it again",
            r->path, dr_show(&r->shown, name, n), e->size);
    uint64_t packed = le(p + 18, 4), size = le(p + 22, 4);
    if (!(le(p + 6, 2) & FLAG_SIZES_BEHIND) &&
        ((packed != e->size && packed != 0xffffffff) || (size != e->size && size != 0xffffffff && !e->compressed)))
        return bad_entry(r, name, n, "has another size in the archive than in its directory; the file is damaged");
    e->data = p + LOCAL + n + extra;
    return DR_OK;
}

/* One record of the directory at *at. */
static dr_status read_entry(reader *r, size_t *at, dr_zip_entry *e)
{
    if (r->to - *at < CENTRAL || memcmp(r->data + *at, "PK\1\2", 4) != 0)
        return damaged(r, "its directory has fewer entries than it says");
    const unsigned char *p = r->data + *at;
    size_t n = (size_t)le(p + 28, 2), extra = (size_t)le(p + 30, 2), comment = (size_t)le(p + 32, 2);
    if (r->to - *at - CENTRAL < n + extra + comment)
        return damaged(r, "an entry of its directory reaches beyond it");
    *at += CENTRAL + n + extra + comment;
    const char *name = (const char *)p + CENTRAL;
    uint64_t packed = le(p + 20, 4), size = le(p + 24, 4), from = le(p + 42, 4);
    dr_status st = check_name(r, name, n);
    if (st)
        return st;
    if (le(p + 8, 2) & FLAG_ENCRYPTED)
        return dr_fail(DR_EUNSUPPORTED, "cannot read '%s': its zip entry '%s' is encrypted", r->path,
                       dr_show(&r->shown, name, n));
    if (le(p + 34, 2) != 0 || !zip64_fields(p + CENTRAL + n, extra, &size, &packed, &from))
        return bad_entry(r, name, n, "has a damaged zip64 field");
    bool compressed = le(p + 10, 2) != 0;
    if (size != packed && !compressed)
        return bad_entry(r, name, n, "is stored with another size than its own; the file is damaged");
    size = packed;
    if (size > r->size || from > r->size)
        return dr_fail(
            DR_EINVAL,
            "cannot read '%s': its zip entry '%s' is said to have %llu bytes from byte %llu on, the file has "
            "%zu; it is damaged or was cut short, get it again",
            r->path, dr_show(&r->shown, name, n), (unsigned long long)size, (unsigned long long)from, r->size);
    *e = (dr_zip_entry){.name = name + r->root_size, .name_size = n - r->root_size, .size = (size_t)size};
    e->compressed = compressed;
    e->from = (size_t)from;
    return check_local(r, e, name, n);
}

static int by_place(const void *a, const void *b)
{
    const dr_zip_entry *x = a, *y = b;
    return (x->from > y->from) - (x->from < y->from);
}

static int compare(const char *a, size_t na, const char *b, size_t nb)
{
    int c = memcmp(a, b, na < nb ? na : nb);
    return c ? c : (na > nb) - (na < nb);
}

static int by_name(const void *a, const void *b)
{
    const dr_zip_entry *x = a, *y = b;
    return compare(x->name, x->name_size, y->name, y->name_size);
}

/* Overlapping entries are how a small archive unpacks to a large one, and how two readers come to see two things. */
static dr_status check_places(reader *r, dr_zip *z)
{
    qsort(z->entry, z->count, sizeof *z->entry, by_place);
    for (size_t i = 1; i < z->count; i++) {
        const dr_zip_entry *e = &z->entry[i - 1];
        if (e->data + e->size > r->data + z->entry[i].from)
            return bad_entry(r, e->name, e->name_size, "shares bytes with another one; the file is not to be trusted");
    }
    qsort(z->entry, z->count, sizeof *z->entry, by_name);
    for (size_t i = 1; i < z->count; i++)
        if (by_name(&z->entry[i - 1], &z->entry[i]) == 0)
            return bad_entry(
                r, z->entry[i].name, z->entry[i].name_size,
                "is there twice, so that readers differ in which they take; the file is not to be trusted");
    return DR_OK;
}

dr_status dr_zip_open(dr_zip *z, const void *data, size_t size, const char *path)
{
    reader r = {.data = data, .size = size, .path = path};
    *z = (dr_zip){0};
    dr_status st = read_end(&r);
    if (st)
        return st;
    if (r.said && !(z->entry = calloc((size_t)r.said, sizeof *z->entry)))
        return dr_fail(DR_ENOMEM, "out of memory reading '%s'", path);
    size_t at = r.from;
    for (; !st && z->count < r.said; z->count++) {
        st = read_entry(&r, &at, &z->entry[z->count]);
        if (z->count % 64 == 63 || z->count + 1 == r.said) /* local headers: each brings the pages around it */
            dr_map_drop(data, r.from);
    }
    if (!st && at != r.to)
        st = damaged(&r, "its directory has more entries than it says");
    if (!st && z->count)
        st = check_places(&r, z);
    if (st)
        dr_zip_close(z);
    return st;
}

void dr_zip_close(dr_zip *z)
{
    free(z->entry);
    *z = (dr_zip){0};
}

const dr_zip_entry *dr_zip_find(const dr_zip *z, const char *dir, const char *name, size_t name_size)
{
    size_t d = strlen(dir), from = 0, to = z->count;
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        const dr_zip_entry *e = &z->entry[mid];
        int c = compare(e->name, e->name_size < d ? e->name_size : d, dir, d);
        if (c == 0)
            c = compare(e->name + d, e->name_size - d, name, name_size);
        if (c == 0)
            return e;
        if (c < 0)
            from = mid + 1;
        else
            to = mid;
    }
    return NULL;
}
