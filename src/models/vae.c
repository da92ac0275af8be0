#include "models/vae.h"

#include "models/block.h"

#include <math.h>
#include <string.h>

static dr_status check_blocks(const json_t *j, const char *where, const char *key, const char *want, int levels)
{
    const json_t *list = json_object_get(j, key);
    if (!list || json_is_null(list))
        return DR_OK;
    if (!json_is_array(list) || json_array_size(list) != (size_t)levels)
        return dr_fail(DR_EINVAL, "'%s': \"%s\" must list %d blocks, one per entry of \"block_out_channels\"", where,
                       key, levels);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *name = json_string_value(json_array_get(list, i));
        if (!name || strcmp(name, want) != 0)
            return dr_fail(DR_EINVAL, "'%s': \"%s\" has '%s', only %s is supported", where, key, name ? name : "?",
                           want);
    }
    return DR_OK;
}

static dr_status check_config(const dr_vae_config *c, const json_t *j, const char *where)
{
    const char *act;
    dr_status st = dr_json_string(j, where, "act_fn", "silu", &act);
    if (!st && strcmp(act, "silu") != 0)
        st = dr_fail(DR_EINVAL, "'%s': \"act_fn\" is \"%s\", only silu is supported", where, act);
    if (!st && c->levels == 0)
        st = dr_fail(DR_EINVAL, "'%s': \"block_out_channels\" is missing", where);
    for (int i = 0; !st && i < c->levels; i++)
        if (c->width[i] % c->groups != 0)
            st = dr_fail(DR_EINVAL, "'%s': width %d is not a multiple of \"norm_num_groups\" %d", where, c->width[i],
                         c->groups);
    if (!st)
        st = check_blocks(j, where, "down_block_types", "DownEncoderBlock2D", c->levels);
    if (!st)
        st = check_blocks(j, where, "up_block_types", "UpDecoderBlock2D", c->levels);
    return st;
}

/* What both kinds have. */
static dr_status parse_scale(dr_vae_config *c, const json_t *j, const char *where, double scaling)
{
    dr_status st = dr_json_double(j, where, "scaling_factor", scaling, &c->scaling);
    if (!st)
        st = dr_json_double(j, where, "shift_factor", 0, &c->shift);
    return !st && c->scaling == 0 ? dr_fail(DR_EINVAL, "'%s': \"scaling_factor\" is 0", where) : st;
}

static dr_status parse_tiny(dr_vae_config *c, const json_t *j, const char *where)
{
    int64_t in, out, latent;
    dr_status st = dr_json_int(j, where, "in_channels", 3, 1, 64, &in);
    if (!st)
        st = dr_json_int(j, where, "out_channels", 3, 1, 64, &out);
    if (!st)
        st = dr_json_int(j, where, "latent_channels", 4, 1, 64, &latent);
    if (!st)
        st = parse_scale(c, j, where, 1);
    if (!st)
        st = dr_vae_tiny_config_parse(&c->tiny, j, where);
    if (st)
        return st;
    c->is_tiny = true;
    c->in = (int)in;
    c->out = (int)out;
    c->latent = (int)latent;
    c->levels = c->tiny.levels;
    c->sample_size = 512;
    return DR_OK;
}

dr_status dr_vae_config_parse(dr_vae_config *c, const json_t *j, const char *where)
{
    struct {
        const char *key;
        int64_t def, max;
        int *out;
    } ints[] = {{"in_channels", 3, 64, &c->in},
                {"out_channels", 3, 64, &c->out},
                {"latent_channels", 4, 64, &c->latent},
                {"layers_per_block", 1, DR_VAE_MAX_RESNETS - 1, &c->layers},
                {"norm_num_groups", 32, 1024, &c->groups},
                {"sample_size", 512, 1 << 16, &c->sample_size}};
    *c = (dr_vae_config){0};
    dr_status st = DR_OK;
    if (dr_vae_tiny_is(j))
        return parse_tiny(c, j, where);
    for (size_t i = 0; !st && i < sizeof ints / sizeof *ints; i++) {
        int64_t v;
        st = dr_json_int(j, where, ints[i].key, ints[i].def, 1, ints[i].max, &v);
        *ints[i].out = (int)v;
    }
    if (!st)
        st = dr_json_ints(j, where, "block_out_channels", 1, 1, 16384, DR_VAE_MAX_LEVELS, c->width, &c->levels);
    if (!st)
        st = parse_scale(c, j, where, 0.18215);
    if (!st)
        st = dr_json_bool(j, where, "use_quant_conv", true, &c->quant);
    if (!st)
        st = dr_json_bool(j, where, "use_post_quant_conv", true, &c->post_quant);
    if (!st)
        st = dr_json_bool(j, where, "mid_block_add_attention", true, &c->mid_attention);
    return st ? st : check_config(c, j, where);
}

