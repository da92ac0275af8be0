#include "io/safetensors.h"

#include "base/json.h"
#include "io/foreign.h"

#include <stdlib.h>
#include <string.h>

#define MAX_HEADER ((uint64_t)100 << 20) /* the reference reader's limit */

/* Names of the format that we do not compute with; any other unknown name is a broken file. */
static const char *const unsupported[] = {"F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ", "F4",
                                          "F6_E2M3", "F6_E3M2", "U16",     "U32",         "U64",         "C64"};

static dr_status parse_dtype(const json_t *t, const char *path, const char *name, dr_dtype *out)
{
    const char *dtype = json_string_value(json_object_get(t, "dtype"));
    if (!dtype)
        return dr_fail(DR_EINVAL, "cannot read '%s': tensor '%s' has no dtype", path, name);
    if (dr_dtype_parse(dtype, out))
        return DR_OK;
    for (size_t i = 0; i < sizeof unsupported / sizeof *unsupported; i++)
        if (strcmp(dtype, unsupported[i]) == 0)
            return dr_fail(
                DR_EUNSUPPORTED,
                "cannot read '%s': tensor '%s' is %s, which is not supported; convert it to F32, F16 or BF16", path,
                name, dtype);
    return dr_fail(DR_EINVAL, "cannot read '%s': tensor '%s' has the unknown dtype '%.32s'", path, name, dtype);
}

/* Fills rank and dim; `*bytes` is their product times the dtype's size. */
static dr_status parse_shape(const json_t *t, const char *path, dr_st_entry *e, int64_t *bytes)
{
    const json_t *shape = json_object_get(t, "shape");
    if (!json_is_array(shape))
        return dr_fail(DR_EINVAL, "cannot read '%s': tensor '%s' has no shape", path, e->name);
    size_t rank = json_array_size(shape);
    if (rank > DR_ST_MAX_RANK)
        return dr_fail(DR_EINVAL, "cannot read '%s': tensor '%s' has %zu axes, at most %d are supported", path, e->name,
                       rank, DR_ST_MAX_RANK);
    e->rank = (int)rank;
    *bytes = (int64_t)dr_dtype_size(e->dtype);
    for (size_t i = 0; i < rank; i++) {
        const json_t *d = json_array_get(shape, i);
        if (!json_is_integer(d) || json_integer_value(d) < 0)
            return dr_fail(DR_EINVAL, "cannot read '%s': axis %zu of tensor '%s' is not a whole number from 0", path, i,
                           e->name);
        e->dim[i] = json_integer_value(d);
        if (__builtin_mul_overflow(*bytes, e->dim[i], bytes))
            return dr_fail(DR_EINVAL, "cannot read '%s': the shape of tensor '%s' is too large", path, e->name);
    }
    return DR_OK;
}

static dr_status parse_offsets(const json_t *t, const char *path, dr_st_entry *e, const unsigned char *data,
                               size_t data_size, int64_t bytes)
{
    const json_t *o = json_object_get(t, "data_offsets");
    const json_t *from = json_array_get(o, 0), *to = json_array_get(o, 1); /* NULL when o is no array */
    if (json_array_size(o) != 2 || !json_is_integer(from) || !json_is_integer(to))
        return dr_fail(DR_EINVAL, "cannot read '%s': tensor '%s' has no data_offsets", path, e->name);
    json_int_t a = json_integer_value(from), b = json_integer_value(to);
    if (a < 0 || b < a || (uint64_t)b > data_size)
        return dr_fail(
            DR_EINVAL,
            "cannot read '%s': tensor '%s' lies at bytes %lld to %lld, but the file has %zu bytes of tensors; "
            "it is damaged or was cut short, fetch it again",
            path, e->name, (long long)a, (long long)b, data_size);
    if (b - a != bytes)
        return dr_fail(DR_EINVAL, "cannot read '%s': tensor '%s' has %lld bytes, its shape and dtype need %lld", path,
                       e->name, (long long)(b - a), (long long)bytes);
    e->data = data + a;
    e->size = (size_t)(b - a);
    return DR_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const dr_st_entry *)a)->name, ((const dr_st_entry *)b)->name);
}

static int by_place(const void *a, const void *b)
{
    const dr_st_entry *x = a, *y = b;
    const unsigned char *p = x->data, *q = y->data;
    if (p != q)
        return p < q ? -1 : 1;
    return (x->size > y->size) - (x->size < y->size); /* empty tensors come before the one that starts there */
}

/* Tensors must follow each other without overlap or gap, up to the end of the file. */
static dr_status check_places(dr_safetensors *f, const unsigned char *data, size_t data_size)
{
    const unsigned char *at = data;
    qsort(f->entry, f->count, sizeof *f->entry, by_place);
    for (size_t i = 0; i < f->count; i++) {
        const dr_st_entry *e = &f->entry[i];
        const unsigned char *p = e->data;
        if (p < at)
            return dr_fail(DR_EINVAL, "cannot read '%s': tensor '%s' overlaps another by %zu bytes", f->path, e->name,
                           (size_t)(at - p));
        if (p > at)
            return dr_fail(DR_EINVAL, "cannot read '%s': %zu unused bytes in front of tensor '%s'", f->path,
                           (size_t)(p - at), e->name);
        at = p + e->size;
    }
    if (at != data + data_size)
        return dr_fail(DR_EINVAL, "cannot read '%s': %zu unused bytes behind the last tensor", f->path,
                       (size_t)(data + data_size - at));
    qsort(f->entry, f->count, sizeof *f->entry, by_name);
    return DR_OK;
}

