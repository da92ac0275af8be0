#include "io/gguf.h"

#include "base/text.h"

#include <glib.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_TENSORS = 1 << 16,
    MAX_KEYS = 1 << 16,
    MAX_NAME = 1024,
    MAX_AXES = 4,
    MAX_DEPTH = 4, /* of lists in lists */
    MAX_ALIGNMENT = 1 << 16
};

/* Kinds of values. */
enum { U8, I8, U16, I16, U32, I32, F32, BOOL, TEXT, LIST, U64, I64, F64, KINDS };
static const size_t value_size[KINDS] = {[U8] = 1,  [I8] = 1,  [U16] = 2,  [I16] = 2, [U32] = 4, [I32] = 4,
                                         [F32] = 4, [U64] = 8, [BOOL] = 1, [I64] = 8, [F64] = 8};

/* ggml's numbers of types; of those without a dtype the name alone. */
static const struct {
    const char *name;
    dr_dtype dtype;
} types[] = {{"F32", DR_F32},
             {"F16", DR_F16},
             {"Q4_0", DR_Q4_0},
             {"Q4_1", DR_Q4_1},
             {"Q4_2", DR_DTYPES},
             {"Q4_3", DR_DTYPES},
             {"Q5_0", DR_Q5_0},
             {"Q5_1", DR_Q5_1},
             {"Q8_0", DR_Q8_0},
             {"Q8_1", DR_DTYPES},
             {"Q2_K", DR_Q2_K},
             {"Q3_K", DR_Q3_K},
             {"Q4_K", DR_Q4_K},
             {"Q5_K", DR_Q5_K},
             {"Q6_K", DR_Q6_K},
             {"Q8_K", DR_DTYPES},
             {"IQ2_XXS", DR_DTYPES},
             {"IQ2_XS", DR_DTYPES},
             {"IQ3_XXS", DR_DTYPES},
             {"IQ1_S", DR_DTYPES},
             {"IQ4_NL", DR_DTYPES},
             {"IQ3_S", DR_DTYPES},
             {"IQ2_S", DR_DTYPES},
             {"IQ4_XS", DR_DTYPES},
             {"I8", DR_I8},
             {"I16", DR_I16},
             {"I32", DR_I32},
             {"I64", DR_I64},
             {"F64", DR_F64},
             {"IQ1_M", DR_DTYPES},
             {"BF16", DR_BF16},
             {"Q4_0_4_4", DR_DTYPES},
             {"Q4_0_4_8", DR_DTYPES},
             {"Q4_0_8_8", DR_DTYPES},
             {"TQ1_0", DR_DTYPES},
             {"TQ2_0", DR_DTYPES},
             {"IQ4_NL_4_4", DR_DTYPES},
             {"IQ4_NL_4_8", DR_DTYPES},
             {"IQ4_NL_8_8", DR_DTYPES},
             {"MXFP4", DR_DTYPES},
             {"NVFP4", DR_DTYPES}};
enum { TYPES = sizeof types / sizeof *types };

bool dr_gguf_type(dr_dtype dtype, uint32_t *out)
{
    for (uint32_t i = 0; i < TYPES; i++)
        if (types[i].dtype == dtype && dtype != DR_DTYPES) {
            *out = i;
            return true;
        }
    return false;
}

bool dr_is_gguf(const void *data, size_t size)
{
    return size >= 4 && memcmp(data, "GGUF", 4) == 0;
}

/* --- reading bytes ---------------------------------------------------------------------------------------- */

typedef struct reader {
    const unsigned char *data;
    size_t size, at;
    const char *path;
} reader;

