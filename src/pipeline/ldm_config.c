#include "pipeline/ldm_config.h"

#include "models/clip_text.h"
#include "models/vae.h"
#include "pipeline/folder.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAX_BLOCKS 64

/* --- finding tensors -------------------------------------------------------------------------------- */

static const dr_st_entry *find(const dr_ldm_facts *f, dr_ldm_find_fn *fn, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static const dr_st_entry *find(const dr_ldm_facts *f, dr_ldm_find_fn *fn, const char *fmt, ...)
{
    char name[DR_LDM_NAME_MAX];
    int third;
    va_list args;
    va_start(args, fmt);
    vsnprintf(name, sizeof name, fmt, args);
    va_end(args);
    return fn(f->user, name, &third);
}

/* Axis `i` of a tensor; 1 behind its last one. 0 without the tensor, which no config takes. */
static int64_t axis(const dr_st_entry *e, int i)
{
    return !e ? 0 : i < e->rank ? e->dim[i] : 1;
}

static dr_status missing(const dr_ldm_facts *f, const char *what, const char *name)
{
    return dr_fail(DR_EINVAL, "cannot load the model '%s': it has no %s ('%s' is missing)", f->path, what, name);
}

static dr_status finish(const dr_ldm_facts *f, json_t *j, bool ok, json_t **out)
{
    if (!j || !ok) {
        json_decref(j);
        return dr_fail(DR_ENOMEM, "out of memory loading '%s'", f->path);
    }
    *out = j;
    return DR_OK;
}

/* What drape itself noted when it wrote the file. */
static json_t *remembered(const dr_ldm_facts *f, const char *part)
{
    const json_t *j = json_object_get(f->remembered, part);
    return json_is_object(j) ? json_deep_copy(j) : NULL;
}

/* --- the .yaml -------------------------------------------------------------------------------------- */

static const json_t *params(const json_t *j)
{
    return json_object_get(j, "params");
}

static const json_t *model_params(const dr_ldm_facts *f)
{
    return params(json_object_get(f->yaml, "model"));
}

static const json_t *unet_params(const dr_ldm_facts *f)
{
    return params(json_object_get(model_params(f), "unet_config"));
}

/* A number of the .yaml that the tensors have, too. */
static dr_status agree(const dr_ldm_facts *f, const char *key, int64_t have)
{
    const json_t *v = json_object_get(unet_params(f), key);
    if (json_is_array(v))
        v = json_array_get(v, 0);
    if (!json_is_integer(v) || json_integer_value(v) == have)
        return DR_OK;
    return dr_fail(DR_EINVAL, "'%s' is of another model than '%s': it says %s %lld, the file has %lld; remove it",
                   f->yaml_path, f->path, key, (long long)json_integer_value(v), (long long)have);
}

/* --- UNet ------------------------------------------------------------------------------------------- */

typedef struct shape {
    int levels, layers[MAX_BLOCKS], depth[MAX_BLOCKS], mid_depth;
    int64_t width[MAX_BLOCKS], in, out, context;
    bool cross[MAX_BLOCKS], linear;
} shape;

static int depth_of(const dr_ldm_facts *f, const char *block, int N)
{
    char at[64];
    int k = 0;
    snprintf(at, sizeof at, N < 0 ? "%s.1" : "%s.%d.1", block, N);
    while (k < MAX_BLOCKS && find(f, f->unet, "%s.transformer_blocks.%d.norm1.weight", at, k))
        k++;
    return k;
}

/* Resnets and downsamplers are numbered through; a downsampler ends a level. */
static void measure_unet(const dr_ldm_facts *f, shape *s)
{
    const dr_st_entry *conv_in = find(f, f->unet, "input_blocks.0.0.weight"), *e;
    int level = 0;
    s->in = axis(conv_in, 1);
    for (int N = 1; N < MAX_BLOCKS; N++) {
        if (find(f, f->unet, "input_blocks.%d.0.op.weight", N)) {
            level++;
            continue;
        }
        if (!(e = find(f, f->unet, "input_blocks.%d.0.out_layers.3.weight", N)))
            break;
        if (s->layers[level]++ == 0) {
            s->width[level] = axis(e, 0);
            s->cross[level] = find(f, f->unet, "input_blocks.%d.1.proj_in.weight", N) != NULL;
            s->depth[level] = depth_of(f, "input_blocks", N);
        }
    }
    s->levels = level + 1;
    s->mid_depth = depth_of(f, "middle_block", -1);
    s->out = axis(find(f, f->unet, "out.2.weight"), 0);
    s->context = axis(find(f, f->unet, "middle_block.1.transformer_blocks.0.attn2.to_k.weight"), 1);
    e = find(f, f->unet, "middle_block.1.proj_in.weight");
    s->linear = e && e->rank == 2;
}

/* A list with one number per level; one number where all are equal, as configs have it. */
static json_t *per_level(const int *v, int n)
{
    bool equal = true;
    json_t *list = json_array();
    for (int i = 0; i < n; i++) {
        equal = equal && v[i] == v[0];
        json_array_append_new(list, json_integer(v[i]));
    }
    if (!equal)
        return list;
    json_decref(list);
    return json_integer(v[0]);
}

static json_t *widths(const int64_t *v, int n)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_integer(v[i]));
    return list;
}

