/* A training that takes milliseconds: two layers of two parts, which learn one picture of another. */
#ifndef TESTS_LEARN_TOY_H
#define TESTS_LEARN_TOY_H

#include "train/scratch.h"

#include "autograd/functions.h"
#include "learn/draw.h"
#include "learn/training.h"

#define TOY_IN 5
#define TOY_HIDDEN 7

static const char *const toy_stems[] = {"model", NULL};
static const dr_weights_rules toy_rules = {.what = "toy", .stems = toy_stems};

typedef struct toy {
    dr_params first, second;
    dr_tensor *w1, *b1, *w2;
    dr_training t;
    dr_tape g;
} toy;

/* The parts' folders are FOLDER/first and FOLDER/second, in folders [2]; without weights yet. */
__attribute__((unused)) static void toy_open(toy *m, const char *folder, char folders[][64])
{
    *m = (toy){0};
    snprintf(folders[0], 64, "%s%sfirst", folder, folder[0] ? "/" : "");
    snprintf(folders[1], 64, "%s%ssecond", folder, folder[0] ? "/" : "");
    assert_int_equal(dr_params_init(&m->first), DR_OK);
    assert_int_equal(dr_params_init(&m->second), DR_OK);
    m->w1 = dr_param_add(&m->first, "", "weight", DR_INIT_KAIMING, TOY_IN, 2, TOY_HIDDEN, TOY_IN, 1, 1);
    m->b1 = dr_param_add(&m->first, "", "bias", DR_INIT_KAIMING, TOY_IN, 1, TOY_HIDDEN, 1, 1, 1);
    m->w2 = dr_param_add(&m->second, "", "weight", DR_INIT_KAIMING, TOY_HIDDEN, 2, 1, TOY_HIDDEN, 1, 1);
    m->t = (dr_training){.part = {{.params = &m->first,
                                   .prefix = "first.",
                                   .folder = folders[0],
                                   .file = "model.safetensors",
                                   .rules = &toy_rules},
                                  {.params = &m->second,
                                   .prefix = "second.",
                                   .folder = folders[1],
                                   .file = "model.safetensors",
                                   .rules = &toy_rules}},
                         .parts = 2,
                         .folder = folder};
    assert_int_equal(dr_tape_init(&m->g), DR_OK);
}

#define TOY_OPTIONS                                                                                                    \
    {                                                                                                                  \
        .adamw = {0.9, 0.99, 1e-8, 1e-2, false}, .max_norm = 1, .average = true, .ema_decay = 0.9,                     \
        .rate_flag = "--rate"                                                                                          \
    }

__attribute__((unused)) static void toy_close(toy *m)
{
    dr_tape_clear(&m->g);
    dr_training_clear(&m->t);
    dr_params_clear(&m->first);
    dr_params_clear(&m->second);
}

/* Forward and back for sample `which` of a step; the loss, which is returned, counts `share`. */
__attribute__((unused)) static float toy_sample(toy *m, uint64_t seed, int step, int which, float share)
{
    dr_rng rng;
    float x[TOY_IN], y = 0;
    dr_draw(&rng, seed, step, which);
    for (int i = 0; i < TOY_IN; i++)
        y += x[i] = dr_rng_uniform(&rng);
    dr_tape_reset(&m->g);
    m->g.recording = true;
    dr_tensor *in = dr_wrap(&m->g, x, 2, (int64_t[]){1, TOY_IN}), *want = dr_wrap(&m->g, &y, 2, (int64_t[]){1, 1});
    dr_tensor *h = dr_activation(&m->g, dr_linear(&m->g, in, m->w1, m->b1, NULL), DR_ACT_SILU);
    dr_tensor *loss = dr_mse(&m->g, dr_linear(&m->g, h, m->w2, NULL, NULL), want, NULL);
    assert_int_equal(dr_backward(&m->g, loss, share), DR_OK);
    m->g.recording = false;
    return dr_f32(loss)[0];
}

/* A step of two samples. */
__attribute__((unused)) static void toy_step(toy *m, uint64_t seed, int step)
{
    double norm;
    dr_training_begin(&m->t, &m->g, 0.01);
    for (int k = 0; k < 2; k++)
        toy_sample(m, seed, step, k, 0.5f);
    assert_int_equal(dr_training_end(&m->t, &m->g, &norm), DR_OK);
}

/* All that a training knows: values, moments, average, number of updates. */
__attribute__((unused)) static void toy_same(const toy *a, const toy *b)
{
    assert_int_equal(a->t.gradients.count, b->t.gradients.count);
    for (size_t i = 0; i < a->t.gradients.count; i++) {
        const dr_tensor *p = a->t.gradients.param[i], *q = b->t.gradients.param[i];
        size_t size = dr_nbytes(p);
        assert_string_equal(p->name, q->name);
        assert_memory_equal(p->data, q->data, size);
        assert_memory_equal(a->t.adamw.moments[i].m, b->t.adamw.moments[i].m, size);
        assert_memory_equal(a->t.adamw.moments[i].v, b->t.adamw.moments[i].v, size);
    }
    assert_memory_equal(a->t.ema.average, b->t.ema.average, a->t.gradients.values * sizeof(float));
    assert_int_equal(a->t.adamw.step, b->t.adamw.step);
}

#endif
