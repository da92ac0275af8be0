#include "io/torch_write.h"

#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the pickle ----------------------------------------------------------------------------------------- */

/* What a pickle says again and again it says once and remembers by number. */
enum { REBUILD, ORDERED_DICT, STORAGE, CPU, CLASSES, REMEMBERED = CLASSES + DR_DTYPES };

enum { PER_TENSOR = 512, PER_TEXT = 5, AROUND = 128 /* bytes at most, beside the texts */ };

typedef struct pickle {
    unsigned char *p;
    size_t n, room;
    bool said[REMEMBERED];
} pickle;

static void add(pickle *k, const void *data, size_t n)
{
    DR_ASSERT(n <= k->room - k->n, "%zu of %zu bytes", k->n + n, k->room);
    memcpy(k->p + k->n, data, n);
    k->n += n;
}

static void op(pickle *k, char c)
{
    add(k, &c, 1);
}

static void add_le(pickle *k, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        add(k, &(unsigned char){(unsigned char)(v >> (8 * i))}, 1);
}

static void add_text(pickle *k, const char *s)
{
    size_t n = strlen(s);
    op(k, 'X'); /* BINUNICODE */
    add_le(k, n, 4);
    add(k, s, n);
}

static void add_int(pickle *k, uint64_t v)
{
    if (v < 256) {
        op(k, 'K'); /* BININT1 */
        add_le(k, v, 1);
    } else if (v <= INT32_MAX) {
        op(k, 'J'); /* BININT */
        add_le(k, v, 4);
    } else {
        add(k, "\x8a\x08", 2); /* LONG1 of 8 bytes: sizes are below 2^63 */
        add_le(k, v, 8);
    }
}

/* Whether `what` was said before, which takes its place; else it is to be said, and remembered. */
static bool again(pickle *k, int what)
{
    if (k->said[what]) {
        op(k, 'h'); /* BINGET */
        add_le(k, (uint64_t)what, 1);
    }
    return k->said[what];
}

static void remember(pickle *k, int what)
{
    k->said[what] = true;
    op(k, 'q'); /* BINPUT */
    add_le(k, (uint64_t)what, 1);
}

static void add_known_text(pickle *k, int what, const char *s)
{
    if (again(k, what))
        return;
    add_text(k, s);
    remember(k, what);
}

static void add_global(pickle *k, int what, const char *module, const char *name)
{
    if (again(k, what))
        return;
    op(k, 'c'); /* GLOBAL */
    add(k, module, strlen(module));
    op(k, '\n');
    add(k, name, strlen(name));
    op(k, '\n');
    remember(k, what);
}

/* ('storage', torch.FloatStorage, key, 'cpu', count), as a persistent id */
static void add_storage(pickle *k, const dr_st_entry *e, size_t key, uint64_t count)
{
    static const char *const names[] = {
        [DR_F32] = "FloatStorage", [DR_F16] = "HalfStorage", [DR_BF16] = "BFloat16Storage", [DR_I32] = "IntStorage",
        [DR_I64] = "LongStorage",  [DR_U8] = "ByteStorage",  [DR_BOOL] = "BoolStorage",     [DR_F64] = "DoubleStorage",
        [DR_I16] = "ShortStorage", [DR_I8] = "CharStorage"};
    char text[24];
    snprintf(text, sizeof text, "%zu", key);
    op(k, '(');
    add_known_text(k, STORAGE, "storage");
    add_global(k, CLASSES + (int)e->dtype, "torch", names[e->dtype]);
    add_text(k, text);
    add_known_text(k, CPU, "cpu");
    add_int(k, count);
    add(k, "tQ", 2); /* TUPLE, BINPERSID */
}

/* torch._utils._rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict()) */
static void add_tensor(pickle *k, const dr_st_entry *e, size_t key)
{
    uint64_t stride[DR_ST_MAX_RANK], count = 1, all = 1;
    for (int i = e->rank - 1; i >= 0; i--) {
        stride[i] = count;
        count *= e->dim[i] > 1 ? (uint64_t)e->dim[i] : 1; /* no values: strides as if there were some, as PyTorch */
        all *= (uint64_t)e->dim[i];
    }
    add_global(k, REBUILD, "torch._utils", "_rebuild_tensor_v2");
    op(k, '(');
    add_storage(k, e, key, all);
    add_int(k, 0);
    op(k, '(');
    for (int i = 0; i < e->rank; i++)
        add_int(k, (uint64_t)e->dim[i]);
    add(k, "t(", 2);
    for (int i = 0; i < e->rank; i++)
        add_int(k, stride[i]);
    add(k, "t\x89", 2); /* TUPLE, NEWFALSE */
    add_global(k, ORDERED_DICT, "collections", "OrderedDict");
    add(k, ")RtR", 4); /* called with (); the whole, called with all of that */
}

