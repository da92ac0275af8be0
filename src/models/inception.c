#include "models/inception.h"

#include "models/block.h"

#include <math.h>
#include <stdlib.h>

#define EPS 1e-3f

/* --- widths and weights -------------------------------------------------------------------------------- */

/* Goes through all convolutions in the order of the forward: reads their widths from a file, or declares them. */
typedef struct walk {
    dr_inception_config *c;
    const dr_shapes *shapes; /* NULL: declare */
    dr_inception *m;
    dr_params *p;
    const char *block; /* "Mixed_5b", "" in the stem */
    int at;
    dr_status st;
} walk;

static void declare(walk *k, const char *name, int in, int out, dr_conv_geom geom)
{
    char conv[DR_NAME_MAX], bn[DR_NAME_MAX];
    dr_inception_unit *u = &k->m->unit[k->at];
    dr_join(conv, name, "conv");
    dr_join(bn, name, "bn");
    int64_t fan_in = (int64_t)in * geom.kh * geom.kw;
    u->conv.geom = geom;
    u->conv.w = dr_param_add(k->p, conv, "weight", DR_INIT_KAIMING, fan_in, 4, out, in, geom.kh, geom.kw);
    u->gamma = dr_param_add(k->p, bn, "weight", DR_INIT_ONES, 0, 1, out, 1, 1, 1);
    u->beta = dr_param_add(k->p, bn, "bias", DR_INIT_ZEROS, 0, 1, out, 1, 1, 1);
    u->mean = dr_param_add(k->p, bn, "running_mean", DR_INIT_ZEROS, 0, 1, out, 1, 1, 1);
    u->var = dr_param_add(k->p, bn, "running_var", DR_INIT_ONES, 0, 1, out, 1, 1, 1);
}

/* A convolution of kh x kw with padding at top and bottom, left and right. Returns the channels that it gives. */
static int unit(walk *k, const char *name, int in, int kh, int kw, int stride, int pad_h, int pad_w)
{
    char full[DR_NAME_MAX], conv[DR_NAME_MAX];
    int *out = &k->c->out[k->at];
    if (k->st)
        return 1;
    dr_join(full, k->block, name);
    if (k->shapes)
        k->st = dr_shapes_conv(k->shapes, dr_join(conv, full, "conv"), in, kh, kw, out);
    else
        declare(k, full, in, *out, (dr_conv_geom){kh, kw, stride, pad_h, pad_w, pad_h, pad_w, 1});
    k->at++;
    return k->st ? 1 : *out;
}

/* A square one; padding keeps the size unless it is 0. */
static int square(walk *k, const char *name, int in, int kernel, int stride, int pad)
{
    return unit(k, name, in, kernel, kernel, stride, pad, pad);
}

static int walk_stem(walk *k)
{
    int n = square(k, "Conv2d_1a_3x3", 3, 3, 2, 0);
    n = square(k, "Conv2d_2a_3x3", n, 3, 1, 0);
    n = square(k, "Conv2d_2b_3x3", n, 3, 1, 1);
    n = square(k, "Conv2d_3b_1x1", n, 1, 1, 0);
    return square(k, "Conv2d_4a_3x3", n, 3, 1, 0);
}

static int walk_a(walk *k, int in)
{
    int all = square(k, "branch1x1", in, 1, 1, 0);
    int n = square(k, "branch5x5_1", in, 1, 1, 0);
    all += square(k, "branch5x5_2", n, 5, 1, 2);
    n = square(k, "branch3x3dbl_1", in, 1, 1, 0);
    n = square(k, "branch3x3dbl_2", n, 3, 1, 1);
    all += square(k, "branch3x3dbl_3", n, 3, 1, 1);
    return all + square(k, "branch_pool", in, 1, 1, 0);
}

static int walk_b(walk *k, int in)
{
    int all = in + square(k, "branch3x3", in, 3, 2, 0);
    int n = square(k, "branch3x3dbl_1", in, 1, 1, 0);
    n = square(k, "branch3x3dbl_2", n, 3, 1, 1);
    return all + square(k, "branch3x3dbl_3", n, 3, 2, 0);
}

static int walk_c(walk *k, int in)
{
    int all = square(k, "branch1x1", in, 1, 1, 0);
    int n = square(k, "branch7x7_1", in, 1, 1, 0);
    n = unit(k, "branch7x7_2", n, 1, 7, 1, 0, 3);
    all += unit(k, "branch7x7_3", n, 7, 1, 1, 3, 0);
    n = square(k, "branch7x7dbl_1", in, 1, 1, 0);
    n = unit(k, "branch7x7dbl_2", n, 7, 1, 1, 3, 0);
    n = unit(k, "branch7x7dbl_3", n, 1, 7, 1, 0, 3);
    n = unit(k, "branch7x7dbl_4", n, 7, 1, 1, 3, 0);
    all += unit(k, "branch7x7dbl_5", n, 1, 7, 1, 0, 3);
    return all + square(k, "branch_pool", in, 1, 1, 0);
}

