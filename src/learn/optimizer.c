#include "learn/optimizer.h"

#include <math.h>
#include <stdlib.h>

#define ALIGN 64   /* every parameter's moments start a cache line */
#define SMALL 4096 /* tensors with fewer values keep 32 bits */

static size_t aligned(size_t size)
{
    return (size + ALIGN - 1) / ALIGN * ALIGN;
}

/* Of n values of a parameter of `of`. */
static size_t bytes(int64_t n, int64_t of, bool eight_bit)
{
    if (!eight_bit || of < SMALL)
        return 2 * aligned((size_t)n * sizeof(float));
    return 2 * aligned((size_t)n) + 2 * aligned((size_t)dr_quant8_blocks(n) * sizeof(float));
}

size_t dr_adamw_bytes(int64_t n, bool eight_bit)
{
    return bytes(n, n, eight_bit);
}

/* Points one parameter's moments at its part of the storage. */
static void place(dr_moments *m, char *at, bool eight_bit)
{
    int64_t n = m->own.n;
    if (!eight_bit || dr_numel(m->param) < SMALL) {
        m->m = (float *)(void *)at;
        m->v = (float *)(void *)(at + aligned((size_t)n * sizeof(float)));
        return;
    }
    size_t codes = aligned((size_t)n), scales = aligned((size_t)dr_quant8_blocks(n) * sizeof(float));
    m->m8 = (uint8_t *)at;
    m->v8 = m->m8 + codes;
    m->m_scale = (float *)(void *)(at + 2 * codes);
    m->v_scale = (float *)(void *)(at + 2 * codes + scales);
}

dr_status dr_adamw_init(dr_adamw *a, const dr_adamw_options *o, dr_tensor *const *params, size_t count)
{
    return dr_adamw_init_shares(a, o, params, count, NULL);
}

static dr_span own_of(const dr_span *own, dr_tensor *const *params, size_t i)
{
    return own ? own[i] : (dr_span){0, dr_numel(params[i])};
}

dr_status dr_adamw_init_shares(dr_adamw *a, const dr_adamw_options *o, dr_tensor *const *params, size_t count,
                               const dr_span *own)
{
    *a = (dr_adamw){.options = *o, .count = count};
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        DR_ASSERT(params[i]->dtype == DR_F32, "'%s' is %s, only F32 is trained", params[i]->name,
                  dr_dtype_name(params[i]->dtype));
        size += bytes(own_of(own, params, i).n, dr_numel(params[i]), o->eight_bit);
    }
    a->moments = calloc(count + 1, sizeof *a->moments);
    a->storage_size = size;
    a->storage = dr_ops_get()->take(size, false);
    if (!a->moments || !a->storage) {
        dr_adamw_clear(a);
        return dr_fail(DR_ENOMEM, "out of memory: the optimizer needs %zu MiB for its moments; %s", size >> 20,
                       o->eight_bit ? "train fewer weights with --lora_rank" : "--use_8bit_adam needs a quarter of it");
    }
    char *at = a->storage; /* zero pages, made as they are first written */
    for (size_t i = 0; i < count; i++) {
        a->moments[i].param = params[i];
        a->moments[i].own = own_of(own, params, i);
        place(&a->moments[i], at, o->eight_bit);
        at += bytes(a->moments[i].own.n, dr_numel(params[i]), o->eight_bit);
    }
    return DR_OK;
}

void dr_adamw_clear(dr_adamw *a)
{
    if (a->storage)
        dr_ops_get()->give(a->storage, a->storage_size);
    free(a->moments);
    *a = (dr_adamw){0};
}

double dr_adamw_grad_squares(const dr_adamw *a, const dr_ops *ops)
{
    double sum = 0;
    for (size_t i = 0; i < a->count; i++) {
        const dr_moments *m = &a->moments[i];
        if (m->param->grad && m->own.n)
            sum += ops->sumsq(m->own.n, m->param->grad + m->own.from);
    }
    return sum;
}

double dr_adamw_grad_norm(const dr_adamw *a, const dr_ops *ops)
{
    return sqrt(dr_adamw_grad_squares(a, ops));
}

float dr_adamw_clip_scale(double norm, double max_norm)
{
    return max_norm > 0 ? (float)fmin(1, max_norm / (norm + 1e-6)) : 1;
}

void dr_adamw_begin(dr_adamw *a)
{
    a->step++;
}

void dr_adamw_apply(dr_adamw *a, const dr_ops *ops, size_t i, float lr, float scale)
{
    const dr_adamw_options *o = &a->options;
    dr_moments *m = &a->moments[i];
    dr_tensor *p = m->param;
    DR_ASSERT(a->step > 0, "'%s': an update before dr_adamw_begin", p->name);
    if (!p->grad || !m->own.n)
        return;
    float *values = dr_f32(p) + m->own.from, *grad = p->grad + m->own.from;
    double bc1 = 1 - pow(o->beta1, (double)a->step), bc2 = 1 - pow(o->beta2, (double)a->step);
    if (m->m)
        ops->adamw(m->own.n, values, grad, m->m, m->v, scale, lr, (float)o->beta1, (float)o->beta2, (float)o->eps,
                   (float)o->weight_decay, bc1, bc2);
    else
        ops->adamw8(&(dr_adamw8_args){.n = m->own.n,
                                      .p = values,
                                      .g = grad,
                                      .m = m->m8,
                                      .v = m->v8,
                                      .m_scale = m->m_scale,
                                      .v_scale = m->v_scale,
                                      .lr = lr,
                                      .scale = scale,
                                      .beta1 = o->beta1,
                                      .beta2 = o->beta2,
                                      .eps = o->eps,
                                      .weight_decay = o->weight_decay,
                                      .bc1 = bc1,
                                      .bc2 = bc2});
    dr_weight_unpack(p); /* a packed copy would keep the old values */
}

void dr_adamw_step(dr_adamw *a, const dr_ops *ops, float lr, float scale)
{
    dr_adamw_begin(a);
    for (size_t i = 0; i < a->count; i++)
        dr_adamw_apply(a, ops, i, lr, scale);
}
