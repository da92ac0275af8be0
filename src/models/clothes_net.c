#include "models/clothes_net.h"

#include "models/block.h"

#include <string.h>

#define EPS 1e-5f

/* --- config --------------------------------------------------------------------------------------- */

/* A list of one number per level. */
static dr_status read_levels(const json_t *j, const char *key, int low, int high, int *out, int *levels,
                             const char *where)
{
    int n;
    dr_status st = dr_json_ints(j, where, key, 0, low, high, DR_CLOTHES_MAX_LEVELS, out, &n);
    if (st)
        return st;
    if (n < 1 || (*levels && n != *levels))
        return dr_fail(DR_EINVAL, "'%s': \"%s\" lists %d numbers, expected %d: one per level", where, key, n,
                       *levels ? *levels : DR_CLOTHES_MAX_LEVELS);
    *levels = n;
    return DR_OK;
}

static dr_status read_int(const json_t *j, const char *key, int def, int low, int high, int *out, const char *where)
{
    int64_t value = 0;
    dr_status st = dr_json_int(j, where, key, def, low, high, &value);
    *out = (int)value;
    return st;
}

static dr_status check_groups(const dr_clothes_net_config *c, const char *where)
{
    for (int i = 0; i < c->levels; i++)
        if (c->width[i] % c->groups)
            return dr_fail(DR_EINVAL, "'%s': %d groups do not divide %d channels", where, c->groups, c->width[i]);
    return c->kernel % 2 ? DR_OK : dr_fail(DR_EINVAL, "'%s': \"kernel_size\" is %d; it must be odd", where, c->kernel);
}

dr_status dr_clothes_net_config_parse(dr_clothes_net_config *c, const json_t *j, const char *where)
{
    *c = (dr_clothes_net_config){0};
    c->labels = (int)json_object_size(json_object_get(j, "id2label"));
    if (c->labels < 2 || c->labels > 255)
        return dr_fail(DR_EINVAL, "'%s': \"id2label\" names %d labels; expected 2 to 255", where, c->labels);
    dr_status st = read_levels(j, "hidden_sizes", 1, 4096, c->width, &c->levels, where);
    if (!st)
        st = read_levels(j, "depths", 0, DR_CLOTHES_MAX_DEPTH, c->depth, &c->levels, where);
    if (!st)
        st = read_levels(j, "decoder_depths", 0, DR_CLOTHES_MAX_DEPTH, c->decoder, &c->levels, where);
    if (!st)
        st = read_int(j, "kernel_size", 5, 1, 9, &c->kernel, where);
    if (!st)
        st = read_int(j, "expansion", 3, 1, 8, &c->expansion, where);
    if (!st)
        st = read_int(j, "norm_groups", 1, 1, 4096, &c->groups, where);
    return st ? st : check_groups(c, where);
}

int dr_clothes_net_multiple(const dr_clothes_net_config *c)
{
    return 1 << c->levels;
}

/* --- weights -------------------------------------------------------------------------------------- */

static void block_init(dr_params *p, dr_clothes_block *b, const char *name, int width, const dr_clothes_net_config *c)
{
    char buf[DR_NAME_MAX];
    dr_depthwise_init(p, &b->depthwise, dr_join(buf, name, "depthwise"), width, c->kernel);
    dr_groupnorm_init(p, &b->norm, dr_join(buf, name, "norm"), width, c->groups, EPS);
    dr_lin_init(p, &b->expand, dr_join(buf, name, "expand"), width, width * c->expansion, true);
    dr_lin_init(p, &b->project, dr_join(buf, name, "project"), width * c->expansion, width, true);
}

