#include "base/json.h"
#include "base/path.h"
#include "pipeline/weights.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK ((size_t)1 << 20) /* values converted in one go: bounds the memory that saving takes */

/* Where the values of a file come from: the table, or a function of the seed. */
typedef struct source {
    dr_dtype dtype;
    const char *prefix, *path;
    bool random;
    uint64_t seed;
    dr_weights_progress *progress;
    void *user;
    int64_t done, total;
    float *f32;   /* [BLOCK] */
    void *packed; /* [BLOCK] of dtype */
    void *stored; /* [BLOCK] as the parameter has them */
} source;

static dr_status put_block(dr_st_writer *w, source *s, const dr_param *q, size_t at, size_t n)
{
    const dr_tensor *t = &q->t;
    const void *data = s->packed;
    if (!s->random)
        dr_param_get(q, at, n, s->stored);
    if (s->random)
        dr_init_values(q, s->seed, at, n, s->f32);
    else if (t->dtype == s->dtype)
        data = s->stored;
    else
        dr_to_f32(s->stored, t->dtype, s->f32, n);
    if (data == s->packed)
        dr_from_f32(s->f32, s->packed, s->dtype, n);
    dr_status st = dr_check_finite(data, s->dtype, n, t->name, s->path);
    if (st)
        return dr_fail(st, "cannot write '%s': tensor '%s' has values that are NaN or too large for %s", s->path,
                       t->name, dr_dtype_name(s->dtype));
    st = dr_st_put_part(w, data, n * dr_dtype_size(s->dtype));
    s->done += (int64_t)n;
    if (!st && s->progress && s->progress(s->user, s->done, s->total))
        st = dr_fail(DR_ECANCELLED, "stopped while writing '%s'", s->path);
    return st;
}

static dr_status put_param(dr_st_writer *w, source *s, const dr_param *q)
{
    size_t n = (size_t)dr_numel(&q->t);
    for (size_t at = 0; at < n; at += BLOCK) {
        dr_status st = put_block(w, s, q, at, n - at < BLOCK ? n - at : BLOCK);
        if (st)
            return st;
    }
    if (!s->random && q->t.mapped)
        dr_map_drop(q->t.data, dr_nbytes(&q->t));
    return DR_OK;
}

/* `count` parameters from `first` on, into one file. */
static dr_status write_file(source *s, const char *path, const dr_param *first, size_t count)
{
    static const dr_st_meta meta = {"format", "pt"};
    dr_st_entry *entry = calloc(count + 1, sizeof *entry);
    dr_arena names = {0};
    dr_st_writer w;
    const dr_param *q = first;
    s->path = path;
    if (!entry)
        return dr_fail(DR_ENOMEM, "out of memory writing '%s'", path);
    dr_status st = (dr_status)dr_arena_init(&names, (size_t)64 << 20);
    for (size_t i = 0; !st && i < count; i++, q = q->next) {
        entry[i] = (dr_st_entry){.dtype = s->dtype, .rank = q->t.rank};
        memcpy(entry[i].dim, q->t.dim, sizeof q->t.dim);
        if (!(entry[i].name = dr_arena_printf(&names, "%s%s", s->prefix, q->t.name)))
            st = DR_ENOMEM;
    }
    if (!st)
        st = dr_st_create(&w, path, entry, count, &meta, 1);
    if (!st) {
        q = first;
        for (size_t i = 0; !st && i < count; i++, q = q->next)
            st = put_param(&w, s, q);
        if (!st)
            st = dr_st_commit(&w);
        else
            dr_st_abort(&w);
    }
    dr_arena_clear(&names);
    free(entry);
    return st;
}

/* How many parameters from `q` on fit into one shard; at least one. */
static size_t shard_count(const dr_param *q, dr_dtype dtype, size_t limit)
{
    size_t count = 0, bytes = 0;
    for (; q; q = q->next, count++) {
        size_t n = (size_t)dr_numel(&q->t) * dr_dtype_size(dtype);
        if (count && (n > limit || bytes > limit - n))
            break;
        bytes += n;
    }
    return count;
}

