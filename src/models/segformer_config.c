/* Reading a SegFormer's config.json. What is not there has transformers' default, which is B0. */
#include "models/segformer.h"

#include <stdio.h>
#include <string.h>

/* One number per stage. */
static dr_status per_stage(const json_t *j, const char *where, const char *key, const int *def, int min, int max,
                           int stages, int *out)
{
    int n;
    dr_status st = dr_json_ints(j, where, key, stages, min, max, DR_SEGFORMER_MAX_STAGES, out, &n);
    if (st)
        return st;
    if (n == 0)
        memcpy(out, def, (size_t)(n = stages) * sizeof *out);
    if (n < stages)
        return dr_fail(DR_EINVAL, "'%s': \"%s\" has %d values, \"num_encoder_blocks\" is %d", where, key, n, stages);
    return DR_OK;
}

static dr_status parse_stages(const json_t *j, const char *where, dr_segformer_config *c)
{
    const struct {
        const char *key;
        int def[DR_SEGFORMER_MAX_STAGES], min, max, *out;
    } lists[] = {{"depths", {2, 2, 2, 2}, 1, DR_SEGFORMER_MAX_DEPTH, c->depth},
                 {"hidden_sizes", {32, 64, 160, 256}, 1, 4096, c->width},
                 {"num_attention_heads", {1, 2, 5, 8}, 1, 256, c->heads},
                 {"sr_ratios", {8, 4, 2, 1}, 1, 64, c->reduction},
                 {"patch_sizes", {7, 3, 3, 3}, 1, 31, c->patch},
                 {"strides", {4, 2, 2, 2}, 1, 16, c->stride},
                 {"mlp_ratios", {4, 4, 4, 4}, 1, 16, c->expansion}};
    dr_status st = DR_OK;
    for (size_t i = 0; !st && i < sizeof lists / sizeof *lists; i++)
        st = per_stage(j, where, lists[i].key, lists[i].def, lists[i].min, lists[i].max, c->stages, lists[i].out);
    for (int i = 0; !st && i < c->stages; i++)
        if (c->width[i] % c->heads[i] != 0)
            st = dr_fail(DR_EINVAL, "'%s': width %d is not a multiple of its %d heads (\"num_attention_heads\")", where,
                         c->width[i], c->heads[i]);
    return st;
}

static dr_status parse_numbers(const json_t *j, const char *where, dr_segformer_config *c)
{
    int channels;
    const struct {
        const char *key;
        int def, min, max, *out;
    } ints[] = {{"num_channels", 3, 3, 3, &channels},
                {"num_encoder_blocks", 4, 1, DR_SEGFORMER_MAX_STAGES, &c->stages},
                {"decoder_hidden_size", 256, 1, 4096, &c->decoder},
                {"semantic_loss_ignore_index", 255, -1000, 255, &c->ignore}};
    dr_status st = DR_OK;
    for (size_t i = 0; !st && i < sizeof ints / sizeof *ints; i++) {
        int64_t v;
        st = dr_json_int(j, where, ints[i].key, ints[i].def, ints[i].min, ints[i].max, &v);
        *ints[i].out = (int)v;
    }
    return st;
}

dr_status dr_segformer_config_parse(dr_segformer_config *c, const json_t *j, const char *where)
{
    const char *type, *act = "";
    *c = (dr_segformer_config){0};
    dr_status st = dr_json_string(j, where, "model_type", "segformer", &type);
    if (!st)
        st = dr_json_string(j, where, "hidden_act", "gelu", &act);
    if (!st && strcmp(type, "segformer") != 0)
        st = dr_fail(DR_EINVAL, "'%s': \"model_type\" is \"%s\", expected \"segformer\"", where, type);
    if (!st && strcmp(act, "gelu") != 0)
        st = dr_fail(DR_EINVAL, "'%s': \"hidden_act\" is \"%s\", only gelu is supported", where, act);
    size_t labels = json_object_size(json_object_get(j, "id2label"));
    if (!st && (labels < 2 || labels > 255))
        st = dr_fail(DR_EINVAL, "'%s': \"id2label\" names %zu labels, expected 2 to 255", where, labels);
    c->labels = (int)labels;
    if (!st)
        st = parse_numbers(j, where, c);
    return st ? st : parse_stages(j, where, c);
}

dr_status dr_segformer_check_size(const dr_segformer_config *c, int64_t H, int64_t W, const char *where)
{
    int64_t h = H, w = W;
    for (int i = 0; i < c->stages; i++) {
        int64_t pad = 2 * (c->patch[i] / 2) - c->patch[i];
        bool fits = h + pad >= 0 && w + pad >= 0;
        h = fits ? (h + pad) / c->stride[i] + 1 : 0;
        w = fits ? (w + pad) / c->stride[i] + 1 : 0;
        if (!fits || h < c->reduction[i] || w < c->reduction[i])
            return dr_fail(DR_EINVAL, "'%s': a picture of %lldx%lld pixels is too small for stage %d of this SegFormer",
                           where, (long long)W, (long long)H, i + 1);
    }
    return DR_OK;
}
