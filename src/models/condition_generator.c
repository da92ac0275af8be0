/* The condition generator: figure 3 of the paper. Names are the published files'. */
#include "models/block.h"
#include "models/hr_viton.h"

#include <stdio.h>
#include <string.h>

#define EPS 1e-5f

/* --- config --------------------------------------------------------------------------------------- */

dr_condition_config dr_condition_config_of(int n)
{
    return (dr_condition_config){.levels = 5,
                                 .cloth = 4,
                                 .pose = DR_HR_CLASSES + 3,
                                 .classes = DR_HR_CLASSES,
                                 .width = {n, 2 * n, 4 * n, 4 * n, 4 * n},
                                 .middle = 8 * n,
                                 .decoder = {4 * n, 4 * n, 2 * n, n, n}};
}

/* One axis of a tensor that the network cannot be without. */
static dr_status read_axis(dr_shape_of *of, const void *tensors, const char *name, int axis, int *out,
                           const char *where)
{
    int64_t dim[4];
    if (!of(tensors, name, dim))
        return dr_fail(DR_EINVAL, "'%s' is no condition generator of HR-VITON: it has no tensor '%s'", where, name);
    if (dim[axis] < 1 || dim[axis] > 1 << 16)
        return dr_fail(DR_EINVAL, "cannot load '%s': '%s' has %lld on axis %d, expected 1 to 65536", where, name,
                       (long long)dim[axis], axis);
    *out = (int)dim[axis];
    return DR_OK;
}

/* What the published program can also build, and its published weights are not. */
static dr_status check_variant(const dr_condition_config *c, dr_shape_of *of, const void *tensors, const char *where)
{
    int64_t dim[4];
    char name[DR_NAME_MAX];
    if (of(tensors, "out_layer.0.scale.weight", dim))
        return dr_fail(DR_EUNSUPPORTED,
                       "cannot load '%s': its out_layer is the program's variant 'conv', expected 'relu' as in the "
                       "published weights",
                       where);
    for (int i = 1; i < c->levels; i++) {
        snprintf(name, sizeof name, "SegDecoder.%d.scale.1.weight", i);
        int skips = c->decoder[i - 1] + c->width[c->levels - 1 - i], warped = c->width[c->levels - 1];
        if (of(tensors, name, dim) && dim[1] != skips + warped && dim[1] == skips + c->width[c->levels - 1 - i])
            return dr_fail(DR_EUNSUPPORTED,
                           "cannot load '%s': it warps the cloth encoder's features (variant 'encoder'), expected "
                           "'T1' as in the published weights",
                           where);
    }
    return DR_OK;
}

static dr_status check_channels(const dr_condition_config *c, const char *where)
{
    static const char *const what[] = {"cloth channels", "pose channels", "classes"};
    const int have[] = {c->cloth, c->pose, c->classes}, want[] = {4, DR_HR_CLASSES + 3, DR_HR_CLASSES};
    for (int i = 0; i < 3; i++)
        if (have[i] != want[i])
            return dr_fail(DR_EUNSUPPORTED, "cannot load '%s': it has %d %s, expected %d as in the published weights",
                           where, have[i], what[i], want[i]);
    return DR_OK;
}

dr_status dr_condition_config_read(dr_condition_config *c, dr_shape_of *of, const void *tensors, const char *where)
{
    char name[DR_NAME_MAX];
    int64_t dim[4];
    *c = (dr_condition_config){0};
    dr_status st = read_axis(of, tensors, "ClothEncoder.0.scale.weight", 1, &c->cloth, where);
    if (!st)
        st = read_axis(of, tensors, "PoseEncoder.0.scale.weight", 1, &c->pose, where);
    if (!st)
        st = read_axis(of, tensors, "conv.scale.weight", 0, &c->middle, where);
    for (int i = 0; !st && i < DR_HR_MAX_LEVELS; i++) {
        snprintf(name, sizeof name, "ClothEncoder.%d.scale.weight", i);
        if (!of(tensors, name, dim))
            break;
        st = read_axis(of, tensors, name, 0, &c->width[i], where);
        snprintf(name, sizeof name, "SegDecoder.%d.scale.1.weight", i);
        if (!st)
            st = read_axis(of, tensors, name, 0, &c->decoder[i], where);
        c->levels++;
    }
    if (!st && c->levels < 2)
        st = dr_fail(DR_EINVAL, "cannot load '%s': its cloth encoder has 1 block, expected at least 2", where);
    if (!st)
        st = check_variant(c, of, tensors, where);
    if (!st)
        st = read_axis(of, tensors, "out_layer.scale.weight", 0, &c->classes, where);
    return st ? st : check_channels(c, where);
}