static dr_status fault(const reader *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static dr_status fault(const reader *r, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return dr_fail(DR_EINVAL, "cannot read '%s': %s", r->path, text);
}

static dr_status cut_short(const reader *r)
{
    return fault(r, "the list of what is in it ends with the file, at byte %zu; it was cut short, get it again",
                 r->size);
}

/* A little-endian number of `n` bytes. */
static dr_status number(reader *r, size_t n, uint64_t *out)
{
    if (n > r->size - r->at)
        return cut_short(r);
    *out = 0;
    for (size_t i = n; i > 0; i--)
        *out = *out << 8 | r->data[r->at + i - 1];
    r->at += n;
    return DR_OK;
}

typedef struct text {
    const char *s;
    size_t n;
} text;

static dr_status read_text(reader *r, text *out)
{
    uint64_t n = 0;
    dr_status st = number(r, 8, &n);
    if (st)
        return st;
    if (n > r->size - r->at)
        return cut_short(r);
    *out = (text){(const char *)r->data + r->at, (size_t)n};
    r->at += (size_t)n;
    return DR_OK;
}

/* As safetensors' names: they end up in messages, in files and in C strings. */
static dr_status read_name(reader *r, const char *what, text *out)
{
    dr_shown shown;
    dr_status st = read_text(r, out);
    if (st)
        return st;
    if (out->n == 0)
        return fault(r, "a %s in it has an empty name", what);
    dr_show(&shown, out->s, out->n);
    if (out->n > MAX_NAME)
        return fault(r, "the name of a %s in it, '%s', has %zu bytes, at most %d are read", what, shown.text, out->n,
                     MAX_NAME);
    if (!g_utf8_validate(out->s, (gssize)out->n, NULL))
        return fault(r, "the name of a %s in it, '%s', is not UTF-8", what, shown.text);
    for (size_t i = 0; i < out->n; i++)
        if ((unsigned char)out->s[i] < ' ' || out->s[i] == 0x7f)
            return fault(r, "the name of a %s contains control characters, '%s'", what, shown.text);
    return DR_OK;
}

static char *copy(dr_gguf *f, text t)
{
    return dr_arena_printf(&f->arena, "%.*s", (int)t.n, t.s);
}

/* --- keys and values --------------------------------------------------------------------------------------- */

static dr_status skip_list(reader *r, text key, int depth)
{
    uint64_t kind = 0, n = 0;
    dr_shown shown;
    dr_status st = number(r, 4, &kind);
    if (!st)
        st = number(r, 8, &n);
    if (st)
        return st;
    if (kind >= KINDS || depth > MAX_DEPTH)
        return fault(r, "the list '%s' in it %s; it is damaged, get it again", dr_show(&shown, key.s, key.n),
                     kind >= KINDS ? "has a kind of values that there is not" : "is nested too deeply");
    size_t size = value_size[kind];
    if (size) {
        if (n > (r->size - r->at) / size)
            return cut_short(r);
        r->at += (size_t)n * size;
        return DR_OK;
    }
    text unused;
    for (uint64_t i = 0; !st && i < n; i++) /* each takes 8 bytes at least: the file ends before a huge count does */
        st = kind == TEXT ? read_text(r, &unused) : skip_list(r, key, depth + 1);
    return st;
}

static void number_text(char out[40], int kind, uint64_t bits)
{
    float single;
    double twice;
    uint32_t low = (uint32_t)bits;
    memcpy(&single, &low, sizeof single);
    memcpy(&twice, &bits, sizeof twice);
    switch (kind) {
    case F32:
        snprintf(out, 40, "%.9g", (double)single);
        return;
    case F64:
        snprintf(out, 40, "%.17g", twice);
        return;
    case BOOL:
        snprintf(out, 40, "%s", bits ? "true" : "false");
        return;
    case I8:
        snprintf(out, 40, "%d", (int)(int8_t)bits);
        return;
    case I16:
        snprintf(out, 40, "%d", (int)(int16_t)bits);
        return;
    case I32:
        snprintf(out, 40, "%ld", (long)(int32_t)bits);
        return;
    case I64:
        snprintf(out, 40, "%lld", (long long)bits);
        return;
    default:
        snprintf(out, 40, "%llu", (unsigned long long)bits);
    }
}

static dr_status read_alignment(reader *r, uint64_t kind, uint64_t bits, size_t *alignment)
{
    if (kind != U32 || bits == 0 || bits > MAX_ALIGNMENT || (bits & (bits - 1)))
        return fault(r, "its alignment is %llu, expected a power of two up to %d; it is damaged, get it again",
                     kind == U32 ? (unsigned long long)bits : 0, MAX_ALIGNMENT);
    *alignment = (size_t)bits;
    return DR_OK;
}

/* One key; texts and numbers are kept. */
static dr_status read_key(dr_gguf *f, reader *r, size_t *alignment)
{
    text key, value = {0};
    uint64_t kind = 0, bits = 0;
    dr_shown shown;
    char digits[40];
    dr_status st = read_name(r, "key", &key);
    if (!st)
        st = number(r, 4, &kind);
    if (st)
        return st;
    if (kind >= KINDS)
        return fault(r, "the value of '%s' in it is of kind %llu, which there is not; it is damaged, get it again",
                     dr_show(&shown, key.s, key.n), (unsigned long long)kind);
    if (kind == LIST)
        return skip_list(r, key, 1);
    st = kind == TEXT ? read_text(r, &value) : number(r, value_size[kind], &bits);
    if (st)
        return st;
    if (kind == TEXT && (value.n > INT32_MAX || !g_utf8_validate(value.s, (gssize)value.n, NULL)))
        return fault(r, "the value of '%s' in it is not UTF-8", dr_show(&shown, key.s, key.n));
    if (kind != TEXT) {
        number_text(digits, (int)kind, bits);
        value = (text){digits, strlen(digits)};
    }
    dr_st_meta *m = &f->meta[f->meta_count];
    m->key = copy(f, key);
    m->value = copy(f, value);
    if (!m->key || !m->value)
        return DR_ENOMEM;
    f->meta_count++;
    return strcmp(m->key, "general.alignment") == 0 ? read_alignment(r, kind, bits, alignment) : DR_OK;
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const dr_st_meta *)a)->key, ((const dr_st_meta *)b)->key);
}