static void level_init(dr_params *p, dr_clothes_net *m, int i)
{
    const dr_clothes_net_config *c = &m->config;
    dr_clothes_level *l = &m->level[i];
    char buf[DR_NAME_MAX], name[DR_NAME_MAX];
    int above = i ? c->width[i - 1] : 3;
    dr_join_index(name, "", "levels", i);
    dr_conv_init(p, &l->down, dr_join(buf, name, "down"), above, c->width[i], 3, 2);
    dr_groupnorm_init(p, &l->norm, dr_join(buf, name, "norm"), c->width[i], c->groups, EPS);
    for (int k = 0; k < c->depth[i]; k++)
        block_init(p, &l->block[k], dr_join_index(buf, name, "blocks", k), c->width[i], c);
    if (i)
        dr_lin_init(p, &l->up, dr_join(buf, name, "up"), c->width[i], above, true);
    for (int k = 0; i + 1 < c->levels && k < c->decoder[i]; k++)
        block_init(p, &l->up_block[k], dr_join_index(buf, name, "up_blocks", k), c->width[i], c);
}

dr_status dr_clothes_net_init(dr_clothes_net *m, const dr_clothes_net_config *c, dr_params *p)
{
    *m = (dr_clothes_net){.config = *c};
    for (int i = 0; i < c->levels; i++)
        level_init(p, m, i);
    dr_groupnorm_init(p, &m->norm_out, "norm_out", c->width[0], c->groups, EPS);
    dr_lin_init(p, &m->head, "head", c->width[0], c->labels, true);
    return p->status;
}

/* --- forward -------------------------------------------------------------------------------------- */

/* x + project(relu(expand(norm(depthwise(x))))) */
static dr_tensor *block(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const dr_clothes_block *b = self;
    dr_tensor *h = dr_conv_forward(g, &b->depthwise, in[0], NULL);
    h = dr_norm_forward(g, &b->norm, h, DR_ACT_NONE);
    h = dr_activation(g, dr_lin_forward(g, &b->expand, h, NULL), DR_ACT_RELU);
    return dr_lin_forward(g, &b->project, h, in[0]);
}

static dr_tensor *blocks(dr_tape *g, const dr_clothes_block *b, int n, dr_tensor *x)
{
    for (int i = 0; i < n; i++)
        x = dr_block(g, block, &b[i], 1, &x);
    return x;
}

void dr_clothes_net_encode(dr_tape *g, const dr_clothes_net *m, dr_tensor *x, dr_tensor *level[DR_CLOTHES_MAX_LEVELS])
{
    const dr_clothes_net_config *c = &m->config;
    for (int i = 0; i < c->levels; i++) {
        const dr_clothes_level *l = &m->level[i];
        int64_t N = x->dim[0], H = (x->dim[1] + 1) / 2, W = (x->dim[2] + 1) / 2;
        x = dr_norm_forward(g, &l->norm, dr_conv_forward(g, &l->down, x, NULL), DR_ACT_NONE);
        level[i] = x = dr_block_gave4(g, blocks(g, l->block, c->depth[i], x), "levels", N, H, W, c->width[i]);
    }
}

dr_tensor *dr_clothes_net_forward(dr_tape *g, const dr_clothes_net *m, dr_tensor *x)
{
    const dr_clothes_net_config *c = &m->config;
    dr_tensor *skip[DR_CLOTHES_MAX_LEVELS];
    dr_clothes_net_encode(g, m, x, skip);
    x = skip[c->levels - 1];
    for (int i = c->levels - 1; i > 0; i--) { /* 1x1 before the doubling: a quarter of the work */
        x = dr_resize_bilinear(g, dr_lin_forward(g, &m->level[i].up, x, NULL), skip[i - 1]->dim[1],
                               skip[i - 1]->dim[2]);
        x = blocks(g, m->level[i - 1].up_block, c->decoder[i - 1], dr_add(g, x, skip[i - 1]));
        const int64_t *d = skip[i - 1]->dim;
        dr_block_gave(g, x, "levels.up_blocks", 4, d);
    }
    return dr_lin_forward(g, &m->head, dr_norm_forward(g, &m->norm_out, x, DR_ACT_SILU), NULL);
}