/* Names of the blocks; `up` in reverse order. */
static json_t *blocks(const shape *s, bool up)
{
    json_t *list = json_array();
    for (int i = 0; i < s->levels; i++) {
        bool cross = s->cross[up ? s->levels - 1 - i : i];
        json_array_append_new(list, json_sprintf("%s%sBlock2D", cross ? "CrossAttn" : "", up ? "Up" : "Down"));
    }
    return list;
}

/* One head per `per_head` channels. */
static dr_status heads_by_width(const dr_ldm_facts *f, const shape *s, int64_t per_head, json_t **out)
{
    int heads[MAX_BLOCKS];
    for (int i = 0; i < s->levels; i++) {
        if (per_head < 1 || s->width[i] % per_head)
            return dr_fail(DR_EINVAL,
                           "cannot load the model '%s': how many heads its attention has cannot be told, since width "
                           "%lld is no multiple of %lld channels; the .yaml that belongs to it, beside it under the "
                           "same name, says it",
                           f->path, (long long)s->width[i], (long long)per_head);
        heads[i] = (int)(s->width[i] / per_head);
    }
    *out = json_array();
    for (int i = 0; *out && i < s->levels; i++)
        json_array_append_new(*out, json_integer(heads[i]));
    return *out ? DR_OK : DR_ENOMEM;
}

/* *out stays NULL where a config is noted. */
static dr_status heads(const dr_ldm_facts *f, const shape *s, json_t **out)
{
    const json_t *each = json_object_get(unet_params(f), "num_head_channels"); /* -1: the other one counts */
    const json_t *all = json_object_get(unet_params(f), "num_heads");
    if (json_is_integer(each) && json_integer_value(each) > 0)
        return heads_by_width(f, s, json_integer_value(each), out);
    if (json_is_integer(all) && json_integer_value(all) > 0)
        *out = json_integer(json_integer_value(all));
    else if (json_is_object(json_object_get(f->remembered, "unet")))
        return DR_OK; /* as noted there */
    else if (f->openclip)
        return heads_by_width(f, s, 64, out);
    else
        *out = json_integer(8);
    return *out ? DR_OK : DR_ENOMEM;
}

static const char *prediction(const dr_ldm_facts *f, int64_t in, int levels, int last_layer);

static int sample_size(const dr_ldm_facts *f, const shape *s)
{
    if (f->pixels >= 64 && f->pixels <= 1 << 13)
        return f->pixels / 8;
    return strcmp(prediction(f, s->in, s->levels, s->layers[0]), "epsilon") == 0 ? 64 : 96;
}

static dr_status check_yaml(const dr_ldm_facts *f, const shape *s)
{
    dr_status st = agree(f, "in_channels", s->in);
    if (!st)
        st = agree(f, "model_channels", s->width[0]);
    return st ? st : agree(f, "context_dim", s->context);
}

