#include "models/clip_vision.h"

#include "models/block.h"

#include <string.h>

/* --- config --------------------------------------------------------------------------------------- */

static dr_status parse_ints(dr_clip_vision_config *c, const json_t *j, const char *where)
{
    int channels;
    const struct {
        const char *key;
        int64_t def, max;
        int *out;
    } keys[] = {{"hidden_size", 768, 16384, &c->width},
                {"intermediate_size", 3072, 65536, &c->mlp},
                {"num_hidden_layers", 12, DR_CLIP_MAX_LAYERS, &c->layers},
                {"num_attention_heads", 12, 256, &c->heads},
                {"image_size", 224, 4096, &c->size},
                {"patch_size", 32, 4096, &c->patch},
                {"num_channels", 3, 3, &channels}};
    dr_status st = DR_OK;
    for (size_t i = 0; !st && i < sizeof keys / sizeof *keys; i++) {
        int64_t v;
        st = dr_json_int(j, where, keys[i].key, keys[i].def, 1, keys[i].max, &v);
        *keys[i].out = (int)v;
    }
    if (!st && channels != 3)
        st = dr_fail(DR_EINVAL, "'%s': \"num_channels\" is %d, expected 3", where, channels);
    return st;
}

/* "projection_dim" stands outside of "vision_config" in a whole CLIP's. */
static dr_status parse_projection(dr_clip_vision_config *c, const json_t *j, const json_t *inner, const char *where)
{
    int64_t v = 512;
    dr_status st = dr_json_int(inner, where, "projection_dim", 512, 1, 16384, &v);
    if (!st && inner != j)
        st = dr_json_int(j, where, "projection_dim", v, 1, 16384, &v);
    c->projection = (int)v;
    return st;
}

dr_status dr_clip_vision_config_parse(dr_clip_vision_config *c, const json_t *j, const char *where)
{
    const json_t *inner = json_object_get(j, "vision_config");
    const char *type;
    double eps = 0;
    *c = (dr_clip_vision_config){0};
    dr_status st = dr_json_string(j, where, "model_type", "clip_vision_model", &type);
    if (!st && strcmp(type, "clip_vision_model") != 0 && strcmp(type, "clip") != 0)
        st = dr_fail(DR_EINVAL, "'%s': \"model_type\" is \"%.64s\", expected \"clip\" or \"clip_vision_model\"", where,
                     type);
    if (!st && strcmp(type, "clip") == 0 && !json_is_object(inner))
        st = dr_fail(DR_EINVAL, "'%s': it has no \"vision_config\"", where);
    inner = json_is_object(inner) ? inner : j;
    if (!st)
        st = parse_ints(c, inner, where);
    if (!st)
        st = parse_projection(c, j, inner, where);
    if (!st)
        st = dr_json_double(inner, where, "layer_norm_eps", 1e-5, &eps);
    if (!st)
        st = dr_clip_act_parse(inner, where, &c->act);
    c->eps = (float)eps;
    if (st)
        return st;
    if (c->width % c->heads != 0)
        return dr_fail(DR_EINVAL, "'%s': \"hidden_size\" %d is not a multiple of \"num_attention_heads\" %d", where,
                       c->width, c->heads);
    int across = c->size / c->patch;
    if (across < 1 || across * across >= DR_CLIP_MAX_TOKENS)
        return dr_fail(DR_EINVAL,
                       "'%s': \"image_size\" %d has %d patches of \"patch_size\" %d in a row, expected 1 to 63", where,
                       c->size, across, c->patch);
    return DR_OK;
}

/* --- weights -------------------------------------------------------------------------------------- */

dr_status dr_clip_vision_init(dr_clip_vision *m, const dr_clip_vision_config *c, dr_params *p)
{
    char buf[DR_NAME_MAX];
    const dr_clip_size size = {c->width, c->mlp, c->heads, c->act, c->eps, false};
    int across = c->size / c->patch;
    *m = (dr_clip_vision){.config = *c, .tokens = across * across + 1};
    m->class = dr_param_add(p, "embeddings", "class_embedding", DR_INIT_NORMAL, 0, 1, c->width, 1, 1, 1);
    m->patches.w =
        dr_param_add(p, "embeddings.patch_embedding", "weight", DR_INIT_NORMAL, 0, 4, c->width, 3, c->patch, c->patch);
    m->patches.geom = (dr_conv_geom){.kh = c->patch, .kw = c->patch, .stride = c->patch};
    m->places =
        dr_param_add(p, "embeddings.position_embedding", "weight", DR_INIT_NORMAL, 0, 2, m->tokens, c->width, 1, 1);
    dr_layernorm_init(p, &m->before, "pre_layrnorm", c->width, c->eps);
    for (int i = 0; i < c->layers; i++)
        dr_clip_layer_init(p, &m->layer[i], dr_join_index(buf, "encoder", "layers", i), &size);
    dr_layernorm_init(p, &m->after, "post_layernorm", c->width, c->eps);
    dr_lin_init(p, &m->projection, "visual_projection", c->width, c->projection, false);
    return p->status;
}

/* --- forward -------------------------------------------------------------------------------------- */

/* [N,S,S,3] -> [N,tokens,C] */
static dr_tensor *embed(dr_tape *g, const dr_clip_vision *m, dr_tensor *x)
{
    int32_t ids[DR_CLIP_MAX_TOKENS];
    int64_t N = x->dim[0], C = m->config.width, L = m->tokens;
    for (int32_t i = 0; i < L; i++)
        ids[i] = i;
    dr_tensor *h = dr_conv2d(g, x, m->patches.w, NULL, m->patches.geom, NULL); /* [N,S/p,S/p,C] */
    h = dr_view(g, h, 2, (int64_t[]){N, (L - 1) * C});
    dr_tensor *class = dr_repeat(g, dr_view(g, m->class, 2, (int64_t[]){1, C}), N);
    h = dr_view3(g, dr_concat(g, class, h), N, 1, L * C);
    dr_tensor *where = dr_embedding(g, m->places, ids, 1, L); /* [1,L,C] */
    h = dr_add_rows(g, h, dr_view(g, where, 2, (int64_t[]){1, L * C}));
    return dr_view3(g, h, N, L, C);
}

dr_tensor *dr_clip_vision_forward(dr_tape *g, const dr_clip_vision *m, dr_tensor *x)
{
    int64_t N = x->dim[0], C = m->config.width, L = m->tokens;
    DR_ASSERT(x->dim[1] == m->config.size && x->dim[2] == m->config.size, "a picture of %lldx%lld, expected %d",
              (long long)x->dim[2], (long long)x->dim[1], m->config.size);
    dr_tensor *h = dr_norm_forward(g, &m->before, embed(g, m, x), DR_ACT_NONE);
    for (int i = 0; i < m->config.layers; i++)
        h = dr_block_gave(g, dr_block(g, dr_clip_layer_forward, &m->layer[i], 1, &h), "encoder.layers", 3,
                          (int64_t[]){N, L, C});
    h = dr_slice(g, dr_view(g, h, 2, (int64_t[]){N, L * C}), 0, C); /* the class's place */
    h = dr_norm_forward(g, &m->after, h, DR_ACT_NONE);
    return dr_lin_forward(g, &m->projection, h, NULL);
}
