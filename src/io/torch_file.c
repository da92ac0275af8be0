#include "io/torch_file.h"

#include "base/text.h"
#include "io/torch_list.h"
#include "io/zip.h"

#include <stdlib.h>
#include <string.h>

#define DECIMAL_MAGIC "119547037146038801333356L" /* 0x1950a86a20f9469cfc6c */

enum {
    SLACK = 16 << 20, /* bytes that a small file may take in all */
    PER_BYTE = 256,
    MOST_VALUES = 256 << 20, /* of the largest; a model of 10,000 tensors takes 10 MiB */
};

/* What is needed while a file is read. */
typedef struct reader {
    const unsigned char *data;
    size_t size;
    const char *path;
    size_t limit; /* of memory */
    dr_pickle pickle;
    dr_torch_pickle torch;
    dr_torch_storage **storage;
    dr_pk top;
} reader;

bool dr_is_torch_zip(const void *data, size_t size)
{
    return size >= 4 && (memcmp(data, "PK\3\4", 4) == 0 || memcmp(data, "PK\5\6", 4) == 0);
}

bool dr_is_torch_legacy(const void *data, size_t size)
{
    const unsigned char *p = data;
    if (size > sizeof DECIMAL_MAGIC && memcmp(p, "L" DECIMAL_MAGIC "\n", sizeof DECIMAL_MAGIC + 1) == 0)
        return true; /* by protocol 1 */
    return size >= 2 && p[0] == 0x80 && p[1] >= 1 && p[1] <= 15;
}

static dr_status fault(const reader *r, const char *what)
{
    return dr_fail(DR_EINVAL, "cannot read '%s': %s", r->path, what);
}

static dr_status run(reader *r, size_t *at, size_t size, dr_pk *result)
{
    dr_pickle_host host = dr_torch_host(&r->torch);
    size_t used;
    dr_status st = dr_pickle_run(&r->pickle, r->data + *at, size, &host, result, &used);
    *at += used;
    return st;
}

/* --- zip --- */

static dr_status check_archive(const reader *r, const dr_zip *z, const dr_zip_entry **pickle)
{
    const dr_zip_entry *order = dr_zip_find(z, "", "byteorder", 9);
    *pickle = dr_zip_find(z, "", "data.pkl", 8);
    bool script = dr_zip_find(z, "", "constants.pkl", 13) != NULL;
    const dr_zip_entry *compressed = NULL;
    dr_shown shown;
    for (size_t i = 0; i < z->count; i++) {
        const dr_zip_entry *e = &z->entry[i];
        script = script || (e->name_size > 5 && memcmp(e->name, "code/", 5) == 0);
        compressed = e->compressed ? e : compressed;
    }
    if (script)
        return fault(r,
                     "it is a TorchScript program (torch.jit.save) and no state dictionary; save 'model.state_dict()' "
                     "with torch.save");
    if (!*pickle)
        return fault(r, "it is a zip archive, but none of PyTorch's: there is no data.pkl in it");
    if (compressed)
        return dr_fail(
            DR_EUNSUPPORTED,
            "cannot read '%s': '%s' in its zip archive is compressed, which PyTorch never does; unpack the archive "
            "and pack it anew without compression ('zip -0 -r')",
            r->path, dr_show(&shown, compressed->name, compressed->name_size));
    if (order && !(order->size == 6 && memcmp(order->data, "little", 6) == 0))
        return fault(r,
                     order->size == 3 && memcmp(order->data, "big", 3) == 0
                         ? "it was saved on a big-endian machine, whose byte order is not supported; save it anew on "
                           "another one"
                         : "its byte order is neither 'little' nor 'big'; it is damaged, get it again");
    return DR_OK;
}

