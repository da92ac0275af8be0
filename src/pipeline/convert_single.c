/* A model as a single file: LDM's names for everything, and what programs look for in the metadata. */
#include "pipeline/convert_write.h"
#include "pipeline/ldm_names.h"
#include "pipeline/single_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- a single file -------------------------------------------------------------------------------------- */

static dr_status add_unet(dr_convert_list *l, dr_convert_model *m, const dr_convert_options *o)
{
    dr_convert_part *p = &m->part[DR_CONVERT_UNET];
    char ldm[DR_LDM_NAME_MAX];
    size_t i = 0;
    for (dr_param *q = p->table.first; q; q = q->next, i++) {
        bool known = dr_ldm_unet_name(ldm, q->t.name, &m->unet);
        DR_ASSERT(known, "'%s' has no LDM name", q->t.name);
        dr_convert_item *item = dr_convert_list_add(l, "%s%s", DR_LDM_UNET, ldm);
        if (!item)
            return DR_ENOMEM;
        dr_convert_item_from(item, p, q, i, o);
    }
    return DR_OK;
}

static dr_status add_vae(dr_convert_list *l, dr_convert_model *m, const dr_convert_options *o)
{
    dr_convert_part *p = &m->part[DR_CONVERT_VAE];
    if (m->vae.is_tiny)
        return dr_fail(
            DR_EUNSUPPORTED,
            "cannot write a single file with an AutoencoderTiny: other programs have it in a file of its own; "
            "pass the VAE that belongs to the model with --vae");
    char ldm[DR_LDM_NAME_MAX];
    size_t i = 0;
    for (dr_param *q = p->table.first; q; q = q->next, i++) {
        bool known = dr_ldm_vae_name(ldm, q->t.name, m->vae.levels);
        DR_ASSERT(known, "'%s' has no LDM name", q->t.name);
        dr_convert_item *item = dr_convert_list_add(l, "%s%s", DR_LDM_VAE, ldm);
        if (!item)
            return DR_ENOMEM;
        dr_convert_item_from(item, p, q, i, o);
        if (dr_ldm_vae_is_matrix(q->t.name))
            item->rank = 4; /* axes behind the rank are 1 */
    }
    return DR_OK;
}

static dr_status add_clip(dr_convert_list *l, dr_convert_model *m, const dr_convert_options *o)
{
    dr_convert_part *p = &m->part[DR_CONVERT_TEXT];
    size_t i = 0;
    for (dr_param *q = p->table.first; q; q = q->next, i++) {
        dr_convert_item *item = dr_convert_list_add(l, "%s%s", DR_LDM_CLIP, q->t.name);
        if (!item)
            return DR_ENOMEM;
        dr_convert_item_from(item, p, q, i, o);
    }
    return DR_OK;
}

/* One OpenCLIP tensor for a parameter; q, k and v come one after the other into one. `block`: the layer's number is
 * this one, for the copy at the end. */
static dr_status add_openclip_one(dr_convert_list *l, dr_convert_part *p, dr_param *q, size_t index, int block,
                                  const dr_convert_options *o)
{
    static const char layers[] = "encoder.layers.";
    char clip[DR_LDM_NAME_MAX], name[DR_LDM_NAME_MAX];
    const char *rest = q->t.name;
    int third;
    if (block >= 0) {
        rest = strchr(q->t.name + strlen(layers), '.');
        snprintf(name, sizeof name, "%s%d%s", layers, block, rest);
        rest = name;
    }
    bool known = dr_ldm_openclip_name(clip, rest, &third);
    DR_ASSERT(known, "'%s' has no OpenCLIP name", q->t.name);
    dr_convert_item *item = NULL;
    if (third > 0) /* the item of q: few lie between */
        for (size_t i = l->count; !item && i > 0; i--)
            if (strcmp(l->item[i - 1].name + strlen(DR_LDM_OPENCLIP), clip) == 0)
                item = &l->item[i - 1];
    if (!item)
        item = dr_convert_list_add(l, "%s%s", DR_LDM_OPENCLIP, clip);
    if (!item)
        return DR_ENOMEM;
    dr_convert_item_from(item, p, q, index, o);
    return DR_OK;
}

/* SD 2 uses what comes out of the second-last of OpenCLIP's blocks, and a folder has only those that are used. Programs
 * expect the last one as well as two tensors of CLIP's that are not used either, so there are stand-ins: a copy of the
 * block before, and what changes nothing. */
