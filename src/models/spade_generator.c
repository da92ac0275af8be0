/* The image generator: SPADE's, figure 4 there, with the input at every level and VITON-HD's noise. Names are the
 * published files'. */
#include "models/block.h"
#include "models/hr_viton.h"
#include "models/spade_norm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EPS 1e-5f

static const char *const block_names[DR_SPADE_BLOCKS] = {"head_0", "G_middle_0", "G_middle_1", "up_0",
                                                         "up_1",   "up_2",       "up_3",       "up_4"};

/* --- config --------------------------------------------------------------------------------------- */

dr_spade_config dr_spade_config_of(int n, int hidden)
{
    dr_spade_config c = {.blocks = DR_SPADE_BLOCKS,
                         .in = 9,
                         .regions = DR_HR_REGIONS,
                         .width = {16 * n, 16 * n, 16 * n, 8 * n, 4 * n, 2 * n, n, n / 2},
                         .spectral = true};
    for (int i = 0; i < c.blocks; i++) {
        c.hidden[i] = hidden;
        c.feature[i] = i ? 16 : 16 * n;
    }
    return c;
}

static dr_status read_axis(dr_shape_of *of, const void *tensors, const char *name, int axis, int *out,
                           const char *where)
{
    int64_t dim[4];
    if (!of(tensors, name, dim))
        return dr_fail(DR_EINVAL, "'%s' is no image generator of HR-VITON: it has no tensor '%s'", where, name);
    if (dim[axis] < 1 || dim[axis] > 1 << 16)
        return dr_fail(DR_EINVAL, "cannot load '%s': '%s' has %lld on axis %d, expected 1 to 65536", where, name,
                       (long long)dim[axis], axis);
    *out = (int)dim[axis];
    return DR_OK;
}

static dr_status read_block(dr_spade_config *c, int i, dr_shape_of *of, const void *tensors, const char *where)
{
    char name[DR_NAME_MAX];
    snprintf(name, sizeof name, "conv_%d.weight", i);
    dr_status st = read_axis(of, tensors, name, 0, &c->feature[i], where);
    snprintf(name, sizeof name, "%s.norm_0.conv_shared.0.weight", block_names[i]);
    if (!st)
        st = read_axis(of, tensors, name, 0, &c->hidden[i], where);
    snprintf(name, sizeof name, "%s.conv_1.bias", block_names[i]);
    return st ? st : read_axis(of, tensors, name, 0, &c->width[i], where);
}

dr_status dr_spade_config_read(dr_spade_config *c, dr_shape_of *of, const void *tensors, const char *where)
{
    char name[DR_NAME_MAX];
    int64_t dim[4];
    *c = (dr_spade_config){.spectral = of(tensors, "head_0.conv_0.weight_orig", dim)};
    dr_status st = read_axis(of, tensors, "conv_0.weight", 1, &c->in, where);
    if (!st)
        st = read_axis(of, tensors, "head_0.norm_0.conv_shared.0.weight", 1, &c->regions, where);
    for (int i = 0; !st && i < DR_SPADE_BLOCKS; i++) {
        snprintf(name, sizeof name, "%s.conv_1.bias", block_names[i]);
        if (i > 3 && !of(tensors, name, dim))
            break; /* a network of fewer doublings */
        st = read_block(c, i, of, tensors, where);
        c->blocks++;
    }
    if (!st && c->in != 9)
        st = dr_fail(DR_EUNSUPPORTED, "cannot load '%s': it takes %d channels, expected 9 as in the published weights",
                     where, c->in);
    if (!st && c->regions != DR_HR_REGIONS)
        st = dr_fail(DR_EUNSUPPORTED,
                     "cannot load '%s': its map has %d regions, expected %d as in the published weights", where,
                     c->regions, DR_HR_REGIONS);
    return st;
}