int dr_vae_factor(const dr_vae_config *c)
{
    return 1 << (c->levels - 1);
}

#define EPS 1e-6f

static void mid_init(dr_params *p, dr_vae_mid *m, const char *name, const dr_vae_config *c)
{
    char buf[DR_NAME_MAX], at[DR_NAME_MAX];
    int width = c->width[c->levels - 1];
    for (int i = 0; i < 2; i++)
        dr_resnet_init(p, &m->resnet[i], dr_join_index(buf, name, "resnets", i), width, width, 0, c->groups, EPS);
    m->name = dr_params_text(p, name);
    m->has_attention = c->mid_attention;
    if (!m->has_attention)
        return;
    dr_vae_attention *a = &m->attention;
    dr_join(at, name, "attentions.0");
    a->name = dr_params_text(p, at);
    dr_groupnorm_init(p, &a->norm, dr_join(buf, at, "group_norm"), width, c->groups, EPS);
    dr_lin_init(p, &a->q, dr_join(buf, at, "to_q"), width, width, true);
    dr_lin_init(p, &a->k, dr_join(buf, at, "to_k"), width, width, true);
    dr_lin_init(p, &a->v, dr_join(buf, at, "to_v"), width, width, true);
    dr_lin_init(p, &a->out, dr_join(buf, at, "to_out.0"), width, width, true);
}

/* The encoder goes from wide pictures to deep latents: level i has width[i]. */
static void encoder_init(dr_params *p, dr_vae_half *e, const dr_vae_config *c)
{
    char buf[DR_NAME_MAX], level[DR_NAME_MAX];
    int last = c->levels - 1, in = c->width[0];
    dr_conv_init(p, &e->conv_in, "encoder.conv_in", c->in, in, 3, 1);
    for (int i = 0; i <= last; i++) {
        dr_vae_level *l = &e->level[i];
        dr_join_index(level, "encoder", "down_blocks", i);
        l->name = dr_params_text(p, level);
        l->width = c->width[i];
        l->resnets = c->layers;
        for (int k = 0; k < l->resnets; k++, in = c->width[i])
            dr_resnet_init(p, &l->resnet[k], dr_join_index(buf, level, "resnets", k), in, c->width[i], 0, c->groups,
                           EPS);
        l->resizes = i < last;
        if (!l->resizes)
            continue;
        dr_conv_init(p, &l->resize, dr_join(buf, level, "downsamplers.0.conv"), in, in, 3, 2);
        l->resize.geom.top = l->resize.geom.left = 0; /* right and bottom only */
    }
    mid_init(p, &e->mid, "encoder.mid_block", c);
    dr_groupnorm_init(p, &e->norm_out, "encoder.conv_norm_out", in, c->groups, EPS);
    dr_conv_init(p, &e->conv_out, "encoder.conv_out", in, 2 * c->latent, 3, 1);
    if (c->quant)
        dr_lin_init_1x1(p, &e->quant, "quant_conv", 2 * c->latent, 2 * c->latent);
}

/* The decoder goes back: up block i has width[last - i], and one resnet more. */
static void decoder_init(dr_params *p, dr_vae_half *d, const dr_vae_config *c)
{
    char buf[DR_NAME_MAX], level[DR_NAME_MAX];
    int last = c->levels - 1, in = c->width[last];
    if (c->post_quant)
        dr_lin_init_1x1(p, &d->quant, "post_quant_conv", c->latent, c->latent);
    dr_conv_init(p, &d->conv_in, "decoder.conv_in", c->latent, in, 3, 1);
    mid_init(p, &d->mid, "decoder.mid_block", c);
    for (int i = 0; i <= last; i++) {
        dr_vae_level *l = &d->level[i];
        int width = c->width[last - i];
        dr_join_index(level, "decoder", "up_blocks", i);
        l->name = dr_params_text(p, level);
        l->width = width;
        l->resnets = c->layers + 1;
        for (int k = 0; k < l->resnets; k++, in = width)
            dr_resnet_init(p, &l->resnet[k], dr_join_index(buf, level, "resnets", k), in, width, 0, c->groups, EPS);
        l->resizes = i < last;
        if (l->resizes)
            dr_conv_init(p, &l->resize, dr_join(buf, level, "upsamplers.0.conv"), in, in, 3, 1);
    }
    dr_groupnorm_init(p, &d->norm_out, "decoder.conv_norm_out", in, c->groups, EPS);
    dr_conv_init(p, &d->conv_out, "decoder.conv_out", in, c->out, 3, 1);
}

