#include "models/unet.h"

#include "models/block.h"

#include <math.h>
#include <string.h>

/* --- binding names ------------------------------------------------------------------------------ */

static int time_width(const dr_unet_config *c)
{
    return 4 * c->width[0];
}

static void layer_init(dr_params *p, dr_unet_layer *l, const char *block, int k, int in, int out,
                       const dr_unet_config *c, bool cross, int level, int depth)
{
    char buf[DR_NAME_MAX];
    dr_resnet_init(p, &l->resnet, dr_join_index(buf, block, "resnets", k), in, out, time_width(c), c->groups, c->eps);
    l->cross = cross;
    if (cross)
        dr_transformer2d_init(p, &l->attention, dr_join_index(buf, block, "attentions", k), out, c->heads[level],
                              c->context[level], depth, c->groups, c->linear_projection);
}

static void down_init(dr_params *p, dr_unet_level *b, int i, const dr_unet_config *c)
{
    char name[DR_NAME_MAX], buf[DR_NAME_MAX];
    int in = c->width[i ? i - 1 : 0], out = c->width[i];
    dr_join_index(name, "", "down_blocks", i);
    b->name = dr_params_text(p, name);
    b->width = out;
    b->layers = c->layers[i];
    for (int k = 0; k < b->layers; k++)
        layer_init(p, &b->layer[k], name, k, k ? out : in, out, c, c->down_cross[i], i, c->depth[i]);
    b->resizes = i < c->levels - 1;
    if (b->resizes)
        dr_conv_init(p, &b->resize, dr_join(buf, name, "downsamplers.0.conv"), out, out, 3, 2);
}

/* Up block i mirrors level L-1-i. Its layers take what came before, joined with a skip of the down path: of
 * the mirrored level's width, and the last one of the width one level up. */
static void up_init(dr_params *p, dr_unet_level *b, int i, const dr_unet_config *c)
{
    char name[DR_NAME_MAX], buf[DR_NAME_MAX];
    int last = c->levels - 1, level = last - i;
    int before = c->width[i ? level + 1 : last], out = c->width[level], above = c->width[level ? level - 1 : 0];
    dr_join_index(name, "", "up_blocks", i);
    b->name = dr_params_text(p, name);
    b->width = out;
    b->layers = c->layers[level] + 1;
    for (int k = 0; k < b->layers; k++) {
        int skip = k == b->layers - 1 ? above : out;
        layer_init(p, &b->layer[k], name, k, (k ? out : before) + skip, out, c, c->up_cross[i], level, c->up_depth[i]);
    }
    b->resizes = i < last;
    if (b->resizes)
        dr_conv_init(p, &b->resize, dr_join(buf, name, "upsamplers.0.conv"), out, out, 3, 1);
}

dr_status dr_unet_init(dr_unet *u, const dr_unet_config *c, dr_params *p)
{
    int last = c->levels - 1, time = time_width(c), deepest = c->width[last];
    *u = (dr_unet){.config = *c};
    dr_conv_init(p, &u->conv_in, "conv_in", c->in, c->width[0], 3, 1);
    dr_lin_init(p, &u->time1, "time_embedding.linear_1", c->width[0], time, true);
    dr_lin_init(p, &u->time2, "time_embedding.linear_2", time, time, true);
    for (int i = 0; i < c->levels; i++)
        down_init(p, &u->down[i], i, c);
    for (int i = 0; i < c->levels; i++)
        up_init(p, &u->up[i], i, c);
    dr_resnet_init(p, &u->mid.resnet[0], "mid_block.resnets.0", deepest, deepest, time, c->groups, c->eps);
    dr_transformer2d_init(p, &u->mid.attention, "mid_block.attentions.0", deepest, c->heads[last], c->context[last],
                          c->mid_depth, c->groups, c->linear_projection);
    dr_resnet_init(p, &u->mid.resnet[1], "mid_block.resnets.1", deepest, deepest, time, c->groups, c->eps);
    dr_groupnorm_init(p, &u->norm_out, "conv_norm_out", c->width[0], c->groups, c->eps);
    dr_conv_init(p, &u->conv_out, "conv_out", c->width[0], c->out, 3, 1);
    return p->status;
}

static void each_in_transformer(dr_transformer2d *t, void (*fn)(void *user, dr_lin *l), void *user)
{
    for (int i = 0; i < t->depth; i++) {
        dr_attn *both[] = {&t->layer[i].self, &t->layer[i].cross};
        for (int k = 0; k < 2; k++) {
            fn(user, &both[k]->q);
            fn(user, &both[k]->k);
            fn(user, &both[k]->v);
            fn(user, &both[k]->out);
        }
    }
}

