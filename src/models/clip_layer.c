#include "models/clip_layer.h"

#include <string.h>

dr_status dr_clip_act_parse(const json_t *j, const char *where, dr_act *out)
{
    const char *name;
    dr_status st = dr_json_string(j, where, "hidden_act", "quick_gelu", &name);
    if (st)
        return st;
    if (strcmp(name, "gelu") == 0)
        *out = DR_ACT_GELU;
    else if (strcmp(name, "quick_gelu") == 0)
        *out = DR_ACT_QUICK_GELU;
    else
        return dr_fail(DR_EINVAL, "'%s': \"hidden_act\" is \"%s\", gelu and quick_gelu are supported", where, name);
    return DR_OK;
}

void dr_clip_layer_init(dr_params *p, dr_clip_layer *l, const char *name, const dr_clip_size *c)
{
    char buf[DR_NAME_MAX];
    l->heads = c->heads;
    l->act = c->act;
    l->causal = c->causal;
    dr_layernorm_init(p, &l->norm1, dr_join(buf, name, "layer_norm1"), c->width, c->eps);
    dr_lin_init(p, &l->q, dr_join(buf, name, "self_attn.q_proj"), c->width, c->width, true);
    dr_lin_init(p, &l->k, dr_join(buf, name, "self_attn.k_proj"), c->width, c->width, true);
    dr_lin_init(p, &l->v, dr_join(buf, name, "self_attn.v_proj"), c->width, c->width, true);
    dr_lin_init(p, &l->out, dr_join(buf, name, "self_attn.out_proj"), c->width, c->width, true);
    dr_layernorm_init(p, &l->norm2, dr_join(buf, name, "layer_norm2"), c->width, c->eps);
    dr_lin_init(p, &l->fc1, dr_join(buf, name, "mlp.fc1"), c->width, c->mlp, true);
    dr_lin_init(p, &l->fc2, dr_join(buf, name, "mlp.fc2"), c->mlp, c->width, true);
}

static dr_tensor *attention(dr_tape *g, const dr_clip_layer *l, dr_tensor *x)
{
    dr_tensor *h = dr_norm_forward(g, &l->norm1, x, DR_ACT_NONE);
    dr_tensor *q = dr_lin_forward(g, &l->q, h, NULL);
    dr_tensor *k = dr_lin_forward(g, &l->k, h, NULL);
    dr_tensor *v = dr_lin_forward(g, &l->v, h, NULL);
    h = dr_attention(g, q, k, v, l->heads, l->causal);
    return dr_lin_forward(g, &l->out, h, x);
}

dr_tensor *dr_clip_layer_forward(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const dr_clip_layer *l = self;
    dr_tensor *x = attention(g, l, in[0]);
    dr_tensor *h = dr_norm_forward(g, &l->norm2, x, DR_ACT_NONE);
    h = dr_activation(g, dr_lin_forward(g, &l->fc1, h, NULL), l->act);
    return dr_lin_forward(g, &l->fc2, h, x);
}
