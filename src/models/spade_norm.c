/* Spatially-adaptive normalisation with noise: weights, the map of regions in two forms, forward. */
#include "models/spade_norm.h"

#include "autograd/spade.h"

#include <stdlib.h>

#define EPS 1e-5f

void dr_spade_norm_init(dr_params *p, dr_spade_norm *n, const char *name, int C, int regions, int hidden)
{
    char buf[DR_NAME_MAX];
    n->name = dr_params_text(p, name);
    n->noise_scale = dr_param_add(p, name, "noise_scale", DR_INIT_ZEROS, 0, 1, C, 1, 1, 1);
    dr_conv_init(p, &n->shared, dr_join(buf, name, "conv_shared.0"), regions, hidden, 3, 1);
    dr_conv_init(p, &n->gamma, dr_join(buf, name, "conv_gamma"), hidden, C, 3, 1);
    dr_conv_init(p, &n->beta, dr_join(buf, name, "conv_beta"), hidden, C, 3, 1);
}

/* --- noise ---------------------------------------------------------------------------------------- */

dr_status dr_spade_noise_draw(void *rng, const char *norm, int64_t N, int64_t H, int64_t W, float *plane)
{
    float *drawn = malloc((size_t)(N * H * W) * sizeof *drawn);
    if (!drawn)
        return dr_fail(DR_ENOMEM, "out of memory for the noise of '%s'", norm);
    dr_rng_normal(rng, drawn, (size_t)(N * H * W));
    for (int64_t n = 0; n < N; n++) /* PyTorch's tensor is [N,W,H,1] */
        for (int64_t y = 0; y < H; y++)
            for (int64_t x = 0; x < W; x++)
                plane[(n * H + y) * W + x] = drawn[(n * W + x) * H + y];
    free(drawn);
    return DR_OK;
}

/* --- normalisation -------------------------------------------------------------------------------- */

/* Windows cost what 9 places of the hidden map do: beyond this many the whole map is cheaper to hold. */
static int64_t most_windows(int64_t places)
{
    return places / 9 > 4096 ? places / 9 : places < 4096 ? places : 4096;
}

static dr_tensor *one_hot(dr_tape *g, const uint8_t *regions, int64_t N, int64_t H, int64_t W, int64_t h, int64_t w,
                          int count)
{
    float *hot = calloc((size_t)(N * h * w * count), sizeof *hot);
    if (!hot) {
        dr_fail(DR_ENOMEM, "out of memory for a map of %lldx%lld regions", (long long)w, (long long)h);
        dr_tape_fail(g, DR_ENOMEM);
        return &g->dummy;
    }
    for (int64_t i = 0; i < N * h * w; i++) {
        int64_t n = i / (h * w), y = i / w % h, x = i % w;
        hot[i * count + regions[(n * H + y * H / h) * W + x * W / w]] = 1;
    }
    dr_tensor *t = dr_input(g, hot, 4, (int64_t[]){N, h, w, count});
    free(hot);
    return t;
}

dr_region_map *dr_region_map_new(dr_tape *g, const uint8_t *regions, int64_t N, int64_t H, int64_t W, int64_t h,
                                 int64_t w, int count)
{
    dr_region_map *m = dr_arena_alloc(&g->arena, sizeof *m);
    if (!m) {
        dr_tape_fail(g, DR_ENOMEM);
        return NULL;
    }
    *m = (dr_region_map){.dense = NULL};
    if (!dr_label_windows_find(g, &m->windows, regions, N, H, W, h, w, most_windows(N * h * w)))
        m->dense = one_hot(g, regions, N, H, W, h, w, count);
    return m;
}

/* gamma or beta: of each window [P,C], or of each place [N,h,w,C] */
static dr_tensor *modulation(dr_tape *g, const dr_conv *c, dr_tensor *hidden, bool of_windows)
{
    return of_windows ? dr_linear(g, hidden, c->w, c->b, NULL) : dr_conv_forward(g, c, hidden, NULL);
}

static dr_tensor *hidden_of(dr_tape *g, const dr_spade_norm *n, const dr_region_map *m)
{
    if (m->dense)
        return dr_activation(g, dr_conv_forward(g, &n->shared, m->dense, NULL), DR_ACT_RELU);
    dr_tensor *h = dr_label_conv(g, m->windows.window, m->windows.P, n->shared.w, n->shared.b);
    return dr_view(g, h, 2, (int64_t[]){m->windows.P, 9 * h->dim[1]});
}

dr_tensor *dr_spade_norm_apply(dr_tape *g, const dr_spade_norm *n, dr_tensor *x, dr_tensor *noise,
                               const dr_region_map *m, float slope, float gain)
{
    if (dr_tape_stopped(g))
        return &g->dummy;
    dr_tensor *hidden = hidden_of(g, n, m);
    dr_tensor *gamma = modulation(g, &n->gamma, hidden, !m->dense), *beta = modulation(g, &n->beta, hidden, !m->dense);
    return dr_spade(g, x, noise, n->noise_scale, gamma, beta, m->dense ? NULL : m->windows.id,
                    (dr_spade_options){.eps = EPS, .slope = slope, .gain = gain});
}

dr_tensor *dr_spade_norm_forward(dr_tape *g, const dr_spade_norm *n, dr_tensor *x, dr_tensor *map, dr_tensor *noise,
                                 dr_tensor *region, dr_tensor **normalized)
{
    dr_region_map m = {.dense = map};
    dr_tensor *hidden = hidden_of(g, n, &m), *scale = dr_view(g, n->noise_scale, 2, (int64_t[]){x->dim[3], 1});
    dr_tensor *gamma = modulation(g, &n->gamma, hidden, false), *beta = modulation(g, &n->beta, hidden, false);
    dr_tensor *z = noise ? dr_linear(g, noise, scale, NULL, x) : x, *y;
    if (region) {
        y = dr_region_norm(g, z, region, EPS);
        if (normalized)
            *normalized = y;
        return dr_add(g, dr_add(g, y, dr_mul(g, y, gamma)), beta);
    }
    if (normalized)
        *normalized = dr_groupnorm(g, z, NULL, NULL, (int)x->dim[3], EPS, DR_ACT_NONE);
    return dr_spade(g, x, noise, n->noise_scale, gamma, beta, NULL,
                    (dr_spade_options){.eps = EPS, .slope = 1, .gain = 1});
}
