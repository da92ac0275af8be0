#include "learn/state_file.h"

#include "pipeline/weights.h"

#include <stdlib.h>
#include <string.h>

dr_status dr_state_file_init(dr_state_file *s, size_t room)
{
    *s = (dr_state_file){.room = room};
    dr_status st = dr_arena_init(&s->arena, (size_t)256 << 20);
    if (st)
        return st;
    s->entry = dr_arena_zalloc(&s->arena, room * sizeof *s->entry);
    s->data = s->entry ? dr_arena_zalloc(&s->arena, room * sizeof *s->data) : NULL;
    s->share = s->data ? dr_arena_zalloc(&s->arena, room * sizeof *s->share) : NULL;
    if (s->share)
        return DR_OK;
    dr_state_file_clear(s);
    return DR_ENOMEM;
}

void dr_state_file_clear(dr_state_file *s)
{
    dr_arena_clear(&s->arena);
    *s = (dr_state_file){0};
}

void dr_state_file_add_share(dr_state_file *s, void *data, dr_dtype dtype, int rank, const int64_t *dim,
                             const char *kind, const char *prefix, const dr_state_share *share)
{
    size_t at = s->count;
    dr_state_file_add(s, data, dtype, rank, dim, kind, prefix, share->param->name);
    if (!s->status)
        s->share[at] = *share;
}

void dr_state_file_add(dr_state_file *s, void *data, dr_dtype dtype, int rank, const int64_t *dim, const char *kind,
                       const char *prefix, const char *name)
{
    DR_ASSERT(s->count < s->room, "more than %zu tensors of state", s->room);
    dr_st_entry *e = &s->entry[s->count];
    e->name = s->status ? NULL : dr_arena_printf(&s->arena, "%s/%s%s", kind, prefix, name);
    if (!e->name) {
        s->status = DR_ENOMEM;
        return;
    }
    e->dtype = dtype;
    e->rank = rank;
    e->size = dr_dtype_size(dtype);
    for (int i = 0; i < rank; i++) {
        e->dim[i] = dim[i];
        e->size *= (size_t)dim[i];
    }
    s->data[s->count++] = data;
}

#define PIECE ((size_t)1 << 20) /* bytes that go through the host at a time */

static dr_status put_values(dr_st_writer *w, const char *values, size_t size)
{
    char *piece = malloc(PIECE);
    dr_status st = piece ? DR_OK : dr_fail(DR_ENOMEM, "out of memory writing a checkpoint");
    for (size_t at = 0; !st && at < size; at += PIECE) {
        size_t n = size - at < PIECE ? size - at : PIECE;
        dr_ops_get()->get(piece, values + at, n);
        st = dr_st_put_part(w, piece, n);
    }
    free(piece);
    return st;
}

/* Bytes of entry i that are of a span of its parameter: where they begin, and how many. */
static void bytes_of(const dr_state_file *s, size_t i, dr_span span, size_t *at, size_t *size)
{
    size_t width = dr_dtype_size(s->entry[i].dtype);
    int64_t block = s->share[i].block;
    *at = (size_t)(span.from / block) * width;
    *size = (size_t)((span.n + block - 1) / block) * width;
}

/* What is here of it. */
static void own_bytes(const dr_state_file *s, size_t i, size_t *at, size_t *size)
{
    *at = 0;
    *size = s->entry[i].size;
    if (s->share[i].param)
        bytes_of(s, i, s->share[i].own, at, size);
}

/* Entry i of all ranks, in a buffer of the caller's. */
static dr_status collect(const dr_state_file *s, size_t i, const dr_exchange *x, char *all)
{
    dr_ranks *ranks = dr_exchange_ranks(x);
    size_t at, size;
    dr_status st = DR_OK;
    own_bytes(s, i, &at, &size);
    dr_ops_get()->get(all + at, s->data[i], size);
    for (int r = 1; !st && r < dr_ranks_size(ranks); r++) {
        bytes_of(s, i, dr_exchange_span(x, s->share[i].param, s->share[i].i, r), &at, &size);
        st = dr_ranks_receive(ranks, r, all + at, size);
    }
    return st;
}

