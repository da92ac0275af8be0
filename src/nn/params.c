#include "nn/params.h"

#include <stdio.h>
#include <string.h>

dr_status dr_params_init(dr_params *p)
{
    *p = (dr_params){0};
    return dr_arena_init(&p->arena, (size_t)256 << 20);
}

void dr_params_clear(dr_params *p)
{
    for (dr_param *q = p->first; q; q = q->next) {
        dr_weight_unpack(&q->t);
        dr_param_disown(q);
    }
    dr_arena_clear(&p->arena);
    *p = (dr_params){0};
}

dr_tensor *dr_param_add(dr_params *p, const char *prefix, const char *name, dr_init init, int64_t fan_in, int rank,
                        int64_t d0, int64_t d1, int64_t d2, int64_t d3)
{
    static dr_tensor none;
    dr_param *q = p->status ? NULL : dr_arena_zalloc(&p->arena, sizeof *q);
    const char *dot = prefix[0] && name[0] ? "." : "";
    char *full = q ? dr_arena_printf(&p->arena, "%s%s%s", prefix, dot, name) : NULL;
    if (!full) {
        p->status = DR_ENOMEM;
        return &none;
    }
    q->t = (dr_tensor){.dtype = DR_F32, .rank = rank, .dim = {d0, d1, d2, d3}, .name = full, .constant = true};
    q->init = init;
    q->fan_in = fan_in;
    if (p->last)
        p->last->next = q;
    else
        p->first = q;
    p->last = q;
    p->count++;
    return &q->t;
}

const char *dr_params_text(dr_params *p, const char *text)
{
    const char *copy = p->status ? NULL : dr_arena_printf(&p->arena, "%s", text);
    if (!copy)
        p->status = DR_ENOMEM;
    return copy ? copy : "";
}

dr_param *dr_param_find(const dr_params *p, const char *name)
{
    for (dr_param *q = p->first; q; q = q->next)
        if (strcmp(q->t.name, name) == 0)
            return q;
    return NULL;
}

int64_t dr_params_numel(const dr_params *p)
{
    int64_t n = 0;
    for (const dr_param *q = p->first; q; q = q->next)
        n += dr_numel(&q->t);
    return n;
}

dr_status dr_param_own(dr_param *p, dr_dtype dtype)
{
    DR_ASSERT(!p->owned, "'%s' has storage already", p->t.name);
    p->t.dtype = dtype;
    size_t size = dr_nbytes(&p->t);
    void *data = dr_ops_get()->take(size, false);
    if (!data)
        return dr_fail(DR_ENOMEM, "out of memory: %zu MiB for '%s'", size >> 20, p->t.name);
    p->owned = p->t.data = data;
    p->owned_size = size;
    p->t.mapped = p->t.yields = p->t.yielded = false;
    return DR_OK;
}

void dr_param_disown(dr_param *p)
{
    if (p->owned)
        dr_ops_get()->give(p->owned, p->owned_size);
    p->owned = NULL;
}

void dr_param_set(dr_param *p, size_t at, size_t n, const void *host)
{
    size_t from = dr_dtype_bytes(p->t.dtype, at), size = dr_dtype_bytes(p->t.dtype, n);
    DR_ASSERT(p->owned && from + size <= dr_nbytes(&p->t), "'%s': values %zu+%zu", p->t.name, at, n);
    dr_ops_get()->put((char *)p->t.data + from, host, size);
}

void dr_param_get(const dr_param *p, size_t at, size_t n, void *host)
{
    size_t from = dr_dtype_bytes(p->t.dtype, at), size = dr_dtype_bytes(p->t.dtype, n);
    DR_ASSERT(!p->t.yielded && from + size <= dr_nbytes(&p->t), "'%s': values %zu+%zu", p->t.name, at, n);
    dr_ops_get()->get(host, (const char *)p->t.data + from, size);
}
