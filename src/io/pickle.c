#include "io/pickle_impl.h"

#include <string.h>

/* --- the stack --- */

/* The `n` topmost values, above any mark; they are taken off. */
static dr_status pop(dr_pickle *p, size_t n, dr_pk **out)
{
    if (p->depth < n)
        return dr_pk_damaged(p, "an instruction that wants more values than there are");
    *out = &p->stack[p->depth - n];
    for (size_t i = 0; i < n; i++)
        if ((*out)[i].kind == DR_PK_MARK)
            return dr_pk_damaged(p, "an instruction that wants more values than there are");
    p->depth -= n;
    return DR_OK;
}

/* The values above the topmost mark; they and the mark are taken off. */
static dr_status pop_mark(dr_pickle *p, dr_pk **out, size_t *n)
{
    size_t at = p->depth;
    while (at > 0 && p->stack[at - 1].kind != DR_PK_MARK)
        at--;
    if (at == 0)
        return dr_pk_damaged(p, "an instruction that wants a mark, and there is none");
    *out = &p->stack[at];
    *n = p->depth - at;
    p->depth = at - 1;
    return DR_OK;
}

/* The topmost value, which stays. */
static dr_status top(dr_pickle *p, dr_pk **out)
{
    dr_status st = pop(p, 1, out);
    p->depth += !st;
    return st;
}

static dr_status append(dr_pickle *p, dr_pk_node *node, const dr_pk *item, size_t n)
{
    if (n == 0)
        return DR_OK;
    dr_pk_chunk *c = dr_pickle_alloc(p, sizeof *c + n * sizeof *item);
    if (!c)
        return DR_EINVAL;
    c->next = NULL;
    c->count = (uint32_t)n;
    memcpy(c->item, item, n * sizeof *item);
    if (node->last)
        node->last->next = c;
    else
        node->first = c;
    node->last = c;
    return dr_pk_deepen(p, node, item, n);
}

/* Items for the value below them: a list, or a thing whose content does not matter. */
static dr_status add_items(dr_pickle *p, const dr_pk *item, size_t n)
{
    dr_pk *to = NULL;
    dr_status st = top(p, &to);
    if (st)
        return st;
    if (to->kind != DR_PK_LIST && to->kind != DR_PK_OBJECT)
        return dr_pk_damaged(p, "items for a thing that is no list");
    return to->kind == DR_PK_LIST ? append(p, to->node, item, n) : DR_OK;
}

static dr_status set_items(dr_pickle *p, const dr_pk *item, size_t n)
{
    dr_pk *to = NULL;
    dr_status st = top(p, &to);
    if (st)
        return st;
    if (n % 2)
        return dr_pk_damaged(p, "a key without a value");
    if (to->kind != DR_PK_DICT && to->kind != DR_PK_OBJECT)
        return dr_pk_damaged(p, "entries for a thing that is no dictionary");
    for (size_t i = 0; i < n; i += 2)
        if (item[i].kind == DR_PK_LIST || item[i].kind == DR_PK_DICT)
            return dr_pk_damaged(p, "a list or dictionary as a key");
    return to->kind == DR_PK_DICT ? append(p, to->node, item, n) : DR_OK;
}

static dr_status put(dr_pickle *p, uint64_t index)
{
    dr_pk *v = NULL;
    dr_status st = top(p, &v);
    if (st)
        return st;
    if (index >= (uint64_t)(p->end - p->from))
        return dr_fail(
            DR_EINVAL,
            "cannot read '%s': its pickle numbers a value %llu, more than its %zu bytes can have; it is damaged "
            "or made to exhaust memory",
            p->path, (unsigned long long)index, (size_t)(p->end - p->from));
    if (index >= p->memo_room)
        return dr_pk_too_much(p);
    p->memo[index] = *v;
    return DR_OK;
}

static dr_status put_sized(dr_pickle *p, size_t bytes)
{
    uint64_t index;
    dr_status st = dr_pk_number(p, bytes, &index);
    return st ? st : put(p, index);
}

static dr_status get_sized(dr_pickle *p, size_t bytes)
{
    uint64_t index;
    dr_status st = dr_pk_number(p, bytes, &index);
    if (st)
        return st;
    if (index >= p->memo_room || p->memo[index].kind == DR_PK_UNSET)
        return dr_pk_damaged(p, "a reference to a value that was never kept");
    return dr_pk_push(p, p->memo[index]);
}

/* --- what the host decides --- */

static dr_status push_name(dr_pickle *p, const dr_pickle_host *h, const dr_pk *module, const dr_pk *name)
{
    dr_pk out = {0};
    if (module->kind != DR_PK_STR || name->kind != DR_PK_STR)
        return dr_pk_damaged(p, "a name that is no text");
    dr_status st = h->name(h->self, p, module, name, &out);
    return st ? st : dr_pk_push(p, out);
}

static dr_status global(dr_pickle *p, const dr_pickle_host *h)
{
    dr_pk module, name;
    dr_status st = dr_pk_line(p, &module);
    if (!st)
        st = dr_pk_line(p, &name);
    return st ? st : push_name(p, h, &module, &name);
}