static dr_status put_collected(dr_st_writer *w, const dr_state_file *s, size_t i, const dr_exchange *x)
{
    char *all = malloc(s->entry[i].size + 1);
    dr_status st = all ? collect(s, i, x, all) : dr_fail(DR_ENOMEM, "out of memory writing a checkpoint");
    if (!st)
        st = dr_st_put_part(w, all, s->entry[i].size);
    free(all);
    return st;
}

/* Of the other ranks: all that is here, in the same order. */
static dr_status hand_over(const dr_state_file *s, const dr_exchange *x)
{
    dr_status st = s->status;
    for (size_t i = 0; !st && i < s->count; i++) {
        size_t at, size;
        own_bytes(s, i, &at, &size);
        char *own = malloc(size + 1);
        if (!own)
            return dr_fail(DR_ENOMEM, "out of memory writing a checkpoint");
        dr_ops_get()->get(own, s->data[i], size);
        st = dr_ranks_send(dr_exchange_ranks(x), 0, own, size);
        free(own);
    }
    return st;
}

dr_status dr_state_file_save(const dr_state_file *s, const char *path)
{
    return dr_state_file_save_shares(s, path, NULL);
}

dr_status dr_state_file_save_shares(const dr_state_file *s, const char *path, const dr_exchange *x)
{
    if (s->status)
        return s->status;
    if (dr_ranks_rank(dr_exchange_ranks(x)) > 0)
        return hand_over(s, x);
    dr_st_writer w;
    dr_status st = dr_st_create(&w, path, s->entry, s->count, NULL, 0);
    if (st)
        return st;
    for (size_t i = 0; !st && i < s->count; i++)
        st = x ? put_collected(&w, s, i, x) : put_values(&w, s->data[i], s->entry[i].size);
    if (!st)
        return dr_st_commit(&w);
    dr_st_abort(&w);
    return st;
}

static void shape_text(const dr_st_entry *e, char *out, size_t n)
{
    size_t at = (size_t)snprintf(out, n, "%s [", dr_dtype_name(e->dtype));
    for (int i = 0; i < e->rank && at < n; i++)
        at += (size_t)snprintf(out + at, n - at, "%s%lld", i ? "," : "", (long long)e->dim[i]);
    if (at < n)
        snprintf(out + at, n - at, "]");
}

static dr_status compare(const dr_safetensors *f, const dr_st_entry *want)
{
    const dr_st_entry *e = dr_st_find(f, want->name);
    char got_shape[128], want_shape[128];
    if (!e)
        return dr_fail(DR_EINVAL,
                       "'%s' has no '%s': it belongs to a run that trained other weights or with another "
                       "optimizer",
                       f->path, want->name);
    if (e->dtype == want->dtype && e->rank == want->rank &&
        !memcmp(e->dim, want->dim, sizeof *e->dim * (size_t)e->rank))
        return DR_OK;
    shape_text(e, got_shape, sizeof got_shape);
    shape_text(want, want_shape, sizeof want_shape);
    return dr_fail(DR_EINVAL, "'%s': '%s' is %s, expected %s", f->path, want->name, got_shape, want_shape);
}

dr_status dr_state_file_load(const dr_state_file *s, const char *path)
{
    dr_safetensors f;
    dr_status st = s->status ? s->status : dr_st_open(&f, path);
    if (st)
        return st;
    for (size_t i = 0; !st && i < s->count; i++)
        st = compare(&f, &s->entry[i]);
    if (!st && f.count != s->count)
        st = dr_fail(DR_EINVAL, "'%s' holds %zu tensors, expected %zu: it belongs to a run that trained more weights",
                     path, f.count, s->count);
    for (size_t i = 0; !st && i < s->count; i++) {
        const dr_st_entry *e = dr_st_find(&f, s->entry[i].name);
        size_t at, size;
        own_bytes(s, i, &at, &size);
        if (!size)
            continue;
        dr_ops_get()->put(s->data[i], (const char *)e->data + at, size);
        dr_map_drop(e->data, e->size); /* or the file would stay in memory beside its copy */
        if (e->dtype == DR_F32)
            st = dr_check_finite(s->data[i], DR_F32, size / sizeof(float), e->name, path);
    }
    dr_st_close(&f);
    return st;
}
