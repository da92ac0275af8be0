/* Reading unet/config.json: every size from the file, and a clear word about what is not supported. */
#include "models/unet.h"

#include <string.h>

static dr_status bad(const char *where, const char *key, const char *what)
{
    return dr_fail(DR_EINVAL, "'%s': \"%s\" %s", where, key, what);
}

/* Keys that would change the sums: they must be absent, null, false or at the value that SD 1 and 2 have. */
static dr_status check_unsupported(const json_t *j, const char *where)
{
    static const char *const must_be_empty[] = {
        "class_embed_type",     "addition_embed_type",     "encoder_hid_dim",
        "encoder_hid_dim_type", "num_class_embeds",        "time_cond_proj_dim",
        "timestep_post_act",    "time_embedding_act_fn",   "cross_attention_norm",
        "only_cross_attention", "dual_cross_attention",    "center_input_sample",
        "resnet_skip_time_act", "class_embeddings_concat", "mid_block_only_cross_attention",
        "time_embedding_dim",   "num_attention_heads",
    };
    for (size_t i = 0; i < sizeof must_be_empty / sizeof *must_be_empty; i++) {
        const json_t *v = json_object_get(j, must_be_empty[i]);
        if (v && !json_is_null(v) && !json_is_false(v))
            return bad(where, must_be_empty[i], "is set: not a Stable Diffusion 1 or 2 UNet, which is what drape runs");
    }
    static const struct {
        const char *key, *want;
    } strings[] = {{"act_fn", "silu"},
                   {"time_embedding_type", "positional"},
                   {"resnet_time_scale_shift", "default"},
                   {"attention_type", "default"}};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) {
        const char *v;
        dr_status st = dr_json_string(j, where, strings[i].key, strings[i].want, &v);
        if (st)
            return st;
        if (strcmp(v, strings[i].want) != 0)
            return dr_fail(DR_EINVAL, "'%s': \"%s\" is \"%s\", only \"%s\" is supported", where, strings[i].key, v,
                           strings[i].want);
    }
    static const char *const must_be_one[] = {"mid_block_scale_factor", "resnet_out_scale_factor",
                                              "downsample_padding"};
    for (size_t i = 0; i < sizeof must_be_one / sizeof *must_be_one; i++) {
        double v;
        dr_status st = dr_json_double(j, where, must_be_one[i], 1, &v);
        if (st)
            return st;
        if (v != 1)
            return bad(where, must_be_one[i], "is not 1, which is all that is supported");
    }
    static const char *const must_be_three[] = {"conv_in_kernel", "conv_out_kernel"};
    for (size_t i = 0; i < 2; i++) {
        int64_t v;
        dr_status st = dr_json_int(j, where, must_be_three[i], 3, 3, 3, &v);
        if (st)
            return st;
    }
    return DR_OK;
}

/* down_block_types and up_block_types: which blocks have transformers. */
static dr_status parse_blocks(const json_t *j, const char *where, const char *key, const char *plain,
                              const char *cross_name, int levels, bool *cross)
{
    const json_t *list = json_object_get(j, key);
    if (!json_is_array(list) || json_array_size(list) != (size_t)levels)
        return dr_fail(DR_EINVAL, "'%s': \"%s\" must list %d blocks, one per entry of \"block_out_channels\"", where,
                       key, levels);
    for (int i = 0; i < levels; i++) {
        const char *name = json_string_value(json_array_get(list, (size_t)i));
        cross[i] = name && strcmp(name, cross_name) == 0;
        if (!name || (!cross[i] && strcmp(name, plain) != 0))
            return dr_fail(DR_EINVAL, "'%s': \"%s\" has '%s', %s and %s are supported", where, key, name ? name : "?",
                           plain, cross_name);
    }
    return DR_OK;
}

static dr_status check_mid(const json_t *j, const char *where)
{
    const char *mid;
    dr_status st = dr_json_string(j, where, "mid_block_type", "UNetMidBlock2DCrossAttn", &mid);
    if (st)
        return st;
    if (strcmp(mid, "UNetMidBlock2DCrossAttn") != 0)
        return dr_fail(DR_EINVAL, "'%s': \"mid_block_type\" is \"%s\", UNetMidBlock2DCrossAttn is supported", where,
                       mid);
    return DR_OK;
}

