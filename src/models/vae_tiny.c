#include "models/vae_tiny.h"

#include "models/block.h"

#include <stdio.h>
#include <string.h>

/* --- config -------------------------------------------------------------------------------------------------- */

bool dr_vae_tiny_is(const json_t *j)
{
    const char *name = json_string_value(json_object_get(j, "_class_name"));
    return name && strcmp(name, "AutoencoderTiny") == 0;
}

/* One half's widths, which are all the same, and blocks. */
static dr_status parse_half(const json_t *j, const char *where, const char *half, int *width, int *blocks, int *levels)
{
    int widths[DR_VAE_TINY_LEVELS], n = 0, m = 0;
    char key[64];
    snprintf(key, sizeof key, "%s_block_out_channels", half);
    dr_status st = dr_json_ints(j, where, key, 1, 1, 16384, DR_VAE_TINY_LEVELS, widths, &n);
    for (int i = 1; !st && i < n; i++)
        if (widths[i] != widths[0])
            st = dr_fail(DR_EINVAL, "'%s': \"%s\" has the widths %d and %d, which must be the same", where, key,
                         widths[0], widths[i]);
    *width = n ? widths[0] : 0;
    snprintf(key, sizeof key, "num_%s_blocks", half);
    if (!st)
        st = dr_json_ints(j, where, key, 1, 1, DR_VAE_TINY_BLOCKS, DR_VAE_TINY_LEVELS, blocks, &m);
    if (!st && (!n || n != m))
        st = dr_fail(DR_EINVAL,
                     "'%s': \"%s\" lists %d levels, \"%s_block_out_channels\" %d; they must be as many, and "
                     "one at least",
                     where, key, m, half, n);
    *levels = n;
    return st;
}

/* A word that may stand in the config, and the only one that is supported. */
static dr_status check_word(const json_t *j, const char *where, const char *key, const char *want)
{
    const char *word;
    dr_status st = dr_json_string(j, where, key, want, &word);
    return st || strcmp(word, want) == 0
               ? st
               : dr_fail(DR_EINVAL, "'%s': \"%s\" is \"%s\", only %s is supported", where, key, word, want);
}

dr_status dr_vae_tiny_config_parse(dr_vae_tiny_config *c, const json_t *j, const char *where)
{
    int levels = 0;
    int64_t factor = 2;
    *c = (dr_vae_tiny_config){0};
    dr_status st = parse_half(j, where, "encoder", &c->encoder_width, c->encoder_blocks, &c->levels);
    if (!st)
        st = parse_half(j, where, "decoder", &c->decoder_width, c->decoder_blocks, &levels);
    if (!st && levels != c->levels)
        st = dr_fail(DR_EINVAL, "'%s': the encoder has %d levels, the decoder %d", where, c->levels, levels);
    if (!st)
        st = check_word(j, where, "act_fn", "relu");
    if (!st)
        st = check_word(j, where, "upsample_fn", "nearest");
    if (!st)
        st = dr_json_int(j, where, "upsampling_scaling_factor", 2, 1, 16, &factor);
    if (!st && factor != 2)
        st = dr_fail(DR_EINVAL, "'%s': \"upsampling_scaling_factor\" is %d, only 2 is supported", where, (int)factor);
    return st;
}

/* --- weights -------------------------------------------------------------------------------------------------- */

static void conv_init(dr_params *p, dr_conv *c, int64_t in, int64_t out, int stride, bool bias, const char *half,
                      int *layer)
{
    char name[DR_NAME_MAX];
    dr_join_index(name, half, "layers", (*layer)++);
    *c = (dr_conv){.geom = {3, 3, stride, 1, 1, 1, 1, 1}};
    c->w = dr_param_add(p, name, "weight", DR_INIT_KAIMING, in * 9, 4, out, in, 3, 3);
    if (bias)
        c->b = dr_param_add(p, name, "bias", DR_INIT_KAIMING, in * 9, 1, out, 1, 1, 1);
}

static void blocks_init(dr_params *p, dr_vae_tiny_level *l, int blocks, int width, const char *half, int *layer)
{
    char name[DR_NAME_MAX], conv[DR_NAME_MAX];
    l->blocks = blocks;
    for (int i = 0; i < blocks; i++) {
        dr_join_index(name, half, "layers", (*layer)++);
        l->block[i].name = dr_params_text(p, name);
        for (int k = 0; k < 3; k++) /* activations stand between them */
            dr_conv_init(p, &l->block[i].conv[k], dr_join_index(conv, name, "conv", 2 * k), width, width, 3, 1);
    }
}

