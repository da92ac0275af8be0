#include "io/gguf.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

enum { VERSION = 3, ALIGNMENT = 32, KIND_U32 = 4, KIND_TEXT = 8, QUANTIZATION = 2 };

static dr_status put_number(dr_gguf_writer *w, uint64_t v, size_t n)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < n; i++)
        bytes[i] = (unsigned char)(v >> (8 * i));
    return dr_out_write(&w->out, bytes, n);
}

static dr_status put_text(dr_gguf_writer *w, const char *s)
{
    dr_status st = put_number(w, strlen(s), 8);
    return st ? st : dr_out_write(&w->out, s, strlen(s));
}

/* What every reader of blocks looks for, then the metadata. */
static dr_status put_keys(dr_gguf_writer *w, const dr_st_meta *meta, size_t count)
{
    dr_status st = put_text(w, "general.quantization_version");
    if (!st)
        st = put_number(w, KIND_U32, 4);
    if (!st)
        st = put_number(w, QUANTIZATION, 4);
    for (size_t i = 0; !st && i < count; i++) {
        st = put_text(w, meta[i].key);
        if (!st)
            st = put_number(w, KIND_TEXT, 4);
        if (!st)
            st = put_text(w, meta[i].value);
    }
    return st;
}

static size_t padded(size_t n)
{
    return (n + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

/* Axes from the last to the first, as ggml counts them. */
static dr_status put_tensor(dr_gguf_writer *w, const dr_st_entry *e, size_t *at)
{
    uint32_t type = 0;
    bool known = dr_gguf_type(e->dtype, &type);
    size_t values = 1;
    DR_ASSERT(known && e->rank <= 4 && (e->rank ? (size_t)e->dim[e->rank - 1] : 1) % dr_dtype_block(e->dtype) == 0,
              "'%s' as %s", e->name, dr_dtype_name(e->dtype));
    dr_status st = put_text(w, e->name);
    if (!st)
        st = put_number(w, e->rank ? (uint64_t)e->rank : 1, 4);
    if (!st && !e->rank) /* a single value */
        st = put_number(w, 1, 8);
    for (int i = e->rank - 1; !st && i >= 0; i--) {
        values *= (size_t)e->dim[i];
        st = put_number(w, (uint64_t)e->dim[i], 8);
    }
    if (!st)
        st = put_number(w, type, 4);
    if (!st)
        st = put_number(w, *at, 8);
    w->size[w->next++] = dr_dtype_bytes(e->dtype, values);
    *at += padded(dr_dtype_bytes(e->dtype, values));
    return st;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static dr_status check_names(const char *path, const dr_st_entry *entries, size_t count)
{
    const char **name = malloc((count + 1) * sizeof *name);
    dr_status st = name ? DR_OK : dr_fail(DR_ENOMEM, "out of memory writing '%s'", path);
    for (size_t i = 0; !st && i < count; i++) {
        name[i] = entries[i].name;
        if (!g_utf8_validate(name[i], -1, NULL))
            st = dr_fail(DR_EINVAL, "cannot write '%s': the tensor name '%s' is not UTF-8", path, name[i]);
    }
    if (!st)
        qsort(name, count, sizeof *name, by_name);
    for (size_t i = 1; !st && i < count; i++)
        if (strcmp(name[i - 1], name[i]) == 0)
            st = dr_fail(DR_EINVAL, "cannot write '%s': two tensors are named '%s'", path, name[i]);
    free(name);
    return st;
}

static dr_status put_head(dr_gguf_writer *w, const dr_st_entry *entries, const dr_st_meta *meta, size_t meta_count)
{
    size_t at = 0;
    dr_status st = dr_out_write(&w->out, "GGUF", 4);
    if (!st)
        st = put_number(w, VERSION, 4);
    if (!st)
        st = put_number(w, w->count, 8);
    if (!st)
        st = put_number(w, meta_count + 1, 8);
    if (!st)
        st = put_keys(w, meta, meta_count);
    for (size_t i = 0; !st && i < w->count; i++)
        st = put_tensor(w, &entries[i], &at);
    long end = st ? 0 : ftell(w->out.f);
    if (end < 0)
        return dr_fail(DR_EIO, "cannot write '%s'", w->out.path);
    w->pad = padded((size_t)end) - (size_t)end;
    w->next = 0;
    return st;
}

dr_status dr_gguf_create(dr_gguf_writer *w, const char *path, const dr_st_entry *entries, size_t count,
                         const dr_st_meta *meta, size_t meta_count)
{
    *w = (dr_gguf_writer){.count = count};
    dr_status st = check_names(path, entries, count);
    w->size = calloc(count + 1, sizeof *w->size);
    if (!st && !w->size)
        st = dr_fail(DR_ENOMEM, "out of memory writing '%s'", path);
    if (!st)
        st = dr_out_open(&w->out, path);
    if (!st)
        st = put_head(w, entries, meta, meta_count);
    if (st)
        dr_gguf_abort(w);
    return st;
}

static dr_status put_pad(dr_gguf_writer *w)
{
    static const char zeros[ALIGNMENT];
    dr_status st = w->pad ? dr_out_write(&w->out, zeros, w->pad) : DR_OK;
    w->pad = 0;
    return st;
}

dr_status dr_gguf_put_part(dr_gguf_writer *w, const void *data, size_t size)
{
    if (!size)
        return DR_OK;
    while (w->next < w->count && !w->size[w->next])
        w->next++;
    DR_ASSERT(w->next < w->count && w->size[w->next] >= size, "tensor %zu of %zu: %zu bytes given", w->next, w->count,
              size);
    dr_status st = put_pad(w);
    if (!st)
        st = dr_out_write(&w->out, data, size);
    w->size[w->next] -= size;
    if (!st && !w->size[w->next]) {
        long end = ftell(w->out.f);
        w->pad = end < 0 ? 0 : padded((size_t)end) - (size_t)end;
        w->next++;
    }
    return st;
}

dr_status dr_gguf_commit(dr_gguf_writer *w)
{
    while (w->next < w->count && !w->size[w->next])
        w->next++;
    DR_ASSERT(w->next == w->count, "%zu of %zu tensors were written", w->next, w->count);
    dr_status st = put_pad(w); /* ggml's own files end so */
    if (!st)
        st = dr_out_commit(&w->out);
    else
        dr_out_abort(&w->out);
    free(w->size);
    *w = (dr_gguf_writer){0};
    return st;
}

void dr_gguf_abort(dr_gguf_writer *w)
{
    dr_out_abort(&w->out);
    free(w->size);
    *w = (dr_gguf_writer){0};
}
