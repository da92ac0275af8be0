/* The public functions that look into models. */
#include "drape.h"

#include "base/file.h"
#include "io/tensor_file.h"
#include "pipeline/gan.h"
#include "pipeline/models.h"
#include "pipeline/parser.h"

#include <jansson.h>

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

drape_status drape_model_parts(const char *path, char **json)
{
    *json = NULL;
    if (dr_gan_kind_of(path) != DR_GAN_NONE)
        return give_json(json_pack("{s:[o], s:s}", "parts", gan_json(path), "family", "HR-VITON"), json);
    bool parser = dr_is_parser_folder(path);
    dr_source *source = NULL;
    dr_status st = parser ? DR_OK : dr_source_open(&source, path, NULL);
    if (st)
        return (drape_status)st;
    json_t *parts = parser ? json_pack("[o]", parser_json(path))
                           : json_pack("[o, o, o]", unet_json(source), vae_json(source), text_json(source));
    json_t *model = json_pack("{s:o*, s:s*}", "parts", parts, "family", parser ? NULL : dr_source_family(source));
    dr_source_close(source);
    return give_json(model, json);
}
