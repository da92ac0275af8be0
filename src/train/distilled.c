#include "train/distilled.h"

#include <stdlib.h>
#include <string.h>

/* change = painter - base, for parameters of one table. */
static dr_status subtract(dr_distilled *d, const dr_params *painter, const dr_params *base, const char *dir)
{
    const dr_param *b = base->first;
    float *at = d->change;
    for (const dr_param *a = painter->first; a; a = a->next, b = b ? b->next : NULL) {
        if (!b || strcmp(a->t.name, b->t.name) != 0 || !dr_same_shape(&a->t, &b->t))
            return dr_fail(DR_EINVAL, "'%s': unet and " DR_UNET_BASE " differ at '%s', expected the same architecture",
                           dir, a->t.name);
        size_t n = (size_t)dr_numel(&a->t);
        dr_to_f32(a->t.data, a->t.dtype, at, n);
        dr_to_f32(b->t.data, b->t.dtype, d->plain, n);
        for (size_t i = 0; i < n; i++)
            at[i] -= d->plain[i];
        at += n;
    }
    return DR_OK;
}

static dr_status make_room(dr_distilled *d, size_t values)
{
    d->values = values;
    d->change = malloc(values * sizeof(float));
    d->plain = malloc(values * sizeof(float));
    return d->change && d->plain ? DR_OK
                                 : dr_fail(DR_ENOMEM, "out of memory: %zu MiB for the change by distilling",
                                           2 * values * sizeof(float) >> 20);
}

dr_status dr_distilled_open(dr_distilled *d, dr_unet_model *unet, const dr_source *s)
{
    dr_unet_model base = {0};
    *d = (dr_distilled){0};
    if (!dr_source_has(s, DR_UNET_BASE))
        return DR_OK;
    dr_status st = dr_unet_load(unet, s);
    if (!st)
        st = dr_unet_load_part(&base, s, DR_UNET_BASE);
    if (!st)
        st = make_room(d, (size_t)dr_params_numel(&unet->params));
    if (!st)
        st = subtract(d, &unet->params, &base.params, dr_source_path(s));
    dr_unet_unload(unet);
    if (st) {
        dr_unet_unload(&base);
        dr_distilled_clear(d);
    } else {
        *unet = base;
    }
    return st;
}

void dr_distilled_clear(dr_distilled *d)
{
    free(d->change);
    free(d->plain);
    *d = (dr_distilled){0};
}

dr_status dr_distilled_enter(const dr_distilled *d, dr_params *params)
{
    size_t at = 0;
    for (dr_param *q = d->change ? params->first : NULL; q; q = q->next) {
        dr_status st = dr_param_make_own_f32(q);
        if (st)
            return st;
        size_t n = (size_t)dr_numel(&q->t);
        float *w = dr_f32(&q->t);
        memcpy(d->plain + at, w, n * sizeof *w);
        for (size_t i = 0; i < n; i++)
            w[i] += d->change[at + i];
        dr_weight_unpack(&q->t);
        at += n;
    }
    return DR_OK;
}

void dr_distilled_leave(const dr_distilled *d, dr_params *params)
{
    size_t at = 0;
    for (dr_param *q = d->change ? params->first : NULL; q; q = q->next) {
        size_t n = (size_t)dr_numel(&q->t);
        memcpy(dr_f32(&q->t), d->plain + at, n * sizeof(float));
        dr_weight_unpack(&q->t);
        at += n;
    }
}