static json_t *unet_json(const dr_ldm_facts *f, const shape *s)
{
    int depth[MAX_BLOCKS];
    for (int i = 0; i < s->levels; i++) /* of a level without attention: the last one's is the middle's */
        depth[i] = s->cross[i] ? s->depth[i] : s->mid_depth;
    return json_pack(
        "{s:s, s:s, s:s, s:o, s:b, s:I, s:o, s:i, s:b, s:i, s:I, s:o, s:i, s:f, s:i, s:I, s:i, s:o, s:o, s:b}",
        "_class_name", "UNet2DConditionModel", "_diffusers_version", DR_DIFFUSERS_VERSION, "act_fn", "silu",
        "block_out_channels", widths(s->width, s->levels), "center_input_sample", 0, "cross_attention_dim",
        (json_int_t)s->context, "down_block_types", blocks(s, false), "downsample_padding", 1, "flip_sin_to_cos", 1,
        "freq_shift", 0, "in_channels", (json_int_t)s->in, "layers_per_block", per_level(s->layers, s->levels),
        "mid_block_scale_factor", 1, "norm_eps", 1e-5, "norm_num_groups", 32, "out_channels", (json_int_t)s->out,
        "sample_size", sample_size(f, s), "transformer_layers_per_block", per_level(depth, s->levels), "up_block_types",
        blocks(s, true), "use_linear_projection", s->linear);
}

dr_status dr_ldm_unet_config(const dr_ldm_facts *f, json_t **out)
{
    shape s = {0};
    json_t *head = NULL;
    measure_unet(f, &s);
    if (!s.layers[0])
        return missing(f, "first level in its UNet", DR_LDM_UNET "input_blocks.1.0.out_layers.3.weight");
    if (s.levels > DR_UNET_MAX_LEVELS)
        return dr_fail(DR_EINVAL, "cannot load the model '%s': its UNet has %d levels, at most %d are supported",
                       f->path, s.levels, DR_UNET_MAX_LEVELS);
    if (!s.mid_depth || !s.context)
        return missing(f, "attention in the middle of its UNet",
                       DR_LDM_UNET "middle_block.1.transformer_blocks.0.attn2.to_k.weight");
    dr_status st = check_yaml(f, &s);
    if (!st)
        st = heads(f, &s, &head);
    if (st)
        return st;
    json_t *j = remembered(f, "unet");
    if (!j)
        j = unet_json(f, &s);
    return finish(f, j, !head || json_object_set_new(j, "attention_head_dim", head) == 0, out);
}

/* --- VAE -------------------------------------------------------------------------------------------- */

static json_t *repeated(const char *name, int n)
{
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_string(name));
    return list;
}

dr_status dr_ldm_vae_config(const dr_ldm_facts *f, json_t **out)
{
    int64_t width[DR_VAE_MAX_LEVELS];
    int levels = 0, layers = 0;
    const dr_st_entry *e;
    for (; levels < DR_VAE_MAX_LEVELS; levels++) {
        if (!(e = find(f, f->vae, "encoder.down_blocks.%d.resnets.0.conv1.weight", levels)))
            break;
        width[levels] = axis(e, 0);
    }
    while (layers < DR_VAE_MAX_RESNETS && find(f, f->vae, "encoder.down_blocks.0.resnets.%d.conv1.weight", layers))
        layers++;
    const dr_st_entry *in = find(f, f->vae, "encoder.conv_in.weight"), *o = find(f, f->vae, "decoder.conv_out.weight");
    const dr_st_entry *z = find(f, f->vae, "decoder.conv_in.weight");
    if (!levels || !in)
        return missing(f, "VAE; put one beside it as NAME.vae.safetensors, or pass --vae",
                       DR_LDM_VAE "encoder.conv_in.weight");
    if (!o || !z)
        return missing(f, "whole VAE", o ? DR_LDM_VAE "decoder.conv_in.weight" : DR_LDM_VAE "decoder.conv_out.weight");
    const json_t *scale = json_object_get(model_params(f), "scale_factor");
    json_t *j = f->other_vae ? NULL : remembered(f, "vae");
    if (!j)
        j = json_pack("{s:s, s:s, s:s, s:o, s:o, s:I, s:I, s:i, s:b, s:i, s:I, s:i, s:f, s:o, s:b, s:b}", "_class_name",
                      "AutoencoderKL", "_diffusers_version", DR_DIFFUSERS_VERSION, "act_fn", "silu",
                      "block_out_channels", widths(width, levels), "down_block_types",
                      repeated("DownEncoderBlock2D", levels), "in_channels", (json_int_t)axis(in, 1), "latent_channels",
                      (json_int_t)axis(z, 1), "layers_per_block", layers, "mid_block_add_attention",
                      find(f, f->vae, "encoder.mid_block.attentions.0.to_q.weight") != NULL, "norm_num_groups", 32,
                      "out_channels", (json_int_t)axis(o, 0), "sample_size", 512, "scaling_factor", 0.18215,
                      "up_block_types", repeated("UpDecoderBlock2D", levels), "use_post_quant_conv",
                      find(f, f->vae, "post_quant_conv.weight") != NULL, "use_quant_conv",
                      find(f, f->vae, "quant_conv.weight") != NULL);
    return finish(f, j, !json_is_number(scale) || json_object_set(j, "scaling_factor", (json_t *)(uintptr_t)scale) == 0,
                  out);
}

