#include "models/feature_net.h"

#include "models/block.h"

#include <stdio.h>

/* One entry of torchvision's `features`. Relus are not listed. */
typedef struct row {
    enum { CONV, POOL, FIRE } kind;
    int index;
    int kernel, stride, pad;
    bool last; /* what follows is the next slice */
} row;

static const row alexnet[] = {{CONV, 0, 11, 4, 2, true}, {POOL, 2, 3, 2, 0, false}, {CONV, 3, 5, 1, 2, true},
                              {POOL, 5, 3, 2, 0, false}, {CONV, 6, 3, 1, 1, true},  {CONV, 8, 3, 1, 1, true},
                              {CONV, 10, 3, 1, 1, true}};
static const row vgg16[] = {{CONV, 0, 3, 1, 1, false},  {CONV, 2, 3, 1, 1, true},   {POOL, 4, 2, 2, 0, false},
                            {CONV, 5, 3, 1, 1, false},  {CONV, 7, 3, 1, 1, true},   {POOL, 9, 2, 2, 0, false},
                            {CONV, 10, 3, 1, 1, false}, {CONV, 12, 3, 1, 1, false}, {CONV, 14, 3, 1, 1, true},
                            {POOL, 16, 2, 2, 0, false}, {CONV, 17, 3, 1, 1, false}, {CONV, 19, 3, 1, 1, false},
                            {CONV, 21, 3, 1, 1, true},  {POOL, 23, 2, 2, 0, false}, {CONV, 24, 3, 1, 1, false},
                            {CONV, 26, 3, 1, 1, false}, {CONV, 28, 3, 1, 1, true}};
static const row squeezenet[] = {{CONV, 0, 3, 2, 0, true},  {POOL, 2, 3, 2, 0, false}, {FIRE, 3, 1, 1, 0, false},
                                 {FIRE, 4, 1, 1, 0, true},  {POOL, 5, 3, 2, 0, false}, {FIRE, 6, 1, 1, 0, false},
                                 {FIRE, 7, 1, 1, 0, true},  {POOL, 8, 3, 2, 0, false}, {FIRE, 9, 1, 1, 0, true},
                                 {FIRE, 10, 1, 1, 0, true}, {FIRE, 11, 1, 1, 0, true}, {FIRE, 12, 1, 1, 0, true}};

static const struct {
    const char *name;
    const row *row;
    int rows;
    bool ceil; /* of poolings */
    int least;
} nets[] = {[DR_ALEXNET] = {"AlexNet", alexnet, sizeof alexnet / sizeof *alexnet, false, 31},
            [DR_VGG16] = {"VGG16", vgg16, sizeof vgg16 / sizeof *vgg16, false, 16},
            [DR_SQUEEZENET] = {"SqueezeNet 1.1", squeezenet, sizeof squeezenet / sizeof *squeezenet, true, 25}};

const char *dr_feature_name(dr_feature_kind kind)
{
    return nets[kind].name;
}

int dr_feature_least(dr_feature_kind kind)
{
    return nets[kind].least;
}

/* --- widths and weights ------------------------------------------------------------------------------ */

static dr_status read_fire(const dr_shapes *s, const char *name, int in, int width[3])
{
    char buf[DR_NAME_MAX];
    dr_status st = dr_shapes_conv(s, dr_join(buf, name, "squeeze"), in, 1, 1, &width[0]);
    if (!st)
        st = dr_shapes_conv(s, dr_join(buf, name, "expand1x1"), width[0], 1, 1, &width[1]);
    return st ? st : dr_shapes_conv(s, dr_join(buf, name, "expand3x3"), width[0], 3, 3, &width[2]);
}

/* Channels behind a step that takes `in`. */
static int channels(const row *r, const int width[3], int in)
{
    return r->kind == POOL ? in : r->kind == CONV ? width[0] : width[1] + width[2];
}