dr_status dr_vae_tiny_init(dr_vae_tiny *v, const dr_vae_tiny_config *c, int in, int latent, int out, dr_params *p)
{
    int layer = 0, last = c->levels - 1;
    *v = (dr_vae_tiny){.levels = c->levels, .latent = latent};
    for (int i = 0; i <= last; i++) {
        dr_vae_tiny_level *l = &v->encoder[i];
        conv_init(p, &l->conv, i ? c->encoder_width : in, c->encoder_width, i ? 2 : 1, i == 0, "encoder", &layer);
        blocks_init(p, l, c->encoder_blocks[i], c->encoder_width, "encoder", &layer);
    }
    conv_init(p, &v->encoder_out, c->encoder_width, latent, 1, true, "encoder", &layer);

    layer = 0;
    conv_init(p, &v->decoder_in, latent, c->decoder_width, 1, true, "decoder", &layer);
    layer++; /* its activation */
    for (int i = 0; i <= last; i++) {
        dr_vae_tiny_level *l = &v->decoder[i];
        blocks_init(p, l, c->decoder_blocks[i], c->decoder_width, "decoder", &layer);
        l->doubles = i < last;
        layer += l->doubles; /* the upsampler */
        conv_init(p, &l->conv, c->decoder_width, i < last ? c->decoder_width : out, 1, i == last, "decoder", &layer);
    }
    return p->status;
}

/* --- forward -------------------------------------------------------------------------------------------------- */

dr_tensor *dr_vae_tiny_constant(dr_tape *g, const dr_tensor *x, int64_t C, float value)
{
    dr_tensor *t = dr_new4(g, x->dim[0], x->dim[1], x->dim[2], C);
    if (!dr_tape_stopped(g))
        g->ops->fill(dr_numel(t), value, dr_f32(t));
    return t;
}

static dr_tensor *block(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const dr_vae_tiny_block *b = self;
    const int64_t *d = in[0]->dim;
    dr_tensor *h = dr_activation(g, dr_conv_forward(g, &b->conv[0], in[0], NULL), DR_ACT_RELU);
    h = dr_activation(g, dr_conv_forward(g, &b->conv[1], h, NULL), DR_ACT_RELU);
    h = dr_activation(g, dr_conv_forward(g, &b->conv[2], h, in[0]), DR_ACT_RELU);
    return dr_block_gave4(g, h, b->name, d[0], d[1], d[2], d[3]);
}

static dr_tensor *blocks(dr_tape *g, const dr_vae_tiny_level *l, dr_tensor *h)
{
    for (int i = 0; i < l->blocks; i++)
        h = dr_block(g, block, &l->block[i], 1, &h);
    return h;
}

static dr_tensor *encoder_level(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const dr_vae_tiny_level *l = self;
    return blocks(g, l, dr_conv_forward(g, &l->conv, in[0], NULL));
}

static dr_tensor *decoder_conv(dr_tape *g, const dr_vae_tiny_level *l, dr_tensor *h)
{
    if (l->doubles)
        h = dr_resize_nearest(g, h, h->dim[1] * 2, h->dim[2] * 2);
    return dr_conv_forward(g, &l->conv, h, NULL);
}

static dr_tensor *decoder_level(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const dr_vae_tiny_level *l = self;
    return decoder_conv(g, l, blocks(g, l, in[0]));
}

/* In inference a whole level is one more block around its own: what is between them goes as well. */
static dr_tensor *level(dr_tape *g, dr_block_fn *fn, const dr_vae_tiny_level *l, dr_tensor *h)
{
    return g->recording ? fn(g, l, &h) : dr_block(g, fn, l, 1, &h);
}

dr_tensor *dr_vae_tiny_encode(dr_tape *g, const dr_vae_tiny *v, dr_tensor *x)
{
    /* borders are zero behind the shift: it cannot be folded into the first convolution */
    dr_tensor *h = dr_add(g, dr_scale(g, x, 0.5f), dr_vae_tiny_constant(g, x, x->dim[3], 0.5f));
    for (int i = 0; i < v->levels; i++)
        h = level(g, encoder_level, &v->encoder[i], h);
    return dr_conv_forward(g, &v->encoder_out, h, NULL);
}

dr_tensor *dr_vae_tiny_decode(dr_tape *g, const dr_vae_tiny *v, dr_tensor *z)
{
    dr_tensor *h = dr_activation(g, dr_conv_forward(g, &v->decoder_in, z, NULL), DR_ACT_RELU);
    for (int i = 0; i < v->levels; i++)
        h = level(g, decoder_level, &v->decoder[i], h);
    return dr_add(g, dr_scale(g, h, 2), dr_vae_tiny_constant(g, h, h->dim[3], -1));
}

/* --- a part of a picture --------------------------------------------------------------------------------------- */