dr_status dr_condition_check_size(const dr_condition_config *c, int64_t H, int64_t W, const char *where)
{
    int64_t unit = (int64_t)1 << c->levels;
    if (H % unit == 0 && W % unit == 0 && H >= 2 * unit && W >= 2 * unit)
        return DR_OK;
    return dr_fail(DR_EINVAL,
                   "'%s': the condition generator cannot work at %lldx%lld; width and height must be multiples of "
                   "%lld, and at least %lld",
                   where, (long long)W, (long long)H, (long long)unit, (long long)(2 * unit));
}

/* --- weights -------------------------------------------------------------------------------------- */

static void block_init(dr_params *p, dr_condition_block *b, const char *name, int kind, int in, int out)
{
    char buf[DR_NAME_MAX];
    *b = (dr_condition_block){.name = dr_params_text(p, name), .kind = kind};
    if (kind == DR_BLOCK_DOWN)
        dr_conv_init_bare(p, &b->scale, dr_join(buf, name, "scale"), in, out, 3, 2);
    else
        dr_conv_init(p, &b->scale, dr_join(buf, name, kind == DR_BLOCK_UP ? "scale.1" : "scale"), in, out, 1, 1);
    dr_conv_init_bare(p, &b->conv[0], dr_join(buf, name, "block.0"), out, out, 3, 1);
    dr_batchnorm_init(p, &b->norm[0], dr_join(buf, name, "block.1"), out, EPS);
    dr_conv_init_bare(p, &b->conv[1], dr_join(buf, name, "block.3"), out, out, 3, 1);
    dr_batchnorm_init(p, &b->norm[1], dr_join(buf, name, "block.4"), out, EPS);
}

static void encoder_init(dr_params *p, dr_condition_block *b, const char *name, int in, const dr_condition_config *c)
{
    char buf[DR_NAME_MAX];
    for (int i = 0; i < c->levels; i++)
        block_init(p, &b[i], dr_join_index(buf, "", name, i), DR_BLOCK_DOWN, i ? c->width[i - 1] : in, c->width[i]);
}

/* Level 0 is the coarsest. Level i sees the encoders' blocks L-1-i. */
static void level_init(dr_params *p, dr_condition_generator *m, int i)
{
    const dr_condition_config *c = &m->config;
    int last = c->levels - 1, T = c->width[last], skip = c->width[last - i];
    char buf[DR_NAME_MAX], name[DR_NAME_MAX];
    dr_conv_init(p, &m->flow[i], dr_join_index(buf, "", "flow_conv", i), 2 * T, 2, 3, 1);
    block_init(p, &m->decoder[i], dr_join_index(buf, "", "SegDecoder", i), DR_BLOCK_UP,
               i ? c->decoder[i - 1] + skip + T : c->middle, c->decoder[i]);
    if (i == 0)
        return;
    dr_lin_init_1x1(p, &m->lateral[i], dr_join_index(buf, "", "conv1", last - i), skip, T);
    dr_join_index(name, "", "bottleneck", i - 1);
    dr_conv_init(p, &m->bottleneck[i], dr_join(buf, name, "0"), c->decoder[i - 1], T, 3, 1);
}

dr_status dr_condition_init(dr_condition_generator *m, const dr_condition_config *c, dr_params *p)
{
    *m = (dr_condition_generator){.config = *c};
    encoder_init(p, m->cloth, "ClothEncoder", c->cloth, c);
    encoder_init(p, m->pose, "PoseEncoder", c->pose, c);
    block_init(p, &m->middle, "conv", DR_BLOCK_SAME, c->width[c->levels - 1], c->middle);
    for (int i = 0; i < c->levels; i++)
        level_init(p, m, i);
    block_init(p, &m->out, "out_layer", DR_BLOCK_SAME, c->decoder[c->levels - 1] + c->pose + c->cloth, c->classes);
    return p->status;
}

/* --- blocks --------------------------------------------------------------------------------------- */

static dr_tensor *up2(dr_tape *g, dr_tensor *x)
{
    return dr_resize_bilinear(g, x, 2 * x->dim[1], 2 * x->dim[2]);
}

/* A 1x1 convolution lets bilinear enlargement pass, whose weights add up to 1: it comes first, at a quarter of the
 * work. */
static dr_tensor *scale(dr_tape *g, const dr_condition_block *b, dr_tensor *x)
{
    dr_tensor *r = dr_conv_forward(g, &b->scale, x, NULL);
    return b->kind == DR_BLOCK_UP ? up2(g, r) : r;
}

static dr_tensor *relu(dr_tape *g, dr_tensor *x)
{
    return dr_activation(g, x, DR_ACT_RELU);
}