static int walk_d(walk *k, int in)
{
    int n = square(k, "branch3x3_1", in, 1, 1, 0);
    int all = in + square(k, "branch3x3_2", n, 3, 2, 0);
    n = square(k, "branch7x7x3_1", in, 1, 1, 0);
    n = unit(k, "branch7x7x3_2", n, 1, 7, 1, 0, 3);
    n = unit(k, "branch7x7x3_3", n, 7, 1, 1, 3, 0);
    return all + square(k, "branch7x7x3_4", n, 3, 2, 0);
}

static int walk_e(walk *k, int in)
{
    int all = square(k, "branch1x1", in, 1, 1, 0);
    int n = square(k, "branch3x3_1", in, 1, 1, 0);
    all += unit(k, "branch3x3_2a", n, 1, 3, 1, 0, 1);
    all += unit(k, "branch3x3_2b", n, 3, 1, 1, 1, 0);
    n = square(k, "branch3x3dbl_1", in, 1, 1, 0);
    n = square(k, "branch3x3dbl_2", n, 3, 1, 1);
    all += unit(k, "branch3x3dbl_3a", n, 1, 3, 1, 0, 1);
    all += unit(k, "branch3x3dbl_3b", n, 3, 1, 1, 1, 0);
    return all + square(k, "branch_pool", in, 1, 1, 0);
}

static dr_tensor *forward_a(dr_tape *g, const void *self, dr_tensor *const *in);
static dr_tensor *forward_b(dr_tape *g, const void *self, dr_tensor *const *in);
static dr_tensor *forward_c(dr_tape *g, const void *self, dr_tensor *const *in);
static dr_tensor *forward_d(dr_tape *g, const void *self, dr_tensor *const *in);
static dr_tensor *forward_e(dr_tape *g, const void *self, dr_tensor *const *in);
static dr_tensor *forward_last_e(dr_tape *g, const void *self, dr_tensor *const *in);

enum { STEM_UNITS = 5, BLOCKS = 11 };
static const struct {
    const char *name;
    int (*walk)(walk *k, int in);
    dr_block_fn *forward;
    int units;
} blocks[BLOCKS] = {
    {"Mixed_5b", walk_a, forward_a, 7},  {"Mixed_5c", walk_a, forward_a, 7},      {"Mixed_5d", walk_a, forward_a, 7},
    {"Mixed_6a", walk_b, forward_b, 4},  {"Mixed_6b", walk_c, forward_c, 10},     {"Mixed_6c", walk_c, forward_c, 10},
    {"Mixed_6d", walk_c, forward_c, 10}, {"Mixed_6e", walk_c, forward_c, 10},     {"Mixed_7a", walk_d, forward_d, 6},
    {"Mixed_7b", walk_e, forward_e, 9},  {"Mixed_7c", walk_e, forward_last_e, 9},
};

static dr_status walk_all(walk *k)
{
    k->block = "";
    int n = walk_stem(k);
    for (int i = 0; i < BLOCKS; i++) {
        k->block = blocks[i].name;
        n = blocks[i].walk(k, n);
    }
    k->c->features = n;
    return k->st;
}

dr_status dr_inception_config_read(dr_inception_config *c, const dr_shapes *s)
{
    *c = (dr_inception_config){0};
    return walk_all(&(walk){.c = c, .shapes = s});
}

dr_status dr_inception_init(dr_inception *m, const dr_inception_config *c, dr_params *p)
{
    *m = (dr_inception){.config = *c};
    walk_all(&(walk){.c = &m->config, .m = m, .p = p});
    return p->status;
}

/* --- batch norm becomes part of the convolution ---------------------------------------------------------- */

static dr_param *param_of(const dr_params *p, const dr_tensor *t)
{
    for (dr_param *q = p->first; q; q = q->next)
        if (&q->t == t)
            return q;
    return NULL;
}

static dr_status fold(dr_inception_unit *u, dr_params *p, const char *where, float *spare, float *w)
{
    size_t out = (size_t)u->conv.w->dim[0], n = (size_t)dr_numel(u->conv.w) / out;
    float *gamma = spare, *beta = gamma + out, *mean = beta + out, *var = mean + out;
    dr_param *weight = param_of(p, u->conv.w), *bias = param_of(p, u->beta);
    dr_param_get(weight, 0, out * n, w);
    dr_param_get(param_of(p, u->gamma), 0, out, gamma);
    dr_param_get(bias, 0, out, beta);
    dr_param_get(param_of(p, u->mean), 0, out, mean);
    dr_param_get(param_of(p, u->var), 0, out, var);
    for (size_t o = 0; o < out; o++) {
        if (var[o] < 0)
            return dr_fail(DR_EINVAL, "cannot load '%s': '%s' has the negative value %g", where, u->var->name,
                           (double)var[o]);
        double s = gamma[o] / sqrt((double)var[o] + (double)EPS);
        for (size_t i = 0; i < n; i++)
            w[o * n + i] = (float)(s * w[o * n + i]);
        beta[o] = (float)(beta[o] - s * mean[o]);
    }
    dr_param_set(weight, 0, out * n, w);
    dr_param_set(bias, 0, out, beta);
    u->folded = true;
    return DR_OK;
}

