#include "models/segformer.h"

#include "models/block.h"

#define EPS 1e-5f

/* --- weights -------------------------------------------------------------------------------------- */

/* Names are those of published files; transformers 5 has others in memory and writes these. */
static void attention_init(dr_params *p, dr_segformer_layer *l, const char *name, int width, int ratio)
{
    char buf[DR_NAME_MAX];
    dr_lin_init(p, &l->q, dr_join(buf, name, "self.query"), width, width, true);
    dr_lin_init(p, &l->k, dr_join(buf, name, "self.key"), width, width, true);
    dr_lin_init(p, &l->v, dr_join(buf, name, "self.value"), width, width, true);
    if (ratio > 1) {
        dr_conv_init(p, &l->reduce, dr_join(buf, name, "self.sr"), width, width, ratio, ratio);
        l->reduce.geom.top = l->reduce.geom.left = l->reduce.geom.bottom = l->reduce.geom.right = 0;
        dr_layernorm_init(p, &l->reduce_norm, dr_join(buf, name, "self.layer_norm"), width, EPS);
    }
    dr_lin_init(p, &l->out, dr_join(buf, name, "output.dense"), width, width, true);
}

static void layer_init(dr_params *p, dr_segformer_layer *l, const char *name, const dr_segformer_config *c, int i)
{
    char buf[DR_NAME_MAX];
    int width = c->width[i], wide = width * c->expansion[i];
    l->heads = c->heads[i];
    dr_layernorm_init(p, &l->norm1, dr_join(buf, name, "layer_norm_1"), width, EPS);
    attention_init(p, l, dr_join(buf, name, "attention"), width, c->reduction[i]);
    dr_layernorm_init(p, &l->norm2, dr_join(buf, name, "layer_norm_2"), width, EPS);
    dr_lin_init(p, &l->ff1, dr_join(buf, name, "mlp.dense1"), width, wide, true);
    dr_depthwise_init(p, &l->depthwise, dr_join(buf, name, "mlp.dwconv.dwconv"), wide, 3);
    dr_lin_init(p, &l->ff2, dr_join(buf, name, "mlp.dense2"), wide, width, true);
}

static void stage_init(dr_params *p, dr_segformer_stage *s, const dr_segformer_config *c, int i)
{
    char buf[DR_NAME_MAX], name[DR_NAME_MAX];
    dr_join_index(name, "segformer.encoder", "patch_embeddings", i);
    dr_conv_init(p, &s->patches, dr_join(buf, name, "proj"), i ? c->width[i - 1] : 3, c->width[i], c->patch[i],
                 c->stride[i]);
    dr_layernorm_init(p, &s->norm_in, dr_join(buf, name, "layer_norm"), c->width[i], EPS);
    s->depth = c->depth[i];
    dr_join_index(name, "segformer.encoder", "block", i);
    for (int k = 0; k < s->depth; k++)
        layer_init(p, &s->layer[k], dr_join_index(buf, "", name, k), c, i);
    dr_layernorm_init(p, &s->norm_out, dr_join_index(buf, "segformer.encoder", "layer_norm", i), c->width[i], EPS);
}

static void head_init(dr_params *p, dr_segformer *m)
{
    const dr_segformer_config *c = &m->config;
    char buf[DR_NAME_MAX], name[DR_NAME_MAX];
    int S = c->stages, D = c->decoder;
    for (int i = 0; i < S; i++)
        dr_lin_init(p, &m->stage[i].unify, dr_join(buf, dr_join_index(name, "decode_head", "linear_c", i), "proj"),
                    c->width[i], D, true);
    dr_tensor *fuse = dr_param_add(p, "decode_head.linear_fuse", "weight", DR_INIT_KAIMING, S * D, 4, D, S * D, 1, 1);
    for (int i = 0; i < S; i++) {
        m->stage[i].fuse = fuse;
        m->stage[i].fuse_from = (S - 1 - i) * D; /* the last stage comes first */
    }
    dr_layernorm_init(p, &m->norm, "decode_head.batch_norm", D, EPS);
    m->mean = dr_param_add(p, "decode_head.batch_norm", "running_mean", DR_INIT_ZEROS, 0, 1, D, 1, 1, 1);
    m->var = dr_param_add(p, "decode_head.batch_norm", "running_var", DR_INIT_ONES, 0, 1, D, 1, 1, 1);
    dr_lin_init_1x1(p, &m->classifier, "decode_head.classifier", D, c->labels);
}

dr_status dr_segformer_init(dr_segformer *m, const dr_segformer_config *c, dr_params *p)
{
    *m = (dr_segformer){.config = *c};
    for (int i = 0; i < c->stages; i++)
        stage_init(p, &m->stage[i], c, i);
    head_init(p, m);
    return p->status;
}

/* --- encoder -------------------------------------------------------------------------------------- */

static dr_tensor *tokens(dr_tape *g, dr_tensor *x)
{
    return dr_view3(g, x, x->dim[0], x->dim[1] * x->dim[2], x->dim[3]);
}