static void each_in_level(dr_unet_level *b, void (*fn)(void *user, dr_lin *l), void *user)
{
    for (int k = 0; k < b->layers; k++)
        if (b->layer[k].cross)
            each_in_transformer(&b->layer[k].attention, fn, user);
}

void dr_unet_each_attention(dr_unet *u, void (*fn)(void *user, dr_lin *l), void *user)
{
    for (int i = 0; i < u->config.levels; i++)
        each_in_level(&u->down[i], fn, user);
    each_in_transformer(&u->mid.attention, fn, user);
    for (int i = 0; i < u->config.levels; i++)
        each_in_level(&u->up[i], fn, user);
}

static void each_self(dr_transformer2d *t, void (*fn)(void *user, dr_attn *a), void *user)
{
    for (int i = 0; i < t->depth; i++)
        fn(user, &t->layer[i].self);
}

void dr_unet_each_self_attention(dr_unet *u, void (*fn)(void *user, dr_attn *a), void *user)
{
    dr_unet_level *const path[] = {u->down, u->up};
    for (int way = 0; way < 2; way++)
        for (int i = 0; i < u->config.levels; i++)
            for (int k = 0; k < path[way][i].layers; k++)
                if (path[way][i].layer[k].cross)
                    each_self(&path[way][i].layer[k].attention, fn, user);
    each_self(&u->mid.attention, fn, user);
}

/* --- forward ------------------------------------------------------------------------------------ */

/* Sines and cosines of the timestep at C/2 frequencies -> [N,C]. diffusers get_timestep_embedding. */
static dr_tensor *timestep_embedding(dr_tape *g, const dr_unet_config *c, const float *timestep, int64_t N)
{
    int64_t C = c->width[0], half = C / 2;
    float *all = dr_tape_stopped(g) ? NULL : dr_arena_alloc(&g->arena, (size_t)(N * C) * sizeof *all), *row = all;
    if (!all) {
        dr_tape_fail(g, DR_ENOMEM);
        return &g->dummy;
    }
    for (int64_t n = 0; n < N; n++, row += C)
        for (int64_t i = 0; i < half; i++) {
            float exponent = -logf(10000.0f) * (float)i / (float)((double)half - c->freq_shift);
            float angle = timestep[n] * expf(exponent);
            row[i] = c->flip_sin_to_cos ? cosf(angle) : sinf(angle);
            row[half + i] = c->flip_sin_to_cos ? sinf(angle) : cosf(angle);
            row[C - 1] = C % 2 ? 0 : row[C - 1]; /* an odd width is padded */
        }
    return dr_input(g, all, 2, (int64_t[]){N, C});
}

static dr_tensor *time_embed(dr_tape *g, const dr_unet *u, const float *timestep, int64_t N)
{
    dr_tensor *e = timestep_embedding(g, &u->config, timestep, N);
    e = dr_activation(g, dr_lin_forward(g, &u->time1, e, NULL), DR_ACT_SILU);
    e = dr_lin_forward(g, &u->time2, e, NULL);
    return dr_activation(g, e, DR_ACT_SILU); /* every resnet applies silu first: once is enough */
}

/* in: x, time */
static dr_tensor *resnet_block(dr_tape *g, const void *self, dr_tensor *const *in)
{
    return dr_resnet_forward(g, self, in[0], in[1]);
}

/* in: x, skip, time. The joined tensor lives no longer than the block. */
static dr_tensor *skip_resnet_block(dr_tape *g, const void *self, dr_tensor *const *in)
{
    return dr_resnet_forward(g, self, dr_concat(g, in[0], in[1]), in[2]);
}

/* in: x, text */
static dr_tensor *transformer_block(dr_tape *g, const void *self, dr_tensor *const *in)
{
    return dr_transformer2d_forward(g, self, in[0], in[1]);
}

/* in: x */
static dr_tensor *textless_block(dr_tape *g, const void *self, dr_tensor *const *in)
{
    return dr_transformer2d_forward(g, self, in[0], NULL);
}

/* What the blocks of one call share. */
typedef struct call {
    dr_tensor *emb, *text; /* time [N,4*c0]; NULL without a text */
    int64_t most;          /* values that a map of all samples may have for these to be computed together */
    dr_tensor *skip[1 + DR_UNET_MAX_LEVELS * (DR_UNET_MAX_LAYERS + 1)]; /* the down path's, popped by the up path */
    int skips;
    dr_unet_cache *cache; /* NULL: none */
    int shallow;          /* skips above what the cache stands for; 0 in a call that computes all */
} call;