/* --- text encoder ----------------------------------------------------------------------------------- */

/* How many of the file's blocks are used. SD 2 takes what comes out of the second-last one. Files that were written
 * from folders may have left the last one out: ViT-H of width 1024 has 24. */
static int used_layers(const dr_ldm_facts *f, int n, int64_t width)
{
    const json_t *cond = json_object_get(model_params(f), "cond_stage_config");
    const char *layer = json_string_value(json_object_get(params(cond), "layer"));
    const json_t *kept = json_object_get(f->remembered, "text_encoder");
    const json_t *noted = json_object_get(kept, "num_hidden_layers");
    json_int_t want = json_is_integer(noted) ? json_integer_value(noted) : kept ? 12 : 0;
    if (!f->openclip)
        return n;
    if (want > 0 && want <= n)
        return (int)want;
    if (layer && strcmp(layer, "last") == 0)
        return n;
    return (width == 1024 && n == 23) || n < 2 ? n : n - 1;
}

static const char *torch_name(dr_dtype t)
{
    return t == DR_F16 ? "float16" : t == DR_BF16 ? "bfloat16" : t == DR_F64 ? "float64" : "float32";
}

dr_status dr_ldm_text_config(const dr_ldm_facts *f, json_t **out)
{
    const dr_st_entry *tokens = find(f, f->text, "embeddings.token_embedding.weight");
    const dr_st_entry *places = find(f, f->text, "embeddings.position_embedding.weight");
    const dr_st_entry *fc1 = find(f, f->text, "encoder.layers.0.mlp.fc1.weight");
    int n = 0;
    while (n <= DR_CLIP_MAX_LAYERS && find(f, f->text, "encoder.layers.%d.mlp.fc1.weight", n))
        n++;
    if (!tokens)
        return missing(f, "text encoder",
                       f->openclip ? DR_LDM_OPENCLIP "token_embedding.weight"
                                   : DR_LDM_CLIP "embeddings.token_embedding.weight");
    if (!places || !fc1)
        return missing(f, "whole text encoder", places ? "encoder.layers.0.mlp.fc1.weight" : "position_embedding");
    int64_t width = axis(tokens, 1);
    json_t *j = remembered(f, "text_encoder");
    if (!j && width % 64)
        return dr_fail(DR_EINVAL,
                       "cannot load the model '%s': its text encoder has width %lld, which is no multiple of 64, the "
                       "width of CLIP's heads",
                       f->path, (long long)width);
    if (!j)
        j = json_pack(
            "{s:[s], s:f, s:i, s:f, s:i, s:s, s:I, s:f, s:f, s:I, s:f, s:I, s:s, s:I, s:i, s:i, s:I, s:s, s:I}",
            "architectures", "CLIPTextModel", "attention_dropout", 0.0, "bos_token_id", 0, "dropout", 0.0,
            "eos_token_id", 2, "hidden_act", f->openclip ? "gelu" : "quick_gelu", "hidden_size", (json_int_t)width,
            "initializer_factor", 1.0, "initializer_range", 0.02, "intermediate_size", (json_int_t)axis(fc1, 0),
            "layer_norm_eps", 1e-5, "max_position_embeddings", (json_int_t)axis(places, 0), "model_type",
            "clip_text_model", "num_attention_heads", (json_int_t)(width / 64), "num_hidden_layers", n, "pad_token_id",
            1, "projection_dim", (json_int_t)(f->openclip && width == 1024 ? 512 : width), "torch_dtype",
            torch_name(tokens->dtype), "vocab_size", (json_int_t)axis(tokens, 0));
    return finish(f, j, json_object_set_new(j, "num_hidden_layers", json_integer(used_layers(f, n, width))) == 0, out);
}