/* Names end up in messages on a terminal: escape sequences in them are refused. */
static dr_status check_name(const char *path, const char *name)
{
    for (const char *s = name; *s; s++)
        if ((unsigned char)*s < ' ' || *s == 0x7f)
            return dr_fail(DR_EINVAL, "cannot read '%s': a tensor name contains control characters", path);
    return DR_OK;
}

static dr_status parse_metadata(dr_safetensors *f, json_t *meta)
{
    const char *key;
    json_t *value;
    if (!json_is_object(meta))
        return dr_fail(DR_EINVAL, "cannot read '%s': __metadata__ is not an object", f->path);
    f->meta = dr_arena_zalloc(&f->arena, json_object_size(meta) * sizeof *f->meta);
    if (!f->meta)
        return DR_ENOMEM;
    json_object_foreach(meta, key, value)
    {
        dr_st_meta *m = &f->meta[f->meta_count];
        if (!json_is_string(value))
            return dr_fail(DR_EINVAL, "cannot read '%s': the metadata '%.64s' is not a string", f->path, key);
        m->key = dr_arena_strdup(&f->arena, key);
        m->value = dr_arena_strdup(&f->arena, json_string_value(value));
        if (!m->key || !m->value)
            return DR_ENOMEM;
        f->meta_count++;
    }
    return DR_OK;
}

static dr_status parse_tensors(dr_safetensors *f, json_t *header, const unsigned char *data, size_t data_size)
{
    const char *name;
    json_t *t;
    f->entry = dr_arena_zalloc(&f->arena, json_object_size(header) * sizeof *f->entry);
    if (!f->entry)
        return DR_ENOMEM;
    json_object_foreach(header, name, t)
    {
        dr_st_entry *e = &f->entry[f->count];
        int64_t bytes = 0;
        dr_status st;
        if (strcmp(name, "__metadata__") == 0) {
            if ((st = parse_metadata(f, t)))
                return st;
            continue;
        }
        if ((st = check_name(f->path, name)))
            return st;
        if (!(e->name = dr_arena_strdup(&f->arena, name)))
            return DR_ENOMEM;
        if ((st = parse_dtype(t, f->path, e->name, &e->dtype)) || (st = parse_shape(t, f->path, e, &bytes)) ||
            (st = parse_offsets(t, f->path, e, data, data_size, bytes)))
            return st;
        f->count++;
    }
    return check_places(f, data, data_size);
}

/* Addresses for the tables and strings: strings are at most the header, each rounded up by the arena. */
static size_t arena_need(const json_t *header, size_t header_size)
{
    size_t n = json_object_size(header), m = json_object_size(json_object_get(header, "__metadata__"));
    return 4096 + 2 * header_size + (n + 2 * m + 4) * (sizeof(dr_st_entry) + sizeof(dr_st_meta) + 128);
}

/* A file that is no safetensors file: what it is, as far as its first bytes tell. Those of a file that was cut inside
 * its header are a length, and may look like anything. */
static dr_status not_safetensors(const unsigned char *p, size_t size, uint64_t header, const char *path)
{
    bool cut = size > 8 && p[8] == '{' && header >> 40 == 0;
    dr_status st = cut ? DR_OK : dr_check_foreign(p, size, path);
    if (st)
        return st;
    if (!cut && (memcmp(p, "PK\3\4", 4) == 0 || (p[0] == 0x80 && p[1] <= 5)))
        return dr_fail(DR_EINVAL,
                       "cannot read '%s': it is a PyTorch checkpoint (.ckpt, .bin, .pt) under another name, where a "
                       "safetensors file is needed",
                       path);
    return dr_fail(DR_EINVAL,
                   "cannot read '%s': not a safetensors file, or cut short: the header is said to have %llu bytes, the "
                   "file has %zu",
                   path, (unsigned long long)header, size);
}

dr_status dr_st_parse(dr_safetensors *f, const void *data, size_t size, const char *path)
{
    const unsigned char *p = data;
    uint64_t n = 0;
    json_t *header;
    *f = (dr_safetensors){0};
    if (size < 8)
        return dr_fail(DR_EINVAL, "cannot read '%s': %zu bytes are too few for a safetensors file", path, size);
    for (int i = 7; i >= 0; i--)
        n = n << 8 | p[i];
    if (n > MAX_HEADER || n > size - 8)
        return not_safetensors(p, size, n, path);
    dr_status st = dr_json_parse((const char *)p + 8, (size_t)n, path, &header);
    if (st)
        return st;
    st = (dr_status)dr_arena_init(&f->arena, arena_need(header, (size_t)n));
    if (!st && !(f->path = dr_arena_strdup(&f->arena, path)))
        st = DR_ENOMEM;
    if (!st)
        st = parse_tensors(f, header, p + 8 + n, size - 8 - (size_t)n);
    json_decref(header);
    if (st)
        dr_st_close(f);
    return st;
}

dr_status dr_st_open(dr_safetensors *f, const char *path)
{
    dr_map map;
    *f = (dr_safetensors){0};
    dr_status st = dr_map_open(&map, path);
    if (st)
        return st;
    st = dr_st_parse(f, map.data, map.size, path);
    if (st)
        dr_map_close(&map);
    else
        f->map = map;
    return st;
}

void dr_st_close(dr_safetensors *f)
{
    dr_map_close(&f->map);
    dr_arena_clear(&f->arena);
    *f = (dr_safetensors){0};
}

const dr_st_entry *dr_st_find(const dr_safetensors *f, const char *name)
{
    dr_st_entry key = {.name = name};
    return f->count ? bsearch(&key, f->entry, f->count, sizeof key, by_name) : NULL;
}

const char *dr_st_metadata(const dr_safetensors *f, const char *key)
{
    for (size_t i = 0; i < f->meta_count; i++)
        if (strcmp(f->meta[i].key, key) == 0)
            return f->meta[i].value;
    return NULL;
}