/* The join of up to three maps -> one. */
static dr_tensor *block_forward(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const dr_condition_block *b = self;
    dr_tensor *x = in[0];
    for (int i = 1; i < 3 && in[i]; i++)
        x = dr_concat(g, x, in[i]);
    dr_tensor *r = scale(g, b, x);
    dr_tensor *h = relu(g, dr_batch_norm_forward(g, &b->norm[0], dr_conv_forward(g, &b->conv[0], r, NULL)));
    h = dr_batch_norm_forward(g, &b->norm[1], dr_conv_forward(g, &b->conv[1], h, NULL));
    h = relu(g, dr_add(g, h, r));
    int64_t H = x->dim[1], W = x->dim[2];
    H = b->kind == DR_BLOCK_DOWN ? H / 2 : b->kind == DR_BLOCK_UP ? 2 * H : H;
    W = b->kind == DR_BLOCK_DOWN ? W / 2 : b->kind == DR_BLOCK_UP ? 2 * W : W;
    return dr_block_gave4(g, h, b->name, x->dim[0], H, W, b->conv[1].w->dim[0]);
}

static dr_tensor *block(dr_tape *g, const dr_condition_block *b, dr_tensor *x, dr_tensor *y, dr_tensor *z)
{
    return dr_block(g, block_forward, b, 3, (dr_tensor *[]){x, y, z});
}

/* The flow's values are in pixels of the level below, whatever its size: see "details that have caused bugs". */
static dr_tensor *warp(dr_tape *g, dr_tensor *x, dr_tensor *flow)
{
    float div_x = ((float)flow->dim[2] / 2 - 1) / 2, div_y = ((float)flow->dim[1] / 2 - 1) / 2;
    return dr_flow_sample(g, x, flow, div_x, div_y);
}

/* One level's part of the flow, and where its input comes from. */
typedef struct flow_level {
    const dr_conv *bottleneck, *flow;
} flow_level;

/* in: warped cloth features, decoder's map, enlarged flow -> the level's flow */
static dr_tensor *refine_flow(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const flow_level *l = self;
    dr_tensor *b = relu(g, dr_conv_forward(g, l->bottleneck, in[1], NULL));
    return dr_conv_forward(g, l->flow, dr_concat(g, in[0], b), in[2]);
}

static dr_tensor *add_lateral(dr_tape *g, const void *self, dr_tensor *const *in)
{
    return dr_lin_forward(g, self, in[1], up2(g, in[0]));
}

/* --- forward -------------------------------------------------------------------------------------- */

static void forward(dr_tape *g, const dr_condition_generator *m, dr_tensor *cloth, dr_tensor *pose, dr_condition *out)
{
    int L = m->config.levels;
    dr_tensor *e1[DR_HR_MAX_LEVELS], *e2[DR_HR_MAX_LEVELS];
    *out = (dr_condition){.levels = L};
    for (int i = 0; i < L; i++) {
        e1[i] = block(g, &m->cloth[i], i ? e1[i - 1] : cloth, NULL, NULL);
        e2[i] = block(g, &m->pose[i], i ? e2[i - 1] : pose, NULL, NULL);
    }
    dr_tensor *t = e1[L - 1]; /* [N,h/32,w/32,4n] */
    dr_tensor *flow = dr_conv_forward(g, &m->flow[0], dr_concat(g, t, e2[L - 1]), NULL);
    dr_tensor *x = block(g, &m->decoder[0], block(g, &m->middle, e2[L - 1], NULL, NULL), NULL, NULL);
    out->flow[0] = flow;
    for (int i = 1; i < L; i++) {
        flow_level *l = dr_arena_alloc(&g->arena, sizeof *l);
        if (!l) {
            dr_tape_fail(g, DR_ENOMEM);
            break;
        }
        *l = (flow_level){&m->bottleneck[i], &m->flow[i]};
        t = dr_block(g, add_lateral, &m->lateral[i], 2, (dr_tensor *[]){t, e1[L - 1 - i]}); /* [N,h,w,4n] */
        flow = up2(g, flow);
        dr_tensor *warped = warp(g, t, flow);
        flow = dr_block(g, refine_flow, l, 3, (dr_tensor *[]){warped, x, flow});
        x = block(g, &m->decoder[i], x, e2[L - 1 - i], warped);
        out->flow[i] = flow;
    }
    dr_tensor *warped = warp(g, cloth, up2(g, flow));
    out->segmap = block(g, &m->out, x, pose, warped);
    out->warped_cloth = dr_slice(g, warped, 0, 3);
    out->warped_mask = dr_slice(g, warped, 3, 1);
}

/* An error of 1e-5 pixels in the flow shows where it goes over a black and white edge: digits are worth more here than
 * the time of a network that is a tenth of the other. */
void dr_condition_forward(dr_tape *g, const dr_condition_generator *m, dr_tensor *cloth, dr_tensor *pose,
                          dr_condition *out)
{
    dr_precision precision = g->precision;
    g->precision = DR_PRECISION_DIRECT;
    forward(g, m, cloth, pose, out);
    g->precision = precision;
}
