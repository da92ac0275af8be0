/* Merging adapters into one parameter after the other, just before it is written: so no more than one is in memory. */
#include "pipeline/convert_model.h"
#include "pipeline/lora_find.h"

#include <stdlib.h>
#include <string.h>

/* --- values of the table ---------------------------------------------------------------------------------- */

static bool is_mapped(const dr_param *q, const dr_st_entry *e)
{
    return dr_dtype_is_float(e->dtype) && e->dtype != DR_F64 && q->t.rank > 1 && dr_st_aligned(e);
}

/* The entry's values, where they lie or else as f32. */
static dr_status bind(dr_param *q, const dr_st_entry *e)
{
    size_t n = (size_t)dr_numel(&q->t);
    dr_weight_unpack(&q->t);
    dr_param_disown(q);
    if (is_mapped(q, e)) {
        q->t.data = (void *)(uintptr_t)e->data; /* read only: the mapping is */
        q->t.dtype = e->dtype;
        q->t.mapped = true;
        return DR_OK;
    }
    float *f32 = malloc(n * sizeof *f32 + 1);
    dr_status st = f32 ? dr_param_own(q, DR_F32) : dr_fail(DR_ENOMEM, "out of memory merging an adapter");
    if (!st) {
        dr_st_values(e, f32);
        dr_param_set(q, 0, n, f32);
    }
    free(f32);
    return st;
}

/* --- which of an adapter's layers is a parameter's --------------------------------------------------------- */

/* Weight and bias of one layer. */
static bool same_layer(const char *a, const char *b)
{
    size_t n = (size_t)(strrchr(a, '.') - a);
    return strncmp(a, b, n) == 0 && b[n] == '.' && !strchr(b + n + 1, '.');
}

static bool is_text(const dr_convert_part *p)
{
    return strcmp(p->name, "text_encoder") == 0;
}

/* One layer of an adapter alone. */
static dr_status apply(dr_convert_part *p, const dr_lora *l, size_t i, double scale)
{
    dr_lora one = *l;
    one.module = &l->module[i];
    one.count = 1;
    return dr_lora_apply(&one, is_text(p) ? NULL : &p->table, is_text(p) ? &p->table : NULL, scale);
}

/* Where each layer goes. Of those that the model has not, dr_lora_apply() knows whether that is a fault. */
static dr_status aim(dr_convert_part *p, dr_convert_adapter *a)
{
    const dr_lora *l = &a->lora;
    dr_status st = DR_OK;
    if (!(a->target = calloc(l->count + 1, sizeof *a->target)))
        return dr_fail(DR_ENOMEM, "out of memory merging '%s'", l->file.path);
    for (size_t i = 0; !st && i < l->count; i++) {
        if (l->module[i].text != is_text(p))
            continue;
        a->target[i] = dr_lora_find(&p->table, &l->module[i], ".weight");
        if (!a->target[i])
            st = apply(p, l, i, 0);
    }
    return st;
}

static void say_of(const dr_convert_options *o, const dr_convert_adapter *a)
{
    dr_convert_note(o, "%s", a->lora.note);
    if (a->lora.has_words)
        dr_convert_note(o,
                        "'%s' has embeddings with it, words of a prompt: these are no part of a model and are left out",
                        a->lora.file.path);
}

/* --- merging ------------------------------------------------------------------------------------------------ */

dr_status dr_convert_merge_begin(dr_convert_part *p, const dr_convert_options *o)
{
    size_t index = 0;
    dr_status st = DR_OK;
    if (!o->lora_count || strcmp(p->name, "vae") == 0)
        return DR_OK;
    if (!(p->lora = calloc((size_t)o->lora_count, sizeof *p->lora)))
        return dr_fail(DR_ENOMEM, "out of memory merging an adapter");
    for (dr_param *q = p->table.first; !st && q; q = q->next)
        st = bind(q, p->entry[index++]);
    for (; !st && p->loras < o->lora_count; p->loras++) {
        dr_convert_adapter *a = &p->lora[p->loras];
        if ((st = dr_lora_open(&a->lora, o->loras[p->loras].path)))
            return st;
        if (strcmp(p->name, "unet") == 0)
            say_of(o, a);
        st = aim(p, a);
    }
    return st;
}

dr_status dr_convert_merge_into(dr_convert_part *p, const dr_convert_options *o, dr_param *q, bool *changed)
{
    dr_status st = DR_OK;
    *changed = false;
    for (int k = 0; !st && k < p->loras; k++) {
        const dr_convert_adapter *a = &p->lora[k];
        for (size_t i = 0; !st && i < a->lora.count; i++)
            if (a->target[i] && same_layer(a->target[i]->t.name, q->t.name)) {
                st = apply(p, &a->lora, i, o->loras[k].scale);
                *changed = true;
            }
    }
    return st;
}

/* A layer's weight and bias may have changed together. */
dr_status dr_convert_merge_undo(dr_convert_part *p, const dr_param *q)
{
    size_t index = 0;
    dr_status st = DR_OK;
    for (dr_param *r = p->table.first; !st && r; r = r->next, index++)
        if (same_layer(q->t.name, r->t.name))
            st = bind(r, p->entry[index]);
    return st;
}

void dr_convert_merge_end(dr_convert_part *p)
{
    for (int i = 0; i < p->loras; i++) {
        dr_lora_close(&p->lora[i].lora);
        free(p->lora[i].target);
    }
    for (dr_param *q = p->lora ? p->table.first : NULL; q; q = q->next) {
        dr_weight_unpack(&q->t);
        dr_param_disown(q);
        q->t.data = NULL;
    }
    free(p->lora);
    p->lora = NULL;
    p->loras = 0;
}