static dr_status read_keys(dr_gguf *f, reader *r, size_t count, size_t *alignment)
{
    dr_status st = DR_OK;
    *alignment = 32;
    f->meta = dr_arena_zalloc(&f->arena, (count + 1) * sizeof *f->meta);
    if (!f->meta)
        return DR_ENOMEM;
    for (size_t i = 0; !st && i < count; i++)
        st = read_key(f, r, alignment);
    if (st)
        return st;
    qsort(f->meta, f->meta_count, sizeof *f->meta, by_key);
    for (size_t i = 1; i < f->meta_count; i++)
        if (by_key(&f->meta[i - 1], &f->meta[i]) == 0)
            return fault(r, "the key '%.200s' is in it twice", f->meta[i].key);
    return DR_OK;
}

/* --- tensors ------------------------------------------------------------------------------------------------ */

static dr_status read_type(reader *r, dr_st_entry *e)
{
    uint64_t type = 0;
    dr_status st = number(r, 4, &type);
    if (st)
        return st;
    if (type >= TYPES)
        return fault(r, "tensor '%s' has the unknown type %llu", e->name, (unsigned long long)type);
    if (types[type].dtype == DR_DTYPES)
        return dr_fail(DR_EUNSUPPORTED,
                       "cannot read '%s': tensor '%s' is %s, which is not supported; get the model as Q8_0, Q4_0 to "
                       "Q5_1, Q2_K to Q6_K, F16 or F32",
                       r->path, e->name, types[type].name);
    e->dtype = types[type].dtype;
    return DR_OK;
}

/* Sizes of the axes; *values is their product. */
static dr_status read_shape(reader *r, dr_st_entry *e, uint64_t *values)
{
    uint64_t axes = 0, n = 0;
    dr_status st = number(r, 4, &axes);
    if (st)
        return st;
    if (axes > MAX_AXES)
        return fault(r, "tensor '%s' has %llu axes, at most %d are possible", e->name, (unsigned long long)axes,
                     MAX_AXES);
    e->rank = (int)axes;
    *values = 1;
    for (int i = e->rank - 1; !st && i >= 0; i--) {
        st = number(r, 8, &n);
        if (!st && (n > INT64_MAX || __builtin_mul_overflow(*values, n, values) || *values > INT64_MAX))
            return fault(r, "the shape of tensor '%s' is too large", e->name);
        e->dim[i] = (int64_t)n;
    }
    return st;
}

/* `*offset` counts from where the tensors begin. */
static dr_status read_tensor(dr_gguf *f, reader *r, size_t alignment, uint64_t *offset)
{
    dr_st_entry *e = &f->entry[f->count];
    text name;
    uint64_t values = 0;
    dr_status st = read_name(r, "tensor", &name);
    if (!st && !(e->name = copy(f, name)))
        st = DR_ENOMEM;
    if (!st)
        st = read_shape(r, e, &values);
    if (!st)
        st = read_type(r, e);
    if (!st)
        st = number(r, 8, offset);
    if (st)
        return st;
    size_t block = dr_dtype_block(e->dtype), size = dr_dtype_size(e->dtype);
    uint64_t row = e->rank ? (uint64_t)e->dim[e->rank - 1] : 1;
    if (row % block)
        return fault(r, "the rows of tensor '%s' have %llu values, which are no whole blocks of %zu, as %s has them",
                     e->name, (unsigned long long)row, block, dr_dtype_name(e->dtype));
    if (values / block > r->size / size)
        return fault(r, "tensor '%s' has more values than the file has room for; it was cut short, get it again",
                     e->name);
    if (*offset % alignment)
        return fault(r, "tensor '%s' lies at byte %llu, which is no multiple of %zu", e->name,
                     (unsigned long long)*offset, alignment);
    e->size = (size_t)(values / block) * size;
    f->count++;
    return DR_OK;
}

static int by_place(const void *a, const void *b)
{
    const dr_st_entry *x = a, *y = b;
    const unsigned char *p = x->data, *q = y->data;
    if (p != q)
        return p < q ? -1 : 1;
    return (x->size > y->size) - (x->size < y->size); /* empty tensors come before the one that starts there */
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const dr_st_entry *)a)->name, ((const dr_st_entry *)b)->name);
}

