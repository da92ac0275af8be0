#include "learn/state_file.h"

#include "pipeline/weights.h"

#include <string.h>

dr_status dr_state_file_init(dr_state_file *s, size_t room)
{
    *s = (dr_state_file){.room = room};
    dr_status st = dr_arena_init(&s->arena, (size_t)256 << 20);
    if (st)
        return st;
    s->entry = dr_arena_zalloc(&s->arena, room * sizeof *s->entry);
    s->data = s->entry ? dr_arena_zalloc(&s->arena, room * sizeof *s->data) : NULL;
    if (s->data)
        return DR_OK;
    dr_state_file_clear(s);
    return DR_ENOMEM;
}

void dr_state_file_clear(dr_state_file *s)
{
    dr_arena_clear(&s->arena);
    *s = (dr_state_file){0};
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

dr_status dr_state_file_save(const dr_state_file *s, const char *path)
{
    if (s->status)
        return s->status;
    dr_st_writer w;
    dr_status st = dr_st_create(&w, path, s->entry, s->count, NULL, 0);
    if (st)
        return st;
    for (size_t i = 0; !st && i < s->count; i++)
        if (s->entry[i].size)
            st = dr_st_put(&w, s->data[i], s->entry[i].size);
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
        if (!e->size)
            continue;
        memcpy(s->data[i], e->data, e->size);
        dr_map_drop(e->data, e->size); /* or the file would stay in memory beside its copy */
        if (e->dtype == DR_F32)
            st = dr_check_finite(s->data[i], DR_F32, e->size / sizeof(float), e->name, path);
    }
    dr_st_close(&f);
    return st;
}
