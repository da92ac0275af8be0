#include "learn/ema.h"

#include "learn/state_file.h"

#include <math.h>
#include <stdlib.h>

static int64_t total(dr_tensor *const *params, size_t count)
{
    int64_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += dr_numel(params[i]);
    return n;
}

dr_status dr_ema_init(dr_ema *e, dr_tensor *const *params, size_t count, double max_decay)
{
    *e = (dr_ema){.count = count, .max_decay = max_decay};
    size_t size = (size_t)total(params, count) * sizeof(float);
    e->param = calloc(count + 1, sizeof(dr_tensor *));
    e->storage_size = size;
    e->average = dr_ops_get()->take(size, false);
    if (!e->param || !e->average) {
        dr_ema_clear(e);
        return dr_fail(DR_ENOMEM, "out of memory: the average needs %zu MiB for a second set of weights", size >> 20);
    }
    float *at = e->average;
    for (size_t i = 0; i < count; i++) {
        e->param[i] = params[i];
        dr_ops_get()->move(at, dr_f32(params[i]), dr_nbytes(params[i]));
        at += dr_numel(params[i]);
    }
    return DR_OK;
}

void dr_ema_clear(dr_ema *e)
{
    if (e->average)
        dr_ops_get()->give(e->average, e->storage_size);
    free(e->param);
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
        dr_ops_get()->average(dr_numel(e->param[i]), part, dr_f32(e->param[i]), average);
        average += dr_numel(e->param[i]);
    }
}

void dr_ema_swap(dr_ema *e)
{
    float *average = e->average;
    for (size_t i = 0; i < e->count; i++) {
        dr_ops_get()->exchange(dr_numel(e->param[i]), average, dr_f32(e->param[i]));
        dr_weight_unpack(e->param[i]); /* a packed copy would keep the old values */
        average += dr_numel(e->param[i]);
    }
}

static dr_status list(dr_state_file *s, const dr_ema *e, const char *const *prefix)
{
    dr_status st = dr_state_file_init(s, e->count);
    float *at = e->average;
    for (size_t i = 0; !st && i < e->count; i++) {
        const dr_tensor *p = e->param[i];
        dr_state_file_add(s, at, DR_F32, p->rank, p->dim, "ema", prefix[i], p->name);
        at += dr_numel(p);
    }
    return st;
}

dr_status dr_ema_save(const dr_ema *e, const char *const *prefix, const char *path)
{
    dr_state_file s;
    dr_status st = list(&s, e, prefix);
    if (st)
        return st;
    st = dr_state_file_save(&s, path);
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