dr_status dr_vae_init(dr_vae *v, const dr_vae_config *c, dr_params *p)
{
    *v = (dr_vae){.config = *c};
    if (c->is_tiny)
        return dr_vae_tiny_init(&v->tiny, &c->tiny, c->in, c->latent, c->out, p);
    encoder_init(p, &v->encoder, c);
    decoder_init(p, &v->decoder, c);
    return p->status;
}

static dr_tensor *resnet_block(dr_tape *g, const void *self, dr_tensor *const *in)
{
    return dr_resnet_forward(g, self, in[0], NULL);
}

/* One head over all places: [N,h,w,C] -> [N,h,w,C] */
static dr_tensor *attention_block(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const dr_vae_attention *a = self;
    const int64_t *d = in[0]->dim;
    dr_tensor *x = dr_view3(g, in[0], d[0], d[1] * d[2], d[3]);
    dr_tensor *h = dr_norm_forward(g, &a->norm, x, DR_ACT_NONE);
    dr_tensor *q = dr_lin_forward(g, &a->q, h, NULL);
    dr_tensor *k = dr_lin_forward(g, &a->k, h, NULL);
    dr_tensor *v = dr_lin_forward(g, &a->v, h, NULL);
    h = dr_attention(g, q, k, v, 1, false);
    h = dr_lin_forward(g, &a->out, h, x);
    return dr_block_gave4(g, dr_view4(g, h, d[0], d[1], d[2], d[3]), a->name, d[0], d[1], d[2], d[3]);
}

static dr_tensor *resnet(dr_tape *g, const dr_resnet *r, dr_tensor *x)
{
    return dr_block(g, resnet_block, r, 1, &x);
}

static dr_tensor *mid_forward(dr_tape *g, const dr_vae_mid *m, dr_tensor *h)
{
    const int64_t *d = h->dim;
    h = resnet(g, &m->resnet[0], h);
    if (m->has_attention)
        h = dr_block(g, attention_block, &m->attention, 1, &h);
    h = resnet(g, &m->resnet[1], h);
    return dr_block_gave4(g, h, m->name, d[0], d[1], d[2], d[3]);
}

/* The first n resnets of a level. */
typedef struct chain {
    const dr_vae_level *level;
    int n;
} chain;

/* In inference what came before the last one is a block of its own: no more than one result waits beside the level's
 * input. */
static dr_tensor *chain_block(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const chain *c = self, before = {c->level, c->n - 1};
    dr_tensor *h = before.n > 0 ? dr_block(g, chain_block, &before, 1, in) : in[0];
    return dr_resnet_forward(g, &c->level->resnet[before.n], h, NULL);
}

static dr_tensor *resnets(dr_tape *g, const dr_vae_level *l, dr_tensor *h)
{
    if (!g->recording)
        return dr_block(g, chain_block, &(chain){l, l->resnets}, 1, &h);
    for (int k = 0; k < l->resnets; k++)
        h = resnet(g, &l->resnet[k], h);
    return h;
}

static dr_tensor *down_level(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const dr_vae_level *l = self;
    const int64_t *d = in[0]->dim;
    int64_t step = l->resizes ? 2 : 1;
    dr_tensor *h = resnets(g, l, in[0]);
    if (l->resizes)
        h = dr_conv_forward(g, &l->resize, h, NULL);
    return dr_block_gave4(g, h, l->name, d[0], d[1] / step, d[2] / step, l->width);
}

static dr_tensor *double_block(dr_tape *g, const void *self, dr_tensor *const *in)
{
    dr_tensor *h = dr_resize_nearest(g, in[0], in[0]->dim[1] * 2, in[0]->dim[2] * 2);
    return dr_conv_forward(g, self, h, NULL);
}

