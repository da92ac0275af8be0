#include "pipeline/lora.h"

#include "ops/ops.h"
#include "pipeline/lora_delta.h"
#include "pipeline/lora_find.h"
#include "pipeline/weights.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- checks ------------------------------------------------------------------------------------------- */

/* DoRA's norms: of the weight's rows or of its columns. */
static bool dora_axis(const dr_st_entry *e, const dr_tensor *w, bool peft, bool *columns)
{
    int64_t n = 1;
    for (int i = 0; i < e->rank; i++)
        n *= e->dim[i];
    bool by_row = n == w->dim[0] && (peft || (e->rank >= 1 && e->dim[0] == n));
    *columns = !by_row;
    return by_row || (!peft && n == w->dim[1] && e->rank >= 2 && e->dim[1] == n);
}

static const dr_st_entry *dora_of(const dr_lora_module *m)
{
    return m->part[DR_LORA_DORA] ? m->part[DR_LORA_DORA] : m->part[DR_LORA_MAGNITUDE];
}

static dr_status misfit(const dr_lora *l, const dr_lora_module *m, const dr_st_entry *e, const dr_tensor *w)
{
    char have[128], want[128];
    dr_tensor t = {.rank = e->rank < 4 ? e->rank : 4};
    for (int i = 0; i < 4; i++)
        t.dim[i] = i < e->rank ? e->dim[i] : 1;
    if (m->method == DR_METHOD_LORA && e == m->part[DR_LORA_DOWN])
        return dr_fail(DR_EINVAL,
                       "cannot use '%s': '%s' takes %lld values and gives %lld, but '%s' has shape %s; it was made for "
                       "another model",
                       l->file.path, m->key, (long long)m->part[DR_LORA_DOWN]->dim[1],
                       (long long)m->part[DR_LORA_UP]->dim[0], w->name, dr_shape_str(w, want, sizeof want));
    return dr_fail(DR_EINVAL,
                   "cannot use '%s': '%s' has shape %s, which does not fit '%s' of shape %s; it was made for another "
                   "model",
                   l->file.path, e->name, dr_shape_str(&t, have, sizeof have), w->name,
                   dr_shape_str(w, want, sizeof want));
}

static const dr_st_entry *first_part(const dr_lora_module *m)
{
    int i = 0;
    while (!m->part[i])
        i++;
    return m->part[i];
}

static dr_status check_bias(const dr_lora *l, const dr_params *p, const dr_lora_module *m)
{
    const dr_st_entry *e = m->part[DR_FULL_BIAS];
    const dr_param *q = e ? dr_lora_find(p, m, ".bias") : NULL;
    if (!e || m->third >= 0)
        return DR_OK;
    if (!q)
        return dr_fail(DR_EINVAL, "cannot use '%s': '%s' is for a bias, which the model's layer has not", l->file.path,
                       e->name);
    return e->rank == 1 && e->dim[0] == q->t.dim[0] ? DR_OK : misfit(l, m, e, &q->t);
}