dr_status dr_spade_check_size(const dr_spade_config *c, int64_t H, int64_t W, const char *where)
{
    int64_t unit = (int64_t)1 << (c->blocks - 1);
    if (H >= unit && W >= unit && H % unit == 0 && W % unit == 0 && H / unit * (W / unit) > 1)
        return DR_OK;
    return dr_fail(DR_EINVAL,
                   "'%s': the image generator cannot work at %lldx%lld; width and height must be multiples of %lld, "
                   "and one of them at least %lld",
                   where, (long long)W, (long long)H, (long long)unit, (long long)(2 * unit));
}

/* --- weights -------------------------------------------------------------------------------------- */

static void conv_init(dr_params *p, dr_spectral_conv *c, const char *name, int in, int out, int k, bool bias,
                      bool spectral)
{
    int64_t rest = (int64_t)in * k * k;
    *c = (dr_spectral_conv){.gain = 1, .conv.geom = {k, k, 1, k / 2, k / 2, k / 2, k / 2, 1}};
    c->conv.w = dr_param_add(p, name, spectral ? "weight_orig" : "weight", DR_INIT_KAIMING, rest, 4, out, in, k, k);
    if (bias)
        c->conv.b = dr_param_add(p, name, "bias", DR_INIT_KAIMING, rest, 1, out, 1, 1, 1);
    if (spectral) {
        c->u = dr_param_add(p, name, "weight_u", DR_INIT_NORMAL, 0, 1, out, 1, 1, 1);
        c->v = dr_param_add(p, name, "weight_v", DR_INIT_NORMAL, 0, 1, rest, 1, 1, 1);
    }
}

static void block_init(dr_params *p, dr_spade_block *b, const char *name, int in, const dr_spade_config *c, int i)
{
    char buf[DR_NAME_MAX];
    int out = c->width[i], middle = in < out ? in : out;
    *b = (dr_spade_block){.name = name, .in = in, .middle = middle, .out = out, .learned_shortcut = in != out};
    conv_init(p, &b->conv_0, dr_join(buf, name, "conv_0"), in, middle, 3, true, c->spectral);
    conv_init(p, &b->conv_1, dr_join(buf, name, "conv_1"), middle, out, 3, true, c->spectral);
    if (b->learned_shortcut) {
        conv_init(p, &b->conv_s, dr_join(buf, name, "conv_s"), in, out, 1, false, c->spectral);
        dr_spade_norm_init(p, &b->norm_s, dr_join(buf, name, "norm_s"), in, c->regions, c->hidden[i]);
    }
    dr_spade_norm_init(p, &b->norm_0, dr_join(buf, name, "norm_0"), in, c->regions, c->hidden[i]);
    dr_spade_norm_init(p, &b->norm_1, dr_join(buf, name, "norm_1"), middle, c->regions, c->hidden[i]);
}

dr_status dr_spade_init(dr_spade_generator *m, const dr_spade_config *c, dr_params *p)
{
    char name[DR_NAME_MAX];
    *m = (dr_spade_generator){.config = *c};
    for (int i = 0; i < c->blocks; i++) {
        snprintf(name, sizeof name, "conv_%d", i);
        dr_conv_init(p, &m->feature[i], name, c->in, c->feature[i], 3, 1);
    }
    for (int i = 0; i < c->blocks; i++)
        block_init(p, &m->block[i], block_names[i], c->feature[i] + (i ? c->width[i - 1] : 0), c, i);
    dr_conv_init(p, &m->image, "conv_img", c->width[c->blocks - 1], 3, 3, 1);
    return p->status;
}

/* --- spectral norm -------------------------------------------------------------------------------- */

#define PIECE (1 << 18) /* values that are brought to the host at once, about */

/* Sum of w[o,k] u[o] v[k] over the rows [o, end) of w [out,rest], through buffers of as many values. */
static double rows_of_sigma(const dr_tensor *w, int64_t o, int64_t end, const float *u, const float *v, float *raw,
                            float *f32)
{
    size_t size = dr_dtype_size(w->dtype), rest = (size_t)(dr_numel(w) / w->dim[0]), n = (size_t)(end - o) * rest;
    double sum = 0;
    dr_ops_get()->get(raw, (const char *)w->data + (size_t)o * rest * size, n * size);
    dr_to_f32(raw, w->dtype, f32, n);
    for (const float *row = f32; o < end; o++, row += rest) {
        double along = 0;
        for (size_t k = 0; k < rest; k++)
            along += (double)row[k] * (double)v[k];
        sum += (double)u[o] * along;
    }
    return sum;
}

