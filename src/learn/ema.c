#include "learn/ema.h"

#include "learn/state_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SPAN 16384 /* values that one thread averages or exchanges in one go */

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
    e->storage_size = size ? size : 1;
    void *storage = mmap(NULL, e->storage_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    e->average = storage == MAP_FAILED ? NULL : storage;
    if (!e->param || !e->average) {
        dr_ema_clear(e);
        return dr_fail(DR_ENOMEM, "out of memory: the average needs %zu MiB for a second set of weights", size >> 20);
    }
    float *at = e->average;
    for (size_t i = 0; i < count; i++) {
        e->param[i] = params[i];
        memcpy(at, dr_f32(params[i]), dr_nbytes(params[i]));
        at += dr_numel(params[i]);
    }
    return DR_OK;
}

void dr_ema_clear(dr_ema *e)
{
    if (e->average)
        munmap(e->average, e->storage_size);
    free(e->param);
    *e = (dr_ema){0};
}

double dr_ema_decay(double max_decay, int step)
{
    return step <= 0 ? 0 : fmin(max_decay, (1.0 + step) / (10.0 + step));
}

static void move_towards(float *average, const float *x, int64_t n, float part)
{
    for (int64_t i = 0; i < n; i++)
        average[i] -= part * (average[i] - x[i]);
}

static void exchange(float *a, float *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        float t = a[i];
        a[i] = b[i];
        b[i] = t;
    }
}

void dr_ema_update(dr_ema *e, int step)
{
    float part = (float)(1 - dr_ema_decay(e->max_decay, step)), *average = e->average;
    for (size_t i = 0; i < e->count; i++) {
        const float *x = dr_f32(e->param[i]);
        int64_t n = dr_numel(e->param[i]);
#pragma omp parallel for schedule(static) if (n > SPAN)
        for (int64_t at = 0; at < n; at += SPAN)
            move_towards(average + at, x + at, n - at < SPAN ? n - at : SPAN, part);
        average += n;
    }
}

void dr_ema_swap(dr_ema *e)
{
    float *average = e->average;
    for (size_t i = 0; i < e->count; i++) {
        float *x = dr_f32(e->param[i]);
        int64_t n = dr_numel(e->param[i]);
#pragma omp parallel for schedule(static) if (n > SPAN)
        for (int64_t at = 0; at < n; at += SPAN)
            exchange(average + at, x + at, n - at < SPAN ? n - at : SPAN);
        dr_weight_unpack(e->param[i]); /* a packed copy would keep the old values */
        average += n;
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