static dr_tensor *like_map(dr_tape *g, dr_tensor *x, const dr_tensor *map)
{
    return dr_view4(g, x, map->dim[0], map->dim[1], map->dim[2], x->dim[2]);
}

/* x + attention(norm(x)), x [N,h,w,C] */
static dr_tensor *attention_block(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const dr_segformer_layer *l = self;
    dr_tensor *h = dr_norm_forward(g, &l->norm1, in[0], DR_ACT_NONE), *keys = h;
    if (l->reduce.w) /* [N,h/ratio,w/ratio,C] */
        keys = dr_norm_forward(g, &l->reduce_norm, dr_conv_forward(g, &l->reduce, h, NULL), DR_ACT_NONE);
    dr_tensor *q = tokens(g, dr_lin_forward(g, &l->q, h, NULL));
    dr_tensor *k = tokens(g, dr_lin_forward(g, &l->k, keys, NULL));
    dr_tensor *v = tokens(g, dr_lin_forward(g, &l->v, keys, NULL));
    dr_tensor *y = like_map(g, dr_attention(g, q, k, v, l->heads, false), in[0]);
    return dr_lin_forward(g, &l->out, y, in[0]);
}

/* x + linear(gelu(depthwise(linear(norm(x))))) */
static dr_tensor *ff_block(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const dr_segformer_layer *l = self;
    dr_tensor *h = dr_norm_forward(g, &l->norm2, in[0], DR_ACT_NONE);
    h = dr_conv_forward(g, &l->depthwise, dr_lin_forward(g, &l->ff1, h, NULL), NULL);
    return dr_lin_forward(g, &l->ff2, dr_activation(g, h, DR_ACT_GELU), in[0]);
}

static dr_tensor *stage_forward(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const dr_segformer_stage *s = self;
    dr_tensor *h = dr_conv_forward(g, &s->patches, in[0], NULL);
    h = dr_norm_forward(g, &s->norm_in, h, DR_ACT_NONE);
    for (int k = 0; k < s->depth; k++) {
        h = dr_block(g, attention_block, &s->layer[k], 1, &h);
        h = dr_block(g, ff_block, &s->layer[k], 1, &h);
    }
    h = dr_norm_forward(g, &s->norm_out, h, DR_ACT_NONE);
    const dr_conv_geom *c = &s->patches.geom;
    int64_t kernel = s->patches.w->dim[2], H = (in[0]->dim[1] + c->top + c->bottom - kernel) / c->stride + 1,
            W = (in[0]->dim[2] + c->left + c->right - kernel) / c->stride + 1;
    return dr_block_gave4(g, h, "segformer.encoder.block", in[0]->dim[0], H, W, s->patches.w->dim[0]);
}

/* In inference a whole stage is one more block, so that what its layers left goes as well. */
static dr_tensor *stage(dr_tape *g, const dr_segformer_stage *s, dr_tensor *x)
{
    return g->recording ? stage_forward(g, s, &x) : dr_block(g, stage_forward, s, 1, &x);
}

/* --- head ----------------------------------------------------------------------------------------- */

/* What a stage [N,h,w,C] adds to the fused map [N,H/4,W/4,D], in[1], of the stages after it (NULL for the last), given
 * the size of in[2], the first stage. */
static dr_tensor *fuse_block(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const dr_segformer_stage *s = self;
    int64_t D = s->fuse->dim[0], C = s->unify.w->dim[1];
    dr_tensor *part = dr_transpose(g, s->fuse, s->fuse_from, D);                      /* [D in,D out] */
    part = dr_transpose(g, part, 0, D);                                               /* [D out,D in] */
    dr_tensor *w = dr_linear(g, part, dr_transpose(g, s->unify.w, 0, C), NULL, NULL); /* [D,C] */
    dr_tensor *b = dr_linear(g, dr_view(g, s->unify.b, 2, (int64_t[]){1, D}), part, NULL, NULL);
    if (in[0] == in[2])
        return dr_linear(g, in[0], w, b, in[1]);
    dr_tensor *y = dr_resize_bilinear(g, dr_linear(g, in[0], w, b, NULL), in[2]->dim[1], in[2]->dim[2]);
    return in[1] ? dr_add(g, y, in[1]) : y;
}

static dr_tensor *label_block(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const dr_segformer *m = self;
    dr_tensor *h = dr_batchnorm(g, in[0], m->norm.gamma, m->norm.beta, m->mean, m->var, m->norm.eps);
    return dr_lin_forward(g, &m->classifier, dr_activation(g, h, DR_ACT_RELU), NULL);
}

dr_tensor *dr_segformer_forward(dr_tape *g, const dr_segformer *m, dr_tensor *x)
{
    dr_tensor *h[DR_SEGFORMER_MAX_STAGES], *sum = NULL;
    int S = m->config.stages;
    for (int i = 0; i < S; i++)
        h[i] = x = stage(g, &m->stage[i], x);
    for (int i = S - 1; i >= 0; i--)
        sum = dr_block(g, fuse_block, &m->stage[i], 3, (dr_tensor *[]){h[i], sum, h[0]});
    return dr_block(g, label_block, m, 1, &sum);
}
