/* TensorBoard's event files.
 *
 * TFRecord framing as tensorflow/core/lib/io/record_writer.h: length (8 bytes), its masked CRC-32C, data, its masked
 * CRC-32C, all little-endian. Messages as tensorboard/compat/proto: event.proto, summary.proto. The first record
 * names the version; TensorBoard refuses a file without it. */
#include "io/tb_events.h"

#include "base/file.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_TAG = 1024, MAX_PICTURE = 1 << 30 };

struct dr_tb {
    int fd;
    off_t end; /* behind the last whole record */
    char *path;
    uint32_t crc_table[256];
};

/* --- framing ------------------------------------------------------------------------------------ */

/* CRC-32C (Castagnoli), reflected polynomial 0x82f63b78. RFC 3720, section 12.1. */
static void crc_init(uint32_t *table)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? c >> 1 ^ 0x82f63b78u : c >> 1;
        table[i] = c;
    }
}

static uint32_t crc32c(const uint32_t *table, const unsigned char *p, size_t n)
{
    uint32_t c = ~0u;
    for (size_t i = 0; i < n; i++)
        c = table[(c ^ p[i]) & 255] ^ c >> 8;
    return ~c;
}

/* Rotated and shifted, so that a CRC over data that holds CRCs stays a good one. */
static uint32_t masked_crc(const dr_tb *t, const unsigned char *p, size_t n)
{
    uint32_t c = crc32c(t->crc_table, p, n);
    return (c >> 15 | c << 17) + 0xa282ead8u;
}

static void put_le(unsigned char *p, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        p[i] = (unsigned char)(v >> 8 * i);
}

static dr_status write_all(int fd, const unsigned char *p, size_t n)
{
    while (n > 0) {
        ssize_t k = write(fd, p, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return DR_EIO;
        p += k;
        n -= (size_t)k;
    }
    return DR_OK;
}

/* A message being built, behind room for the record's head. */
typedef struct message {
    unsigned char *data;
    size_t used, room;
} message;

enum { HEAD = 12, TAIL = 4 };

/* Frames the message and appends it. What a full disk leaves of a record is cut off again: readers stop at it. */
static dr_status append(dr_tb *t, message *m)
{
    size_t n = m->used - HEAD;
    put_le(m->data, n, 8);
    put_le(m->data + 8, masked_crc(t, m->data, 8), 4);
    put_le(m->data + m->used, masked_crc(t, m->data + HEAD, n), 4);
    m->used += TAIL;
    if (write_all(t->fd, m->data, m->used)) {
        int e = errno;
        if (ftruncate(t->fd, t->end) == 0)
            lseek(t->fd, t->end, SEEK_SET);
        return dr_fail(DR_EIO, "cannot write '%s': %s", t->path, strerror(e));
    }
    t->end += (off_t)m->used;
    return DR_OK;
}

/* --- protobuf ----------------------------------------------------------------------------------- */

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

/* Fields and lengths below are at most 10 bytes each: `room` is reckoned from that. */
static dr_status message_init(message *m, size_t payload)
{
    *m = (message){.used = HEAD, .room = payload + 256 + HEAD + TAIL};
    m->data = malloc(m->room);
    return m->data ? DR_OK : dr_fail(DR_ENOMEM, "out of memory for a TensorBoard record of %zu bytes", payload);
}

static size_t varint_size(uint64_t v)
{
    size_t n = 1;
    for (; v >= 128; v >>= 7)
        n++;
    return n;
}

static void put_varint(message *m, uint64_t v)
{
    for (; v >= 128; v >>= 7)
        m->data[m->used++] = (unsigned char)(v | 128);
    m->data[m->used++] = (unsigned char)v;
}

static void put_key(message *m, int field, int type)
{
    put_varint(m, (uint64_t)field << 3 | (uint64_t)type);
}

static void put_fixed(message *m, int field, const void *value, int bytes)
{
    uint64_t v = 0;
    if (bytes == 4) {
        uint32_t low;
        memcpy(&low, value, 4);
        v = low;
    } else {
        memcpy(&v, value, 8);
    }
    put_key(m, field, bytes == 4 ? FIXED32 : FIXED64);
    put_le(m->data + m->used, v, bytes);
    m->used += (size_t)bytes;
}

static void put_int(message *m, int field, int64_t v)
{
    put_key(m, field, VARINT);
    put_varint(m, (uint64_t)v);
}

static void put_bytes(message *m, int field, const void *p, size_t n)
{
    put_key(m, field, BYTES);
    put_varint(m, n);
    memcpy(m->data + m->used, p, n);
    m->used += n;
}

/* Bytes of a length-delimited field with a one-byte key, key and length included. */
static size_t field_size(size_t n)
{
    return 1 + varint_size(n) + n;
}

static void put_time(message *m)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    double seconds = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    put_fixed(m, 1, &seconds, 8);
}