/* --- schedule --------------------------------------------------------------------------------------- */

/* ComfyUI's test for SD 2 without channels for a mask, whose two published kinds differ in nothing else: the spread of
 * this bias. */
static bool looks_like_v(const dr_ldm_facts *f, int levels, int last_layer)
{
    int N = levels * (last_layer + 1) - 1;
    const dr_st_entry *e = find(f, f->unet, "output_blocks.%d.1.transformer_blocks.0.norm1.bias", N);
    bool floats = e && dr_dtype_is_float(e->dtype) && dr_dtype_block(e->dtype) == 1; /* a bias is in no blocks */
    size_t size = floats ? dr_dtype_size(e->dtype) : 1, n = floats ? e->size / size : 0;
    double sum = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = 0;
        float v;
        memcpy(&bits, (const char *)e->data + i * size, size);
        dr_to_f32(&bits, e->dtype, &v, 1);
        sum += (double)v;
        squares += (double)v * (double)v;
    }
    return n && sqrt(squares / (double)n - sum / (double)n * (sum / (double)n)) > 0.09;
}

static const char *prediction(const dr_ldm_facts *f, int64_t in, int levels, int last_layer)
{
    const char *yaml = json_string_value(json_object_get(model_params(f), "parameterization"));
    const json_t *kept = json_object_get(json_object_get(f->remembered, "scheduler"), "prediction_type");
    if (yaml)
        return strcmp(yaml, "v") == 0 ? "v_prediction" : strcmp(yaml, "x0") == 0 ? "sample" : "epsilon";
    if (f->predicts)
        return f->predicts;
    if (json_is_string(kept))
        return json_string_value(kept);
    return f->openclip && in == 4 && looks_like_v(f, levels, last_layer) ? "v_prediction" : "epsilon";
}

static double number(const dr_ldm_facts *f, const char *key, double def)
{
    const json_t *v = json_object_get(model_params(f), key);
    return json_is_number(v) ? json_number_value(v) : def;
}

dr_status dr_ldm_scheduler_config(const dr_ldm_facts *f, const dr_unet_config *c, json_t **out)
{
    const json_t *steps = json_object_get(model_params(f), "timesteps");
    json_t *j = remembered(f, "scheduler");
    if (!j)
        j = json_pack("{s:s, s:s, s:f, s:s, s:f, s:I, s:b, s:b, s:i, s:n}", "_class_name", "PNDMScheduler",
                      "_diffusers_version", DR_DIFFUSERS_VERSION, "beta_end", number(f, "linear_end", 0.012),
                      "beta_schedule", "scaled_linear", "beta_start", number(f, "linear_start", 0.00085),
                      "num_train_timesteps", json_is_integer(steps) ? json_integer_value(steps) : 1000,
                      "set_alpha_to_one", 0, "skip_prk_steps", 1, "steps_offset", 1, "trained_betas");
    const char *predicts = prediction(f, c->in, c->levels, c->layers[0]);
    bool said = json_object_get(j, "prediction_type") || !json_object_get(f->remembered, "scheduler");
    if (!said && strcmp(predicts, "epsilon") == 0)
        return finish(f, j, true, out); /* which is what a config means that does not say it */
    return finish(f, j, json_object_set_new(j, "prediction_type", json_string(predicts)) == 0, out);
}
