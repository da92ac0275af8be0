#include "learn/ema.h"

#include "learn/state_file.h"

#include <math.h>
#include <stdlib.h>

dr_status dr_ema_init(dr_ema *e, dr_tensor *const *params, size_t count, double max_decay)
{
    return dr_ema_init_shares(e, params, count, max_decay, NULL);
}

/* Lists the parameters; the bytes of the average. */
static size_t list_params(dr_ema *e, dr_tensor *const *params, const dr_span *own)
{
    int64_t n = 0;
    for (size_t i = 0; i < e->count; i++) {
        e->param[i] = params[i];
        e->own[i] = own ? own[i] : (dr_span){0, dr_numel(params[i])};
        n += e->own[i].n;
    }
    return (size_t)n * sizeof(float);
}

static float *own_values(const dr_ema *e, size_t i)
{
    return dr_f32(e->param[i]) + e->own[i].from;
}

dr_status dr_ema_init_shares(dr_ema *e, dr_tensor *const *params, size_t count, double max_decay, const dr_span *own)
{
    *e = (dr_ema){.count = count, .max_decay = max_decay};
    e->param = calloc(count + 1, sizeof(dr_tensor *));
    e->own = calloc(count + 1, sizeof *e->own);
    e->storage_size = e->param && e->own ? list_params(e, params, own) : 0;
    e->average = e->param && e->own ? dr_ops_get()->take(e->storage_size, false) : NULL;
    if (!e->average) {
        size_t size = e->storage_size;
        dr_ema_clear(e);
        return dr_fail(DR_ENOMEM, "out of memory: the average needs %zu MiB for a second set of weights", size >> 20);
    }
    float *at = e->average;
    for (size_t i = 0; i < count; i++) {
        if (e->own[i].n)
            dr_ops_get()->move(at, own_values(e, i), (size_t)e->own[i].n * sizeof *at);
        at += e->own[i].n;
    }
    return DR_OK;
}

void dr_ema_clear(dr_ema *e)
{
    if (e->average)
        dr_ops_get()->give(e->average, e->storage_size);
    free(e->param);
    free(e->own);
    *e = (dr_ema){0};
}

double dr_ema_decay(double max_decay, int step)
{
    return step <= 0 ? 0 : fmin(max_decay, (1.0 + step) / (10.0 + step));
}

void dr_ema_update(dr_ema *e, int step)
{
    float part = (float)(1 - dr_ema_decay(e->max_decay, step)), *average = e->average;
    for (size_t i = 0; i < e->count; i++) {
        if (e->own[i].n)
            dr_ops_get()->average(e->own[i].n, part, own_values(e, i), average);
        average += e->own[i].n;
    }
}

void dr_ema_swap(dr_ema *e)
{
    float *average = e->average;
    for (size_t i = 0; i < e->count; i++) {
        if (e->own[i].n)
            dr_ops_get()->exchange(e->own[i].n, average, own_values(e, i));
        dr_weight_unpack(e->param[i]); /* a packed copy would keep the old values */
        average += e->own[i].n;
    }
}

static dr_status list(dr_state_file *s, const dr_ema *e, const char *const *prefix)
{
    dr_status st = dr_state_file_init(s, e->count);
    float *at = e->average;
    for (size_t i = 0; !st && i < e->count; i++) {
        const dr_tensor *p = e->param[i];
        const dr_state_share share = {p, i, e->own[i], 1};
        dr_state_file_add_share(s, at, DR_F32, p->rank, p->dim, "ema", prefix[i], &share);
        at += e->own[i].n;
    }
    return st;
}

dr_status dr_ema_save(const dr_ema *e, const char *const *prefix, const char *path)
{
    return dr_ema_save_shares(e, prefix, path, NULL);
}

dr_status dr_ema_save_shares(const dr_ema *e, const char *const *prefix, const char *path, const dr_exchange *x)
{
    dr_state_file s;
    dr_status st = list(&s, e, prefix);
    if (st)
        return st;
    st = dr_state_file_save_shares(&s, path, x);
    dr_state_file_clear(&s);
    return st;
}

dr_status dr_ema_load(dr_ema *e, const char *const *prefix, const char *path)
{
    dr_state_file s;
    dr_status st = list(&s, e, prefix);
    if (st)
        return st;
    st = dr_state_file_load(&s, path);
    dr_state_file_clear(&s);
    return st;
}
