/* The public functions that look into models. */
#include "drape.h"

#include "base/file.h"
#include "base/path.h"
#include "io/tensor_file.h"
#include "pipeline/backbone.h"
#include "pipeline/gan.h"
#include "pipeline/garment_attention.h"
#include "pipeline/models.h"
#include "pipeline/parser.h"
#include "pipeline/wardrobe.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

/* A tensor that was told of is not needed again: a file larger than memory pushes nothing else out. */
static void drop(const dr_tensor_file *f, const dr_st_entry *e)
{
    const unsigned char *p = e->data;
    if (p >= f->map.data && p < f->map.data + f->map.size) /* and not gathered */
        dr_map_drop(p, e->size);
}

drape_status drape_tensors_read(const char *path, const drape_tensor_callbacks *callbacks)
{
    dr_tensor_file f;
    dr_status st = dr_tensor_file_open(&f, path);
    if (st)
        return (drape_status)st;
    for (size_t i = 0; callbacks->tensor && i < f.count; i++) {
        const dr_st_entry *e = &f.entry[i];
        drape_tensor t = {e->name, dr_dtype_name(e->dtype), e->rank, e->dim, e->data, e->size};
        callbacks->tensor(callbacks->user, &t);
        drop(&f, e);
    }
    for (size_t i = 0; callbacks->metadata && i < f.meta_count; i++)
        callbacks->metadata(callbacks->user, f.meta[i].key, f.meta[i].value);
    dr_tensor_file_close(&f);
    return DRAPE_OK;
}

/* --- parts -------------------------------------------------------------------------------------- */

/* A part's parameters as its config declares them: counted without reading a weight. */
static json_t *part_json(const char *what, dr_status st, int64_t values, json_t *more)
{
    json_t *j = json_pack("{s:s}", "part", what);
    if (st)
        json_object_set_new(j, "error", json_string(dr_error()));
    else
        json_object_set_new(j, "parameters", json_integer(values));
    json_object_update(j, more);
    json_decref(more);
    return j;
}

static json_t *unet_json(const dr_source *s)
{
    dr_params p = {0};
    static dr_unet net;
    const dr_unet_config *c = &net.config;
    dr_status st = dr_model_open(&dr_unet_row, s, dr_unet_row.part, &net, &p);
    json_t *more = st ? json_object()
                      : json_pack("{s:i, s:i, s:i, s:i}", "in_channels", c->in, "out_channels", c->out, "sample_size",
                                  c->sample_size, "text_width", c->context[0]);
    json_t *j = part_json("unet", st, dr_params_numel(&p), more);
    dr_params_clear(&p);
    return j;
}

static json_t *vae_json(const dr_source *s)
{
    dr_params p = {0};
    static dr_vae net;
    const dr_vae_config *c = &net.config;
    dr_status st = dr_model_open(&dr_vae_row, s, dr_vae_row.part, &net, &p);
    json_t *more = st ? json_object()
                      : json_pack("{s:i, s:i, s:f}", "latent_channels", c->latent, "pixels_per_cell", dr_vae_factor(c),
                                  "scaling_factor", c->scaling);
    json_t *j = part_json("vae", st, dr_params_numel(&p), more);
    dr_params_clear(&p);
    return j;
}

static json_t *text_json(const dr_source *s)
{
    dr_params p = {0};
    static dr_clip_text net;
    const dr_clip_config *c = &net.config;
    dr_status st = dr_model_open(&dr_text_row, s, dr_text_row.part, &net, &p);
    json_t *more = st ? json_object()
                      : json_pack("{s:i, s:i, s:s}", "width", c->width, "layers", c->layers, "activation",
                                  c->act == DR_ACT_GELU ? "gelu" : "quick_gelu");
    json_t *j = part_json("text_encoder", st, dr_params_numel(&p), more);
    dr_params_clear(&p);
    return j;
}

static json_t *parser_json(const char *dir)
{
    static dr_parser m;
    dr_status st = dr_parser_open(&m, dir);
    json_t *more =
        st ? json_object()
           : json_pack("{s:s, s:i}", "net", m.is_segformer ? "SegFormer" : "clothes net", "labels", m.classes);
    if (!st && m.sizes) /* the largest */
        json_object_set_new(more, "longest_edge", json_integer(m.longest_edge[m.sizes - 1]));
    else if (!st)
        json_object_update_new(more, json_pack("{s:i, s:i}", "width", m.width, "height", m.height));
    if (!st)
        json_object_set_new(more, "flip_average", json_boolean(m.flip_average));
    if (!st && m.unknown)
        json_object_set_new(more, "unknown_labels", json_string(m.unknown));
    json_t *j = part_json("clothes parser", st, st ? 0 : dr_params_numel(&m.params), more);
    dr_parser_unload(&m);
    return j;
}