static dr_tensor *up_level(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const dr_vae_level *l = self;
    const int64_t *d = in[0]->dim;
    int64_t step = l->resizes ? 2 : 1;
    dr_tensor *h = resnets(g, l, in[0]);
    if (l->resizes)
        h = dr_block(g, double_block, &l->resize, 1, &h);
    return dr_block_gave4(g, h, l->name, d[0], d[1] * step, d[2] * step, l->width);
}

/* In inference a whole level is one more block around its resnets, so that their results go as well. While
 * recording the resnets themselves are what is run again. */
static dr_tensor *level(dr_tape *g, dr_block_fn *fn, const dr_vae_level *l, dr_tensor *h)
{
    return g->recording ? fn(g, l, &h) : dr_block(g, fn, l, 1, &h);
}

static dr_tensor *out_block(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const dr_vae_half *v = self;
    dr_tensor *h = dr_norm_forward(g, &v->norm_out, in[0], DR_ACT_SILU);
    return dr_conv_forward(g, &v->conv_out, h, NULL);
}

dr_tensor *dr_vae_encode(dr_tape *g, const dr_vae *v, dr_tensor *x)
{
    const dr_vae_half *e = &v->encoder;
    if (v->config.is_tiny) {
        dr_tensor *z = dr_vae_tiny_encode(g, &v->tiny, x);
        return dr_concat(g, z, dr_vae_tiny_constant(g, z, v->config.latent, DR_LOGVAR_MIN));
    }
    dr_tensor *h = dr_conv_forward(g, &e->conv_in, x, NULL); /* [N,H,W,width[0]] */
    for (int i = 0; i < v->config.levels; i++)
        h = level(g, down_level, &e->level[i], h);
    h = mid_forward(g, &e->mid, h);
    h = dr_block(g, out_block, e, 1, &h); /* [N,H/f,W/f,2*latent] */
    return e->quant.w ? dr_lin_forward(g, &e->quant, h, NULL) : h;
}

dr_tensor *dr_vae_decode(dr_tape *g, const dr_vae *v, dr_tensor *z)
{
    const dr_vae_half *d = &v->decoder;
    if (v->config.is_tiny)
        return dr_vae_tiny_decode(g, &v->tiny, z);
    dr_tensor *h = d->quant.w ? dr_lin_forward(g, &d->quant, z, NULL) : z;
    h = dr_conv_forward(g, &d->conv_in, h, NULL); /* [N,h,w,width[last]] */
    h = mid_forward(g, &d->mid, h);
    for (int i = 0; i < v->config.levels; i++)
        h = level(g, up_level, &d->level[i], h);
    return dr_block(g, out_block, d, 1, &h);
}

bool dr_vae_decodes_parts(const dr_vae_config *c)
{
    return c->is_tiny;
}

dr_tensor *dr_vae_decode_part(dr_tape *g, const dr_vae *v, dr_tensor *z, dr_window part)
{
    DR_ASSERT(dr_vae_decodes_parts(&v->config), "a part of a picture of %d levels", v->config.levels);
    return dr_vae_tiny_decode_part(g, &v->tiny, z, part);
}

void dr_vae_unscale(const dr_vae_config *c, const float *latents, size_t n, float *z)
{
    for (size_t i = 0; i < n; i++) {
        z[i] = latents[i] / (float)c->scaling + (float)c->shift;
        if (c->is_tiny)
            z[i] = 3 * tanhf(z[i] / 3);
    }
}

bool dr_vae_draws(const dr_vae_config *c)
{
    return !c->is_tiny;
}

void dr_vae_sample(const dr_vae_config *c, const float *moments, const float *noise, int64_t cells, float *latents)
{
    int64_t C = c->latent;
    for (int64_t i = 0; i < cells; i++)
        for (int64_t k = 0; k < C; k++) {
            float mean = moments[i * 2 * C + k], logvar = moments[i * 2 * C + C + k];
            logvar = fminf(fmaxf(logvar, -30.0f), 20.0f);
            float z = c->is_tiny ? mean : mean + expf(0.5f * logvar) * noise[i * C + k];
            latents[i * C + k] = (z - (float)c->shift) * (float)c->scaling;
        }
}
