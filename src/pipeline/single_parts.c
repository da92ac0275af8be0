/* Where a part's tensors are in a single file, and their list. */
#include "pipeline/single_impl.h"

#include "models/clip_text.h"
#include "models/vae.h"

#include <stdlib.h>
#include <string.h>

/* --- where a tensor is -------------------------------------------------------------------------------- */

static const dr_st_entry *find_in(const dr_tensor_file *t, const char *prefix, const char *name)
{
    char full[2 * DR_LDM_NAME_MAX];
    int n = snprintf(full, sizeof full, "%s%s", prefix, name);
    return n > 0 && (size_t)n < sizeof full ? dr_tensor_file_find(t, full) : NULL;
}

/* By LDM's name. */
const dr_st_entry *dr_single_find_unet(const void *user, const char *name, int *third)
{
    const dr_single_file *f = user;
    char flat[DR_LDM_NAME_MAX];
    *third = -1;
    if (!f->ema)
        return find_in(&f->file, DR_LDM_UNET, name);
    return dr_ldm_ema_name(flat, name) ? dr_tensor_file_find(&f->file, flat) : NULL;
}

static const dr_tensor_file *vae_file(const dr_single_file *f)
{
    return f->vae.path ? &f->vae : &f->file;
}

/* The attention of an LDM file under diffusers' newer or older words, which some tools leave in. */
static const dr_st_entry *find_attention(const dr_single_file *f, const char *name)
{
    char old[DR_LDM_NAME_MAX], where[2 * DR_LDM_NAME_MAX];
    const char *words[] = {name, dr_ldm_vae_old_name(old, name) ? old : NULL};
    const dr_st_entry *e = NULL;
    for (int i = 0; !e && i < 2; i++) {
        const char *at = words[i] ? strstr(words[i], ".mid_block.attentions.0.") : NULL;
        if (!at)
            continue;
        if (f->diffusers_vae)
            snprintf(where, sizeof where, "%s", words[i]);
        else
            snprintf(where, sizeof where, "%.*s.mid.attn_1.%s", (int)(at - words[i]), words[i],
                     at + strlen(".mid_block.attentions.0."));
        e = find_in(vae_file(f), f->vae_prefix, where);
    }
    return e;
}

const dr_st_entry *dr_single_find_vae(const void *user, const char *name, int *third)
{
    const dr_single_file *f = user;
    char ldm[DR_LDM_NAME_MAX];
    const dr_st_entry *e = NULL;
    *third = -1;
    if (f->diffusers_vae)
        e = find_in(vae_file(f), f->vae_prefix, name);
    else if (dr_ldm_vae_name(ldm, name, f->vae_levels))
        e = find_in(vae_file(f), f->vae_prefix, ldm);
    if (!e)
        e = find_attention(f, name);
    if (!e && (strncmp(name, "quant_conv.", 11) == 0 || strncmp(name, "post_quant_conv.", 16) == 0)) {
        snprintf(ldm, sizeof ldm, "%s.%s", name[0] == 'q' ? "encoder" : "decoder", name);
        e = find_in(vae_file(f), f->vae_prefix, ldm);
    }
    return e;
}

/* stable-diffusion.cpp gives OpenCLIP's layers transformers' names, but leaves q, k and v on top of each other. */
static const dr_st_entry *find_fused(const dr_single_file *f, const char *name, int *third)
{
    static const char *const words[] = {".self_attn.q_proj.", ".self_attn.k_proj.", ".self_attn.v_proj."};
    char fused[DR_LDM_NAME_MAX];
    for (int i = 0; i < 3; i++) {
        const char *at = strstr(name, words[i]);
        if (!at)
            continue;
        snprintf(fused, sizeof fused, "%.*s.self_attn.in_proj.%s", (int)(at - name), name, at + strlen(words[i]));
        const dr_st_entry *e = find_in(&f->file, f->text_prefix, fused);
        *third = e ? i : -1;
        return e;
    }
    return NULL;
}

/* By transformers' name without `text_model.`. */
const dr_st_entry *dr_single_find_text(const void *user, const char *name, int *third)
{
    const dr_single_file *f = user;
    char clip[DR_LDM_NAME_MAX];
    *third = -1;
    if (!f->text_prefix)
        return NULL;
    if (!f->openclip_names) {
        const dr_st_entry *e = find_in(&f->file, f->text_prefix, name);
        return e ? e : find_fused(f, name, third);
    }
    return dr_ldm_openclip_name(clip, name, third) ? find_in(&f->file, f->text_prefix, clip) : NULL;
}

/* --- which forms the file has -------------------------------------------------------------------------- */

