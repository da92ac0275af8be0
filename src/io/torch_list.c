#include "io/torch_list.h"

#include "base/text.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NAME = 1024, SEEN = 1 << 16 /* a node's tag: this dictionary was looked into */ };

/* A dictionary that waits to be looked into, and where it stands. */
typedef struct place {
    const dr_pk_node *dict;
    const char *prefix; /* "outer." */
    size_t prefix_size;
    struct place *next;
} place;

typedef struct found {
    dr_torch_named named;
    struct found *next;
} found;

typedef struct lister {
    dr_pickle *p;
    place *first, *last; /* in the order they were met */
    found *found;
    size_t count;
} lister;

static const char *kind_name(const dr_pk *v)
{
    switch (v->kind) {
    case DR_PK_TENSOR:
        return "a tensor without a name";
    case DR_PK_LIST:
        return "a list";
    case DR_PK_TUPLE:
        return "a tuple";
    case DR_PK_STR:
    case DR_PK_BYTES:
        return "a text";
    case DR_PK_STORAGE:
        return "a storage";
    case DR_PK_NAME:
    case DR_PK_OBJECT:
        return "a Python object";
    default:
        return "a single value";
    }
}

/* As safetensors' names: they end up in messages, in files and in C strings. */
static dr_status check_key(const dr_pickle *p, const dr_pk *key)
{
    dr_shown shown;
    if (key->kind == DR_PK_INT)
        return dr_fail(DR_EINVAL, "cannot read '%s': a tensor in it has the number %lld in place of a name", p->path,
                       (long long)key->i);
    if (key->kind != DR_PK_STR)
        return dr_fail(DR_EINVAL, "cannot read '%s': a tensor in it has no text for a name", p->path);
    if (key->n > MAX_NAME)
        return dr_fail(DR_EINVAL, "cannot read '%s': the name of a tensor in it, '%s', has more than %d bytes", p->path,
                       dr_show(&shown, key->s, key->n), MAX_NAME);
    if (key->n == 0)
        return dr_fail(DR_EINVAL, "cannot read '%s': a tensor in it has an empty name", p->path);
    if (!g_utf8_validate(key->s, key->n, NULL))
        return dr_fail(DR_EINVAL, "cannot read '%s': the name of a tensor in it, '%s', is not UTF-8", p->path,
                       dr_show(&shown, key->s, key->n));
    for (uint32_t i = 0; i < key->n; i++)
        if ((unsigned char)key->s[i] < ' ' || key->s[i] == 0x7f)
            return dr_fail(DR_EINVAL, "cannot read '%s': a tensor name contains control characters, '%s'", p->path,
                           dr_show(&shown, key->s, key->n));
    return DR_OK;
}

/* prefix + key + what comes behind. */
static dr_status join(dr_pickle *p, const place *at, const dr_pk *key, const char *behind, const char **out,
                      size_t *size)
{
    size_t n = at->prefix_size + key->n + strlen(behind);
    dr_shown shown;
    if (n > MAX_NAME)
        return dr_fail(DR_EINVAL, "cannot read '%s': the name of a tensor in it, '%s', has more than %d bytes", p->path,
                       dr_show(&shown, key->s, key->n), MAX_NAME);
    char *s = dr_pickle_alloc(p, n + 1);
    if (!s)
        return DR_EINVAL;
    if (at->prefix_size)
        memcpy(s, at->prefix, at->prefix_size);
    memcpy(s + at->prefix_size, key->s, key->n);
    strcpy(s + at->prefix_size + key->n, behind);
    *out = s;
    *size = n;
    return DR_OK;
}

static dr_status add_place(lister *l, dr_pk_node *dict, const char *prefix, size_t prefix_size)
{
    place *at = dr_pickle_alloc(l->p, sizeof *at);
    if (!at)
        return DR_EINVAL;
    *at = (place){.dict = dict, .prefix = prefix, .prefix_size = prefix_size};
    dict->tag |= SEEN; /* a dictionary may stand in several places, and in itself: once is enough */
    if (l->last)
        l->last->next = at;
    else
        l->first = at;
    l->last = at;
    return DR_OK;
}

static dr_status add_tensor(lister *l, const place *at, const dr_pk *key, const dr_torch_tensor *tensor)
{
    found *f = dr_pickle_alloc(l->p, sizeof *f);
    dr_status st = f ? check_key(l->p, key) : DR_EINVAL;
    if (st)
        return st;
    *f = (found){.named.tensor = tensor, .next = l->found};
    st = join(l->p, at, key, "", &f->named.name, &f->named.name_size);
    if (!st && tensor->unreadable)
        st = dr_fail(DR_EUNSUPPORTED,
                     "cannot read '%s': tensor '%s' is a %s, which is not supported; convert it to float32, float16 or "
                     "bfloat16",
                     l->p->path, f->named.name, tensor->unreadable);
    l->found = f;
    l->count++;
    return st;
}

/* The dictionary's tensors. */
static dr_status list_tensors(lister *l, const place *at)
{
    const dr_pk_chunk *c = at->dict->first;
    const dr_pk *pair;
    uint32_t i = 0;
    dr_status st = DR_OK;
    while (!st && (pair = dr_pk_next(&c, &i, 2)))
        if (pair[1].kind == DR_PK_TENSOR && (pair[0].kind == DR_PK_STR || at == l->first))
            st = add_tensor(l, at, &pair[0], pair[1].host);
    return st;
}

