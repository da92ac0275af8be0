#include "io/zip_write.h"

#include "base/crc32.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOCAL = 30, /* bytes of a local header in front of the name */
    CRC_AT = 14,
    ALIGN = 64,
    FLAG_UTF8 = 1 << 11,
    PLAIN = 20, /* versions of the format: 2.0, and 4.5 with zip64 */
    ZIP64 = 45,
    DATE = 1 << 5 | 1, /* 1980-01-01, the first one there is: the same file every time */
};

#define FULL 0xffffffffu /* stands for: see the zip64 field */

static void le(unsigned char **p, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        *(*p)++ = (unsigned char)(v >> (8 * i));
}

static void text(unsigned char **p, const char *s, size_t n)
{
    memcpy(*p, s, n);
    *p += n;
}

static uint64_t in32(uint64_t v)
{
    return v < FULL ? v : FULL;
}

/* Version, flags, method, time, date: the same in both headers. */
static void kind(unsigned char **p, bool zip64)
{
    le(p, zip64 ? ZIP64 : PLAIN, 2);
    le(p, FLAG_UTF8, 2);
    le(p, 0, 4); /* stored, at midnight */
    le(p, DATE, 2);
}

size_t dr_zip_local(unsigned char *out, const dr_zip_item *e)
{
    unsigned char *p = out;
    size_t n = strlen(e->name), wide = e->size < FULL ? 0 : 4 + 16;
    size_t pad = (size_t)(-(e->from + LOCAL + n + wide + 4) % ALIGN);
    text(&p, "PK\3\4", 4);
    kind(&p, wide);
    le(&p, e->crc, 4);
    le(&p, in32(e->size), 4);
    le(&p, in32(e->size), 4);
    le(&p, n, 2);
    le(&p, wide + 4 + pad, 2);
    text(&p, e->name, n);
    if (wide) {
        le(&p, 1, 2);
        le(&p, 16, 2);
        le(&p, e->size, 8);
        le(&p, e->size, 8);
    }
    text(&p, "FB", 2); /* PyTorch's field of nothing but padding */
    le(&p, pad, 2);
    memset(p, 'Z', pad);
    return (size_t)(p + pad - out);
}

size_t dr_zip_central(unsigned char *out, const dr_zip_item *e)
{
    unsigned char *p = out;
    bool size = e->size >= FULL, from = e->from >= FULL;
    size_t n = strlen(e->name), fields = (size ? 16u : 0u) + (from ? 8u : 0u);
    text(&p, "PK\1\2", 4);
    le(&p, fields ? ZIP64 : PLAIN, 2);
    kind(&p, fields);
    le(&p, e->crc, 4);
    le(&p, in32(e->size), 4);
    le(&p, in32(e->size), 4);
    le(&p, n, 2);
    le(&p, fields ? 4 + fields : 0, 2);
    le(&p, 0, 2 + 2 + 2 + 4); /* comment, disk, attributes */
    le(&p, in32(e->from), 4);
    text(&p, e->name, n);
    if (fields) {
        le(&p, 1, 2);
        le(&p, fields, 2);
        if (size) {
            le(&p, e->size, 8);
            le(&p, e->size, 8);
        }
        if (from)
            le(&p, e->from, 8);
    }
    return (size_t)(p - out);
}

size_t dr_zip_end(unsigned char *out, size_t count, uint64_t from, uint64_t size)
{
    unsigned char *p = out;
    if (count >= 0xffff || from >= FULL || size >= FULL) {
        text(&p, "PK\6\6", 4);
        le(&p, 44, 8); /* bytes that follow */
        le(&p, ZIP64, 2);
        le(&p, ZIP64, 2);
        le(&p, 0, 4 + 4);
        le(&p, count, 8);
        le(&p, count, 8);
        le(&p, size, 8);
        le(&p, from, 8);
        text(&p, "PK\6\7", 4);
        le(&p, 0, 4);
        le(&p, from + size, 8);
        le(&p, 1, 4);
    }
    text(&p, "PK\5\6", 4);
    le(&p, 0, 4);
    le(&p, count < 0xffff ? count : 0xffff, 2);
    le(&p, count < 0xffff ? count : 0xffff, 2);
    le(&p, in32(size), 4);
    le(&p, in32(from), 4);
    le(&p, 0, 2);
    return (size_t)(p - out);
}

/* --- the archive ---------------------------------------------------------------------------------------- */

static dr_status write_bytes(dr_zip_writer *w, const void *data, size_t size)
{
    w->at += size;
    return dr_out_write(&w->out, data, size);
}

dr_status dr_zip_create(dr_zip_writer *w, const char *path, size_t room)
{
    *w = (dr_zip_writer){.room = room};
    w->item = calloc(room + 1, sizeof *w->item);
    if (!w->item)
        return dr_fail(DR_ENOMEM, "out of memory writing '%s'", path);
    dr_status st = dr_out_open(&w->out, path);
    if (st)
        dr_zip_abort(w);
    return st;
}

dr_status dr_zip_begin(dr_zip_writer *w, const char *name, uint64_t size)
{
    unsigned char record[DR_ZIP_RECORD_MAX];
    DR_ASSERT(w->count < w->room && w->owed == 0 && strlen(name) < DR_ZIP_NAME, "%s, number %zu of %zu, %llu owed",
              name, w->count, w->room, (unsigned long long)w->owed);
    dr_zip_item *e = &w->item[w->count++];
    *e = (dr_zip_item){.from = w->at, .size = size};
    strcpy(e->name, name);
    w->owed = size;
    return write_bytes(w, record, dr_zip_local(record, e));
}

dr_status dr_zip_put(dr_zip_writer *w, const void *data, size_t size)
{
    if (!size)
        return DR_OK;
    DR_ASSERT(w->count && w->owed >= size, "%zu bytes given, %llu owed", size, (unsigned long long)w->owed);
    dr_zip_item *e = &w->item[w->count - 1];
    e->crc = dr_crc32(e->crc, data, size);
    w->owed -= size;
    return write_bytes(w, data, size);
}

/* The checksums go into the local headers, which stand in front of what they are of. */
static dr_status put_checksums(dr_zip_writer *w)
{
    dr_status st = DR_OK;
    for (size_t i = 0; !st && i < w->count; i++) {
        unsigned char crc[4], *p = crc;
        le(&p, w->item[i].crc, 4);
        st = dr_out_patch(&w->out, w->item[i].from + CRC_AT, crc, sizeof crc);
    }
    return st;
}

dr_status dr_zip_commit(dr_zip_writer *w)
{
    unsigned char record[DR_ZIP_RECORD_MAX];
    uint64_t from = w->at;
    dr_status st = DR_OK;
    DR_ASSERT(w->owed == 0, "%llu bytes owed", (unsigned long long)w->owed);
    for (size_t i = 0; !st && i < w->count; i++)
        st = write_bytes(w, record, dr_zip_central(record, &w->item[i]));
    if (!st)
        st = write_bytes(w, record, dr_zip_end(record, w->count, from, w->at - from));
    if (!st)
        st = put_checksums(w);
    if (!st)
        st = dr_out_commit(&w->out);
    dr_zip_abort(w);
    return st;
}

void dr_zip_abort(dr_zip_writer *w)
{
    dr_out_abort(&w->out);
    free(w->item);
    *w = (dr_zip_writer){0};
}