/* A list with one entry per level, or one number for all. */
static dr_status per_level(const json_t *j, const char *where, const char *key, int levels, int def, int max, int *out)
{
    int n;
    dr_status st = dr_json_ints(j, where, key, levels, 1, max, DR_UNET_MAX_LEVELS, out, &n);
    if (st)
        return st;
    if (n == 0)
        for (n = 0; n < levels; n++)
            out[n] = def;
    if (n != levels)
        return dr_fail(DR_EINVAL, "'%s': \"%s\" has %d values, \"block_out_channels\" %d", where, key, n, levels);
    return DR_OK;
}

static dr_status parse_depths(const json_t *j, const char *where, dr_unet_config *c)
{
    int last = c->levels - 1;
    dr_status st =
        per_level(j, where, "transformer_layers_per_block", c->levels, 1, DR_TRANSFORMER_MAX_DEPTH, c->depth);
    if (st)
        return st;
    for (int i = 0; i <= last; i++)
        c->up_depth[i] = c->depth[last - i];
    c->mid_depth = c->depth[last];
    const char *reverse = "reverse_transformer_layers_per_block"; /* in the order of the up blocks */
    bool given = json_is_array(json_object_get(j, reverse));
    return given ? per_level(j, where, reverse, c->levels, 1, DR_TRANSFORMER_MAX_DEPTH, c->up_depth) : DR_OK;
}

static dr_status check_widths(const dr_unet_config *c, const char *where)
{
    for (int i = 0; i < c->levels; i++) {
        if (c->width[i] % c->groups != 0)
            return dr_fail(DR_EINVAL, "'%s': width %d is not a multiple of \"norm_num_groups\" %d", where, c->width[i],
                           c->groups);
        if (c->width[i] % c->heads[i] != 0)
            return dr_fail(DR_EINVAL, "'%s': width %d is not a multiple of its %d heads (\"attention_head_dim\")",
                           where, c->width[i], c->heads[i]);
    }
    return DR_OK;
}

static dr_status parse_sizes(const json_t *j, const char *where, dr_unet_config *c)
{
    struct {
        const char *key;
        int64_t def, max;
        int *out;
    } ints[] = {{"in_channels", 4, 64, &c->in},
                {"out_channels", 4, 64, &c->out},
                {"sample_size", 64, 1 << 14, &c->sample_size},
                {"norm_num_groups", 32, 1024, &c->groups}};
    dr_status st = DR_OK;
    for (size_t i = 0; !st && i < sizeof ints / sizeof *ints; i++) {
        int64_t v;
        st = dr_json_int(j, where, ints[i].key, ints[i].def, 1, ints[i].max, &v);
        *ints[i].out = (int)v;
    }
    double eps = 1e-5;
    if (!st)
        st = dr_json_double(j, where, "norm_eps", 1e-5, &eps);
    c->eps = (float)eps;
    if (!st)
        st = dr_json_bool(j, where, "use_linear_projection", false, &c->linear_projection);
    if (!st)
        st = dr_json_bool(j, where, "flip_sin_to_cos", true, &c->flip_sin_to_cos);
    if (!st)
        st = dr_json_double(j, where, "freq_shift", 0, &c->freq_shift);
    if (!st)
        st = dr_json_ints(j, where, "block_out_channels", 1, 1, 16384, DR_UNET_MAX_LEVELS, c->width, &c->levels);
    if (!st && c->levels == 0)
        st = bad(where, "block_out_channels", "is missing");
    return st;
}

dr_status dr_unet_config_parse(dr_unet_config *c, const json_t *j, const char *where)
{
    *c = (dr_unet_config){0};
    dr_status st = check_unsupported(j, where);
    if (!st)
        st = parse_sizes(j, where, c);
    if (!st)
        st = per_level(j, where, "layers_per_block", c->levels, 2, DR_UNET_MAX_LAYERS - 1, c->layers);
    /* the trap: in SD 1 and 2 this is the number of heads, whatever its name says */
    if (!st)
        st = per_level(j, where, "attention_head_dim", c->levels, 8, 1024, c->heads);
    if (!st)
        st = per_level(j, where, "cross_attention_dim", c->levels, 1280, 16384, c->context);
    if (!st)
        st = parse_depths(j, where, c);
    if (!st)
        st =
            parse_blocks(j, where, "down_block_types", "DownBlock2D", "CrossAttnDownBlock2D", c->levels, c->down_cross);
    if (!st)
        st = parse_blocks(j, where, "up_block_types", "UpBlock2D", "CrossAttnUpBlock2D", c->levels, c->up_cross);
    if (!st)
        st = check_mid(j, where);
    return st ? st : check_widths(c, where);
}
