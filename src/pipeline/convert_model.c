#include "pipeline/convert_model.h"

#include "base/file.h"
#include "base/path.h"
#include "pipeline/ldm_names.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[DR_CONVERT_PARTS] = {"unet", "vae", "text_encoder", "unet_base"};

void dr_convert_note(const dr_convert_options *o, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    if (!o->note)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (text[0])
        o->note(o->user, text);
}

/* --- a part's tensors ----------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const dr_st_entry *)a)->name, ((const dr_st_entry *)b)->name);
}

static const dr_st_entry *find(const dr_weights *w, const char *prefix, const char *name)
{
    char full[2 * DR_LDM_NAME_MAX];
    const dr_st_entry *e = NULL, key = {.name = full};
    if ((size_t)snprintf(full, sizeof full, "%s%s", prefix, name) >= sizeof full)
        return NULL;
    for (size_t i = 0; !e && i < w->count; i++)
        if (w->list[i].count)
            e = bsearch(&key, w->list[i].entry, w->list[i].count, sizeof key, by_name);
    return e;
}

static bool fits(const dr_tensor *t, const dr_st_entry *e)
{
    for (int i = 0; i < (e->rank > 4 ? e->rank : 4); i++)
        if ((i < 4 ? t->dim[i] : 1) != (i < e->rank ? e->dim[i] : 1))
            return false;
    return true;
}

static dr_status check(const dr_tensor *t, const dr_st_entry *e, const char *where)
{
    char shape[128];
    if (!fits(t, e))
        return dr_fail(DR_EINVAL, "cannot convert '%s': '%s' has not the shape %s that its config asks for", where,
                       e->name, dr_shape_str(t, shape, sizeof shape));
    if (!dr_dtype_is_float(e->dtype))
        return dr_fail(DR_EINVAL, "cannot convert '%s': '%s' is %s, expected F32, F16, BF16 or F64", where, e->name,
                       dr_dtype_name(e->dtype));
    return DR_OK;
}

/* Every tensor of the table, under whichever of its names. */
static dr_status resolve(dr_convert_part *p, const char *where)
{
    char old[DR_LDM_NAME_MAX];
    size_t i = 0;
    if (!(p->entry = calloc(p->table.count + 1, sizeof *p->entry)))
        return dr_fail(DR_ENOMEM, "out of memory converting '%s'", where);
    bool text = strcmp(p->name, "text_encoder") == 0;
    p->prefix = text && p->table.first && find(&p->weights, "text_model.", p->table.first->t.name) ? "text_model." : "";
    for (const dr_param *q = p->table.first; q; q = q->next, i++) {
        const dr_st_entry *e = find(&p->weights, p->prefix, q->t.name);
        if (!e && dr_ldm_vae_old_name(old, q->t.name))
            e = find(&p->weights, "", old);
        if (!e)
            return dr_fail(DR_EINVAL, "cannot convert '%s': it has no '%s%s'", where, p->prefix, q->t.name);
        dr_status st = check(&q->t, e, where);
        if (st)
            return st;
        p->entry[i] = e;
    }
    return DR_OK;
}

static bool is_buffer(const char *name)
{
    return strstr(name, "position_ids") || strncmp(name, "text_projection.", 16) == 0;
}

/* Tensors that no table has are not converted: whoever converts should know. */
static void note_left_out(const dr_convert_part *p, const char *where, const dr_convert_options *o)
{
    size_t there = 0;
    for (size_t i = 0; i < p->weights.count; i++)
        for (size_t k = 0; k < p->weights.list[i].count; k++)
            there += !is_buffer(p->weights.list[i].entry[k].name);
    if (there > p->table.count)
        dr_convert_note(o, "'%s' has %zu tensors that Stable Diffusion does not need: they are left out", where,
                        there - p->table.count);
}

/* --- parts ---------------------------------------------------------------------------------------------- */

/* Declares the table; the model itself is needed for nothing else. */
static dr_status declare(dr_convert_model *m, dr_convert_part *p, int which, const char *where)
{
    dr_unet_config base;
    dr_unet_config *uc = which == DR_CONVERT_BASE ? &base : &m->unet;
    bool unet = which == DR_CONVERT_UNET || which == DR_CONVERT_BASE;
    void *model = malloc(unet ? sizeof(dr_unet) : which == DR_CONVERT_VAE ? sizeof(dr_vae) : sizeof(dr_clip_text));
    dr_status st = model ? dr_params_init(&p->table) : dr_fail(DR_ENOMEM, "out of memory converting '%s'", where);
    if (!st && unet && !(st = dr_unet_config_parse(uc, p->config, where)))
        st = dr_unet_init(model, uc, &p->table);
    if (!st && which == DR_CONVERT_VAE && !(st = dr_vae_config_parse(&m->vae, p->config, where)))
        st = dr_vae_init(model, &m->vae, &p->table);
    if (!st && which == DR_CONVERT_TEXT && !(st = dr_clip_config_parse(&m->text, p->config, where)))
        st = dr_clip_init(model, &m->text, &p->table);
    free(model);
    return st;
}

static dr_status load_part(dr_convert_model *m, int which, const dr_convert_options *o)
{
    dr_convert_part *p = &m->part[which];
    char place[PATH_MAX];
    if (which == DR_CONVERT_BASE && !dr_source_has(m->source, names[which]))
        return DR_OK;
    p->name = names[which];
    dr_status st = dr_source_config(m->source, p->name, &p->config, place);
    if (!st)
        st = declare(m, p, which, place);
    if (!st)
        st = dr_source_tensors(m->source, p->name, &p->weights);
    dr_source_where(m->source, p->name, place, sizeof place);
    if (!st)
        st = resolve(p, place);
    if (!st)
        note_left_out(p, place, o);
    return st;
}

dr_status dr_convert_model_open(dr_convert_model *m, const char *path, const dr_convert_options *o)
{
    char where[PATH_MAX];
    *m = (dr_convert_model){0};
    dr_status st =
        dr_source_open(&m->source, path, &(dr_source_options){.ema = o->ema, .vae = o->vae, .tokenizer = o->tokenizer});
    for (int i = 0; !st && i < DR_CONVERT_PARTS; i++)
        st = load_part(m, i, o);
    if (!st)
        st = dr_source_config(m->source, "scheduler", &m->scheduler, where);
    if (!st)
        dr_convert_note(o, "%s", dr_source_note(m->source));
    if (st)
        dr_convert_model_close(m);
    return st;
}

void dr_convert_model_close(dr_convert_model *m)
{
    for (int i = 0; i < DR_CONVERT_PARTS; i++) {
        dr_convert_part *p = &m->part[i];
        dr_params_clear(&p->table); /* before the weights: it may point into them */
        dr_weights_close(&p->weights);
        json_decref(p->config);
        free(p->entry);
    }
    json_decref(m->scheduler);
    dr_source_close(m->source);
    *m = (dr_convert_model){0};
}
