#include "io/torch_pickle.h"

#include "base/text.h"
#include "io/safetensors.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_ATTRIBUTES = 64, MAX_KEY = 256 };

static dr_status bad(const dr_torch_pickle *t, const char *what)
{
    return dr_fail(DR_EINVAL, "cannot read '%s': %s; the file is damaged, get it again", t->path, what);
}

/* --- storages --- */

/* ('storage', class, key, place, count); in the old format also None, or a part of another storage. */
static dr_status persistent(void *self, dr_pickle *p, const dr_pk *id, dr_pk *out)
{
    dr_torch_pickle *t = self;
    if (!t->storages)
        return bad(t, "a pickle names a storage where none can be");
    if (id->kind != DR_PK_TUPLE || id->n == 0)
        return bad(t, "a storage has an id that is no tuple");
    const dr_pk *v = id->node->item;
    if (dr_pk_is(&v[0], "module"))
        return dr_torch_whole_model(t->path, "torch.nn.Module");
    if (!dr_pk_is(&v[0], "storage") || id->n < 5 || id->n > 6)
        return bad(t, "a persistent id is not that of a storage");
    const dr_torch_name *cls = v[1].kind == DR_PK_NAME ? v[1].host : NULL;
    if (!cls || cls->role != DR_TN_STORAGE)
        return bad(t, "a storage's type is none of PyTorch's");
    if (v[2].kind != DR_PK_STR || v[2].n > MAX_KEY || v[3].kind != DR_PK_STR || v[4].kind != DR_PK_INT)
        return bad(t, "a storage's key, place or size is not text, text and a number");
    if (id->n == 6 && v[5].kind != DR_PK_NONE)
        return dr_fail(
            DR_EUNSUPPORTED,
            "cannot read '%s': it has storages that are parts of others, as PyTorch before 0.4 wrote them; save "
            "it anew with a newer one",
            t->path);
    size_t bytes;
    if (v[4].i < 0 || __builtin_mul_overflow((size_t)v[4].i, cls->size, &bytes) || bytes > t->file_size)
        return dr_fail(
            DR_EINVAL,
            "cannot read '%s': a storage in it is said to have %lld elements of %zu bytes, the whole file has "
            "%zu bytes; it is damaged or was cut short, get it again",
            t->path, (long long)v[4].i, cls->size, t->file_size);
    dr_torch_storage *s = dr_pickle_alloc(p, sizeof *s);
    if (!s)
        return DR_EINVAL;
    *s = (dr_torch_storage){.key = v[2], .cls = cls, .count = v[4].i, .bytes = bytes, .next = t->first};
    t->first = s;
    t->count++;
    *out = (dr_pk){.kind = DR_PK_STORAGE, .host = s};
    return DR_OK;
}

static int by_key(const void *a, const void *b)
{
    const dr_pk *x = &(*(dr_torch_storage *const *)a)->key, *y = &(*(dr_torch_storage *const *)b)->key;
    int c = memcmp(x->s, y->s, x->n < y->n ? x->n : y->n);
    return c ? c : (x->n > y->n) - (x->n < y->n);
}

dr_status dr_torch_storages(const dr_torch_pickle *t, dr_torch_storage ***out)
{
    dr_torch_storage **all = malloc((t->count + 1) * sizeof *all);
    size_t n = 0;
    *out = NULL;
    if (!all)
        return dr_fail(DR_ENOMEM, "out of memory reading '%s'", t->path);
    for (dr_torch_storage *s = t->first; s; s = s->next)
        all[n++] = s;
    qsort(all, n, sizeof *all, by_key);
    for (size_t i = 1; i < n; i++) {
        dr_shown key;
        if (by_key(&all[i - 1], &all[i]) != 0 || (all[i - 1]->cls == all[i]->cls && all[i - 1]->count == all[i]->count))
            continue;
        dr_show(&key, all[i]->key.s, all[i]->key.n);
        free(all);
        return dr_fail(
            DR_EINVAL,
            "cannot read '%s': its storage '%s' has two types or two sizes; the file is damaged, get it again", t->path,
            key.text);
    }
    *out = all;
    return DR_OK;
}

/* --- tensors --- */

static dr_status new_tensor(dr_pickle *p, int rank, dr_torch_tensor **out, dr_pk *value)
{
    dr_torch_tensor *v = dr_pickle_alloc(p, sizeof *v + 2 * (size_t)rank * sizeof v->dim[0]);
    if (!v)
        return DR_EINVAL;
    *v = (dr_torch_tensor){.rank = rank};
    *out = v;
    *value = (dr_pk){.kind = DR_PK_TENSOR, .host = v};
    return DR_OK;
}

/* One that is known to be none of ours: an error only if it is among the weights. */
static dr_status unreadable(dr_pickle *p, const char *what, dr_pk *value)
{
    dr_torch_tensor *v;
    dr_status st = new_tensor(p, 0, &v, value);
    if (!st)
        v->unreadable = what;
    return st;
}