static dr_status write_index(const dr_params *p, const source *s, const char *path, json_t *map)
{
    char index[4096];
    json_int_t total = dr_params_numel(p) * (json_int_t)dr_dtype_size(s->dtype);
    json_t *j = json_pack("{s:{s:I}, s:O}", "metadata", "total_size", total, "weight_map", map);
    if (!j)
        return dr_fail(DR_ENOMEM, "out of memory writing '%s'", path);
    snprintf(index, sizeof index, "%s.index.json", path);
    dr_status st = dr_json_save(index, j);
    json_decref(j);
    if (!st && unlink(path) == 0) /* a single file of an earlier save would be found first */
        dr_error_clear();
    return st;
}

static dr_status write_shards(const dr_params *p, source *s, const char *path, size_t limit)
{
    int stem = (int)dr_path_stem(path);
    size_t shards = 0, k = 0;
    for (const dr_param *q = p->first; q; shards++)
        for (size_t n = shard_count(q, s->dtype, limit); n; n--)
            q = q->next;
    json_t *map = json_object();
    dr_status st = map ? DR_OK : dr_fail(DR_ENOMEM, "out of memory writing '%s'", path);
    for (const dr_param *q = p->first; !st && q; k++) {
        char file[4096], name[4200];
        size_t n = shard_count(q, s->dtype, limit);
        snprintf(file, sizeof file, "%.*s-%05zu-of-%05zu.safetensors", stem, path, k + 1, shards);
        st = write_file(s, file, q, n);
        for (; n; n--, q = q->next) {
            snprintf(name, sizeof name, "%s%s", s->prefix, q->t.name);
            if (!st && json_object_set_new(map, name, json_string(dr_path_name(file))))
                st = dr_fail(DR_ENOMEM, "out of memory writing '%s'", path);
        }
    }
    if (!st)
        st = write_index(p, s, path, map);
    json_decref(map);
    return st;
}

static dr_status write_all(const dr_params *p, source *s, const char *path, size_t shard_size)
{
    size_t len = strlen(path), end = strlen(".safetensors");
    DR_ASSERT(len > end && strcmp(path + len - end, ".safetensors") == 0, "'%s' must end in .safetensors", path);
    DR_ASSERT(s->dtype == DR_F32 || s->dtype == DR_F16 || s->dtype == DR_BF16, "weights as %s",
              dr_dtype_name(s->dtype));
    if (p->status)
        return p->status;
    s->f32 = malloc(BLOCK * sizeof *s->f32);
    s->packed = malloc(BLOCK * dr_dtype_size(s->dtype));
    s->stored = malloc(BLOCK * sizeof(float));
    s->total = dr_params_numel(p);
    dr_status st;
    if (!s->f32 || !s->packed || !s->stored)
        st = dr_fail(DR_ENOMEM, "out of memory writing '%s'", path);
    else if (shard_size && shard_count(p->first, s->dtype, shard_size) < p->count)
        st = write_shards(p, s, path, shard_size);
    else
        st = write_file(s, path, p->first, p->count);
    free(s->f32);
    free(s->packed);
    free(s->stored);
    return st;
}

dr_status dr_weights_save(const dr_params *p, const char *path, dr_dtype dtype, const char *name_prefix,
                          size_t shard_size)
{
    source s = {.dtype = dtype, .prefix = name_prefix};
    return write_all(p, &s, path, shard_size);
}

dr_status dr_weights_write_random(const dr_params *p, const char *path, dr_dtype dtype, const char *name_prefix,
                                  uint64_t seed, dr_weights_progress *progress, void *user)
{
    source s = {
        .dtype = dtype, .prefix = name_prefix, .random = true, .seed = seed, .progress = progress, .user = user};
    return write_all(p, &s, path, 0);
}