dr_status dr_feature_config_read(dr_feature_config *c, dr_feature_kind kind, const dr_shapes *s)
{
    char name[DR_NAME_MAX];
    int in = 3;
    dr_status st = DR_OK;
    *c = (dr_feature_config){.kind = kind};
    for (int i = 0; !st && i < nets[kind].rows; i++) {
        const row *r = &nets[kind].row[i];
        dr_join_index(name, "", "features", r->index);
        if (r->kind == CONV)
            st = dr_shapes_conv(s, name, in, r->kernel, r->kernel, &c->width[i][0]);
        else if (r->kind == FIRE)
            st = read_fire(s, name, in, c->width[i]);
        in = channels(r, c->width[i], in);
    }
    return st;
}

static void conv_init(dr_params *p, dr_conv *c, const char *name, int in, int out, int kernel, int stride, int pad)
{
    dr_conv_init(p, c, name, in, out, kernel, stride);
    c->geom.top = c->geom.left = c->geom.bottom = c->geom.right = pad;
}

static void step_init(dr_params *p, dr_feature_step *s, const row *r, int in, const int width[3], bool ceil)
{
    char name[DR_NAME_MAX], buf[DR_NAME_MAX];
    dr_join_index(name, "", "features", r->index);
    *s = (dr_feature_step){.last = r->last, .index = r->index, .ceil = ceil, .pool = r->kind == POOL};
    if (r->kind == POOL) {
        s->window = (dr_conv_geom){.kh = r->kernel, .kw = r->kernel, .stride = r->stride};
    } else if (r->kind == CONV) {
        conv_init(p, &s->conv, name, in, width[0], r->kernel, r->stride, r->pad);
    } else {
        conv_init(p, &s->conv, dr_join(buf, name, "squeeze"), in, width[0], 1, 1, 0);
        conv_init(p, &s->expand1, dr_join(buf, name, "expand1x1"), width[0], width[1], 1, 1, 0);
        conv_init(p, &s->expand3, dr_join(buf, name, "expand3x3"), width[0], width[2], 3, 1, 1);
    }
}

dr_status dr_feature_init(dr_feature_net *m, const dr_feature_config *c, dr_params *p)
{
    int in = 3;
    *m = (dr_feature_net){.config = *c, .steps = nets[c->kind].rows};
    for (int i = 0; i < m->steps; i++) {
        const row *r = &nets[c->kind].row[i];
        step_init(p, &m->step[i], r, in, c->width[i], nets[c->kind].ceil);
        in = channels(r, c->width[i], in);
        if (r->last)
            m->channels[m->slices++] = in;
    }
    return p->status;
}

/* --- forward ------------------------------------------------------------------------------------------ */

static dr_tensor *conv_relu(dr_tape *g, const dr_conv *c, dr_tensor *x)
{
    return dr_activation_over(g, dr_conv_forward(g, c, x, NULL), DR_ACT_RELU);
}

static dr_tensor *step_forward(dr_tape *g, const dr_feature_step *s, dr_tensor *x)
{
    if (s->pool)
        return dr_pool2d(g, x, DR_POOL_MAX, s->window, s->ceil);
    dr_tensor *h = conv_relu(g, &s->conv, x);
    return s->expand1.w ? dr_concat(g, conv_relu(g, &s->expand1, h), conv_relu(g, &s->expand3, h)) : h;
}

/* From the step `self` to the last of its slice. */
static dr_tensor *slice_forward(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const dr_feature_step *s = self;
    dr_tensor *h = step_forward(g, s, in[0]);
    while (!s->last)
        h = step_forward(g, ++s, h);
    return h;
}

void dr_feature_forward(dr_tape *g, const dr_feature_net *m, dr_tensor *x, dr_tensor *slice[DR_FEATURE_SLICES])
{
    int first = 0;
    for (int i = 0; i < m->slices; i++) {
        char name[32];
        slice[i] = dr_block(g, slice_forward, &m->step[first], 1, &x);
        while (!m->step[first].last)
            first++;
        const dr_feature_step *last = &m->step[first++]; /* its relu has the next number; a fire's is its own */
        snprintf(name, sizeof name, "features.%d", last->index + (last->expand1.w ? 0 : 1));
        if (!g->status)
            dr_block_gave4(g, slice[i], name, x->dim[0], slice[i]->dim[1], slice[i]->dim[2], m->channels[i]);
        x = slice[i];
    }
}