static dr_status add_openclip(dr_convert_list *l, dr_convert_model *m, const dr_convert_options *o)
{
    dr_convert_part *p = &m->part[DR_CONVERT_TEXT];
    bool whole = m->text.width == 1024 && m->text.layers == 24;
    char last[64];
    size_t i = 0;
    dr_status st = DR_OK;
    int n = snprintf(last, sizeof last, "encoder.layers.%d.", m->text.layers - 1);
    for (dr_param *q = p->table.first; !st && q; q = q->next, i++) {
        st = add_openclip_one(l, p, q, i, -1, o);
        if (!st && !whole && strncmp(q->t.name, last, (size_t)n) == 0)
            st = add_openclip_one(l, p, q, i, m->text.layers, o);
    }
    if (whole)
        dr_convert_note(o,
                        "all 24 blocks of the text encoder are used: other programs need a .yaml beside the file that "
                        "says \"layer: last\"");
    dr_convert_item *projection = st ? NULL : dr_convert_list_add(l, "%stext_projection", DR_LDM_OPENCLIP);
    dr_convert_item *scale = projection ? dr_convert_list_add(l, "%slogit_scale", DR_LDM_OPENCLIP) : NULL;
    if (st || !scale)
        return st ? st : DR_ENOMEM;
    dr_dtype dtype = l->item[l->count - 3].dtype;
    dtype = dr_dtype_block(dtype) > 1 ? DR_F16 : dtype;
    projection->rank = 2;
    projection->dim[0] = projection->dim[1] = m->text.width;
    projection->on = 1;
    scale->on = logf(100); /* CLIP's own */
    projection->dtype = scale->dtype = dtype;
    projection->part = scale->part = p;
    return DR_OK;
}

/* Blocks are of the last axis, which in LDM's names may be one of a 1x1 convolution. */
static void sort(dr_convert_list *l, size_t from)
{
    for (size_t i = from; i < l->count; i++) {
        dr_convert_item *item = &l->item[i];
        int64_t row = item->rank ? item->dim[item->rank - 1] : 1;
        if (row % (int64_t)dr_dtype_block(item->dtype))
            item->dtype = DR_F16;
    }
    dr_convert_list_sort(l, from);
}

static dr_status list_single(dr_convert_list *l, dr_convert_model *m, const dr_convert_options *o)
{
    size_t room = 64;
    for (int i = 0; i < DR_CONVERT_BASE; i++)
        room += 2 * m->part[i].table.count;
    dr_status st = dr_convert_list_init(l, room);
    size_t from = l->count;
    if (!st)
        st = add_unet(l, m, o);
    sort(l, from);
    from = l->count;
    if (!st)
        st = add_vae(l, m, o);
    sort(l, from);
    from = l->count;
    if (!st)
        st = m->text.act == DR_ACT_GELU ? add_openclip(l, m, o) : add_clip(l, m, o);
    sort(l, from);
    return st;
}

/* --- metadata ------------------------------------------------------------------------------------------- */

/* What a single file cannot say, for our own reader; paths of whoever trained the model stay out. */
static char *configs_text(const dr_convert_model *m)
{
    json_t *all = json_object();
    for (int i = 0; i < DR_CONVERT_BASE; i++) {
        json_t *config = json_deep_copy(m->part[i].config);
        json_object_del(config, "_name_or_path");
        json_object_set_new(all, m->part[i].name, config);
    }
    json_object_set(all, "scheduler", m->scheduler);
    json_object_set_new(all, "text_prefix", json_string(m->part[DR_CONVERT_TEXT].prefix));
    char *text = json_dumps(all, JSON_COMPACT | JSON_REAL_PRECISION(15));
    json_decref(all);
    return text;
}

dr_status dr_convert_write_single(dr_convert_model *m, const char *out, const dr_convert_options *o)
{
    char resolution[32], merged[1024] = "";
    dr_convert_spec spec;
    dr_convert_list l = {0};
    dr_convert_job job = {.o = o};
    const char *predicts = json_string_value(json_object_get(m->scheduler, "prediction_type"));
    bool sd2 = m->text.act == DR_ACT_GELU, v = predicts && strcmp(predicts, "v_prediction") == 0;
    int pixels = m->unet.sample_size << (m->vae.levels - 1);
    dr_convert_spec_init(&spec, out);
    snprintf(resolution, sizeof resolution, "%dx%d", pixels, pixels);
    for (int i = 0; i < o->lora_count; i++) {
        char name[256];
        dr_convert_title(o->loras[i].path, name, sizeof name);
        size_t at = strlen(merged);
        snprintf(merged + at, sizeof merged - at, "%s%s", at ? ", " : "", name);
    }
    char *configs = configs_text(m);
    const dr_st_meta meta[] = {
        {"format", "pt"},
        {"modelspec.sai_model_spec", "1.0.0"},
        {"modelspec.architecture", !sd2 ? "stable-diffusion-v1"
                                   : v  ? "stable-diffusion-v2-768-v"
                                        : "stable-diffusion-v2-512"},
        {"modelspec.implementation", DR_CONVERT_IMPLEMENTATION},
        {"modelspec.title", spec.title},
        {"modelspec.date", spec.date},
        {"modelspec.resolution", resolution},
        {"modelspec.prediction_type", v ? "v" : "epsilon"},
        {DR_SINGLE_CONFIG, configs},
        {"modelspec.merged_from", merged},
    };
    size_t count = sizeof meta / sizeof *meta - (merged[0] == 0);
    dr_status st = configs ? list_single(&l, m, o) : dr_fail(DR_ENOMEM, "out of memory writing '%s'", out);
    job.total = dr_convert_list_bytes(&l);
    if (!st)
        st = dr_convert_check_room(out, job.total);
    if (!st && m->part[DR_CONVERT_BASE].name)
        dr_convert_note(o, "a single file has no place for the model's unet_base, from which it is taught: left out");
    if (!st)
        st = dr_convert_write(&l, out, meta, count, &job);
    dr_convert_list_clear(&l);
    free(configs);
    return st;
}
