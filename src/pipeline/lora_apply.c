#include "pipeline/lora.h"

#include "ops/ops.h"
#include "pipeline/weights.h"

#include <stdlib.h>
#include <string.h>

/* Equal when kohya's name is the parameter's with underscores for dots, without ".weight". */
static bool kohya_equal(const char *layer, const char *param)
{
    for (; *layer && *param; layer++, param++)
        if (*layer != (*param == '.' ? '_' : *param))
            return false;
    return !*layer && strcmp(param, ".weight") == 0;
}

static dr_param *find_layer(const dr_params *p, const dr_lora_module *m)
{
    size_t n = strlen(m->layer);
    for (dr_param *q = p->first; q; q = q->next) {
        if (m->kohya ? kohya_equal(m->layer, q->t.name)
                     : strncmp(q->t.name, m->layer, n) == 0 && strcmp(q->t.name + n, ".weight") == 0)
            return q;
    }
    return NULL;
}

/* down [rank,in,kh,kw] and up [out,rank,1,1] for w [out,in,kh,kw]; axes of 1 at the end may be left out. */
static bool shapes_fit(const dr_tensor *w, const dr_lora_module *m)
{
    if (w->rank < 2 || m->down->rank > 4 || m->up->dim[0] != w->dim[0])
        return false;
    for (int i = 1; i < 4; i++)
        if ((i < m->down->rank ? m->down->dim[i] : 1) != w->dim[i])
            return false;
    for (int i = 2; i < m->up->rank; i++)
        if (m->up->dim[i] != 1)
            return false;
    return true;
}

static dr_status check(const dr_lora *l, const dr_params *p, const dr_lora_module *m, size_t *unknown,
                       const char **first)
{
    char shape[128];
    const dr_param *q = find_layer(p, m);
    if (!q) {
        *first = *first ? *first : m->key;
        ++*unknown;
        return DR_OK;
    }
    if (!shapes_fit(&q->t, m))
        return dr_fail(DR_EINVAL,
                       "cannot use '%s': '%s' takes %lld values and gives %lld, but '%s' has shape %s; it was made for "
                       "another model",
                       l->file.path, m->key, (long long)m->down->dim[1], (long long)m->up->dim[0], q->t.name,
                       dr_shape_str(&q->t, shape, sizeof shape));
    return DR_OK;
}

/* All layers of one model, before any is changed. */
static dr_status check_all(const dr_lora *l, const dr_params *p, bool text)
{
    const char *first = NULL;
    size_t unknown = 0;
    for (size_t i = 0; i < l->count; i++)
        if (l->module[i].text == text) {
            dr_status st = check(l, p, &l->module[i], &unknown, &first);
            if (st)
                return st;
        }
    if (!unknown)
        return DR_OK;
    return dr_fail(DR_EINVAL,
                   "cannot use '%s': the %s has no place for %zu of its layers, the first is '%s'; it was made for "
                   "another model",
                   l->file.path, text ? "text encoder" : "UNet", unknown, first);
}

/* A factor as f32; the file's data may be unaligned. */
static dr_status load_factor(const dr_lora *l, const dr_st_entry *e, float **out)
{
    size_t size = dr_dtype_size(e->dtype), n = e->size / size;
    void *aligned = malloc(e->size ? e->size : 1);
    *out = malloc(n * sizeof **out + 1);
    dr_status st = DR_OK;
    if (!aligned || !*out) {
        st = dr_fail(DR_ENOMEM, "out of memory loading '%s'", l->file.path);
    } else {
        memcpy(aligned, e->data, e->size);
        dr_to_f32(aligned, e->dtype, *out, n);
        st = dr_check_finite(*out, DR_F32, n, e->name, l->file.path);
    }
    free(aligned);
    if (st) {
        free(*out);
        *out = NULL;
    }
    return st;
}

/* The factors as values, and their product onto w. */
static dr_status add_product(const float *up, const float *down, double s, int64_t rank, dr_tensor *w)
{
    const dr_ops *ops = dr_ops_get();
    int64_t out = w->dim[0], in = dr_numel(w) / out, n = (out + in) * rank;
    float *both = ops->take((size_t)n * sizeof *both, false), *low = both + out * rank;
    if (!both)
        return dr_fail(DR_ENOMEM, "out of memory merging a LoRA");
    ops->put(both, up, (size_t)(out * rank) * sizeof *both);
    ops->put(low, down, (size_t)(in * rank) * sizeof *both);
    dr_status st = ops->add_product(out, rank, in, (float)s, both, low, dr_f32(w));
    ops->give(both, (size_t)n * sizeof *both);
    return st;
}

static dr_status merge(const dr_lora *l, const dr_lora_module *m, dr_param *q, double scale)
{
    float *down = NULL, *up = NULL;
    dr_status st = load_factor(l, m->down, &down);
    if (!st)
        st = load_factor(l, m->up, &up);
    if (!st)
        st = dr_param_make_own_f32(q);
    if (!st) {
        dr_weight_unpack(&q->t);
        st = add_product(up, down, scale * m->scale, m->down->dim[0], &q->t);
    }
    free(down);
    free(up);
    return st;
}

dr_status dr_lora_apply(const dr_lora *l, dr_params *unet, dr_params *text, double scale)
{
    dr_status st = unet ? check_all(l, unet, false) : DR_OK;
    if (!st && text)
        st = check_all(l, text, true);
    for (size_t i = 0; !st && i < l->count; i++) {
        const dr_lora_module *m = &l->module[i];
        dr_params *p = m->text ? text : unet;
        if (p)
            st = merge(l, m, find_layer(p, m), scale);
    }
    return st;
}