static dr_status find_storages(const reader *r, const dr_zip *z)
{
    for (size_t i = 0; i < r->torch.count; i++) {
        dr_torch_storage *s = r->storage[i];
        const dr_zip_entry *e = dr_zip_find(z, "data/", s->key.s, s->key.n);
        dr_shown key;
        if (!e || e->size < s->bytes)
            dr_show(&key, s->key.s, s->key.n);
        if (!e)
            return dr_fail(
                DR_EINVAL,
                "cannot read '%s': the storage '%s' of a tensor is not in the archive; it is damaged, get it "
                "again",
                r->path, key.text);
        if (e->size < s->bytes)
            return dr_fail(
                DR_EINVAL,
                "cannot read '%s': its storage '%s' has %zu bytes, its tensors need %zu; it is damaged, get it "
                "again",
                r->path, key.text, e->size, s->bytes);
        s->data = e->data;
    }
    return DR_OK;
}

static dr_status read_zip(reader *r)
{
    dr_zip z;
    const dr_zip_entry *e;
    dr_status st = dr_zip_open(&z, r->data, r->size, r->path);
    if (!st)
        st = check_archive(r, &z, &e);
    r->torch.storages = true;
    if (!st) {
        size_t at = (size_t)(e->data - r->data), end = at + e->size;
        st = run(r, &at, e->size, &r->top);
        if (!st && at != end)
            st = dr_fail(DR_EINVAL,
                         "cannot read '%s': %zu bytes stand behind the end of its pickle; it is damaged, get it "
                         "again",
                         r->path, end - at);
    }
    if (!st)
        st = dr_torch_storages(&r->torch, &r->storage);
    if (!st)
        st = find_storages(r, &z);
    dr_zip_close(&z);
    return st;
}

/* --- the old format --- */

/* Python's protocol 1 writes it in decimal. */
static bool is_magic(const dr_pk *v)
{
    static const char binary[] = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", decimal[] = DECIMAL_MAGIC;
    return v->kind == DR_PK_LONG && ((v->n == sizeof binary - 1 && memcmp(v->s, binary, v->n) == 0) ||
                                     (v->n == sizeof decimal - 1 && memcmp(v->s, decimal, v->n) == 0));
}

static dr_status read_head(reader *r, size_t *at)
{
    dr_pk v;
    dr_status st = run(r, at, r->size - *at, &v);
    if (!st && !is_magic(&v))
        st = fault(r, "it is a Python pickle, but none of PyTorch's: it does not begin with its magic number");
    if (!st)
        st = run(r, at, r->size - *at, &v);
    if (!st && (v.kind != DR_PK_INT || v.i != 1001))
        st = fault(r, "it is of a version of PyTorch's old format that is not known (1001 is)");
    if (!st)
        st = run(r, at, r->size - *at, &v);
    if (st)
        return st;
    const dr_pk *little = v.kind == DR_PK_DICT ? dr_pk_get(&v, "little_endian") : NULL;
    if (!little || little->kind != DR_PK_BOOL)
        return fault(r, "it does not say in which byte order it is; it is damaged, get it again");
    return little->i
               ? DR_OK
               : fault(r, "it was saved on a big-endian machine, whose byte order is not supported; save it anew on "
                          "another one");
}

/* The first storage of that key, of the sorted ones; SIZE_MAX if there is none. */
static size_t first_of(const reader *r, const dr_pk *key)
{
    size_t from = 0, to = r->torch.count;
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        const dr_pk *k = &r->storage[mid]->key;
        int c = memcmp(k->s, key->s, k->n < key->n ? k->n : key->n);
        if (c < 0 || (c == 0 && k->n < key->n))
            from = mid + 1;
        else
            to = mid;
    }
    bool there = from < r->torch.count && r->storage[from]->key.n == key->n &&
                 memcmp(r->storage[from]->key.s, key->s, key->n) == 0;
    return there ? from : SIZE_MAX;
}

