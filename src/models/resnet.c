#include "models/resnet.h"

#include "models/block.h"

void dr_resnet_init(dr_params *p, dr_resnet *r, const char *name, int in, int out, int time, int groups, float eps)
{
    char buf[DR_NAME_MAX];
    *r = (dr_resnet){.name = dr_params_text(p, name)};
    dr_groupnorm_init(p, &r->norm1, dr_join(buf, name, "norm1"), in, groups, eps);
    dr_conv_init(p, &r->conv1, dr_join(buf, name, "conv1"), in, out, 3, 1);
    if (time)
        dr_lin_init(p, &r->time, dr_join(buf, name, "time_emb_proj"), time, out, true);
    dr_groupnorm_init(p, &r->norm2, dr_join(buf, name, "norm2"), out, groups, eps);
    dr_conv_init(p, &r->conv2, dr_join(buf, name, "conv2"), out, out, 3, 1);
    if (in != out)
        dr_lin_init_1x1(p, &r->shortcut, dr_join(buf, name, "conv_shortcut"), in, out);
}

/* in: x, time. Of a picture of many channels its norm is as large as all the rest: it goes before the other half. */
static dr_tensor *first_half(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const dr_resnet *r = self;
    dr_tensor *h = dr_norm_forward(g, &r->norm1, in[0], DR_ACT_SILU);
    h = dr_conv_forward(g, &r->conv1, h, NULL);
    return r->time.w ? dr_add_rows(g, h, dr_lin_forward(g, &r->time, in[1], NULL)) : h;
}

dr_tensor *dr_resnet_forward(dr_tape *g, const dr_resnet *r, dr_tensor *x, dr_tensor *emb)
{
    const int64_t *d = x->dim;
    dr_tensor *h = dr_block(g, first_half, r, r->time.w ? 2 : 1, (dr_tensor *[]){x, emb});
    h = dr_norm_forward(g, &r->norm2, h, DR_ACT_SILU);
    if (r->shortcut.w)
        x = dr_lin_forward(g, &r->shortcut, x, NULL);
    h = dr_conv_forward(g, &r->conv2, h, x);
    return dr_block_gave4(g, h, r->name, d[0], d[1], d[2], r->conv2.w->dim[0]);
}