static dr_status call(dr_pickle *p, const dr_pickle_host *h, bool as_object)
{
    dr_pk *v = NULL, out = {0};
    dr_status st = pop(p, 2, &v);
    if (st)
        return st;
    if (v[0].kind != DR_PK_NAME || v[1].kind != DR_PK_TUPLE)
        return dr_pk_damaged(p, "a call of a thing that is no name, or with no tuple of arguments");
    st = h->call(h->self, p, &v[0], &v[1], as_object, &out);
    return st ? st : dr_pk_push(p, out);
}

/* State dictionaries have attributes (`_metadata`), which say nothing about tensors. */
static dr_status build(dr_pickle *p, const dr_pickle_host *h)
{
    dr_pk *v = NULL;
    dr_status st = pop(p, 2, &v);
    if (st)
        return st;
    p->depth++;
    return v[0].kind == DR_PK_DICT && !v[0].node->tag ? DR_OK : h->build(h->self, p, &v[0], &v[1]);
}

static dr_status persistent(dr_pickle *p, const dr_pickle_host *h)
{
    dr_pk *v = NULL, out = {0};
    dr_status st = pop(p, 1, &v);
    if (!st)
        st = h->persistent(h->self, p, v, &out);
    return st ? st : dr_pk_push(p, out);
}

/* --- the machine --- */

/* One instruction that is neither a constant nor the end. */
static dr_status step(dr_pickle *p, const dr_pickle_host *h, int op)
{
    dr_pk *v = NULL;
    size_t n = 0;
    uint64_t length;
    dr_status st = DR_OK;
    switch (op) {
    case 0x80: /* PROTO */
        if ((st = dr_pk_number(p, 1, &length)) || length <= 5)
            return st;
        return dr_fail(DR_EUNSUPPORTED, "cannot read '%s': its pickle is of protocol %d, 5 is the newest that is known",
                       p->path, (int)length);
    case 0x95: /* FRAME: a hint for reading ahead */
        if ((st = dr_pk_number(p, 8, &length)) || length <= (uint64_t)(p->end - p->at))
            return st;
        return dr_pk_cut(p);
    case 0x85: /* TUPLE1 to TUPLE3, TUPLE */
    case 0x86:
    case 0x87:
        st = pop(p, n = (size_t)op - 0x84, &v);
        return st ? st : dr_pk_push_tuple(p, v, n);
    case 't':
        st = pop_mark(p, &v, &n);
        return st ? st : dr_pk_push_tuple(p, v, n);
    case 'a': /* APPEND, APPENDS, ADDITEMS */
        st = pop(p, 1, &v);
        return st ? st : add_items(p, v, 1);
    case 'e':
    case 0x90:
        st = pop_mark(p, &v, &n);
        return st ? st : add_items(p, v, n);
    case 's': /* SETITEM, SETITEMS */
        st = pop(p, 2, &v);
        return st ? st : set_items(p, v, 2);
    case 'u':
        st = pop_mark(p, &v, &n);
        return st ? st : set_items(p, v, n);
    case '0': /* POP, POP_MARK: after a tuple that contains itself */
        if (p->depth && p->stack[p->depth - 1].kind == DR_PK_MARK)
            return p->depth--, DR_OK;
        return pop(p, 1, &v);
    case '1':
        return pop_mark(p, &v, &n);
    case 'q': /* BINPUT, LONG_BINPUT, MEMOIZE, BINGET, LONG_BINGET */
        return put_sized(p, 1);
    case 'r':
        return put_sized(p, 4);
    case 0x94:
        return put(p, p->memo_next++);
    case 'h':
        return get_sized(p, 1);
    case 'j':
        return get_sized(p, 4);
    case 'c': /* GLOBAL, STACK_GLOBAL */
        return global(p, h);
    case 0x93:
        st = pop(p, 2, &v);
        return st ? st : push_name(p, h, &v[0], &v[1]);
    case 'R': /* REDUCE, NEWOBJ, BUILD, BINPERSID */
        return call(p, h, false);
    case 0x81:
        return call(p, h, true);
    case 'b':
        return build(p, h);
    case 'Q':
        return persistent(p, h);
    default:
        return dr_pk_constant(p, op);
    }
}

dr_status dr_pickle_run(dr_pickle *p, const void *data, size_t size, const dr_pickle_host *host, dr_pk *result,
                        size_t *used)
{
    p->from = p->at = data;
    p->end = p->from + size;
    dr_status st = dr_pk_take_stack(p, size);
    while (!st) {
        if (p->at == p->end) {
            st = dr_fail(
                DR_EINVAL,
                "cannot read '%s': its pickle has no end after %zu bytes; the file was cut short or is damaged, "
                "get it again",
                p->path, size);
            break;
        }
        int op = *p->at++;
        if (op == '.')
            break;
        st = step(p, host, op);
    }
    if (!st && (p->depth != 1 || p->stack[0].kind == DR_PK_MARK))
        st = dr_pk_damaged(p, p->depth ? "values left over at its end" : "no value at its end");
    if (!st)
        *result = p->stack[0];
    *used = (size_t)(p->at - p->from);
    dr_pk_drop_stack(p);
    return st;
}
