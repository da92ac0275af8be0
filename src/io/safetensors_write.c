#include "base/json.h"
#include "io/safetensors.h"

#include <stdlib.h>
#include <string.h>

static dr_status entry_bytes(const dr_st_entry *e, size_t *out)
{
    size_t n = dr_dtype_size(e->dtype);
    DR_ASSERT(dr_dtype_block(e->dtype) == 1, "'%s' as %s", e->name, dr_dtype_name(e->dtype));
    for (int i = 0; i < e->rank; i++)
        if (__builtin_mul_overflow(n, (size_t)e->dim[i], &n))
            return dr_fail(DR_EINVAL, "cannot write tensor '%s': its shape is too large", e->name);
    *out = n;
    return DR_OK;
}

static json_t *describe(const dr_st_entry *e, size_t from, size_t to)
{
    json_t *shape = json_array();
    for (int i = 0; shape && i < e->rank; i++)
        if (json_array_append_new(shape, json_integer(e->dim[i]))) {
            json_decref(shape);
            return NULL;
        }
    return json_pack("{s:s, s:o, s:[I,I]}", "dtype", dr_dtype_name(e->dtype), "shape", shape, "data_offsets",
                     (json_int_t)from, (json_int_t)to);
}

/* The header as JSON; also fills w->size. */
static dr_status build_header(dr_st_writer *w, const char *path, const dr_st_entry *entries, const dr_st_meta *meta,
                              size_t meta_count, json_t *header)
{
    size_t at = 0;
    if (meta_count) {
        json_t *m = json_object();
        json_object_set_new(header, "__metadata__", m);
        for (size_t i = 0; i < meta_count; i++)
            if (json_object_set_new(m, meta[i].key, json_string(meta[i].value)))
                return dr_fail(DR_EINVAL, "cannot write '%s': the metadata '%.64s' is not UTF-8", path, meta[i].key);
    }
    for (size_t i = 0; i < w->count; i++) {
        const dr_st_entry *e = &entries[i];
        dr_status st = entry_bytes(e, &w->size[i]);
        if (st)
            return st;
        if (json_object_get(header, e->name))
            return dr_fail(DR_EINVAL, "cannot write '%s': two tensors are named '%s'", path, e->name);
        if (json_object_set_new(header, e->name, describe(e, at, at + w->size[i])))
            return dr_fail(DR_EINVAL, "cannot write '%s': the tensor name '%s' is not UTF-8", path, e->name);
        at += w->size[i];
    }
    return DR_OK;
}

/* Length, text, and spaces up to a multiple of 8, so that the data is aligned in a mapping. */
static dr_status write_header(dr_st_writer *w, const char *text)
{
    size_t n = strlen(text), padded = (n + 7) / 8 * 8;
    unsigned char length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)((uint64_t)padded >> (8 * i));
    dr_status st = dr_out_write(&w->out, length, 8);
    if (!st)
        st = dr_out_write(&w->out, text, n);
    return st ? st : dr_out_write(&w->out, "       ", padded - n);
}

dr_status dr_st_create(dr_st_writer *w, const char *path, const dr_st_entry *entries, size_t count,
                       const dr_st_meta *meta, size_t meta_count)
{
    *w = (dr_st_writer){.count = count};
    w->size = calloc(count + 1, sizeof *w->size);
    json_t *header = json_object();
    if (!w->size || !header) {
        json_decref(header);
        dr_st_abort(w);
        return dr_fail(DR_ENOMEM, "out of memory writing '%s'", path);
    }
    dr_status st = build_header(w, path, entries, meta, meta_count, header);
    char *text = st ? NULL : json_dumps(header, JSON_COMPACT);
    json_decref(header);
    if (!st && !text)
        st = dr_fail(DR_ENOMEM, "out of memory writing '%s'", path);
    if (!st)
        st = dr_out_open(&w->out, path);
    if (!st)
        st = write_header(w, text);
    free(text);
    if (st)
        dr_st_abort(w);
    return st;
}

/* Tensors without values need no call of their own. */
static void skip_empty(dr_st_writer *w)
{
    while (w->next < w->count && w->size[w->next] == 0)
        w->next++;
}

dr_status dr_st_put(dr_st_writer *w, const void *data, size_t size)
{
    if (size)
        skip_empty(w);
    DR_ASSERT(w->next < w->count && w->size[w->next] == size, "tensor %zu of %zu: %zu bytes given", w->next, w->count,
              size);
    w->size[w->next++] = 0;
    return dr_out_write(&w->out, data, size);
}

dr_status dr_st_put_part(dr_st_writer *w, const void *data, size_t size)
{
    if (!size)
        return DR_OK;
    skip_empty(w);
    DR_ASSERT(w->next < w->count && w->size[w->next] >= size, "tensor %zu of %zu: %zu bytes given", w->next, w->count,
              size);
    w->size[w->next] -= size;
    if (!w->size[w->next])
        w->next++;
    return dr_out_write(&w->out, data, size);
}

dr_status dr_st_commit(dr_st_writer *w)
{
    skip_empty(w);
    DR_ASSERT(w->next == w->count, "%zu of %zu tensors were written", w->next, w->count);
    dr_status st = dr_out_commit(&w->out);
    free(w->size);
    *w = (dr_st_writer){0};
    return st;
}

void dr_st_abort(dr_st_writer *w)
{
    dr_out_abort(&w->out);
    free(w->size);
    *w = (dr_st_writer){0};
}
