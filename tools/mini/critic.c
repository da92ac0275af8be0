#include "mini/critic.h"

#include "autograd/adversarial.h"
#include "autograd/losses.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EPS 1e-3f /* of the distance of features */
#define GROUPS 8
#define SKILL 0.98 /* what the running mean keeps */

static const char *const stems[] = {"critic", NULL};
static const dr_weights_rules rules = {.what = "critic", .stems = stems};

/* --- the net ----------------------------------------------------------------------------------------- */

static void conv_init(dr_params *p, dr_conv *c, const char *name, int in, int out, int stride)
{
    int k = stride == 2 ? 4 : 3;
    dr_conv_init(p, c, name, in, out, k, stride);
    c->geom = (dr_conv_geom){.kh = k, .kw = k, .stride = stride, .top = 1, .left = 1, .bottom = 1, .right = 1};
}

dr_status mini_critic_init(mini_critic *c, const mini_critic_config *config, dr_params *p)
{
    char name[DR_NAME_MAX];
    int in = config->in, layers = config->layers;
    *c = (mini_critic){.config = *config};
    for (int i = 0; i < layers; i++) {
        conv_init(p, &c->conv[i], dr_join_index(name, "", "conv", i), in, config->width[i], config->stride[i]);
        if (i > 0)
            dr_groupnorm_init(p, &c->norm[i], dr_join_index(name, "", "norm", i), config->width[i], GROUPS, 1e-5f);
        in = config->width[i];
    }
    for (int i = 0; i < 2; i++)
        conv_init(p, &c->head[i], dr_join_index(name, "", "head", i), config->width[layers - 2 + i], 1, 1);
    c->skill = dr_param_add(p, "", "skill", DR_INIT_ZEROS, 0, 1, 1, 1, 1, 1);
    return p->status;
}

mini_verdict mini_critic_forward(dr_tape *g, const mini_critic *c, dr_tensor *x)
{
    mini_verdict v = {0};
    for (int i = 0; i < c->config.layers; i++) {
        x = dr_conv_forward(g, &c->conv[i], x, NULL);
        x = i > 0 ? dr_norm_forward(g, &c->norm[i], x, DR_ACT_SILU) : dr_activation(g, x, DR_ACT_SILU);
        v.feature[i] = x;
    }
    for (int i = 0; i < 2; i++)
        v.score[i] = dr_conv_forward(g, &c->head[i], v.feature[c->config.layers - 2 + i], NULL);
    return v;
}

/* --- training ---------------------------------------------------------------------------------------- */

static dr_status load(mini_adversary *a, const dr_checkpoint *from, uint64_t seed)
{
    dr_status st = dr_checkpoint_weights(from, &a->t, NULL, seed);
    if (!st)
        st = dr_training_init(
            &a->t,
            &(dr_training_options){.adamw = {0.5, 0.99, 1e-8, 0, false}, .max_norm = 1, .rate_flag = "--critic-lr"});
    return st ? st : dr_checkpoint_moments(from, &a->t);
}

static dr_status open_training(mini_adversary *a, dr_checkpoint *c, uint64_t seed)
{
    const json_t *was = json_object_get(c->own, "critic");
    json_t *run = json_pack("{s:f, s:f}", "lr", a->o.lr, "noise", a->o.noise);
    if (!run)
        return dr_fail(DR_ENOMEM, "out of memory");
    a->t = (dr_training){
        .part =
            {{.params = &a->params, .prefix = "", .folder = "critic", .file = "critic.safetensors", .rules = &rules}},
        .parts = 1,
        .folder = "critic"};
    c->training[c->trainings++] = &a->t;
    dr_status st = was ? dr_checkpoint_compare(c, was, run) : DR_OK;
    if (!st)
        st = load(a, c, seed);
    if (!st && json_object_set(c->own, "critic", run))
        st = dr_fail(DR_ENOMEM, "out of memory");
    json_decref(run);
    return st;
}

dr_status mini_adversary_open(mini_adversary *a, const mini_adversary_options *o, const mini_critic_config *config,
                              dr_checkpoint *c, uint64_t seed)
{
    *a = (mini_adversary){.o = *o};
    dr_status st = dr_params_init(&a->params);
    if (!st)
        st = mini_critic_init(&a->net, config, &a->params);
    if (!st)
        st = dr_tape_init(&a->tape);
    return st ? st : open_training(a, c, seed);
}

void mini_adversary_close(mini_adversary *a)
{
    dr_tape_clear(&a->tape);
    dr_training_clear(&a->t);
    dr_params_clear(&a->params);
    *a = (mini_adversary){0};
}

static dr_tensor *sum(dr_tape *g, dr_tensor *const t[2])
{
    return dr_add(g, t[0], t[1]);
}

/* The pictures' values on this tape; with `grad` they are what a gradient is asked for. */
static dr_tensor *leaf(dr_tape *g, dr_tensor *x, float *grad)
{
    dr_tensor *y = dr_wrap(g, dr_f32(x), x->rank, x->dim);
    y->needs_grad = grad != NULL;
    y->grad = grad;
    return y;
}

static void set_trainable(mini_adversary *a, bool on)
{
    for (size_t i = 0; i < a->t.gradients.count; i++)
        a->t.gradients.param[i]->needs_grad = on;
}

