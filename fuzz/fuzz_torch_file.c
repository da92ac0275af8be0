/* libFuzzer: any bytes as a PyTorch checkpoint. What is accepted must be readable to the last byte, and take no more
 * memory than was promised.
 *
 * Each input is tried as it is; as the pickle of an archive that is otherwise in order, with four storages; and as what
 * follows the first three pickles of the old format. */
#include "io/tensor_file.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { STORAGES = 4, STORAGE = 64, LIMIT = 1 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_file(const uint8_t *data, size_t size)
{
    dr_tensor_file f;
    static volatile unsigned sink;
    if (dr_tensor_file_parse(&f, data, size, "fuzz"))
        return;
    const unsigned char *own = f.torch.arena.base;
    for (size_t i = 0; i < f.count; i++) {
        const dr_st_entry *e = &f.entry[i];
        const unsigned char *p = e->data;
        bool inside =
            (p >= data && p + e->size <= data + size) || (own && p >= own && p + e->size <= own + f.torch.arena.used);
        DR_ASSERT(dr_tensor_file_find(&f, e->name) == e, "'%s' is not found", e->name);
        DR_ASSERT(inside, "'%s' lies outside", e->name);
        DR_ASSERT(e->size <= size, "'%s' takes %zu bytes of %zu", e->name, e->size, size);
        for (size_t b = 0; b < e->size; b++)
            sink += p[b];
    }
    DR_ASSERT(f.torch.arena.used <= 2 * size + (17 << 20), "%zu bytes for %zu", f.torch.arena.used, size);
    dr_tensor_file_close(&f);
}

static uint8_t *put(uint8_t *p, const void *from, size_t n)
{
    if (n)
        memcpy(p, from, n);
    return p + n;
}

static uint8_t *put_le(uint8_t *p, uint64_t v, int n)
{
    for (int i = 0; i < n; i++)
        p[i] = (uint8_t)(v >> (8 * i));
    return p + n;
}

static uint8_t *put_local(uint8_t *p, const char *name, const void *data, size_t size)
{
    p = put(p, "PK\3\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 18);
    p = put_le(put_le(p, size, 4), size, 4);
    p = put_le(put_le(p, strlen(name), 2), 0, 2);
    return put(put(p, name, strlen(name)), data, size);
}

static uint8_t *put_central(uint8_t *p, const char *name, size_t size, size_t from)
{
    p = put(p, "PK\1\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
    p = put_le(put_le(p, size, 4), size, 4);
    p = put_le(put_le(put_le(p, strlen(name), 2), 0, 8), 0, 4);
    return put(put_le(p, from, 4), name, strlen(name));
}

/* FOLDER/data.pkl, and FOLDER/data/0 to 3. */
static void try_pickle(const uint8_t *data, size_t size)
{
    static const uint8_t storage[STORAGE];
    char name[] = "a/data/0";
    size_t from[STORAGES + 1];
    uint8_t *file = malloc(size + 2048), *p = file;
    if (!file)
        return;
    for (int i = 0; i < STORAGES; i++) {
        name[7] = (char)('0' + i);
        from[i] = (size_t)(p - file);
        p = put_local(p, name, storage, sizeof storage);
    }
    from[STORAGES] = (size_t)(p - file);
    p = put_local(p, "a/data.pkl", data, size);
    size_t directory = (size_t)(p - file);
    for (int i = 0; i < STORAGES; i++) {
        name[7] = (char)('0' + i);
        p = put_central(p, name, sizeof storage, from[i]);
    }
    p = put_central(p, "a/data.pkl", size, from[STORAGES]);
    size_t end = (size_t)(p - file);
    p = put(p, "PK\5\6\0\0\0\0", 8);
    p = put_le(put_le(p, STORAGES + 1, 2), STORAGES + 1, 2);
    p = put_le(put_le(put_le(p, end - directory, 4), directory, 4), 0, 2);
    try_file(file, (size_t)(p - file));
    free(file);
}

static void try_old(const uint8_t *data, size_t size)
{
    static const char head[] = "\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\2M\xe9\3."
                               "\x80\2}X\x0d\0\0\0little_endian\x88s.";
    uint8_t *file = malloc(sizeof head + size);
    if (!file)
        return;
    put(put(file, head, sizeof head - 1), data, size);
    try_file(file, sizeof head - 1 + size);
    free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > LIMIT)
        return 0;
    try_file(data, size);
    try_pickle(data, size);
    try_old(data, size);
    return 0;
}
