#include "pipeline/convert_write.h"

#include "base/path.h"
#include "io/tensor_write.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BLOCK ((size_t)1 << 20) /* values in one go: bounds the memory */

/* --- the list ------------------------------------------------------------------------------------------- */

dr_status dr_convert_list_init(dr_convert_list *l, size_t room)
{
    *l = (dr_convert_list){.room = room};
    l->item = calloc(room + 1, sizeof *l->item);
    if (!l->item)
        return dr_fail(DR_ENOMEM, "out of memory converting a model");
    return (dr_status)dr_arena_init(&l->names, 4096 + room * 512);
}

void dr_convert_list_clear(dr_convert_list *l)
{
    free(l->item);
    dr_arena_clear(&l->names);
    *l = (dr_convert_list){0};
}

dr_convert_item *dr_convert_list_add(dr_convert_list *l, const char *fmt, ...)
{
    char name[384];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(name, sizeof name, fmt, args);
    va_end(args);
    DR_ASSERT(l->count < l->room && n > 0 && (size_t)n < sizeof name, "%zu of %zu, %d", l->count, l->room, n);
    dr_convert_item *item = &l->item[l->count];
    *item = (dr_convert_item){.name = dr_arena_strdup(&l->names, name), .order = l->count};
    if (!item->name)
        return NULL;
    l->count++;
    return item;
}

static int by_size(const void *a, const void *b)
{
    const dr_convert_item *x = a, *y = b;
    size_t n = dr_dtype_size(x->dtype), m = dr_dtype_size(y->dtype);
    return n != m ? (n < m ? 1 : -1) : (x->order > y->order) - (x->order < y->order);
}

void dr_convert_list_sort(dr_convert_list *l, size_t from)
{
    qsort(l->item + from, l->count - from, sizeof *l->item, by_size);
}

static size_t values_of(const dr_convert_item *item)
{
    size_t n = 1;
    for (int i = 0; i < item->rank; i++)
        n *= (size_t)item->dim[i];
    return n;
}

uint64_t dr_convert_list_bytes(const dr_convert_list *l)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < l->count; i++)
        bytes += dr_dtype_bytes(l->item[i].dtype, values_of(&l->item[i]));
    return bytes;
}

dr_status dr_convert_check_room(const char *path, uint64_t bytes)
{
    uint64_t need = bytes + ((uint64_t)16 << 20), room = dr_disk_free(path);
    if (room >= need)
        return DR_OK;
    return dr_fail(DR_EIO, "cannot write '%s': it needs %.1f GB, the disk has %.1f GB free", path, (double)need / 1e9,
                   (double)room / 1e9);
}

void dr_convert_name(const char *path, char *out, size_t n)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    const char *from = path + end;
    while (from > path && from[-1] != '/')
        from--;
    snprintf(out, n, "%.*s", (int)(path + end - from), from);
}

void dr_convert_title(const char *path, char *out, size_t n)
{
    dr_convert_name(path, out, n);
    char *dot = strrchr(out, '.');
    if (dot && dot != out)
        *dot = 0;
}

/* Which tensors 8 bits are for, as stable-diffusion.cpp has it: matrices whose rows are whole blocks, but for
 * embeddings and the little that makes one of the time step. */
static bool is_for_blocks(const dr_convert_item *item)
{
    const char *name = item->name;
    return item->rank == 2 && item->dim[1] % (int64_t)dr_dtype_block(DR_Q8_0) == 0 && !strstr(name, "embedding") &&
           !strstr(name, "time_embed.");
}

/* The type in which an item is written; `own` is its type where it comes from. */
static dr_dtype type_of(const dr_convert_item *item, dr_dtype own, const dr_convert_options *o)
{
    bool blocks = dr_dtype_block(own) > 1;
    if (o->dtype == DR_DTYPES) /* as it is; what is changed or has no place for blocks is written anew */
        return !blocks || (o->blocks && (own == DR_Q8_0 || !o->lora_count)) ? own : o->blocks ? DR_Q8_0 : DR_F32;
    if (o->dtype != DR_Q8_0)
        return o->dtype;
    if (is_for_blocks(item))
        return DR_Q8_0;
    if (item->rank == 1)
        return own == DR_F64 || blocks ? DR_F32 : own;
    return own == DR_BF16 ? own : DR_F16;
}