/* A count of 8 bytes and the elements, for all that share the key. */
static dr_status read_storage(reader *r, size_t *at, const dr_pk *key)
{
    dr_shown shown;
    uint64_t count = 0;
    dr_show(&shown, key->s, key->n);
    size_t i = key->kind == DR_PK_STR ? first_of(r, key) : SIZE_MAX;
    if (i == SIZE_MAX || r->storage[i]->data)
        return dr_fail(DR_EINVAL,
                       "cannot read '%s': its list of storages has '%s', which %s; it is damaged, get it again",
                       r->path, shown.text, i == SIZE_MAX ? "no tensor uses" : "is there twice");
    const dr_torch_storage *s = r->storage[i];
    if (r->size - *at < 8 || r->size - *at - 8 < s->bytes)
        return dr_fail(
            DR_EINVAL,
            "cannot read '%s': its storage '%s' needs %zu bytes, the file has %zu more; it was cut short, get it "
            "again",
            r->path, shown.text, s->bytes + 8, r->size - *at);
    for (int b = 7; b >= 0; b--)
        count = count << 8 | r->data[*at + (size_t)b];
    if (count != (uint64_t)s->count)
        return dr_fail(
            DR_EINVAL,
            "cannot read '%s': its storage '%s' says that it has %lld elements, its tensors that it has %lld; it "
            "is damaged, get it again",
            r->path, shown.text, (long long)count, (long long)s->count);
    for (; i < r->torch.count && r->storage[i]->key.n == key->n && memcmp(r->storage[i]->key.s, key->s, key->n) == 0;
         i++)
        r->storage[i]->data = r->data + *at + 8;
    *at += 8 + s->bytes;
    return DR_OK;
}

static dr_status read_legacy(reader *r)
{
    size_t at = 0;
    dr_pk keys = {0};
    dr_status st = read_head(r, &at);
    r->torch.storages = true;
    if (!st)
        st = run(r, &at, r->size - at, &r->top);
    r->torch.storages = false;
    if (!st)
        st = run(r, &at, r->size - at, &keys);
    if (!st && keys.kind != DR_PK_LIST)
        st = fault(r, "its list of storages is no list; it is damaged, get it again");
    if (!st)
        st = dr_torch_storages(&r->torch, &r->storage);
    const dr_pk_chunk *c = st ? NULL : keys.node->first;
    const dr_pk *key;
    uint32_t i = 0;
    while (!st && (key = dr_pk_next(&c, &i, 1)))
        st = key->kind == DR_PK_STR
                 ? read_storage(r, &at, key)
                 : fault(r, "its list of storages has a key that is no text; it is damaged, get it again");
    for (size_t k = 0; !st && k < r->torch.count; k++)
        if (!r->storage[k]->data) {
            dr_shown shown;
            st = dr_fail(
                DR_EINVAL,
                "cannot read '%s': the storage '%s' of a tensor is not in its list of storages; it is damaged, get "
                "it again",
                r->path, dr_show(&shown, r->storage[k]->key.s, r->storage[k]->key.n));
        }
    return st;
}

/* --- the tensors --- */

/* Views that repeat elements stand for more than the file has. */
static dr_status measure(const reader *r, const dr_torch_named *all, size_t count, size_t *names, size_t *gathered)
{
    *names = *gathered = 0;
    for (size_t i = 0; i < count; i++) {
        const dr_torch_tensor *v = all[i].tensor;
        *names += all[i].name_size + 1;
        if (v->bytes > r->size)
            return dr_fail(
                DR_EINVAL,
                "cannot read '%s': tensor '%s' would take %zu bytes, more than the whole file of %zu; it repeats "
                "its elements, or is made to exhaust memory",
                r->path, all[i].name, v->bytes, r->size);
        if (!dr_torch_contiguous(v))
            *gathered += v->bytes;
        if (*gathered > r->limit)
            return dr_fail(
                DR_EINVAL,
                "cannot read '%s': its tensors are views that would take more than twice the whole file of %zu "
                "bytes; it is made to exhaust memory, or to be saved anew with contiguous tensors",
                r->path, r->size);
    }
    return DR_OK;
}