/* Event { wall_time = 1; step = 2; summary = 5 { value = 1 { tag = 1; ... } } } up to the tag; `rest` bytes of the
 * value follow. */
static void put_value_head(message *m, int64_t step, const char *tag, size_t rest)
{
    size_t value = field_size(strlen(tag)) + rest;
    put_time(m);
    put_int(m, 2, step);
    put_key(m, 5, BYTES);
    put_varint(m, field_size(value));
    put_key(m, 1, BYTES);
    put_varint(m, value);
    put_bytes(m, 1, tag, strlen(tag));
}

static dr_status check_tag(const char *tag)
{
    return strlen(tag) <= MAX_TAG ? DR_OK : dr_fail(DR_EINVAL, "a TensorBoard tag has at most %d bytes", MAX_TAG);
}

/* --- the file ----------------------------------------------------------------------------------- */

/* events.out.tfevents.<seconds>.<host>.<pid>.<n>; TensorBoard reads a folder's files in the order of their names. */
static dr_status create(dr_tb *t, const char *dir)
{
    char host[128] = "localhost", name[sizeof host + 96];
    gethostname(host, sizeof host - 1);
    host[sizeof host - 1] = 0;
    for (int n = 0; n < 1000; n++) {
        snprintf(name, sizeof name, "events.out.tfevents.%010lld.%s.%ld.%d", (long long)time(NULL), host,
                 (long)getpid(), n);
        free(t->path);
        t->path = dr_path_new(dir, name);
        if (!t->path)
            return dr_fail(DR_ENOMEM, "out of memory");
        t->fd = open(t->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (t->fd >= 0 || errno != EEXIST)
            break;
    }
    return t->fd >= 0 ? DR_OK : dr_fail(DR_EIO, "cannot write '%s': %s", t->path, strerror(errno));
}

static dr_status write_version(dr_tb *t)
{
    static const char version[] = "brain.Event:2";
    message m;
    dr_status st = message_init(&m, sizeof version);
    if (st)
        return st;
    put_time(&m);
    put_bytes(&m, 3, version, sizeof version - 1);
    st = append(t, &m);
    free(m.data);
    return st;
}

dr_status dr_tb_open(dr_tb **out, const char *dir)
{
    *out = NULL;
    dr_status st = dr_mkdirs(dir);
    if (st)
        return st;
    dr_tb *t = calloc(1, sizeof *t);
    if (!t)
        return dr_fail(DR_ENOMEM, "out of memory");
    t->fd = -1;
    crc_init(t->crc_table);
    st = create(t, dir);
    if (!st)
        st = write_version(t);
    if (st) {
        dr_tb_close(t);
        return st;
    }
    *out = t;
    return DR_OK;
}

dr_status dr_tb_purge(dr_tb *t, int64_t step)
{
    enum { START = 1 };
    message m;
    dr_status st = message_init(&m, 0);
    if (st)
        return st;
    put_time(&m);
    put_int(&m, 2, step);
    put_key(&m, 7, BYTES); /* session_log { status = 1 } */
    put_varint(&m, 2);
    put_int(&m, 1, START);
    st = append(t, &m);
    free(m.data);
    return st;
}

dr_status dr_tb_scalar(dr_tb *t, const char *tag, int64_t step, float value)
{
    message m;
    dr_status st = check_tag(tag);
    if (!st)
        st = message_init(&m, strlen(tag));
    if (st)
        return st;
    put_value_head(&m, step, tag, 1 + sizeof value);
    put_fixed(&m, 2, &value, sizeof value); /* simple_value */
    st = append(t, &m);
    free(m.data);
    return st;
}

dr_status dr_tb_image(dr_tb *t, const char *tag, int64_t step, int width, int height, const void *png, size_t size)
{
    enum { RGB = 3 };
    message m;
    dr_status st = check_tag(tag);
    if (!st && size > MAX_PICTURE)
        st = dr_fail(DR_EINVAL, "a picture of %zu bytes is too large for TensorBoard", size);
    if (!st)
        st = message_init(&m, strlen(tag) + size);
    if (st)
        return st;
    uint64_t h = (uint64_t)height, w = (uint64_t)width;
    size_t image = 1 + varint_size(h) + 1 + varint_size(w) + 1 + 1 + field_size(size);
    put_value_head(&m, step, tag, field_size(image));
    put_key(&m, 4, BYTES); /* image { height = 1; width = 2; colorspace = 3; encoded_image_string = 4 } */
    put_varint(&m, image);
    put_int(&m, 1, height);
    put_int(&m, 2, width);
    put_int(&m, 3, RGB);
    put_bytes(&m, 4, png, size);
    st = append(t, &m);
    free(m.data);
    return st;
}

void dr_tb_close(dr_tb *t)
{
    if (!t)
        return;
    if (t->fd >= 0)
        close(t->fd);
    free(t->path);
    free(t);
}