void dr_convert_item_from(dr_convert_item *item, dr_convert_part *p, dr_param *q, size_t index,
                          const dr_convert_options *o)
{
    const dr_st_entry *e = p->entry[index];
    item->part = p;
    item->piece[item->pieces] = e;
    item->param[item->pieces] = q;
    if (item->pieces++ == 0) {
        item->rank = q->t.rank;
        memcpy(item->dim, q->t.dim, sizeof item->dim);
        item->dtype = type_of(item, e->dtype, o);
    } else {
        if (dr_dtype_block(item->dtype) > 1 && item->dtype != DR_Q8_0 && item->dtype != e->dtype)
            item->dtype = DR_F16; /* q, k and v of several types: we write Q8_0 alone of blocks */
        item->dim[0] += q->t.dim[0];
    }
}

void dr_convert_spec_init(dr_convert_spec *s, const char *out)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH"); /* for files that are the same every time */
    time_t now = epoch ? (time_t)strtoll(epoch, NULL, 10) : time(NULL);
    struct tm tm;
    *s = (dr_convert_spec){0};
    dr_convert_title(out, s->title, sizeof s->title);
    if (gmtime_r(&now, &tm))
        strftime(s->date, sizeof s->date, "%Y-%m-%dT%H:%M:%S", &tm);
}

/* --- values --------------------------------------------------------------------------------------------- */

typedef struct writer {
    dr_tensor_writer file;
    dr_convert_job *job;
    const char *path;
    void *raw;    /* [BLOCK] of the widest type: aligned, whatever the file's place */
    float *f32;   /* [BLOCK] */
    void *packed; /* [BLOCK] */
} writer;

static dr_status put(writer *w, const void *data, size_t size)
{
    const dr_convert_options *o = w->job->o;
    dr_status st = dr_tensor_put_part(&w->file, data, size);
    w->job->done += size;
    if (!st && o->progress && o->progress(o->user, (int64_t)w->job->done, (int64_t)w->job->total))
        st = dr_fail(DR_ECANCELLED, "stopped while writing '%s'", w->path);
    return st;
}

/* What was finite has to stay so. */
static dr_status check_range(const writer *w, const dr_convert_item *item, size_t n)
{
    size_t block = dr_dtype_block(item->dtype), size = dr_dtype_size(item->dtype);
    float back[32];
    if (item->dtype == DR_F32)
        return DR_OK;
    for (size_t i = 0; i < n; i++) {
        if (fabsf(w->f32[i]) < 65000.0f || !isfinite(w->f32[i]))
            continue;
        dr_to_f32((const char *)w->packed + i / block * size, item->dtype, back, block);
        if (!isfinite(back[i % block]))
            return dr_fail(DR_EINVAL, "cannot write '%s': '%s' has the value %g, which is too large for %s; take bf16",
                           w->path, item->name, (double)w->f32[i], dr_dtype_name(item->dtype));
    }
    return DR_OK;
}

/* `n` values at `data` of type `from`. */
static dr_status put_values(writer *w, const dr_convert_item *item, const void *data, dr_dtype from, size_t n)
{
    if (from == item->dtype)
        return put(w, data, dr_dtype_bytes(from, n));
    memcpy(w->raw, data, dr_dtype_bytes(from, n));
    dr_to_f32(w->raw, from, w->f32, n);
    dr_from_f32(w->f32, w->packed, item->dtype, n);
    dr_status st = check_range(w, item, n);
    return st ? st : put(w, w->packed, dr_dtype_bytes(item->dtype, n));
}

static dr_status put_entry(writer *w, const dr_convert_item *item, const dr_st_entry *e)
{
    size_t n = dr_st_count(e);
    dr_status st = DR_OK;
    for (size_t at = 0; !st && at < n; at += BLOCK) {
        size_t some = n - at < BLOCK ? n - at : BLOCK;
        const char *data = (const char *)e->data + dr_dtype_bytes(e->dtype, at);
        st = put_values(w, item, data, e->dtype, some);
        dr_map_drop(data, dr_dtype_bytes(e->dtype, some));
    }
    return st;
}