dr_status dr_spectral_sigma(const dr_spectral_conv *c, double *sigma)
{
    *sigma = 1;
    if (!c->u)
        return DR_OK;
    const dr_tensor *w = c->conv.w;
    int64_t out = w->dim[0], rest = dr_numel(w) / out, rows = rest < PIECE ? PIECE / rest : 1;
    float *u = malloc((size_t)(out + rest + 2 * rows * rest) * sizeof *u);
    if (!u)
        return dr_fail(DR_ENOMEM, "out of memory for the spectral norm of '%s'", w->name);
    float *v = u + out, *raw = v + rest;
    dr_ops_get()->get(u, c->u->data, (size_t)out * sizeof *u);
    dr_ops_get()->get(v, c->v->data, (size_t)rest * sizeof *v);
    *sigma = 0;
    for (int64_t o = 0; o < out; o += rows)
        *sigma += rows_of_sigma(w, o, o + rows < out ? o + rows : out, u, v, raw, raw + rows * rest);
    free(u);
    return DR_OK;
}

dr_status dr_spade_fold(dr_spade_generator *m, const char *where)
{
    for (int i = 0; i < m->config.blocks; i++) {
        dr_spectral_conv *all[] = {&m->block[i].conv_0, &m->block[i].conv_1, &m->block[i].conv_s};
        for (int k = 0; k < 2 + m->block[i].learned_shortcut; k++) {
            double sigma;
            dr_status st = dr_spectral_sigma(all[k], &sigma);
            if (st)
                return st;
            all[k]->gain = (float)(1 / sigma);
            if (!isfinite(all[k]->gain) || all[k]->gain == 0)
                return dr_fail(DR_EINVAL, "cannot load '%s': the spectral norm of '%s' is %g", where,
                               all[k]->conv.w->name, sigma);
        }
    }
    return DR_OK;
}

/* --- blocks --------------------------------------------------------------------------------------- */

/* All that one block needs besides tensors that go back. */
typedef struct level {
    const dr_spade_block *block;
    const dr_conv *feature;
    const uint8_t *regions;
    int64_t N, H, W;                        /* of the regions */
    int count;                              /* of regions */
    int64_t h, w;                           /* of the block */
    dr_tensor *noise_s, *noise_0, *noise_1; /* [N,h,w,1], or NULL */
} level;

/* One normalisation in a block, and the convolution behind it. */
typedef struct norm_conv {
    const dr_spade_norm *norm;
    const dr_spectral_conv *conv;
    const dr_region_map *map;
    float slope;
} norm_conv;

static dr_tensor *normalise(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const norm_conv *k = self;
    return dr_spade_norm_apply(g, k->norm, in[0], in[1], k->map, k->slope, k->conv->gain);
}

/* in: x, its noise or NULL, what is added to the result or NULL */
static dr_tensor *normalise_and_convolve(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const norm_conv *k = self;
    return dr_conv_forward(g, &k->conv->conv, dr_block(g, normalise, self, 2, in), in[2]);
}

static dr_tensor *convolved(dr_tape *g, norm_conv k, dr_tensor *x, dr_tensor *noise, dr_tensor *residual)
{
    norm_conv *kept = dr_arena_alloc(&g->arena, sizeof *kept);
    if (!kept) {
        dr_tape_fail(g, DR_ENOMEM);
        return &g->dummy;
    }
    *kept = k;
    return dr_block(g, normalise_and_convolve, kept, 3, (dr_tensor *[]){x, noise, residual});
}

