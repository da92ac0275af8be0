/* A UNet that reuses what its deep part gave, against one written out in a row that computes all and is given that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "pipeline/models.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN DR_SOURCE_DIR "/tests/golden/"
#define H 9
#define W 7
#define L 77

typedef struct scene {
    dr_source *source;
    dr_unet_model model;
    dr_tape tape;
    float *before, *now, *text; /* inputs of two steps [H,W,in]; texts [2,L,context] */
    size_t out;                 /* values of a sample that comes out */
} scene;

static float *normal(uint64_t seed, size_t n)
{
    dr_rng rng;
    float *x = malloc(n * sizeof *x);
    dr_rng_seed(&rng, seed);
    dr_rng_normal(&rng, x, n);
    return x;
}

static void open_scene(scene *s, const char *name)
{
    char path[256];
    *s = (scene){0};
    snprintf(path, sizeof path, GOLDEN "%s", name);
    if (dr_source_open(&s->source, path, NULL) || dr_unet_load(&s->model, s->source) || dr_tape_init(&s->tape))
        fail_msg("%s", dr_error());
    const dr_unet_config *c = &s->model.net.config;
    s->before = normal(1, (size_t)(H * W * c->in));
    s->now = normal(2, (size_t)(H * W * c->in));
    s->text = normal(3, (size_t)(2 * L * c->context[0]));
    s->out = (size_t)(H * W * c->out);
}

static void close_scene(scene *s)
{
    dr_unet_unload(&s->model);
    dr_source_close(s->source);
    dr_tape_clear(&s->tape);
    free(s->before);
    free(s->now);
    free(s->text);
}

/* --- the reference -------------------------------------------------------------------------------------- */

static dr_tensor *embedded(dr_tape *g, const dr_unet *u, float t)
{
    const int64_t C = u->config.width[0], half = C / 2;
    float row[64];
    assert_true(C <= 64 && u->config.flip_sin_to_cos);
    for (int64_t i = 0; i < half; i++) {
        float angle = t * expf(-logf(10000.0f) * (float)i / (float)((double)half - u->config.freq_shift));
        row[i] = cosf(angle);
        row[half + i] = sinf(angle);
    }
    dr_tensor *e = dr_lin_forward(g, &u->time1, dr_input(g, row, 2, (int64_t[]){1, C}), NULL);
    return dr_activation(g, dr_lin_forward(g, &u->time2, dr_activation(g, e, DR_ACT_SILU), NULL), DR_ACT_SILU);
}

static dr_tensor *layer(dr_tape *g, const dr_unet_layer *l, dr_tensor *h, dr_tensor *emb, dr_tensor *text)
{
    h = dr_resnet_forward(g, &l->resnet, h, emb);
    return l->cross ? dr_transformer2d_forward(g, &l->attention, h, text) : h;
}

/* All of the UNet. What comes up to skip `at` is *deep where that is not NULL; *deep becomes what came up. */
static dr_tensor *in_a_row(dr_tape *g, const dr_unet *u, dr_tensor *x, float t, dr_tensor *text, int at,
                           dr_tensor **deep)
{
    dr_tensor *emb = embedded(g, u, t), *h = dr_conv_forward(g, &u->conv_in, x, NULL), *skip[64] = {h};
    int n = 1;
    for (int i = 0; i < u->config.levels; i++) {
        for (int k = 0; k < u->down[i].layers; k++)
            skip[n++] = h = layer(g, &u->down[i].layer[k], h, emb, text);
        if (u->down[i].resizes)
            skip[n++] = h = dr_conv_forward(g, &u->down[i].resize, h, NULL);
    }
    assert_int_equal(n, dr_unet_skips(&u->config));
    h = dr_resnet_forward(g, &u->mid.resnet[0], h, emb);
    h = dr_transformer2d_forward(g, &u->mid.attention, h, text);
    h = dr_resnet_forward(g, &u->mid.resnet[1], h, emb);
    for (int i = 0; i < u->config.levels; i++) {
        for (int k = 0; k < u->up[i].layers; k++) {
            dr_tensor *s = skip[--n], *came = h;
            if (n == at && *deep)
                h = *deep;
            if (n == at)
                *deep = came;
            h = layer(g, &u->up[i].layer[k], dr_concat(g, h, s->dim[0] < h->dim[0] ? dr_repeat(g, s, h->dim[0]) : s),
                      emb, text);
        }
        if (u->up[i].resizes) {
            const int64_t *d = skip[n - 1]->dim;
            h = dr_conv_forward(g, &u->up[i].resize, dr_resize_nearest(g, h, d[1], d[2]), NULL);
        }
    }
    return dr_conv_forward(g, &u->conv_out, dr_norm_forward(g, &u->norm_out, h, DR_ACT_SILU), NULL);
}