void dr_single_find_text_form(dr_single_file *f)
{
    static const struct {
        const char *prefix, *sign;
        bool openclip;
    } forms[] = {
        {DR_LDM_CLIP, "embeddings.token_embedding.weight", false},
        {"cond_stage_model.transformer.", "embeddings.token_embedding.weight", false},
        {DR_LDM_OPENCLIP, "token_embedding.weight", true},
        {"conditioner.embedders.0.transformer.text_model.", "embeddings.token_embedding.weight", false},
        {"conditioner.embedders.0.transformer.", "embeddings.token_embedding.weight", false},
        {"conditioner.embedders.0.model.", "token_embedding.weight", true},
    };
    for (size_t i = 0; !f->text_prefix && i < sizeof forms / sizeof *forms; i++)
        if (find_in(&f->file, forms[i].prefix, forms[i].sign)) {
            f->text_prefix = forms[i].prefix;
            f->openclip = f->openclip_names = forms[i].openclip;
        }
    /* stable-diffusion.cpp writes OpenCLIP under transformers' names: told by the fused projections, or by the width
     * that no CLIP of SD 1 has */
    const dr_st_entry *tokens =
        f->text_prefix ? find_in(&f->file, f->text_prefix, "embeddings.token_embedding.weight") : NULL;
    if (tokens && ((tokens->rank == 2 && tokens->dim[1] == 1024) ||
                   find_in(&f->file, f->text_prefix, "encoder.layers.0.self_attn.in_proj.weight")))
        f->openclip = true;
}

void dr_single_find_vae_form(dr_single_file *f)
{
    static const char *const prefixes[] = {DR_LDM_VAE, "vae.", ""};
    const dr_tensor_file *t = vae_file(f);
    f->vae_prefix = DR_LDM_VAE;
    f->vae_levels = DR_VAE_MAX_LEVELS; /* until its config is known: of the encoder, whose count they do not touch */
    for (int i = 0; i < (f->vae.path ? 3 : 2); i++)
        if (find_in(t, prefixes[i], "encoder.conv_in.weight")) {
            f->vae_prefix = prefixes[i];
            break;
        }
    f->diffusers_vae = find_in(t, f->vae_prefix, "encoder.down_blocks.0.resnets.0.conv1.weight") != NULL;
}

/* --- a part's tensors ---------------------------------------------------------------------------------- */

static char *shape_of(const dr_st_entry *e, char *buf, size_t n)
{
    size_t at = (size_t)snprintf(buf, n, "[");
    for (int i = 0; i < e->rank && at < n; i++)
        at += (size_t)snprintf(buf + at, n - at, "%s%lld", i ? "," : "", (long long)e->dim[i]);
    if (at < n)
        snprintf(buf + at, n - at, "]");
    return buf;
}

/* Equal but for axes of 1 at the end, since a 1x1 convolution is a matrix; a third has a third of the first axis. */
static bool fits(const dr_tensor *t, const dr_st_entry *e, int third)
{
    for (int i = 0; i < (e->rank > 4 ? e->rank : 4); i++) {
        int64_t want = i < 4 ? t->dim[i] : 1, have = i < e->rank ? e->dim[i] : 1;
        if (have != (i == 0 && third >= 0 ? 3 * want : want))
            return false;
    }
    return true;
}

static dr_status take(dr_single_file *f, int which, const dr_tensor *t, const dr_st_entry *e, int third)
{
    const dr_tensor_file *from = which == DR_SINGLE_VAE ? vae_file(f) : &f->file;
    dr_single_part_of *p = &f->part[which];
    char have[128], want[128];
    if (!fits(t, e, third))
        return dr_fail(DR_EINVAL, "cannot load the model '%s': '%s' has shape %s, %s%s", from->path, e->name,
                       shape_of(e, have, sizeof have), third < 0 ? "expected " : "expected three times ",
                       dr_shape_str(t, want, sizeof want));
    if (!dr_dtype_is_float(e->dtype))
        return dr_fail(DR_EINVAL, "cannot load the model '%s': '%s' is %s, expected F32, F16, BF16 or F64", from->path,
                       e->name, dr_dtype_name(e->dtype));
    dr_st_entry *to = &p->entry[p->count];
    *to = (dr_st_entry){.dtype = e->dtype, .rank = t->rank, .data = e->data, .size = e->size};
    memcpy(to->dim, t->dim, sizeof t->dim);
    if (third >= 0) {
        to->size = e->size / 3;
        to->data = (const char *)e->data + (size_t)third * to->size;
    }
    to->name = dr_arena_printf(&f->names, "%s%s", which == DR_SINGLE_TEXT ? f->written_prefix : "", t->name);
    if (from == &f->file)
        f->used[e - f->file.entry] = true;
    p->count++;
    return to->name ? DR_OK : DR_ENOMEM;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const dr_st_entry *)a)->name, ((const dr_st_entry *)b)->name);
}