/* What a block works on. in: as block_forward's */
static dr_tensor *join(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const level *l = self;
    dr_tensor *f = dr_conv_forward(g, l->feature, dr_resize_nearest(g, in[0], l->h, l->w), NULL);
    return in[1] ? dr_concat(g, dr_resize_nearest(g, in[1], l->h, l->w), f) : f;
}

/* in: the network's input, what the block before gave (NULL: the first) */
static dr_tensor *block_forward(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const level *l = self;
    const dr_spade_block *b = l->block;
    dr_region_map *map = dr_region_map_new(g, l->regions, l->N, l->H, l->W, l->h, l->w, l->count);
    dr_tensor *x = dr_block(g, join, l, 2, in), *shortcut = x;
    if (b->learned_shortcut)
        shortcut = convolved(g, (norm_conv){&b->norm_s, &b->conv_s, map, 1}, x, l->noise_s, NULL);
    dr_tensor *d = convolved(g, (norm_conv){&b->norm_0, &b->conv_0, map, DR_LEAKY_SLOPE}, x, l->noise_0, NULL);
    d = convolved(g, (norm_conv){&b->norm_1, &b->conv_1, map, DR_LEAKY_SLOPE}, d, l->noise_1, shortcut);
    return dr_block_gave4(g, d, b->name, l->N, l->h, l->w, b->out);
}

static dr_tensor *paint(dr_tape *g, const void *self, dr_tensor *const *in)
{
    dr_tensor *y = dr_conv_forward(g, self, dr_activation(g, in[0], DR_ACT_LEAKY_RELU), NULL);
    return dr_activation(g, y, DR_ACT_TANH);
}

/* --- forward -------------------------------------------------------------------------------------- */

/* The plane of one normalisation as a tensor [N,h,w,1]; NULL without noise. */
static dr_tensor *draw(dr_tape *g, const dr_spade_noise *noise, const dr_spade_norm *n, const level *l)
{
    if (!noise || dr_tape_stopped(g))
        return NULL;
    float *plane = malloc((size_t)(l->N * l->h * l->w) * sizeof *plane);
    dr_status st = plane ? noise->fill(noise->user, n->name, l->N, l->h, l->w, plane)
                         : dr_fail(DR_ENOMEM, "out of memory for the noise of '%s'", n->name);
    dr_tape_fail(g, st);
    dr_tensor *t = st ? NULL : dr_input(g, plane, 4, (int64_t[]){l->N, l->h, l->w, 1});
    free(plane);
    return t;
}

dr_tensor *dr_spade_forward(dr_tape *g, const dr_spade_generator *m, dr_tensor *x, const uint8_t *regions,
                            const dr_spade_noise *noise)
{
    const dr_spade_config *c = &m->config;
    dr_tensor *t = NULL;
    for (int64_t i = 0; i < x->dim[0] * x->dim[1] * x->dim[2]; i++)
        DR_ASSERT(regions[i] < c->regions, "region %d of %d", regions[i], c->regions);
    for (int i = 0; i < c->blocks; i++) {
        const dr_spade_block *b = &m->block[i];
        level *l = dr_arena_alloc(&g->arena, sizeof *l);
        if (!l) {
            dr_tape_fail(g, DR_ENOMEM);
            return &g->dummy;
        }
        *l = (level){.block = b,
                     .feature = &m->feature[i],
                     .regions = regions,
                     .N = x->dim[0],
                     .H = x->dim[1],
                     .W = x->dim[2],
                     .count = c->regions,
                     .h = x->dim[1] >> (c->blocks - 1 - i),
                     .w = x->dim[2] >> (c->blocks - 1 - i)};
        l->noise_s = b->learned_shortcut ? draw(g, noise, &b->norm_s, l) : NULL;
        l->noise_0 = draw(g, noise, &b->norm_0, l);
        l->noise_1 = draw(g, noise, &b->norm_1, l);
        t = dr_block(g, block_forward, l, 2, (dr_tensor *[]){x, t});
    }
    return dr_block(g, paint, &m->image, 1, &t);
}