static dr_status check(const dr_lora *l, const dr_params *p, const dr_lora_module *m, size_t *unknown,
                       const char **first)
{
    const dr_param *q = dr_lora_find(p, m, ".weight");
    bool columns;
    if (!q && dr_lora_is_left_out(p, m))
        return DR_OK;
    if (!q) {
        *first = *first ? *first : m->key;
        ++*unknown;
        return DR_OK;
    }
    if (m->method == DR_METHOD_FULL && m->third >= 0)
        return dr_fail(DR_EUNSUPPORTED,
                       "cannot use '%s': '%s' is a whole difference of three projections at once, which drape does not "
                       "read",
                       l->file.path, m->key);
    if (!dr_lora_fits(m, &q->t))
        return misfit(l, m, first_part(m), &q->t);
    if (dora_of(m) && !dora_axis(dora_of(m), &q->t, m->part[DR_LORA_MAGNITUDE], &columns))
        return misfit(l, m, dora_of(m), &q->t);
    return check_bias(l, p, m);
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

/* --- merging ------------------------------------------------------------------------------------------ */

/* The factors as values, and their product onto w, without a dense array in between. */
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

static dr_status merge_lora(const dr_lora *l, const dr_lora_module *m, dr_tensor *w, double scale)
{
    float *down = NULL, *up = NULL;
    dr_status st = dr_lora_values(l, m->part[DR_LORA_DOWN], &down);
    if (!st)
        st = dr_lora_values(l, m->part[DR_LORA_UP], &up);
    if (!st) {
        const float *rows = m->third > 0 ? up + m->third * w->dim[0] * m->rank : up;
        st = add_product(rows, down, scale * m->scale, m->rank, w);
    }
    free(down);
    free(up);
    return st;
}

/* norm [rows or columns] of w [out,in,kernel] */
static void norms(const float *w, int64_t out, int64_t in, int64_t kernel, bool columns, double *norm)
{
    memset(norm, 0, (size_t)(columns ? in : out) * sizeof *norm);
    for (int64_t o = 0; o < out; o++)
        for (int64_t i = 0; i < in; i++)
            for (int64_t k = 0; k < kernel; k++, w++)
                norm[columns ? i : o] += (double)*w * (double)*w;
    for (int64_t i = 0; i < (columns ? in : out); i++)
        norm[i] = sqrt(norm[i]);
}

/* w := w + blend · (norms given to (w + by · delta) - w) */
static dr_status weight_decompose(const dr_lora *l, const dr_lora_module *m, const dr_tensor *t, double by,
                                  double blend, const float *delta, float *w)
{
    int64_t out = t->dim[0], in = t->dim[1], kernel = dr_numel(t) / (out * in);
    bool columns;
    float *want = NULL;
    dora_axis(dora_of(m), t, m->part[DR_LORA_MAGNITUDE], &columns);
    double *norm = malloc((size_t)(columns ? in : out) * sizeof *norm);
    float *sum = malloc((size_t)dr_numel(t) * sizeof *sum);
    dr_status st = norm && sum ? dr_lora_values(l, dora_of(m), &want)
                               : dr_fail(DR_ENOMEM, "out of memory merging '%s'", l->file.path);
    if (!st) {
        for (int64_t i = 0; i < dr_numel(t); i++)
            sum[i] = w[i] + (float)by * delta[i];
        norms(sum, out, in, kernel, columns, norm);
        for (int64_t i = 0; i < dr_numel(t); i++) {
            int64_t at = columns ? i / kernel % in : i / (in * kernel);
            double of_norm = norm[at] > 0 ? (double)want[at] / norm[at] : 0; /* all zero has no direction */
            w[i] = (float)((double)w[i] + blend * ((double)sum[i] * of_norm - (double)w[i]));
        }
    }
    free(norm);
    free(sum);
    free(want);
    return st;
}

static dr_status merge_dense(const dr_lora *l, const dr_lora_module *m, dr_param *q, double scale)
{
    size_t n = (size_t)dr_numel(&q->t);
    float *delta = malloc(n * sizeof *delta), *w = malloc(n * sizeof *w);
    dr_status st =
        delta && w ? dr_lora_delta(l, m, &q->t, delta) : dr_fail(DR_ENOMEM, "out of memory merging '%s'", l->file.path);
    if (!st) {
        bool peft = m->part[DR_LORA_MAGNITUDE];
        dr_param_get(q, 0, n, w);
        if (dora_of(m))
            st = weight_decompose(l, m, &q->t, m->scale * (peft ? scale : 1), peft ? 1 : scale, delta, w);
        for (size_t i = 0; !dora_of(m) && i < n; i++)
            w[i] += (float)(scale * m->scale) * delta[i];
    }
    if (!st)
        dr_param_set(q, 0, n, w);
    free(delta);
    free(w);
    return st;
}

static dr_status merge_bias(const dr_lora *l, const dr_lora_module *m, dr_param *q, double scale)
{
    size_t n = (size_t)dr_numel(&q->t);
    float *delta = NULL, *b = malloc(n * sizeof *b);
    dr_status st = b ? dr_lora_values(l, m->part[DR_FULL_BIAS], &delta)
                     : dr_fail(DR_ENOMEM, "out of memory merging '%s'", l->file.path);
    if (!st)
        st = dr_param_make_own_f32(q);
    if (!st) {
        dr_weight_unpack(&q->t);
        dr_param_get(q, 0, n, b);
        for (size_t i = 0; i < n; i++)
            b[i] += (float)scale * delta[i];
        dr_param_set(q, 0, n, b);
    }
    free(delta);
    free(b);
    return st;
}

static dr_status merge(const dr_lora *l, const dr_lora_module *m, dr_params *p, double scale)
{
    dr_param *q = dr_lora_find(p, m, ".weight");
    bool plain = m->method == DR_METHOD_LORA && !m->part[DR_LORA_MID] && !dora_of(m);
    bool weight = m->method != DR_METHOD_FULL || m->part[DR_FULL_DIFF];
    if (!q) /* left out, as dr_lora_is_left_out() has it */
        return DR_OK;
    dr_status st = weight ? dr_param_make_own_f32(q) : DR_OK;
    if (!st && weight) {
        dr_weight_unpack(&q->t);
        st = plain ? merge_lora(l, m, &q->t, scale) : merge_dense(l, m, q, scale);
    }
    if (!st && m->part[DR_FULL_BIAS])
        st = merge_bias(l, m, dr_lora_find(p, m, ".bias"), scale);
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
            st = merge(l, m, p, scale);
    }
    return st;
}