static dr_window grown(dr_window r, int64_t n)
{
    return (dr_window){r.y - n, r.x - n, r.h + 2 * n, r.w + 2 * n};
}

/* The places that were doubled into it. */
static dr_window halved(dr_window r)
{
    int64_t y = r.y >> 1, x = r.x >> 1;
    return (dr_window){y, x, ((r.y + r.h + 1) >> 1) - y, ((r.x + r.w + 1) >> 1) - x};
}

/* As much of it as there is, and so much more that it begins and ends at multiples of 4: Winograd's tiles lie then as
 * they do in the whole, and their sums round the same way. */
static dr_window settled(dr_window r, int64_t H, int64_t W)
{
    int64_t top = r.y & ~INT64_C(3), left = r.x & ~INT64_C(3);
    int64_t bottom = (r.y + r.h + 3) & ~INT64_C(3), right = (r.x + r.w + 3) & ~INT64_C(3);
    top = top > 0 ? top : 0;
    left = left > 0 ? left : 0;
    bottom = bottom < H ? bottom : H;
    right = right < W ? right : W;
    return (dr_window){top, left, bottom - top, right - left};
}

/* `r` of h, which is itself the window `have` of a larger one. */
static dr_tensor *cut(dr_tape *g, dr_tensor *h, dr_window have, dr_window r)
{
    const int64_t N = h->dim[0], C = h->dim[3];
    if (dr_tape_stopped(g))
        return h;
    DR_ASSERT(r.y >= have.y && r.x >= have.x && r.y + r.h <= have.y + have.h && r.x + r.w <= have.x + have.w &&
                  h->dim[1] == have.h && h->dim[2] == have.w,
              "%dx%d+%d+%d of %dx%d+%d+%d", (int)r.w, (int)r.h, (int)r.x, (int)r.y, (int)have.w, (int)have.h,
              (int)have.x, (int)have.y);
    if (r.h == have.h && r.w == have.w)
        return h;
    h = dr_slice(g, dr_view3(g, h, N, 1, have.h * have.w * C), (r.y - have.y) * have.w * C, r.h * have.w * C);
    h = dr_slice(g, dr_view3(g, h, N, r.h, have.w * C), (r.x - have.x) * C, r.w * C);
    return dr_view4(g, h, N, r.h, r.w, C);
}

/* Convolutions from here on see windows of maps of H x W. */
static void of_map(dr_tape *g, int64_t H, int64_t W)
{
    g->whole_h = H;
    g->whole_w = W;
}

typedef struct part_level {
    const dr_vae_tiny_level *level;
    int64_t H, W; /* of the whole map */
} part_level;

static dr_tensor *decoder_part_level(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const part_level *p = self;
    const int64_t times = p->level->doubles ? 2 : 1;
    of_map(g, p->H, p->W);
    dr_tensor *h = blocks(g, p->level, in[0]);
    of_map(g, times * p->H, times * p->W);
    return decoder_conv(g, p->level, h);
}

/* From the picture back: what each level is given, and what is wanted of its result. */
dr_tensor *dr_vae_tiny_decode_part(dr_tape *g, const dr_vae_tiny *v, dr_tensor *z, dr_window part)
{
    DR_ASSERT(!g->recording, "a part of %d levels while recording", v->levels);
    dr_window in[DR_VAE_TINY_LEVELS], want = part, have;
    for (int i = v->levels - 1; i >= 0; i--) {
        const dr_vae_tiny_level *l = &v->decoder[i];
        dr_window behind = grown(want, 1); /* the blocks, in front of the convolution */
        behind = l->doubles ? halved(behind) : behind;
        in[i] = settled(grown(behind, 3 * l->blocks), z->dim[1] << i, z->dim[2] << i);
        want = in[i];
    }
    have = settled(grown(want, 1), z->dim[1], z->dim[2]);
    dr_tensor *h = cut(g, z, (dr_window){0, 0, z->dim[1], z->dim[2]}, have);
    of_map(g, z->dim[1], z->dim[2]);
    h = dr_activation(g, dr_conv_forward(g, &v->decoder_in, h, NULL), DR_ACT_RELU);
    for (int i = 0; i < v->levels; i++) {
        const part_level l = {&v->decoder[i], z->dim[1] << i, z->dim[2] << i};
        h = cut(g, h, have, in[i]);
        h = dr_block(g, decoder_part_level, &l, 1, &h);
        have = in[i];
        if (l.level->doubles)
            have = (dr_window){2 * have.y, 2 * have.x, 2 * have.h, 2 * have.w};
    }
    of_map(g, 0, 0);
    h = cut(g, h, have, part);
    return dr_add(g, dr_scale(g, h, 2), dr_vae_tiny_constant(g, h, h->dim[3], -1));
}