/* The name that was looked for, for a message. */
static void wanted_name(const dr_single_file *f, int which, const char *name, char *out, size_t n)
{
    char ldm[DR_LDM_NAME_MAX] = "";
    int third;
    if (which == DR_SINGLE_UNET) {
        dr_ldm_unet_name(ldm, name, &f->unet);
        if (f->ema) {
            dr_ldm_ema_name(out, ldm);
            return;
        }
        snprintf(out, n, "%s%s", DR_LDM_UNET, ldm);
    } else if (which == DR_SINGLE_VAE) {
        dr_ldm_vae_name(ldm, name, f->vae_levels);
        snprintf(out, n, "%s%s", f->vae_prefix, f->diffusers_vae ? name : ldm);
    } else {
        if (f->openclip_names)
            dr_ldm_openclip_name(ldm, name, &third);
        snprintf(out, n, "%s%s", f->text_prefix, f->openclip_names ? ldm : name);
    }
}

/* Every tensor of the table, from the file. */
static dr_status collect(dr_single_file *f, int which, const dr_params *table)
{
    dr_single_part_of *p = &f->part[which];
    char ldm[DR_LDM_NAME_MAX], first[2 * DR_LDM_NAME_MAX] = "";
    size_t missing = 0;
    if (!(p->entry = calloc(table->count + 1, sizeof *p->entry)))
        return dr_fail(DR_ENOMEM, "out of memory loading '%s'", f->file.path);
    for (const dr_param *q = table->first; q; q = q->next) {
        const dr_st_entry *e = NULL;
        int third = -1;
        if (which == DR_SINGLE_UNET)
            e = dr_ldm_unet_name(ldm, q->t.name, &f->unet) ? dr_single_find_unet(f, ldm, &third) : NULL;
        else
            e = which == DR_SINGLE_VAE ? dr_single_find_vae(f, q->t.name, &third)
                                       : dr_single_find_text(f, q->t.name, &third);
        if (!e && missing++ == 0)
            wanted_name(f, which, q->t.name, first, sizeof first);
        dr_status st = e ? take(f, which, &q->t, e, third) : DR_OK;
        if (st)
            return st;
    }
    if (missing)
        return dr_fail(DR_EINVAL,
                       "cannot load the model '%s': %zu of the %zu tensors of its %s are missing, the first is '%s'",
                       which == DR_SINGLE_VAE ? vae_file(f)->path : f->file.path, missing, table->count,
                       which == DR_SINGLE_UNET  ? "UNet"
                       : which == DR_SINGLE_VAE ? "VAE"
                                                : "text encoder",
                       first);
    qsort(p->entry, p->count, sizeof *p->entry, by_name);
    return DR_OK;
}

/* Declares a model's table from its config: the model itself is needed for nothing else. */
static dr_status declare(dr_single_file *f, int which, dr_params *table)
{
    const char *where = f->file.path;
    const json_t *j = f->part[which].config;
    dr_vae_config vc;
    dr_clip_config tc;
    void *model = malloc(which == DR_SINGLE_UNET  ? sizeof(dr_unet)
                         : which == DR_SINGLE_VAE ? sizeof(dr_vae)
                                                  : sizeof(dr_clip_text));
    dr_status st = model ? dr_params_init(table) : dr_fail(DR_ENOMEM, "out of memory loading '%s'", where);
    if (!st && which == DR_SINGLE_UNET && !(st = dr_unet_config_parse(&f->unet, j, where)))
        st = dr_unet_init(model, &f->unet, table);
    if (!st && which == DR_SINGLE_VAE && !(st = dr_vae_config_parse(&vc, j, where))) {
        f->vae_levels = vc.levels;
        st = dr_vae_init(model, &vc, table);
    }
    if (!st && which == DR_SINGLE_TEXT && !(st = dr_clip_config_parse(&tc, j, where)))
        st = dr_clip_init(model, &tc, table);
    free(model);
    return st;
}

/* Attention at other places than in the middle would be passed over, and the picture be another. */
static dr_status check_vae(const dr_single_file *f)
{
    const dr_tensor_file *t = vae_file(f);
    size_t n = strlen(f->vae_prefix);
    for (size_t i = 0; i < t->count; i++) {
        const char *name = t->entry[i].name;
        if (strncmp(name, f->vae_prefix, n) == 0 && (strstr(name, ".attn.0.") || strstr(name, "_blocks.0.attentions.")))
            return dr_fail(DR_EUNSUPPORTED,
                           "cannot load the model '%s': its VAE has attention in its levels ('%.200s'), which Stable "
                           "Diffusion's has not",
                           t->path, name);
    }
    return DR_OK;
}

dr_status dr_single_load_part(dr_single_file *f, int which, const dr_ldm_facts *facts)
{
    dr_params table = {0};
    json_t **config = &f->part[which].config;
    dr_status st = which == DR_SINGLE_VAE ? check_vae(f) : DR_OK;
    if (st)
        return st;
    st = which == DR_SINGLE_UNET  ? dr_ldm_unet_config(facts, config)
         : which == DR_SINGLE_VAE ? dr_ldm_vae_config(facts, config)
                                  : dr_ldm_text_config(facts, config);
    if (!st)
        st = declare(f, which, &table);
    if (!st)
        st = collect(f, which, &table);
    dr_params_clear(&table);
    return st;
}