/* Noise for samples of x's shape, on the tape's memory; NULL when there is none. */
static float *draw_noise(mini_adversary *a, const dr_tensor *x, dr_rng *rng)
{
    size_t n = (size_t)dr_numel(x);
    float *noise = dr_arena_alloc(&a->tape.arena, n * sizeof *noise);
    if (!noise)
        return NULL;
    dr_rng_normal(rng, noise, n);
    a->tape.ops->scale((int64_t)n, (float)a->o.noise, noise, noise);
    return noise;
}

static dr_tensor *noisy(dr_tape *g, dr_tensor *x, float *noise)
{
    return dr_add(g, x, dr_wrap(g, noise, x->rank, x->dim));
}

/* Of features to match and scores to raise, the gradient at the made picture. */
static dr_status gradient_of(mini_adversary *a, dr_tensor *made, dr_tensor *real, float *noise, float *at,
                             mini_adversary_report *report)
{
    dr_tape *g = &a->tape;
    mini_verdict want = mini_critic_forward(g, &a->net, noisy(g, leaf(g, real, NULL), noise));
    g->recording = true;
    mini_verdict got = mini_critic_forward(g, &a->net, noisy(g, leaf(g, made, at), noise));
    dr_tensor *features = dr_charbonnier(g, got.feature[0], want.feature[0], EPS);
    for (int i = 1; i < a->net.config.layers; i++)
        features = dr_add(g, features, dr_charbonnier(g, got.feature[i], want.feature[i], EPS));
    dr_tensor *raise = sum(g, (dr_tensor *[]){dr_mean(g, got.score[0]), dr_mean(g, got.score[1])});
    dr_tensor *loss = dr_add(g, dr_scale(g, raise, -0.5f), dr_scale(g, features, (float)a->o.features));
    dr_status st = dr_tape_status(g);
    report->features = st ? 0 : (double)dr_f32(features)[0];
    if (!st)
        st = dr_backward(g, loss, 1);
    g->recording = false;
    return st;
}

dr_status mini_adversary_pull(mini_adversary *a, dr_tensor *made, dr_tensor *real, dr_rng *rng, float *gradient,
                              mini_adversary_report *report)
{
    int64_t n = dr_numel(made);
    report->pull = 0;
    if (a->t.adamw.step < a->o.warmup)
        return DR_OK;
    float *at = calloc((size_t)n, sizeof *at);
    if (!at)
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_tape_reset(&a->tape);
    set_trainable(a, false);
    float *noise = draw_noise(a, made, rng);
    dr_status st = noise ? gradient_of(a, made, real, noise, at, report) : dr_fail(DR_ENOMEM, "out of memory");
    set_trainable(a, true);
    const dr_ops *ops = a->tape.ops;
    double mine = sqrt(ops->sumsq(n, at)), theirs = sqrt(ops->sumsq(n, gradient));
    if (!st && mine > 0) {
        report->pull = a->o.pull * fmax(0, fmin(1, (double)*dr_f32(a->net.skill)));
        ops->axpy(n, (float)(report->pull * theirs / mine), at, gradient);
    }
    free(at);
    return st;
}

static dr_status judge(mini_adversary *a, dr_tensor *made, dr_tensor *real, dr_rng *rng, mini_adversary_report *report)
{
    dr_tape *g = &a->tape;
    float *real_noise = draw_noise(a, real, rng), *made_noise = draw_noise(a, made, rng);
    if (!real_noise || !made_noise)
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_tensor *real_seen = noisy(g, leaf(g, real, NULL), real_noise);
    dr_tensor *made_seen = noisy(g, leaf(g, made, NULL), made_noise);
    g->recording = true;
    mini_verdict r = mini_critic_forward(g, &a->net, real_seen), m = mini_critic_forward(g, &a->net, made_seen);
    dr_tensor *hinge[2], *real_mean[2], *made_mean[2];
    for (int i = 0; i < 2; i++)
        hinge[i] = dr_add(g, dr_hinge(g, r.score[i], 1), dr_hinge(g, m.score[i], -1));
    dr_tensor *loss = sum(g, hinge);
    dr_status st = dr_tape_status(g);
    if (!st)
        st = dr_backward(g, loss, 0.5f);
    g->recording = false;
    for (int i = 0; !st && i < 2; i++) {
        real_mean[i] = dr_mean(g, r.score[i]);
        made_mean[i] = dr_mean(g, m.score[i]);
    }
    if (st)
        return st;
    report->loss = (double)dr_f32(loss)[0] / 2;
    report->real = (double)dr_f32(sum(g, real_mean))[0] / 2;
    report->made = (double)dr_f32(sum(g, made_mean))[0] / 2;
    return DR_OK;
}

dr_status mini_adversary_learn(mini_adversary *a, dr_tensor *made, dr_tensor *real, dr_rng *rng,
                               mini_adversary_report *report)
{
    dr_tape_reset(&a->tape);
    dr_training_begin(&a->t, &a->tape, a->o.lr);
    dr_status st = judge(a, made, real, rng, report);
    double norm;
    if (!st)
        st = dr_training_end(&a->t, &a->tape, &norm);
    if (st)
        return dr_fail_prefix(st, "critic");
    float *skill = dr_f32(a->net.skill);
    *skill = (float)(SKILL * (double)*skill + (1 - SKILL) * (report->real - report->made) / 2);
    report->skill = (double)*skill;
    return DR_OK;
}

json_t *mini_adversary_json(const mini_adversary_report *r)
{
    return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "hinge", r->loss, "real", r->real, "made", r->made, "features",
                     r->features, "pull", r->pull, "skill", r->skill);
}
