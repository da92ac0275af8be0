#include "models/transformer2d.h"

#include "models/block.h"

static void attn_init(dr_params *p, dr_attn *a, const char *name, int width, int context, int heads)
{
    char buf[DR_NAME_MAX];
    a->heads = heads;
    dr_lin_init(p, &a->q, dr_join(buf, name, "to_q"), width, width, false);
    dr_lin_init(p, &a->k, dr_join(buf, name, "to_k"), context, width, false);
    dr_lin_init(p, &a->v, dr_join(buf, name, "to_v"), context, width, false);
    dr_lin_init(p, &a->out, dr_join(buf, name, "to_out.0"), width, width, true);
}

static void layer_init(dr_params *p, dr_transformer_layer *l, const char *name, int width, int heads, int context)
{
    char buf[DR_NAME_MAX];
    dr_layernorm_init(p, &l->norm1, dr_join(buf, name, "norm1"), width, 1e-5f);
    attn_init(p, &l->self, dr_join(buf, name, "attn1"), width, width, heads);
    dr_layernorm_init(p, &l->norm2, dr_join(buf, name, "norm2"), width, 1e-5f);
    attn_init(p, &l->cross, dr_join(buf, name, "attn2"), width, context, heads);
    dr_layernorm_init(p, &l->norm3, dr_join(buf, name, "norm3"), width, 1e-5f);
    dr_lin_init(p, &l->ff1, dr_join(buf, name, "ff.net.0.proj"), width, 8 * width, true);
    dr_lin_init(p, &l->ff2, dr_join(buf, name, "ff.net.2"), 4 * width, width, true);
}

void dr_transformer2d_init(dr_params *p, dr_transformer2d *t, const char *name, int width, int heads, int context,
                           int depth, int groups, bool linear)
{
    char buf[DR_NAME_MAX];
    *t = (dr_transformer2d){.name = dr_params_text(p, name), .depth = depth};
    dr_groupnorm_init(p, &t->norm, dr_join(buf, name, "norm"), width, groups, 1e-6f);
    dr_join(buf, name, "proj_in");
    if (linear)
        dr_lin_init(p, &t->proj_in, buf, width, width, true);
    else
        dr_lin_init_1x1(p, &t->proj_in, buf, width, width);
    for (int i = 0; i < depth; i++)
        layer_init(p, &t->layer[i], dr_join_index(buf, name, "transformer_blocks", i), width, heads, context);
    dr_join(buf, name, "proj_out");
    if (linear)
        dr_lin_init(p, &t->proj_out, buf, width, width, true);
    else
        dr_lin_init_1x1(p, &t->proj_out, buf, width, width);
}

/* + attention of x to `text` (to itself when they are the same tensor) */
static dr_tensor *attend(dr_tape *g, const dr_attn *a, dr_tensor *x, dr_tensor *text, dr_tensor *residual)
{
    dr_tensor *q = dr_lin_forward(g, &a->q, x, NULL);
    dr_tensor *k = dr_lin_forward(g, &a->k, text, NULL);
    dr_tensor *v = dr_lin_forward(g, &a->v, text, NULL);
    return dr_lin_forward(g, &a->out, dr_attention(g, q, k, v, a->heads, false), residual);
}

static dr_tensor *self_block(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const dr_transformer_layer *l = self;
    dr_tensor *h = dr_norm_forward(g, &l->norm1, in[0], DR_ACT_NONE);
    return attend(g, &l->self, h, h, in[0]);
}

static dr_tensor *cross_block(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const dr_transformer_layer *l = self;
    dr_tensor *h = dr_norm_forward(g, &l->norm2, in[0], DR_ACT_NONE);
    return attend(g, &l->cross, h, in[1], in[0]);
}

/* Cross-attention that is skipped, not taken out: it gives back what it was given, and the block adds that.
 * Chong et al. 2024, arXiv:2407.15886, in the published program. */
static dr_tensor *skipped_cross_block(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const dr_transformer_layer *l = self;
    return dr_add(g, in[0], dr_norm_forward(g, &l->norm2, in[0], DR_ACT_NONE));
}

static dr_tensor *ff_block(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const dr_transformer_layer *l = self;
    dr_tensor *h = dr_norm_forward(g, &l->norm3, in[0], DR_ACT_NONE);
    h = dr_geglu(g, dr_lin_forward(g, &l->ff1, h, NULL));
    return dr_lin_forward(g, &l->ff2, h, in[0]);
}

dr_tensor *dr_transformer2d_forward(dr_tape *g, const dr_transformer2d *t, dr_tensor *x, dr_tensor *text)
{
    const int64_t *d = x->dim, N = text ? text->dim[0] : d[0];
    dr_tensor *in = dr_view3(g, x, d[0], d[1] * d[2], d[3]);
    dr_tensor *h = dr_norm_forward(g, &t->norm, in, DR_ACT_NONE);
    h = dr_lin_forward(g, &t->proj_in, h, NULL);
    for (int i = 0; i < t->depth; i++) {
        const dr_transformer_layer *l = &t->layer[i];
        h = dr_block(g, self_block, l, 1, &h);
        if (h->dim[0] < N) {
            h = dr_repeat(g, h, N);
            in = dr_repeat(g, in, N);
        }
        h = text ? dr_block(g, cross_block, l, 2, (dr_tensor *[]){h, text})
                 : dr_block(g, skipped_cross_block, l, 1, &h);
        h = dr_block(g, ff_block, l, 1, &h);
    }
    h = dr_lin_forward(g, &t->proj_out, h, in);
    return dr_block_gave4(g, dr_view4(g, h, N, d[1], d[2], d[3]), t->name, N, d[1], d[2], d[3]);
}