/* Step `now` on what came up in step `before`: out [2,H,W,out]. */
static void replaced(scene *s, int branch, float *out)
{
    dr_tape *g = &s->tape;
    const dr_unet *u = &s->model.net;
    const int64_t dim[] = {1, H, W, u->config.in};
    dr_tensor *deep = NULL;
    dr_tape_reset(g);
    dr_tensor *text = dr_input(g, s->text, 3, (int64_t[]){2, L, u->config.context[0]});
    in_a_row(g, u, dr_input(g, s->before, 4, dim), 800, text, branch, &deep);
    dr_tensor *y = in_a_row(g, u, dr_input(g, s->now, 4, dim), 700, text, branch, &deep);
    assert_int_equal(dr_tape_status(g), DR_OK);
    dr_tensor_get(g, y, out);
}

/* --- the UNet itself ------------------------------------------------------------------------------------ */

/* With the last N texts. c NULL: without a cache. */
static void forward(scene *s, const float *x, float t, int N, int h, dr_unet_cache *c, float *out)
{
    dr_tape *g = &s->tape;
    const dr_unet *u = &s->model.net;
    const int64_t C = u->config.context[0];
    dr_tape_reset(g);
    dr_tensor *text = dr_input(g, s->text + (2 - N) * L * C, 3, (int64_t[]){N, L, C});
    dr_tensor *in = dr_input(g, x, 4, (int64_t[]){1, h, W, u->config.in});
    dr_tensor *y = c ? dr_unet_forward_cached(g, u, in, &t, text, c) : dr_unet_forward(g, u, in, &t, text);
    assert_int_equal(dr_tape_status(g), DR_OK);
    dr_tensor_get(g, y, out);
}

static void check_close(const float *a, const float *b, size_t n, const char *what, int branch)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(a[i] - b[i]) < 2e-5f))
            fail_msg("%s, branch %d: value %zu is %g, expected %g", what, branch, i, (double)a[i], (double)b[i]);
}

static double distance(const float *a, const float *b, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += fabs((double)a[i] - (double)b[i]);
    return sum / (double)n;
}

static void check_branches(const char *name)
{
    scene s;
    open_scene(&s, name);
    size_t n = s.out;
    float *want = malloc(2 * n * sizeof *want), *got = malloc(2 * n * sizeof *got),
          *whole = malloc(2 * n * sizeof *whole);
    int skips = dr_unet_skips(&s.model.net.config);
    for (int branch = 0; branch < skips; branch++) {
        dr_unet_cache c = {.branch = branch, .reuse = true};
        forward(&s, s.before, 800, 2, H, NULL, want);
        forward(&s, s.before, 800, 2, H, &c, got); /* nothing is kept yet */
        assert_false(c.reused);
        assert_memory_equal(got, want, 2 * n * sizeof *got);
        forward(&s, s.now, 700, 2, H, &c, got);
        assert_true(c.reused);
        replaced(&s, branch, want);
        check_close(got, want, 2 * n, name, branch);
        forward(&s, s.now, 700, 2, H, NULL, whole);
        assert_true(distance(got, whole, 2 * n) > 1e-4); /* it is an approximation */
        forward(&s, s.now, 700, 1, H, &c, got);          /* guidance has ended: the half with the condition */
        assert_true(c.reused);
        check_close(got, want + n, n, "the second half alone", branch);
        c.reuse = false;
        forward(&s, s.now, 700, 2, H, &c, got);
        assert_false(c.reused);
        assert_memory_equal(got, whole, 2 * n * sizeof *got);
        dr_unet_cache_clear(&c);
    }
    free(want);
    free(got);
    free(whole);
    close_scene(&s);
}

static void a_reused_call_is_one_whose_deep_features_are_those_of_an_earlier_step(void **state)
{
    (void)state;
    check_branches("nano");
    check_branches("nano1"); /* two layers a level, and groups that are not those of nano */
}

static void what_was_kept_of_another_kind_is_not_taken(void **state)
{
    scene s;
    (void)state;
    open_scene(&s, "nano");
    float *out = malloc(2 * s.out * sizeof *out);
    dr_unet_cache c = {.branch = 1, .reuse = true};
    forward(&s, s.before, 800, 1, H, &c, out);
    forward(&s, s.now, 700, 2, H, &c, out); /* two halves, one is kept */
    assert_false(c.reused);
    forward(&s, s.now, 700, 2, H - 1, &c, out); /* another size, which would be the same half as large */
    assert_false(c.reused);
    forward(&s, s.now, 700, 2, H - 1, &c, out);
    assert_true(c.reused);
    dr_unet_cache_clear(&c);
    forward(&s, s.now, 700, 2, H - 1, &c, out);
    assert_false(c.reused);
    dr_unet_cache_clear(&c);
    free(out);
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reused_call_is_one_whose_deep_features_are_those_of_an_earlier_step),
        cmocka_unit_test(what_was_kept_of_another_kind_is_not_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