/* Without a text a guided call has two samples of many tokens. Where the map is large, together they would gain nothing
 * and need twice the memory; further down each weight, expanded or transformed at each use, serves both. So the samples
 * are together where they are no larger than one of them is at the first level. Whoever brings a text, or records, has
 * always had them together. */
static int64_t most_together(const dr_tape *g, const dr_unet *u, const dr_tensor *x, const dr_tensor *text)
{
    return g->recording || text ? INT64_MAX : x->dim[1] * x->dim[2] * u->config.width[0];
}

/* A block that gives a map of in[0]'s size. */
static dr_tensor *run(dr_tape *g, const call *c, dr_block_fn *fn, const void *self, const char *name, int64_t width,
                      int n, dr_tensor *const *in)
{
    int64_t N = in[0]->dim[0], H = in[0]->dim[1], W = in[0]->dim[2];
    if (N == 1 || N * H * W * width <= c->most)
        return dr_block(g, fn, self, n, in);
    dr_tensor *y = dr_block_each(g, fn, self, n, in, 4, (int64_t[]){N, H, W, width});
    return dr_block_gave4(g, y, name, N, H, W, width);
}

/* How many samples there are after a look at the text. */
static int64_t samples(const dr_tensor *h, const dr_tensor *text)
{
    return text ? text->dim[0] : h->dim[0];
}

static dr_tensor *resnet(dr_tape *g, const call *c, const dr_resnet *r, dr_tensor *h)
{
    return run(g, c, resnet_block, r, r->name, r->conv2.w->dim[0], 2, (dr_tensor *[]){h, c->emb});
}

/* Whether the way down is at the depth from which on the cache has what comes back up. */
static bool deep_enough(const call *c)
{
    return c->shallow && c->skips == c->shallow;
}

static dr_tensor *attend(dr_tape *g, const call *c, const dr_transformer2d *t, dr_tensor *h)
{
    if (!c->text)
        return run(g, c, textless_block, t, t->name, h->dim[3], 1, &h);
    return dr_block(g, transformer_block, t, 2, (dr_tensor *[]){h, c->text});
}

static dr_tensor *down_block(dr_tape *g, const dr_unet_level *b, dr_tensor *h, call *c)
{
    int64_t N = b->layer[0].cross ? samples(h, c->text) : h->dim[0], H = h->dim[1], W = h->dim[2];
    for (int k = 0; k < b->layers; k++) {
        if (deep_enough(c))
            return h;
        h = resnet(g, c, &b->layer[k].resnet, h);
        if (b->layer[k].cross)
            h = attend(g, c, &b->layer[k].attention, h);
        c->skip[c->skips++] = h;
    }
    if (deep_enough(c))
        return h;
    if (b->resizes)
        c->skip[c->skips++] = h = dr_conv_forward(g, &b->resize, h, NULL);
    int64_t step = b->resizes ? 2 : 1; /* an odd size is rounded up */
    return dr_block_gave4(g, h, b->name, N, (H + step - 1) / step, (W + step - 1) / step, b->width);
}

static dr_tensor *mid_block(dr_tape *g, const dr_unet *u, dr_tensor *h, const call *c)
{
    int64_t H = h->dim[1], W = h->dim[2], C = h->dim[3];
    h = resnet(g, c, &u->mid.resnet[0], h);
    h = attend(g, c, &u->mid.attention, h);
    h = resnet(g, c, &u->mid.resnet[1], h);
    return dr_block_gave4(g, h, "mid_block", samples(h, c->text), H, W, C);
}

typedef struct up_layer {
    const dr_unet_layer *layer;
    const call *call;
} up_layer;

/* in: x, skip */
static dr_tensor *up_layer_block(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const up_layer *u = self;
    const dr_resnet *r = &u->layer->resnet;
    dr_tensor *h = run(g, u->call, skip_resnet_block, r, r->name, r->conv2.w->dim[0], 3,
                       (dr_tensor *[]){in[0], in[1], u->call->emb});
    return u->layer->cross ? attend(g, u->call, &u->layer->attention, h) : h;
}

/* in: x, the skip that has the size to come: an odd size came from a larger one. */
static dr_tensor *up_size_block(dr_tape *g, const void *self, dr_tensor *const *in)
{
    return dr_conv_forward(g, self, dr_resize_nearest(g, in[0], in[1]->dim[1], in[1]->dim[2]), NULL);
}