static dr_status fill(dr_torch_file *f, const dr_torch_named *all, size_t count, char *names, unsigned char *gathered)
{
    for (size_t i = 0; i < count; i++) {
        const dr_torch_tensor *v = all[i].tensor;
        dr_st_entry *e = &f->entry[i];
        *e = (dr_st_entry){.name = names, .dtype = v->dtype, .rank = v->rank, .size = v->bytes};
        memcpy(e->dim, v->dim, (size_t)v->rank * sizeof *v->dim);
        memcpy(names, all[i].name, all[i].name_size + 1);
        names += all[i].name_size + 1;
        if (v->bytes == 0) {
            e->data = v->storage->data;
        } else if (dr_torch_contiguous(v)) {
            e->data = v->storage->data + (size_t)v->offset * dr_dtype_size(v->dtype);
        } else {
            dr_torch_gather(v, gathered);
            e->data = gathered;
            gathered += v->bytes;
        }
    }
    f->count = count;
    return DR_OK;
}

/* Into `text`, which has room for them. */
static void fill_meta(dr_torch_file *f, const dr_st_meta *meta, size_t count, char *text)
{
    for (size_t i = 0; i < count; i++) {
        size_t key = strlen(meta[i].key) + 1, value = strlen(meta[i].value) + 1;
        f->meta[i].key = memcpy(text, meta[i].key, key);
        f->meta[i].value = memcpy(text + key, meta[i].value, value);
        text += key + value;
    }
    f->meta_count = count;
}

static dr_status list(dr_torch_file *f, reader *r)
{
    dr_torch_named *all;
    dr_st_meta *meta;
    size_t count, names, gathered, meta_count, meta_size, path = strlen(r->path) + 1;
    dr_status st = dr_torch_list(&r->pickle, &r->top, &all, &count);
    if (!st)
        st = measure(r, all, count, &names, &gathered);
    if (!st)
        st = dr_torch_meta(&r->pickle, &r->top, &meta, &meta_count, &meta_size);
    if (!st)
        st = (dr_status)dr_arena_init(&f->arena, count * sizeof *f->entry + names + gathered + path +
                                                     meta_count * sizeof *meta + meta_size + 8192);
    if (st)
        return st;
    f->entry = dr_arena_alloc(&f->arena, count * sizeof *f->entry);
    f->meta = dr_arena_alloc(&f->arena, meta_count * sizeof *meta);
    char *text = dr_arena_alloc(&f->arena, names + path + meta_size);
    unsigned char *space = dr_arena_alloc(&f->arena, gathered);
    if (!f->entry || !f->meta || !text || !space)
        return DR_ENOMEM;
    f->path = memcpy(text, r->path, path);
    fill_meta(f, meta, meta_count, text + path + names);
    return fill(f, all, count, text + path, space);
}

/* No instruction of one byte makes values of more than some tens: a small file needs no room for more. */
static size_t values_limit(const reader *r)
{
    size_t most = r->limit < MOST_VALUES ? r->limit : MOST_VALUES;
    return r->size < most / PER_BYTE / 2 ? PER_BYTE * r->size + (1 << 16) : most;
}

dr_status dr_torch_parse(dr_torch_file *f, const void *data, size_t size, const char *path)
{
    reader r = {.data = data, .size = size, .path = path, .limit = 2 * size + SLACK};
    *f = (dr_torch_file){0};
    r.torch = (dr_torch_pickle){.path = path, .file_size = size};
    dr_status st = dr_pickle_init(&r.pickle, values_limit(&r), path);
    if (!st)
        st = dr_is_torch_zip(data, size) ? read_zip(&r) : read_legacy(&r);
    if (!st)
        st = list(f, &r);
    free(r.storage);
    dr_pickle_clear(&r.pickle);
    if (st)
        dr_torch_close(f);
    return st;
}

void dr_torch_close(dr_torch_file *f)
{
    dr_arena_clear(&f->arena);
    *f = (dr_torch_file){0};
}
