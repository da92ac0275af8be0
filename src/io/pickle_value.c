#include "io/pickle_impl.h"

#include <string.h>

enum {
    MAX_DEPTH = 64, /* of containers in each other; real files have less than ten levels */
    SLAB = 16384,
};

dr_status dr_pickle_init(dr_pickle *p, size_t limit, const char *path)
{
    *p = (dr_pickle){.path = path, .limit = limit};
    return (dr_status)dr_arena_init(&p->values, limit / 2);
}

void dr_pk_drop_stack(dr_pickle *p)
{
    dr_pages_give(p->stack, p->stack_room * sizeof *p->stack);
    dr_pages_give(p->memo, p->memo_room * sizeof *p->memo);
    p->stack = p->memo = NULL;
}

void dr_pickle_clear(dr_pickle *p)
{
    dr_pk_drop_stack(p);
    dr_arena_clear(&p->values);
    *p = (dr_pickle){0};
}

dr_status dr_pk_too_much(const dr_pickle *p)
{
    return dr_fail(DR_EINVAL,
                   "cannot read '%s': its pickle makes more values than its size accounts for (%zu MiB of them); it is "
                   "damaged or made to exhaust memory",
                   p->path, p->limit >> 20);
}

/* Addresses for the worst case, of which only what is used takes memory. No opcode pushes two values or is memoised
 * twice, so the pickle's length bounds both; so does the limit. */
dr_status dr_pk_take_stack(dr_pickle *p, size_t size)
{
    size_t most = p->limit / 4 / sizeof(dr_pk);
    p->stack_room = p->memo_room = size < most ? size : most;
    p->stack = dr_pages_take(p->stack_room * sizeof *p->stack, true);
    p->memo = dr_pages_take(p->memo_room * sizeof *p->memo, true);
    p->depth = p->memo_next = 0;
    return p->stack && p->memo ? DR_OK : dr_fail(DR_ENOMEM, "out of memory reading '%s'", p->path);
}

void *dr_pickle_alloc(dr_pickle *p, size_t size)
{
    size = (size + 7) / 8 * 8;
    size_t block = size > SLAB / 4 ? size : SLAB;
    if (size <= p->slab_left) {
        void *out = p->slab;
        p->slab += size;
        p->slab_left -= size;
        return out;
    }
    if (block > p->values.reserved - p->values.used) {
        dr_pk_too_much(p);
        return NULL;
    }
    unsigned char *out = dr_arena_alloc(&p->values, block);
    if (!out) {
        dr_pk_too_much(p);
        return NULL;
    }
    if (block != size) {
        p->slab = out + size;
        p->slab_left = block - size;
    }
    return out;
}

/* --- values --- */

static dr_pk_node *new_node(dr_pickle *p)
{
    dr_pk_node *node = dr_pickle_alloc(p, sizeof *node);
    if (node)
        *node = (dr_pk_node){0};
    return node;
}

dr_status dr_pk_new(dr_pickle *p, dr_pk_kind kind, dr_pk *out)
{
    *out = (dr_pk){.kind = kind, .node = new_node(p)};
    return out->node ? DR_OK : DR_EINVAL;
}

dr_status dr_pickle_new_dict(dr_pickle *p, dr_pk *out)
{
    return dr_pk_new(p, DR_PK_DICT, out);
}

bool dr_pk_is(const dr_pk *v, const char *text)
{
    return v->kind == DR_PK_STR && v->n == strlen(text) && memcmp(v->s, text, v->n) == 0;
}

const dr_pk *dr_pk_next(const dr_pk_chunk **c, uint32_t *i, uint32_t count)
{
    while (*c && *i >= (*c)->count) {
        *c = (*c)->next;
        *i = 0;
    }
    if (!*c)
        return NULL;
    const dr_pk *item = &(*c)->item[*i];
    *i += count;
    return item;
}

const dr_pk *dr_pk_get(const dr_pk *dict, const char *key)
{
    const dr_pk_chunk *c = dict->node->first;
    const dr_pk *pair, *found = NULL;
    uint32_t i = 0;
    while ((pair = dr_pk_next(&c, &i, 2)))
        if (dr_pk_is(&pair[0], key))
            found = &pair[1];
    return found;
}

static bool is_container(const dr_pk *v)
{
    return v->kind == DR_PK_TUPLE || v->kind == DR_PK_LIST || v->kind == DR_PK_DICT;
}

/* Each container knows how deep it is, so that the bound needs no walk. */
dr_status dr_pk_deepen(dr_pickle *p, dr_pk_node *node, const dr_pk *item, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (is_container(&item[i]) && item[i].node->depth + 1 > node->depth)
            node->depth = item[i].node->depth + 1;
    if (node->depth > MAX_DEPTH)
        return dr_fail(
            DR_EINVAL,
            "cannot read '%s': values lie in each other more than %d levels deep in its pickle; it is damaged "
            "or made to do harm",
            p->path, MAX_DEPTH);
    return DR_OK;
}

dr_status dr_pk_push(dr_pickle *p, dr_pk v)
{
    if (p->depth == p->stack_room)
        return dr_pk_too_much(p);
    p->stack[p->depth++] = v;
    return DR_OK;
}

dr_status dr_pk_push_tuple(dr_pickle *p, const dr_pk *item, size_t n)
{
    dr_pk v = {.kind = DR_PK_TUPLE, .n = (uint32_t)n, .node = new_node(p)};
    dr_pk *copy = v.node ? dr_pickle_alloc(p, n * sizeof *copy) : NULL;
    if (!copy)
        return DR_EINVAL;
    if (n)
        memcpy(copy, item, n * sizeof *copy);
    v.node->item = copy;
    dr_status st = dr_pk_deepen(p, v.node, item, n);
    return st ? st : dr_pk_push(p, v);
}
