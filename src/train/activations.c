#include "train/activations.h"

/* What ops take beside their inputs and results while they go back; by measurement. The gradient of a weight is made
 * in the library's layout, then in the file's, then added. */
static const double workspace_per_weight = 2, workspace_per_value = 1;

static int64_t numel(const dr_tensor *t)
{
    return t ? dr_numel(t) : 0;
}

static int64_t lin_params(const dr_lin *l)
{
    return numel(l->w) + numel(l->b);
}

static int64_t conv_params(const dr_conv *c)
{
    return numel(c->w) + numel(c->b);
}

static int64_t norm_params(const dr_norm *n)
{
    return numel(n->gamma) + numel(n->beta);
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t workspace(int64_t weights, int64_t values)
{
    return (int64_t)(workspace_per_weight * (double)weights + workspace_per_value * (double)values);
}

/* A block that allocates `all` values, `result` of them its result, and whose ops take up to `scratch` beside. */
static void add_block(dr_activations *a, int64_t all, int64_t result, int64_t params, int64_t scratch)
{
    a->between += result;
    a->inside += all - result;
    a->block = larger(a->block, 2 * all + scratch);
    a->workspace = larger(a->workspace, scratch);
    a->largest_params = larger(a->largest_params, params);
}

static void add_outer_conv(dr_activations *a, const dr_conv *c, int64_t cells, int64_t before)
{
    int64_t in = c->w->dim[1], out = c->w->dim[0];
    a->between += cells * out;
    a->outer_params += conv_params(c);
    a->workspace = larger(a->workspace, workspace(numel(c->w), before * in + cells * out));
}

static void add_resnet(dr_activations *a, const dr_resnet *r, int64_t cells, bool joins)
{
    int64_t in = r->conv1.w->dim[1], out = r->conv1.w->dim[0];
    /* joined input; norm, conv, + time, norm, shortcut, conv */
    int64_t values = (joins ? in : 0) + in + 3 * out + (r->shortcut.w ? out : 0) + out;
    add_block(a, cells * values, cells * out,
              norm_params(&r->norm1) + conv_params(&r->conv1) + lin_params(&r->time) + norm_params(&r->norm2) +
                  conv_params(&r->conv2) + lin_params(&r->shortcut),
              larger(workspace(numel(r->conv1.w), cells * (in + out)), workspace(numel(r->conv2.w), cells * 2 * out)));
}

static int64_t attn_params(const dr_attn *a)
{
    return lin_params(&a->q) + lin_params(&a->k) + lin_params(&a->v) + lin_params(&a->out);
}

/* What an adapter adds to a projection, per row: its narrow middle, that scaled, and the sum. */
static int64_t adapter(int64_t rank, int64_t out)
{
    return rank ? 2 * rank + out : 0;
}

static void add_transformer(dr_activations *a, const dr_transformer2d *t, int64_t batch, int64_t cells, int64_t tokens,
                            int64_t rank)
{
    int64_t C = t->proj_in.w->dim[0], heads = t->layer[0].self.heads, low = adapter(rank, C);
    int64_t self = 6 * C + 2 + heads + 4 * low;  /* norm, q, k, v, attention, out */
    int64_t cross = 4 * C + 2 + heads + 2 * low; /* norm, q, attention, out; k and v are of the text */
    int64_t ff = 14 * C + 2;                     /* norm, twice 4C, gated 4C, out */
    int64_t text = 2 * (C + low);
    int64_t params = norm_params(&t->norm) + lin_params(&t->proj_in) + lin_params(&t->proj_out);
    for (int i = 0; i < t->depth; i++) {
        const dr_transformer_layer *l = &t->layer[i];
        params += attn_params(&l->self) + attn_params(&l->cross) + lin_params(&l->ff1) + lin_params(&l->ff2) +
                  norm_params(&l->norm1) + norm_params(&l->norm2) + norm_params(&l->norm3);
    }
    int64_t all = cells * (3 * C + t->depth * (self + cross + ff)) + batch * tokens * t->depth * text;
    add_block(a, all, cells * C, params, workspace(numel(t->layer[0].ff1.w), 0));
}

static int64_t halve(int64_t n)
{
    return (n + 1) / 2;
}

static void add_layer(dr_activations *a, const dr_unet_layer *l, int64_t batch, int64_t cells, int64_t tokens,
                      int64_t rank, bool joins)
{
    add_resnet(a, &l->resnet, cells, joins);
    if (l->cross)
        add_transformer(a, &l->attention, batch, cells, tokens, rank);
}

dr_activations dr_unet_activations(const dr_unet *u, int64_t batch, int64_t h, int64_t w, int64_t tokens, int64_t rank)
{
    dr_activations a = {0};
    int64_t cells[DR_UNET_MAX_LEVELS] = {0}; /* of each level, times the batch */
    int levels = u->config.levels, last = levels - 1;
    for (int i = 0; i < levels; i++, h = halve(h), w = halve(w))
        cells[i] = batch * h * w;
    a.outer_params = lin_params(&u->time1) + lin_params(&u->time2) + norm_params(&u->norm_out);
    add_outer_conv(&a, &u->conv_in, cells[0], cells[0]);
    for (int i = 0; i < levels; i++) {
        for (int k = 0; k < u->down[i].layers; k++)
            add_layer(&a, &u->down[i].layer[k], batch, cells[i], tokens, rank, false);
        if (u->down[i].resizes)
            add_outer_conv(&a, &u->down[i].resize, cells[i + 1], cells[i]);
    }
    add_resnet(&a, &u->mid.resnet[0], cells[last], false);
    add_transformer(&a, &u->mid.attention, batch, cells[last], tokens, rank);
    add_resnet(&a, &u->mid.resnet[1], cells[last], false);
    for (int i = 0; i < levels; i++) {
        for (int k = 0; k < u->up[i].layers; k++)
            add_layer(&a, &u->up[i].layer[k], batch, cells[last - i], tokens, rank, true);
        if (u->up[i].resizes) {
            int64_t doubled = cells[last - i - 1];
            a.between += doubled * u->up[i].resize.w->dim[1];
            add_outer_conv(&a, &u->up[i].resize, doubled, doubled);
        }
    }
    a.between += cells[0] * u->config.width[0]; /* the last norm */
    add_outer_conv(&a, &u->conv_out, cells[0], cells[0]);
    return a;
}

dr_activations dr_clip_activations(const dr_clip_text *m, int64_t batch, int64_t tokens, int64_t rank)
{
    dr_activations a = {0};
    int64_t C = m->config.width, rows = batch * tokens;
    a.between = 3 * rows * C; /* embeddings, + places, the last norm */
    a.outer_params = numel(m->tokens) + numel(m->places) + norm_params(&m->final);
    for (int i = 0; i < m->config.layers; i++) {
        const dr_clip_layer *l = &m->layer[i];
        /* norm, q, k, v, attention, out, norm, fc1, act, fc2 */
        int64_t values = 8 * C + 2 * m->config.mlp + 4 + m->config.heads + 4 * adapter(rank, C);
        add_block(&a, rows * values, rows * C,
                  norm_params(&l->norm1) + norm_params(&l->norm2) + lin_params(&l->q) + lin_params(&l->k) +
                      lin_params(&l->v) + lin_params(&l->out) + lin_params(&l->fc1) + lin_params(&l->fc2),
                  workspace(numel(l->fc1.w), 0));
    }
    return a;
}