static dr_status put_param(writer *w, const dr_convert_item *item, const dr_param *q)
{
    size_t n = (size_t)dr_numel(&q->t);
    void *stored = malloc(dr_dtype_bytes(q->t.dtype, BLOCK));
    dr_status st = stored ? DR_OK : dr_fail(DR_ENOMEM, "out of memory writing '%s'", w->path);
    for (size_t at = 0; !st && at < n; at += BLOCK) {
        size_t some = n - at < BLOCK ? n - at : BLOCK;
        dr_param_get(q, at, some, stored);
        st = put_values(w, item, stored, q->t.dtype, some);
    }
    free(stored);
    return st;
}

static dr_status put_made(writer *w, const dr_convert_item *item)
{
    size_t n = values_of(item), row = item->rank == 2 ? (size_t)item->dim[1] : 1;
    dr_status st = DR_OK;
    for (size_t at = 0; !st && at < n; at += BLOCK) {
        size_t some = n - at < BLOCK ? n - at : BLOCK;
        for (size_t i = 0; i < some; i++)
            w->f32[i] = (at + i) / row == (at + i) % row ? item->on : item->off;
        if (item->dtype == DR_F64) {
            for (size_t i = 0; i < some; i++)
                ((double *)w->packed)[i] = (double)w->f32[i];
        } else {
            dr_from_f32(w->f32, w->packed, item->dtype, some);
        }
        st = put(w, w->packed, some * dr_dtype_size(item->dtype));
    }
    return st;
}

static dr_status put_item(writer *w, const dr_convert_item *item)
{
    dr_status st = item->pieces ? DR_OK : put_made(w, item);
    for (int i = 0; !st && i < item->pieces; i++) {
        bool changed = false;
        if (item->part->loras)
            st = dr_convert_merge_into(item->part, w->job->o, item->param[i], &changed);
        if (!st)
            st = changed ? put_param(w, item, item->param[i]) : put_entry(w, item, item->piece[i]);
        if (!st && changed)
            st = dr_convert_merge_undo(item->part, item->param[i]);
    }
    return st;
}

/* --- files ---------------------------------------------------------------------------------------------- */

static dr_status put_all(writer *w, const dr_convert_list *l)
{
    dr_convert_part *part = NULL;
    dr_status st = DR_OK;
    for (size_t i = 0; !st && i < l->count; i++) {
        if (l->item[i].part != part) {
            if (part)
                dr_convert_merge_end(part);
            part = l->item[i].part;
            st = dr_convert_merge_begin(part, w->job->o);
        }
        if (!st)
            st = put_item(w, &l->item[i]);
    }
    if (part)
        dr_convert_merge_end(part);
    return st;
}

dr_status dr_convert_write(const dr_convert_list *l, const char *path, const dr_st_meta *meta, size_t meta_count,
                           dr_convert_job *job)
{
    writer w = {.job = job, .path = path};
    dr_st_entry *entry = calloc(l->count + 1, sizeof *entry);
    w.raw = malloc(BLOCK * sizeof(double));
    w.f32 = malloc(BLOCK * sizeof(float));
    w.packed = malloc(BLOCK * sizeof(double));
    dr_status st = entry && w.raw && w.f32 && w.packed ? DR_OK : dr_fail(DR_ENOMEM, "out of memory writing '%s'", path);
    for (size_t i = 0; !st && i < l->count; i++) {
        const dr_convert_item *item = &l->item[i];
        entry[i] = (dr_st_entry){.name = item->name, .dtype = item->dtype, .rank = item->rank};
        memcpy(entry[i].dim, item->dim, sizeof item->dim);
    }
    if (!st)
        st = dr_tensor_create(&w.file, path, entry, l->count, meta, meta_count);
    if (!st) {
        st = put_all(&w, l);
        if (!st)
            st = dr_tensor_commit(&w.file);
        else
            dr_tensor_abort(&w.file);
    }
    free(entry);
    free(w.raw);
    free(w.f32);
    free(w.packed);
    return st;
}