static dr_tensor *up_size(dr_tape *g, const call *c, const dr_conv *conv, dr_tensor *h, dr_tensor *skip)
{
    int64_t N = h->dim[0], H = skip->dim[1], W = skip->dim[2], C = conv->w->dim[0];
    dr_tensor *in[] = {h, skip};
    if (g->recording) /* what is run again is a resnet or a transformer, as ever */
        return up_size_block(g, conv, in);
    if (N == 1 || N * H * W * C <= c->most)
        return dr_block(g, up_size_block, conv, 2, in);
    return dr_block_each(g, up_size_block, conv, 2, in, 4, (int64_t[]){N, H, W, C});
}

/* What comes up to the skip that is next: computed, and kept where the cache's branch is; or in its place what is kept.
 */
static dr_tensor *come_up(dr_tape *g, const call *c, dr_tensor *h)
{
    const dr_tensor *top = c->skip[0];
    if (!c->cache || c->skips != c->cache->branch)
        return h;
    if (c->shallow)
        return dr_unet_cache_take(g, c->cache, samples(top, c->text));
    dr_unet_cache_keep(g, c->cache, h, top->dim[1], top->dim[2]);
    return h;
}

/* In inference a layer is one more block around its two: of what it gave only the last stays. */
static dr_tensor *up_block(dr_tape *g, const dr_unet_level *b, dr_tensor *h, call *c)
{
    for (int k = 0; k < b->layers; k++) {
        dr_tensor *skip = c->skip[--c->skips];
        if (c->shallow && c->skips >= c->shallow)
            continue;
        h = come_up(g, c, h);
        if (skip->dim[0] < h->dim[0]) /* from before the first look at the text */
            skip = dr_repeat(g, skip, h->dim[0]);
        up_layer u = {&b->layer[k], c};
        dr_tensor *in[] = {h, skip};
        h = g->recording ? up_layer_block(g, &u, in) : dr_block(g, up_layer_block, &u, 2, in);
    }
    if (c->shallow && c->skips >= c->shallow)
        return h;
    int64_t N = b->layer[0].cross ? samples(h, c->text) : h->dim[0];
    dr_tensor *last =
        c->skip[b->resizes ? c->skips - 1 : c->skips]; /* an odd size came from a larger one: back to that */
    if (b->resizes)
        h = up_size(g, c, &b->resize, h, last);
    return dr_block_gave4(g, h, b->name, N, last->dim[1], last->dim[2], b->width);
}

void dr_unet_join_input(const float *noisy, const float *mask, const float *masked, int64_t cells, int64_t C, float *x)
{
    size_t row = (size_t)C * sizeof *x;
    for (int64_t i = 0; i < cells; i++, x += 2 * C + 1) {
        memcpy(x, noisy + i * C, row);
        x[C] = mask[i];
        memcpy(x + C + 1, masked + i * C, row);
    }
}

int dr_unet_skips(const dr_unet_config *c)
{
    int n = c->levels; /* conv_in, and a halving for all levels but one */
    for (int i = 0; i < c->levels; i++)
        n += c->layers[i];
    return n;
}

dr_tensor *dr_unet_forward_cached(dr_tape *g, const dr_unet *u, dr_tensor *x, const float *timestep, dr_tensor *text,
                                  dr_unet_cache *cache)
{
    int total = dr_unet_skips(&u->config);
    DR_ASSERT(!cache || (!g->recording && cache->branch >= 0 && cache->branch < total), "a cache of branch %d of %d",
              cache->branch, total);
    call c = {.text = text, .most = most_together(g, u, x, text), .cache = cache};
    c.emb = time_embed(g, u, timestep, x->dim[0]);           /* [N,4*c0] */
    dr_tensor *h = dr_conv_forward(g, &u->conv_in, x, NULL); /* [N,h,w,c0] */
    c.skip[c.skips++] = h;
    if (cache)
        cache->reused = cache->reuse && dr_unet_cache_serves(cache, samples(x, text), x->dim[1], x->dim[2]);
    if (cache && cache->reused)
        c.shallow = cache->branch + 1;

    for (int i = 0; i < u->config.levels; i++)
        h = down_block(g, &u->down[i], h, &c);

    if (!c.shallow)
        h = mid_block(g, u, h, &c);
    c.skips = total;

    for (int i = 0; i < u->config.levels; i++) /* up[0] is the deepest */
        h = up_block(g, &u->up[i], h, &c);

    h = dr_norm_forward(g, &u->norm_out, h, DR_ACT_SILU);
    return dr_conv_forward(g, &u->conv_out, h, NULL);
}

dr_tensor *dr_unet_forward(dr_tape *g, const dr_unet *u, dr_tensor *x, const float *timestep, dr_tensor *text)
{
    return dr_unet_forward_cached(g, u, x, timestep, text, NULL);
}