/* Sizes or strides: integers from 0. */
static dr_status read_axes(const dr_torch_pickle *t, const dr_pk *tuple, const char *what, int64_t *to)
{
    for (uint32_t i = 0; i < tuple->n; i++) {
        const dr_pk *v = &tuple->node->item[i];
        if (v->kind != DR_PK_INT)
            return dr_fail(DR_EINVAL,
                           "cannot read '%s': a tensor in it has a %s that is no number; it is damaged, get it again",
                           t->path, what);
        if (v->i < 0)
            return dr_fail(DR_EINVAL,
                           "cannot read '%s': a tensor in it has the negative %s %lld; it is damaged, get it again",
                           t->path, what, (long long)v->i);
        to[i] = v->i;
    }
    return DR_OK;
}

/* The number of elements, and that the last of them lies inside the storage. Strides from 0 make it the furthest. */
static dr_status check_extent(const dr_torch_pickle *t, dr_torch_tensor *v, size_t item)
{
    const int64_t *stride = v->dim + v->rank;
    int64_t count = 1, last = v->offset, step;
    bool over = false, empty = false;
    for (int i = 0; i < v->rank; i++)
        empty = empty || v->dim[i] == 0;
    for (int i = 0; i < v->rank && !empty; i++) {
        over = over || __builtin_mul_overflow(count, v->dim[i], &count);
        over = over || __builtin_mul_overflow(v->dim[i] - 1, stride[i], &step) ||
               __builtin_add_overflow(last, step, &last);
    }
    count = empty ? 0 : count;
    if (over || __builtin_mul_overflow((size_t)count, item, &v->bytes) || v->bytes > INT64_MAX)
        return bad(t, "the sizes of a tensor in it are too large to be counted");
    if (!empty && (uint64_t)last >= v->storage->bytes / item)
        return dr_fail(
            DR_EINVAL,
            "cannot read '%s': a tensor in it reaches to element %lld of its storage, which has %zu; the file is "
            "damaged, get it again",
            t->path, (long long)last, v->storage->bytes / item);
    return DR_OK;
}

/* (storage, offset, sizes, strides, ...); of _v3 the seventh is the type of the elements. */
static dr_status rebuild(dr_torch_pickle *t, dr_pickle *p, const dr_pk *args, bool typed, dr_pk *out)
{
    const dr_pk *a = args->node->item;
    if (args->n < (typed ? 7u : 4u) || a[0].kind != DR_PK_STORAGE || a[1].kind != DR_PK_INT ||
        a[2].kind != DR_PK_TUPLE || a[3].kind != DR_PK_TUPLE || a[2].n != a[3].n)
        return bad(t, "a tensor in it is not made of a storage, an offset, sizes and strides");
    dr_torch_storage *s = a[0].host;
    const dr_torch_name *type = s->cls;
    if (typed) {
        type = a[6].kind == DR_PK_NAME ? a[6].host : NULL;
        if (!type || type->role != DR_TN_DTYPE)
            return bad(t, "a tensor in it has a type that is none of PyTorch's");
    }
    if (type->dtype == DR_DTYPES)
        return unreadable(p, type->name, out);
    if (a[2].n > DR_ST_MAX_RANK)
        return dr_fail(DR_EINVAL, "cannot read '%s': a tensor in it has %u axes, at most %d are supported", t->path,
                       a[2].n, DR_ST_MAX_RANK);
    if (a[1].i < 0)
        return dr_fail(DR_EINVAL,
                       "cannot read '%s': a tensor in it has the negative offset %lld; it is damaged, get it again",
                       t->path, (long long)a[1].i);
    dr_torch_tensor *v;
    dr_status st = new_tensor(p, (int)a[2].n, &v, out);
    if (st)
        return st;
    v->storage = s;
    v->dtype = type->dtype;
    v->offset = a[1].i;
    if ((st = read_axes(t, &a[2], "size", v->dim)) || (st = read_axes(t, &a[3], "stride", v->dim + v->rank)))
        return st;
    return check_extent(t, v, type->size);
}

static dr_status make(dr_torch_pickle *t, dr_pickle *p, const dr_torch_name *f, const dr_pk *args, dr_pk *out)
{
    switch (f->role) {
    case DR_TN_TENSOR:
    case DR_TN_TENSOR_OF_TYPE:
        return rebuild(t, p, args, f->role == DR_TN_TENSOR_OF_TYPE, out);
    case DR_TN_PARAMETER:
        if (args->n < 2 || args->node->item[0].kind != DR_PK_TENSOR)
            return bad(t, "a parameter in it is not made of a tensor");
        *out = args->node->item[0];
        return DR_OK;
    case DR_TN_OTHER_TENSOR:
        return unreadable(p, f->name + strlen("_rebuild_"), out);
    default:
        return bad(t, "a thing in it is called that cannot be called");
    }
}

