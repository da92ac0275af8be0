/* Files as torch.save writes them, put together byte by byte: zip archives, pickles, and what is wrong with them. */
#ifndef TESTS_IO_TORCH_BYTES_H
#define TESTS_IO_TORCH_BYTES_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct bytes {
    unsigned char *p;
    size_t n, room;
} bytes;

static inline void add(bytes *b, const void *p, size_t n)
{
    if (b->n + n > b->room) {
        b->room = 2 * (b->n + n) + 64;
        b->p = realloc(b->p, b->room);
        assert_non_null(b->p);
    }
    if (n)
        memcpy(b->p + b->n, p, n);
    b->n += n;
}

/* A literal with all its zero bytes. */
#define ADD(b, text) add(b, text, sizeof(text) - 1)

static inline void add_le(bytes *b, uint64_t v, int size)
{
    for (int i = 0; i < size; i++)
        add(b, &(unsigned char){(unsigned char)(v >> (8 * i))}, 1);
}

static inline void set_le(bytes *b, size_t at, uint64_t v, int size)
{
    for (int i = 0; i < size; i++)
        b->p[at + (size_t)i] = (unsigned char)(v >> (8 * i));
}

static inline void drop(bytes *b)
{
    free(b->p);
    *b = (bytes){0};
}

/* --- zip --- */

typedef struct item {
    const char *name;
    const void *data;
    size_t size;
} item;

/* Where things stand in the last archive, for what is to be wrong with it. */
typedef struct places {
    size_t local[8], central[8], end;
} places;

static inline places zip(bytes *out, const item *items, size_t count)
{
    places w = {0};
    for (size_t i = 0; i < count; i++) {
        w.local[i] = out->n;
        ADD(out, "PK\3\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        add_le(out, items[i].size, 4);
        add_le(out, items[i].size, 4);
        add_le(out, strlen(items[i].name), 2);
        add_le(out, 0, 2);
        add(out, items[i].name, strlen(items[i].name));
        add(out, items[i].data, items[i].size);
    }
    size_t from = out->n;
    for (size_t i = 0; i < count; i++) {
        w.central[i] = out->n;
        ADD(out, "PK\1\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
        add_le(out, items[i].size, 4);
        add_le(out, items[i].size, 4);
        add_le(out, strlen(items[i].name), 2);
        add_le(out, 0, 2 + 2 + 2 + 2);
        add_le(out, 0, 4);
        add_le(out, w.local[i], 4);
        add(out, items[i].name, strlen(items[i].name));
    }
    w.end = out->n;
    ADD(out, "PK\5\6\0\0\0\0");
    add_le(out, count, 2);
    add_le(out, count, 2);
    add_le(out, w.end - from, 4);
    add_le(out, from, 4);
    add_le(out, 0, 2);
    return w;
}

/* --- pickles --- */

static inline void add_text(bytes *b, const char *s)
{
    ADD(b, "X");
    add_le(b, strlen(s), 4);
    add(b, s, strlen(s));
}

static inline void add_int(bytes *b, int64_t v)
{
    ADD(b, "\x8a\x08");
    add_le(b, (uint64_t)v, 8);
}

static inline void add_ints(bytes *b, const int64_t *v, int n)
{
    ADD(b, "(");
    for (int i = 0; i < n; i++)
        add_int(b, v[i]);
    ADD(b, "t");
}

typedef struct tensor {
    const char *type, *key;
    int64_t count, offset;
    int rank;
    int64_t dim[10], stride[10];
} tensor;

/* Six floats as two rows of three; what is given stands in place of that. */
#pragma GCC diagnostic ignored "-Woverride-init"
#define FLOATS(...)                                                                                                    \
    (tensor)                                                                                                           \
    {                                                                                                                  \
        .type = "FloatStorage", .key = "0", .count = 6, .rank = 2, .dim = {2, 3}, .stride = {3, 1}, __VA_ARGS__        \
    }

static inline void add_tensor(bytes *b, tensor t)
{
    ADD(b, "ctorch._utils\n_rebuild_tensor_v2\n((");
    add_text(b, "storage");
    ADD(b, "ctorch\n");
    add(b, t.type, strlen(t.type));
    ADD(b, "\n");
    add_text(b, t.key);
    add_text(b, "cpu");
    add_int(b, t.count);
    ADD(b, "tQ");
    add_int(b, t.offset);
    add_ints(b, t.dim, t.rank);
    add_ints(b, t.stride, t.rank);
    ADD(b, "\x89"
           "ccollections\nOrderedDict\n)RtR");
}

/* {name: tensor} */
static inline bytes one(const char *name, tensor t)
{
    bytes b = {0};
    ADD(&b, "\x80\2}(");
    add_text(&b, name);
    add_tensor(&b, t);
    ADD(&b, "u.");
    return b;
}

/* The archive of a pickle and one storage of 24 bytes: 0, 1, ... 23. */
static inline bytes archive(bytes pickle)
{
    bytes out = {0};
    unsigned char data[24];
    for (int i = 0; i < 24; i++)
        data[i] = (unsigned char)i;
    const item items[] = {{"a/data.pkl", pickle.p, pickle.n}, {"a/data/0", data, 24}};
    zip(&out, items, 2);
    free(pickle.p);
    return out;
}

#endif