/* One behind the other, with no more between them than alignment asks for; what follows the last is nobody's. */
static dr_status check_places(dr_gguf *f, const reader *r, const unsigned char *from, size_t alignment)
{
    const unsigned char *at = from;
    qsort(f->entry, f->count, sizeof *f->entry, by_place);
    for (size_t i = 0; i < f->count; i++) {
        const dr_st_entry *e = &f->entry[i];
        const unsigned char *p = e->data;
        if (p < at)
            return fault(r, "tensor '%s' overlaps another by %zu bytes", e->name, (size_t)(at - p));
        if ((size_t)(p - at) >= alignment)
            return fault(r, "%zu unused bytes in front of tensor '%s'", (size_t)(p - at), e->name);
        at = p + e->size;
    }
    qsort(f->entry, f->count, sizeof *f->entry, by_name);
    for (size_t i = 1; i < f->count; i++)
        if (by_name(&f->entry[i - 1], &f->entry[i]) == 0)
            return fault(r, "two tensors are named '%s'", f->entry[i].name);
    return DR_OK;
}

static dr_status read_tensors(dr_gguf *f, reader *r, size_t count, size_t alignment)
{
    dr_status st = DR_OK;
    uint64_t *offset = calloc(count + 1, sizeof *offset);
    f->entry = offset ? dr_arena_zalloc(&f->arena, (count + 1) * sizeof *f->entry) : NULL;
    if (!f->entry) {
        free(offset);
        return dr_fail(DR_ENOMEM, "out of memory reading '%s'", r->path);
    }
    for (size_t i = 0; !st && i < count; i++)
        st = read_tensor(f, r, alignment, &offset[i]);
    size_t rest = r->at % alignment, skip = rest ? alignment - rest : 0;
    size_t from = skip < r->size - r->at ? r->at + skip : r->size, room = r->size - from;
    for (size_t i = 0; !st && i < count; i++) {
        dr_st_entry *e = &f->entry[i];
        if (offset[i] > room || e->size > room - offset[i])
            st =
                fault(r,
                      "tensor '%s' lies at bytes %llu to %llu, but the file has %zu bytes of tensors; it is damaged or "
                      "was cut short, get it again",
                      e->name, (unsigned long long)offset[i], (unsigned long long)(offset[i] + e->size), room);
        else
            e->data = r->data + from + offset[i];
    }
    free(offset);
    return st ? st : check_places(f, r, r->data + from, alignment);
}

/* --- the whole ------------------------------------------------------------------------------------------------ */

static dr_status head(reader *r, size_t *tensors, size_t *keys)
{
    uint64_t version = 0, n = 0, k = 0;
    r->at = 4;
    dr_status st = number(r, 4, &version);
    if (st)
        return st;
    if (version == 1)
        return dr_fail(DR_EUNSUPPORTED, "cannot read '%s': it is a GGUF file of version 1, versions 2 and 3 are read",
                       r->path);
    if (version == 2u << 24 || version == 3u << 24)
        return dr_fail(DR_EUNSUPPORTED,
                       "cannot read '%s': it is a GGUF file of a big-endian machine, which is not "
                       "supported",
                       r->path);
    if (version != 2 && version != 3)
        return fault(r, "it says that it is a GGUF file of version %llu, versions 2 and 3 are read",
                     (unsigned long long)version);
    st = number(r, 8, &n);
    if (!st)
        st = number(r, 8, &k);
    if (st)
        return st;
    if (n > MAX_TENSORS || k > MAX_KEYS)
        return fault(r, "it says that it has %llu tensors and %llu keys, at most %d of each are read",
                     (unsigned long long)n, (unsigned long long)k, MAX_TENSORS);
    *tensors = (size_t)n;
    *keys = (size_t)k;
    return DR_OK;
}

dr_status dr_gguf_parse(dr_gguf *f, const void *data, size_t size, const char *path)
{
    reader r = {.data = data, .size = size, .path = path};
    size_t tensors = 0, keys = 0, alignment = 0;
    *f = (dr_gguf){0};
    if (!dr_is_gguf(data, size))
        return fault(&r, "it does not begin as a GGUF file");
    dr_status st = head(&r, &tensors, &keys);
    /* the least that a tensor or a key takes is far more than these counts make of the file */
    if (!st && (tensors > size / 24 || keys > size / 13))
        st = cut_short(&r);
    if (!st) /* texts are at most the file; each is rounded up */
        st = (dr_status)dr_arena_init(&f->arena, 4096 + size + strlen(path) +
                                                     (tensors + 1) * (sizeof(dr_st_entry) + 128) +
                                                     (keys + 1) * (sizeof(dr_st_meta) + 256));
    if (!st && !(f->path = dr_arena_strdup(&f->arena, path)))
        st = DR_ENOMEM;
    if (!st)
        st = read_keys(f, &r, keys, &alignment);
    if (!st)
        st = read_tensors(f, &r, tensors, alignment);
    if (st)
        dr_gguf_close(f);
    return st;
}

void dr_gguf_close(dr_gguf *f)
{
    dr_arena_clear(&f->arena);
    *f = (dr_gguf){0};
}