dr_status dr_inception_fold(dr_inception *m, dr_params *p, const char *where)
{
    dr_status st = DR_OK;
    for (int i = 0; !st && i < DR_INCEPTION_UNITS; i++) {
        const dr_tensor *w = m->unit[i].conv.w;
        float *spare = malloc((size_t)(4 * w->dim[0]) * sizeof *spare),
              *copy = malloc((size_t)dr_numel(w) * sizeof *copy);
        st = spare && copy ? fold(&m->unit[i], p, where, spare, copy) : dr_fail(DR_ENOMEM, "out of memory");
        free(spare);
        free(copy);
    }
    return st;
}

/* --- forward ----------------------------------------------------------------------------------------------- */

static dr_tensor *run(dr_tape *g, const dr_inception_unit *u, dr_tensor *x)
{
    dr_tensor *y = dr_conv2d(g, x, u->conv.w, u->folded ? u->beta : NULL, u->conv.geom, NULL);
    if (!u->folded)
        y = dr_batchnorm(g, y, u->gamma, u->beta, u->mean, u->var, EPS);
    return dr_activation_over(g, y, DR_ACT_RELU);
}

/* `n` convolutions one behind the other. */
static dr_tensor *chain(dr_tape *g, const dr_inception_unit *u, int n, dr_tensor *x)
{
    for (int i = 0; i < n; i++)
        x = run(g, &u[i], x);
    return x;
}

static dr_tensor *max_half(dr_tape *g, dr_tensor *x)
{
    return dr_pool2d(g, x, DR_POOL_MAX, (dr_conv_geom){.kh = 3, .kw = 3, .stride = 2}, false);
}

/* Over 3x3, and the size stays. */
static dr_tensor *pool_same(dr_tape *g, dr_tensor *x, dr_pool kind)
{
    return dr_pool2d(g, x, kind, (dr_conv_geom){3, 3, 1, 1, 1, 1, 1, 1}, false);
}

static dr_tensor *join(dr_tape *g, dr_tensor *a, dr_tensor *b, dr_tensor *c)
{
    return dr_concat(g, dr_concat(g, a, b), c);
}

static dr_tensor *stem_forward(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const dr_inception_unit *u = self;
    dr_tensor *h = max_half(g, chain(g, u, 3, in[0]));
    return max_half(g, chain(g, u + 3, 2, h));
}

static dr_tensor *forward_a(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const dr_inception_unit *u = self;
    dr_tensor *b1 = run(g, u, in[0]), *b5 = chain(g, u + 1, 2, in[0]), *b3 = chain(g, u + 3, 3, in[0]);
    return dr_concat(g, join(g, b1, b5, b3), run(g, u + 6, pool_same(g, in[0], DR_POOL_MEAN)));
}

static dr_tensor *forward_b(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const dr_inception_unit *u = self;
    return join(g, run(g, u, in[0]), chain(g, u + 1, 3, in[0]), max_half(g, in[0]));
}

static dr_tensor *forward_c(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const dr_inception_unit *u = self;
    dr_tensor *b1 = run(g, u, in[0]), *b7 = chain(g, u + 1, 3, in[0]), *twice = chain(g, u + 4, 5, in[0]);
    return dr_concat(g, join(g, b1, b7, twice), run(g, u + 9, pool_same(g, in[0], DR_POOL_MEAN)));
}

static dr_tensor *forward_d(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const dr_inception_unit *u = self;
    return join(g, chain(g, u, 2, in[0]), chain(g, u + 2, 4, in[0]), max_half(g, in[0]));
}

static dr_tensor *wide(dr_tape *g, const dr_inception_unit *u, dr_tensor *x, dr_pool kind)
{
    dr_tensor *b1 = run(g, u, x), *h = run(g, u + 1, x);
    dr_tensor *b3 = dr_concat(g, run(g, u + 2, h), run(g, u + 3, h));
    h = chain(g, u + 4, 2, x);
    dr_tensor *twice = dr_concat(g, run(g, u + 6, h), run(g, u + 7, h));
    return dr_concat(g, join(g, b1, b3, twice), run(g, u + 8, pool_same(g, x, kind)));
}

static dr_tensor *forward_e(dr_tape *g, const void *self, dr_tensor *const *in)
{
    return wide(g, self, in[0], DR_POOL_MEAN);
}

static dr_tensor *forward_last_e(dr_tape *g, const void *self, dr_tensor *const *in)
{
    return wide(g, self, in[0], DR_POOL_MAX);
}

dr_tensor *dr_inception_forward(dr_tape *g, const dr_inception *m, dr_tensor *x)
{
    const dr_inception_unit *u = m->unit;
    dr_tensor *h = dr_block(g, stem_forward, u, 1, &x);
    u += STEM_UNITS;
    for (int i = 0; i < BLOCKS; i++) {
        h = dr_block(g, blocks[i].forward, u, 1, &h);
        if (!g->status)
            dr_block_gave4(g, h, blocks[i].name, x->dim[0], h->dim[1], h->dim[2], h->dim[3]);
        u += blocks[i].units;
    }
    return dr_view(g, dr_mean_places(g, h), 2, (int64_t[]){x->dim[0], m->config.features});
}