/* --- networks that measures of pictures stand on ------------------------------------------------ */

static json_t *backbone_json(dr_backbone_kind kind, const char *path)
{
    static dr_backbone m;
    dr_status st = dr_backbone_open(&m, kind, path);
    json_t *more = json_pack("{s:s, s:s}", "path", path, "licence", dr_backbone_licence(kind));
    if (!st && kind == DR_BACKBONE_CLIP)
        json_object_update_new(more, json_pack("{s:i, s:i, s:i, s:i}", "image_size", m.net.clip.config.size,
                                               "patch_size", m.net.clip.config.patch, "layers",
                                               m.net.clip.config.layers, "projection", m.net.clip.config.projection));
    if (!st && kind == DR_BACKBONE_INCEPTION)
        json_object_set_new(more, "features", json_integer(m.net.inception.config.features));
    json_t *j = part_json(dr_backbone_name(kind), st, st ? 0 : dr_params_numel(&m.params), more);
    dr_backbone_unload(&m);
    return j;
}

/* A file of one, a CLIP's folder, or a folder with some of them in it; NULL: none of these. */
static json_t *backbones_json(const char *path)
{
    dr_tensor_file f;
    char found[PATH_MAX];
    if (dr_is_clip_folder(path))
        return json_pack("[o]", backbone_json(DR_BACKBONE_CLIP, path));
    if (dr_is_file(path)) {
        dr_backbone_kind kind = DR_BACKBONES;
        if (!dr_tensor_file_open(&f, path)) {
            kind = dr_backbone_kind_of(f.entry, f.count);
            dr_tensor_file_close(&f);
        }
        return kind == DR_BACKBONES || kind == DR_BACKBONE_CLIP ? NULL : json_pack("[o]", backbone_json(kind, path));
    }
    json_t *list = json_array();
    for (int kind = 0; kind < DR_BACKBONES; kind++)
        if (!dr_backbone_find((dr_backbone_kind)kind, path, found))
            json_array_append_new(list, backbone_json((dr_backbone_kind)kind, found));
    if (json_array_size(list) > 0)
        return list;
    json_decref(list);
    return NULL;
}

/* What is at `path` if it is no model; then the message that says so goes, otherwise it stays. */
static json_t *instead(dr_status st, const char *path)
{
    char why[1024];
    snprintf(why, sizeof why, "%s", dr_error());
    json_t *list = backbones_json(path);
    if (list)
        dr_error_clear();
    else
        dr_fail(st, "%s", why);
    return list;
}

static json_t *ints_json(const int *list, int n)
{
    json_t *j = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(j, json_integer(list[i]));
    return j;
}

/* One of HR-VITON's networks. */
static json_t *gan_json(const char *path)
{
    dr_gan_info info;
    dr_status st = dr_gan_describe(&info, path);
    const dr_condition_config *c = &info.condition;
    const dr_spade_config *s = &info.generator;
    bool condition = info.kind == DR_GAN_CONDITION;
    json_t *more = st          ? json_object()
                   : condition ? json_pack("{s:i, s:o, s:o, s:i}", "width", c->width[0], "encoder_widths",
                                           ints_json(c->width, c->levels), "decoder_widths",
                                           ints_json(c->decoder, c->levels), "classes", c->classes)
                               : json_pack("{s:i, s:o, s:i, s:i, s:b}", "width", s->width[0] / 16, "block_widths",
                                           ints_json(s->width, s->blocks), "norm_width", s->hidden[0], "regions",
                                           s->regions, "spectral_norm", s->spectral);
    json_object_set_new(more, "licence", json_string(DR_GAN_LICENCE));
    return part_json(condition ? "HR-VITON condition generator" : "HR-VITON image generator", st, info.parameters,
                     more);
}

static drape_status give_json(json_t *model, char **json)
{
    *json = model ? json_dumps(model, JSON_INDENT(1)) : NULL;
    json_decref(model);
    return *json ? DRAPE_OK : (drape_status)dr_fail(DR_ENOMEM, "out of memory");
}