/* The dictionaries in it, to be looked into later. */
static dr_status list_dictionaries(lister *l, const place *at)
{
    const dr_pk_chunk *c = at->dict->first;
    const dr_pk *pair;
    uint32_t i = 0;
    dr_status st = DR_OK;
    while (!st && (pair = dr_pk_next(&c, &i, 2))) {
        const char *prefix;
        size_t n;
        if (pair[1].kind != DR_PK_DICT || (pair[1].node->tag & SEEN) || check_key(l->p, &pair[0]) ||
            at->prefix_size + pair[0].n >= MAX_NAME)
            continue; /* no name for a tensor, and there may be none in it */
        st = join(l->p, at, &pair[0], ".", &prefix, &n);
        if (!st)
            st = add_place(l, pair[1].node, prefix, n);
    }
    return st;
}

/* `state_dict` in `state_dict`, as long as it is there. */
static dr_status unwrap(const dr_pickle *p, const dr_pk **top)
{
    while (!((*top)->node->tag & SEEN)) {
        (*top)->node->tag |= SEEN;
        const dr_pk *inner = dr_pk_get(*top, "state_dict");
        if (!inner || inner->kind != DR_PK_DICT)
            return DR_OK;
        *top = inner;
    }
    return dr_fail(DR_EINVAL,
                   "cannot read '%s': its dictionary contains itself as 'state_dict'; it is damaged or made to do harm",
                   p->path);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const dr_torch_named *)a)->name, ((const dr_torch_named *)b)->name);
}

static dr_status sorted(const lister *l, dr_torch_named **out)
{
    size_t n = 0;
    dr_torch_named *all = dr_pickle_alloc(l->p, l->count * sizeof *all);
    if (!all)
        return DR_EINVAL;
    for (const found *f = l->found; f; f = f->next)
        all[n++] = f->named;
    qsort(all, n, sizeof *all, by_name);
    for (size_t i = 1; i < n; i++)
        if (by_name(&all[i - 1], &all[i]) == 0)
            return dr_fail(DR_EINVAL, "cannot read '%s': two tensors are named '%s'", l->p->path, all[i].name);
    *out = all;
    return DR_OK;
}

dr_status dr_torch_list(dr_pickle *p, const dr_pk *top, dr_torch_named **out, size_t *count)
{
    lister l = {.p = p};
    if (top->kind != DR_PK_DICT)
        return dr_fail(
            DR_EINVAL,
            "cannot read '%s': it holds %s and no dictionary of named tensors; only state dictionaries can be "
            "read",
            p->path, kind_name(top));
    dr_status st = unwrap(p, &top);
    if (!st)
        st = add_place(&l, top->node, NULL, 0);
    for (const place *at = l.first; !st && at; at = at->next) {
        st = list_tensors(&l, at);
        if (at == l.first && l.count)
            break; /* what lies beside named tensors is no weight: an optimizer's state, a training's settings */
        if (!st)
            st = list_dictionaries(&l, at);
    }
    if (!st && !l.count)
        st = dr_fail(DR_EINVAL, "cannot read '%s': there are no tensors in it", p->path);
    if (!st)
        st = sorted(&l, out);
    *count = l.count;
    return st;
}

/* --- metadata ------------------------------------------------------------------------------------------- */

/* Of that type, and whole as a C string. */
static bool is_text(const dr_pk *v)
{
    return v->kind == DR_PK_STR && g_utf8_validate(v->s, v->n, NULL) && !memchr(v->s, 0, v->n);
}

static const char *copy_text(dr_pickle *p, const dr_pk *v, size_t *bytes)
{
    char *s = dr_pickle_alloc(p, v->n + 1);
    if (s) {
        memcpy(s, v->s, v->n);
        s[v->n] = 0;
        *bytes += v->n + 1;
    }
    return s;
}

dr_status dr_torch_meta(dr_pickle *p, const dr_pk *top, dr_st_meta **out, size_t *count, size_t *bytes)
{
    *out = NULL;
    *count = *bytes = 0;
    const dr_pk *meta = top->kind == DR_PK_DICT ? dr_pk_get(top, "__metadata__") : NULL, *pair;
    if (!meta || meta->kind != DR_PK_DICT)
        return DR_OK;
    size_t n = 0;
    uint32_t i = 0;
    for (const dr_pk_chunk *c = meta->node->first; dr_pk_next(&c, &i, 2);)
        n++;
    dr_st_meta *m = dr_pickle_alloc(p, n * sizeof *m + 1);
    if (!m)
        return DR_EINVAL;
    i = 0;
    for (const dr_pk_chunk *c = meta->node->first; (pair = dr_pk_next(&c, &i, 2));) {
        if (!is_text(&pair[0]) || !is_text(&pair[1]))
            continue;
        m[*count].key = copy_text(p, &pair[0], bytes);
        m[*count].value = copy_text(p, &pair[1], bytes);
        if (!m[*count].key || !m[*count].value)
            return DR_EINVAL; /* texts that are said again and again: the bound of all that a pickle makes holds */
        (*count)++;
    }
    *out = m;
    return DR_OK;
}