static dr_status make_pickle(pickle *k, const char *path, const dr_st_entry *entries, size_t count,
                             const dr_st_meta *meta, size_t meta_count)
{
    *k = (pickle){.room = AROUND};
    for (size_t i = 0; i < count; i++)
        k->room += strlen(entries[i].name) + PER_TENSOR;
    for (size_t i = 0; i < meta_count; i++)
        k->room += strlen(meta[i].key) + strlen(meta[i].value) + 2 * PER_TEXT;
    k->p = malloc(k->room);
    if (!k->p)
        return dr_fail(DR_ENOMEM, "out of memory writing '%s'", path);
    add(k, "\x80\x02}(", 4); /* PROTO 2, EMPTY_DICT, MARK */
    add_text(k, "state_dict");
    add(k, "}(", 2);
    for (size_t i = 0; i < count; i++) {
        add_text(k, entries[i].name);
        add_tensor(k, &entries[i], i);
    }
    op(k, 'u'); /* SETITEMS */
    if (meta_count) {
        add_text(k, "__metadata__");
        add(k, "}(", 2);
        for (size_t i = 0; i < meta_count; i++) {
            add_text(k, meta[i].key);
            add_text(k, meta[i].value);
        }
        op(k, 'u');
    }
    add(k, "u.", 2);
    return DR_OK;
}

/* --- checks --------------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static dr_status check_names(const char *path, const dr_st_entry *entries, size_t count)
{
    dr_status st = DR_OK;
    const char **name = malloc((count + 1) * sizeof *name);
    if (!name)
        return dr_fail(DR_ENOMEM, "out of memory writing '%s'", path);
    for (size_t i = 0; i < count; i++) {
        name[i] = entries[i].name;
        if (!st && !g_utf8_validate(name[i], -1, NULL))
            st = dr_fail(DR_EINVAL, "cannot write '%s': the tensor name '%s' is not UTF-8", path, name[i]);
    }
    qsort(name, count, sizeof *name, by_name);
    for (size_t i = 1; !st && i < count; i++)
        if (strcmp(name[i - 1], name[i]) == 0)
            st = dr_fail(DR_EINVAL, "cannot write '%s': two tensors are named '%s'", path, name[i]);
    free(name);
    return st;
}

static dr_status check_meta(const char *path, const dr_st_meta *meta, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!g_utf8_validate(meta[i].key, -1, NULL) || !g_utf8_validate(meta[i].value, -1, NULL))
            return dr_fail(DR_EINVAL, "cannot write '%s': the metadata '%.64s' is not UTF-8", path, meta[i].key);
    return DR_OK;
}

static dr_status measure(dr_torch_writer *w, const dr_st_entry *entries)
{
    for (size_t i = 0; i < w->count; i++) {
        size_t n = dr_dtype_size(entries[i].dtype);
        for (int a = 0; a < entries[i].rank; a++)
            if (__builtin_mul_overflow(n, (size_t)entries[i].dim[a], &n))
                return dr_fail(DR_EINVAL, "cannot write tensor '%s': its shape is too large", entries[i].name);
        w->size[i] = n;
    }
    return DR_OK;
}

/* --- the archive ---------------------------------------------------------------------------------------- */

static dr_status put_whole(dr_torch_writer *w, const char *name, const void *data, size_t size)
{
    dr_status st = dr_zip_begin(&w->zip, name, size);
    return st ? st : dr_zip_put(&w->zip, data, size);
}

dr_status dr_torch_create(dr_torch_writer *w, const char *path, const dr_st_entry *entries, size_t count,
                          const dr_st_meta *meta, size_t meta_count)
{
    pickle k = {0};
    *w = (dr_torch_writer){.count = count, .size = calloc(count + 1, sizeof *w->size)};
    dr_status st = w->size ? measure(w, entries) : dr_fail(DR_ENOMEM, "out of memory writing '%s'", path);
    if (!st)
        st = check_names(path, entries, count);
    if (!st)
        st = check_meta(path, meta, meta_count);
    if (!st)
        st = make_pickle(&k, path, entries, count, meta, meta_count);
    if (!st)
        st = dr_zip_create(&w->zip, path, count + 3);
    if (!st)
        st = put_whole(w, "archive/data.pkl", k.p, k.n);
    if (!st)
        st = put_whole(w, "archive/byteorder", "little", 6);
    free(k.p);
    if (st)
        dr_torch_abort(w);
    return st;
}

/* The next storage, once the one before is whole; those without values, too. */
static dr_status begin_next(dr_torch_writer *w)
{
    char name[DR_ZIP_NAME];
    snprintf(name, sizeof name, "archive/data/%zu", w->begun);
    return dr_zip_begin(&w->zip, name, w->size[w->begun++]);
}

dr_status dr_torch_put_part(dr_torch_writer *w, const void *data, size_t size)
{
    dr_status st = DR_OK;
    if (!size)
        return st;
    while (!st && w->zip.owed == 0 && w->begun < w->count)
        st = begin_next(w);
    return st ? st : dr_zip_put(&w->zip, data, size);
}

dr_status dr_torch_commit(dr_torch_writer *w)
{
    dr_status st = DR_OK;
    while (!st && w->zip.owed == 0 && w->begun < w->count)
        st = begin_next(w);
    DR_ASSERT(st || w->zip.owed == 0, "tensor %zu of %zu lacks bytes", w->begun, w->count);
    if (!st)
        st = put_whole(w, "archive/version", "3\n", 2);
    if (!st)
        st = dr_zip_commit(&w->zip);
    dr_torch_abort(w);
    return st;
}

void dr_torch_abort(dr_torch_writer *w)
{
    dr_zip_abort(&w->zip);
    free(w->size);
    *w = (dr_torch_writer){0};
}