/* (function, class, its arguments, state): what subclasses of tensors, and parameters with attributes, are kept as. */
static dr_status make_from_type(dr_torch_pickle *t, dr_pickle *p, const dr_pk *args, dr_pk *out)
{
    const dr_pk *a = args->node->item;
    if (args->n < 3 || a[0].kind != DR_PK_NAME || a[1].kind != DR_PK_NAME || a[2].kind != DR_PK_TUPLE)
        return bad(t, "a tensor in it is not made of a function, a class and arguments");
    return make(t, p, a[0].host, &a[2], out);
}

/* --- names --- */

static dr_status name(void *self, dr_pickle *p, const dr_pk *module, const dr_pk *text, dr_pk *out)
{
    const dr_torch_pickle *t = self;
    const dr_torch_name *found;
    (void)p;
    dr_status st = dr_torch_name_find(t->path, module, text, &found);
    if (!st)
        *out = (dr_pk){.kind = DR_PK_NAME, .host = (void *)(uintptr_t)found};
    return st;
}

static dr_status call(void *self, dr_pickle *p, const dr_pk *f, const dr_pk *args, bool as_object, dr_pk *out)
{
    dr_torch_pickle *t = self;
    const dr_torch_name *n = f->host;
    dr_status st;
    switch (n->role) {
    case DR_TN_INERT:
        *out = (dr_pk){.kind = DR_PK_OBJECT};
        return DR_OK;
    case DR_TN_ORDERED_DICT:
        if (args->n)
            return bad(t, "an OrderedDict in it is made of arguments, as PyTorch does not write it");
        return dr_pickle_new_dict(p, out);
    case DR_TN_DEFAULT_DICT:
        return dr_pickle_new_dict(p, out);
    case DR_TN_PARAMETER_DICT:
        if (!(st = dr_pickle_new_dict(p, out)))
            out->node->tag = DR_TN_PARAMETER_DICT;
        return st;
    case DR_TN_FROM_TYPE:
        if (!as_object)
            return make_from_type(t, p, args, out);
        break;
    default:
        if (!as_object)
            return make(t, p, n, args, out);
    }
    return bad(t, "a function in it is used as if it were a class");
}

/* A module's attributes, of which there are few: files that have many would make looking for one take long. */
static const dr_pk *attribute(const dr_pk *state, const char *key)
{
    const dr_pk_chunk *c = state->node->first;
    const dr_pk *pair;
    uint32_t i = 0;
    for (int n = 0; n < MAX_ATTRIBUTES && (pair = dr_pk_next(&c, &i, 2)); n++)
        if (dr_pk_is(&pair[0], key))
            return &pair[1];
    return NULL;
}

/* A ParameterDict becomes the dictionary of its parameters. One dictionary serves one of them, so that no long one is
 * gone through once more for every few bytes of pickle. */
static dr_status build(void *self, dr_pickle *p, dr_pk *object, const dr_pk *state)
{
    (void)p;
    if (object->kind == DR_PK_OBJECT)
        return DR_OK;
    if (object->kind != DR_PK_DICT)
        return bad(self, "a thing in it gets a state that has none");
    const dr_pk *v = state->kind == DR_PK_DICT ? attribute(state, "_parameters") : NULL;
    if (object->node->tag == DR_TN_PARAMETER_DICT && v && v->kind == DR_PK_DICT && !v->node->tag) {
        v->node->tag = DR_TN_ORDERED_DICT;
        object->node->first = v->node->first;
        object->node->last = v->node->last;
    }
    return DR_OK;
}

dr_pickle_host dr_torch_host(dr_torch_pickle *t)
{
    return (dr_pickle_host){.self = t, .name = name, .call = call, .build = build, .persistent = persistent};
}

/* --- the elements --- */

bool dr_torch_contiguous(const dr_torch_tensor *v)
{
    const int64_t *stride = v->dim + v->rank;
    int64_t want = 1;
    if (v->bytes == 0)
        return true;
    for (int i = v->rank - 1; i >= 0; i--) {
        if (v->dim[i] != 1 && stride[i] != want)
            return false;
        want *= v->dim[i];
    }
    return true;
}

void dr_torch_gather(const dr_torch_tensor *v, unsigned char *to)
{
    const int64_t *stride = v->dim + v->rank;
    int64_t at[DR_ST_MAX_RANK] = {0};
    size_t item = dr_dtype_size(v->dtype),
           from = (size_t)v->offset; /* unsigned: strides of single sizes mean nothing */
    int64_t run = 1;
    int outer = v->rank;
    while (outer > 0 && (v->dim[outer - 1] == 1 || stride[outer - 1] == run))
        run *= v->dim[--outer];
    size_t bytes = (size_t)run * item;
    for (size_t done = 0; done < v->bytes; done += bytes) {
        memcpy(to + done, v->storage->data + from * item, bytes);
        for (int i = outer - 1; i >= 0; i--) { /* as an odometer counts */
            from += (size_t)stride[i];
            if (++at[i] < v->dim[i])
                break;
            from -= (size_t)stride[i] * (size_t)v->dim[i];
            at[i] = 0;
        }
    }
}