/* Attention weights for dressing from a photo of the garment. */
static json_t *attention_json(const dr_garment_attention *a)
{
    int64_t values = 0, layers = 0;
    json_t *widths = json_object();
    for (size_t i = 0; i < a->file.count; i++) {
        const dr_st_entry *e = &a->file.entry[i];
        char width[24];
        int64_t n = 1;
        for (int k = 0; k < e->rank; k++)
            n *= e->dim[k];
        values += n;
        if (e->rank != 2 || !strstr(e->name, ".to_q.weight"))
            continue;
        layers++;
        snprintf(width, sizeof width, "%lld", (long long)e->dim[0]);
        json_object_set_new(widths, width, json_integer(json_integer_value(json_object_get(widths, width)) + 1));
    }
    json_t *more = json_pack("{s:s, s:I, s:o}", "made_for", "dressing from a photo of the garment (CatVTON)", "layers",
                             (json_int_t)layers, "layers_by_width", widths);
    if (a->version[0])
        json_object_set_new(more, "version", json_string(a->version));
    if (a->width)
        json_object_update_new(more, json_pack("{s:i, s:i}", "width", a->width, "height", a->height));
    return part_json("attention", DR_OK, values, more);
}

/* What `path` has of such weights: itself, or below it. */
static bool open_attention(dr_garment_attention *a, const char *path)
{
    char dir[PATH_MAX], file[PATH_MAX];
    bool folder = dr_is_dir(path);
    bool found = !folder || !dr_garment_model_find(path, dir, file);
    return found && !dr_garment_attention_open(a, folder ? file : path);
}

/* A list of texts without those that it had before; takes the list. */
static json_t *distinct(json_t *list)
{
    json_t *seen = json_object(), *out = json_array(), *word;
    size_t i;
    json_array_foreach(list, i, word)
    {
        if (!json_object_get(seen, json_string_value(word)))
            json_array_append(out, word);
        json_object_set_new(seen, json_string_value(word), json_true());
    }
    json_decref(seen);
    json_decref(list);
    return out;
}

/* The words that choose a photo of it; NULL: there is none. */
static json_t *wardrobe_json(const char *path)
{
    dr_wardrobe w;
    if (dr_wardrobe_open(&w, path))
        return json_pack("{s:s, s:s}", "part", "wardrobe", "error", dr_error());
    if (w.count == 0)
        return NULL;
    json_t *taught = json_array(), *words = json_array();
    for (int i = 0; i < w.count; i++) {
        json_t *about = w.garment[i].about, *prompt = json_object_get(about, "prompt");
        if (prompt)
            json_array_append(taught, prompt);
        json_array_extend(words, json_object_get(about, "called"));
        json_array_extend(words, json_object_get(about, "described"));
    }
    json_t *j = json_pack("{s:s, s:i, s:o, s:o}", "part", "wardrobe", "photos", w.count, "taught", taught, "words",
                          distinct(words));
    dr_wardrobe_clear(&w);
    return j;
}

static json_t *pipeline_json(const dr_source *s, const dr_garment_attention *a)
{
    json_t *parts = json_pack("[o]", unet_json(s));
    if (!a || dr_source_has(s, "vae"))
        json_array_append_new(parts, vae_json(s));
    if (!a || dr_source_has(s, "text_encoder"))
        json_array_append_new(parts, text_json(s));
    if (a)
        json_array_append_new(parts, attention_json(a));
    json_t *wardrobe = wardrobe_json(dr_source_path(s));
    if (wardrobe)
        json_array_append_new(parts, wardrobe);
    return parts;
}

drape_status drape_model_parts(const char *path, char **json)
{
    dr_garment_attention attention;
    *json = NULL;
    if (dr_gan_kind_of(path) != DR_GAN_NONE)
        return give_json(json_pack("{s:[o], s:s}", "parts", gan_json(path), "family", "HR-VITON"), json);
    bool clip = dr_is_clip_folder(path), parser = !clip && dr_is_parser_folder(path);
    bool dresses = !clip && open_attention(&attention, path);
    char unet[PATH_MAX];
    bool alone = dresses && (dr_path(unet, sizeof unet, path, "unet") || !dr_is_dir(unet));
    dr_source *source = NULL;
    dr_status st = DR_OK;
    if (!clip && !parser && !alone)
        st = dr_source_open(&source, path, &(dr_source_options){.unchecked = dresses});
    json_t *parts = clip ? backbones_json(path) : st ? instead(st, path) : NULL;
    if (parts || !st) {
        if (!parts)
            parts = alone    ? json_pack("[o]", attention_json(&attention))
                    : parser ? json_pack("[o]", parser_json(path))
                             : pipeline_json(source, dresses ? &attention : NULL);
        const char *family = alone ? "attention weights of CatVTON" : source ? dr_source_family(source) : NULL;
        st = (dr_status)give_json(json_pack("{s:o*, s:s*}", "parts", parts, "family", family), json);
    }
    dr_source_close(source);
    if (dresses)
        dr_garment_attention_close(&attention);
    return (drape_status)st;
}
