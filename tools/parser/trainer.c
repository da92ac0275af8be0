#include "trainer.h"

#include "augment.h"

#include "autograd/functions.h"
#include "base/file.h"
#include "base/path.h"
#include "base/threads.h"
#include "learn/lr.h"
#include "pipeline/folder.h"
#include "pipeline/models.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIP 1.0
#define BACKGROUND 0.4f /* taken off its logit in the saved model */

const float trainer_mean[3] = {0.485f, 0.456f, 0.406f}, trainer_deviation[3] = {0.229f, 0.224f, 0.225f};

/* --- setting up ----------------------------------------------------------------------------------- */

/* Rare labels count more: (mean share / share)^0.25, at most 3. */
static void weigh_labels(trainer *t)
{
    double count[DR_LABELS] = {0}, total = 0;
    for (size_t i = 0; i < t->train.count; i++) {
        const dr_image *l = &t->train.item[i].labels;
        for (int64_t k = 0; k < (int64_t)l->width * l->height; k++)
            if (l->data[k] < DR_LABELS) {
                count[l->data[k]]++;
                total++;
            }
    }
    for (int i = 0; i < DR_LABELS; i++) {
        double w = pow(total / DR_LABELS / (count[i] + 1), 0.25);
        t->weight[i] = (float)(w > 3 ? 3 : w);
    }
}

static dr_status make_net(trainer *t)
{
    json_t *j = NULL;
    dr_clothes_net_config c;
    const int *size = t->o->size;
    dr_status st = dr_json_load(t->o->config, &j);
    if (!st)
        st = dr_clothes_net_config_parse(&c, j, t->o->config);
    json_decref(j);
    if (!st && c.labels != DR_LABELS)
        st = dr_fail(DR_EINVAL, "'%s' has %d labels, expected %d", t->o->config, c.labels, DR_LABELS);
    int m = st ? 1 : dr_clothes_net_multiple(&c);
    if (!st && (size[0] % m || size[1] % m))
        st = dr_fail(DR_EINVAL, "--size %dx%d must be multiples of %d", size[0], size[1], m);
    if (!st)
        st = dr_params_init(&t->params);
    return st ? st : dr_clothes_net_init(&t->net, &c, &t->params);
}

/* What a run's course depends on, but its length. */
static json_t *fingerprint(const train_options *o)
{
    return json_pack("{s:I, s:i, s:[i,i], s:i, s:f, s:s}", "seed", (json_int_t)o->seed, "batch", o->batch, "size",
                     o->size[0], o->size[1], "limit", o->limit, "learning_rate", o->learning_rate, "lr_scheduler",
                     o->lr_scheduler);
}

static dr_status make_training(trainer *t)
{
    const train_options *o = t->o;
    t->training = (dr_training){.part = {{.params = &t->params,
                                          .prefix = "",
                                          .folder = "",
                                          .file = "model.safetensors",
                                          .rules = &dr_weights_parser}},
                                .parts = 1};
    t->checkpoint = (dr_checkpoint){
        .output = o->out, .training = {&t->training}, .trainings = 1, .keep = 1, .format = 1, .run = fingerprint(o)};
    dr_status st =
        t->checkpoint.run ? dr_checkpoint_start(&t->checkpoint, o->resume) : dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = dr_checkpoint_weights(&t->checkpoint, &t->training, o->init, o->seed);
    if (!st)
        st = dr_training_init(&t->training, &(dr_training_options){.adamw = {0.9, 0.99, 1e-8, 0.03, false},
                                                                   .max_norm = CLIP,
                                                                   .average = true,
                                                                   .ema_decay = 0.999,
                                                                   .rate_flag = "--learning-rate"});
    return st ? st : dr_checkpoint_moments(&t->checkpoint, &t->training);
}

static dr_status make_room(trainer *t)
{
    size_t cells = (size_t)t->o->batch * (size_t)t->o->size[0] * (size_t)t->o->size[1];
    t->pixels = malloc(cells * 3 * sizeof *t->pixels);
    t->labels = malloc(cells / 4);
    if (!t->pixels || !t->labels)
        return dr_fail(DR_ENOMEM, "out of memory");
    return dr_tape_init(&t->tape);
}

static dr_status read_photos(trainer *t)
{
    const train_options *o = t->o;
    size_t limit = (size_t)o->limit;
    dr_status st = photo_set_add(&t->train, o->data, o->data, "train", limit);
    if (!st && o->more)
        st = photo_set_add(&t->train, o->data, o->more, "train", limit);
    if (!st)
        st = photo_set_add(&t->test, o->data, o->data, "test_open", limit);
    if (!st)
        weigh_labels(t);
    return st;
}

dr_status trainer_open(trainer *t, const train_options *o)
{
    char path[PATH_MAX];
    *t = (trainer){.o = o, .log.fd = -1};
    dr_status st = dr_lr_check(o->lr_scheduler);
    if (!st)
        st = dr_mkdirs(o->out);
    if (!st)
        st = make_net(t);
    if (!st)
        st = make_training(t);
    if (!st)
        st = make_room(t);
    if (!st)
        st = dr_path(path, sizeof path, o->out, "train.jsonl");
    if (!st)
        st = dr_jsonl_open(&t->log, path, o->resume ? t->checkpoint.step : -1);
    if (st)
        return st;
    fprintf(stderr, "%lld parameters, %d threads; reading photos\n", (long long)dr_params_numel(&t->params),
            dr_threads());
    return read_photos(t);
}

void trainer_close(trainer *t)
{
    dr_jsonl_close(&t->log);
    dr_tape_clear(&t->tape);
    dr_training_clear(&t->training);
    dr_checkpoint_clear(&t->checkpoint);
    dr_params_clear(&t->params);
    photo_set_clear(&t->train);
    photo_set_clear(&t->test);
    free(t->pixels);
    free(t->labels);
}

/* --- a step ----------------------------------------------------------------------------------------- */

static void fill_batch(trainer *t)
{
    const train_options *o = t->o;
    size_t cells = (size_t)o->size[0] * (size_t)o->size[1];
#pragma omp parallel for schedule(dynamic)
    for (int k = 0; k < o->batch; k++) {
        dr_rng rng;
        dr_rng_seed(&rng, o->seed * 1000003u + (uint64_t)t->checkpoint.step * 64u + (uint64_t)k);
        size_t index = (size_t)dr_rng_below(&rng, (int64_t)t->train.count);
        augment(&t->train, index, &rng, o->size[0], o->size[1], trainer_mean, trainer_deviation,
                t->pixels + (size_t)k * cells * 3, t->labels + (size_t)k * cells / 4);
    }
}

static dr_status go_back(trainer *t, double *loss)
{
    const train_options *o = t->o;
    dr_tape *g = &t->tape;
    dr_tape_reset(g);
    g->recording = true;
    dr_tensor *x = dr_wrap(g, t->pixels, 4, (int64_t[]){o->batch, o->size[1], o->size[0], 3});
    dr_tensor *y = dr_clothes_net_forward(g, &t->net, x);
    dr_tensor *e = dr_cross_entropy(g, y, t->labels, NOT_JUDGED, t->weight);
    dr_status st = dr_tape_status(g);
    if (!st)
        st = dr_training_check(&t->training, "the loss", *loss = (double)dr_f32(e)[0]);
    if (!st)
        st = dr_backward(g, e, 1);
    g->recording = false;
    return st;
}

dr_status trainer_step(trainer *t, double *loss)
{
    const train_options *o = t->o;
    dr_lr_schedule lr = {o->lr_scheduler, o->learning_rate, o->steps / 50 + 1, o->steps, 1, 1};
    double norm;
    fill_batch(t);
    dr_training_begin(&t->training, &t->tape, dr_lr_at(&lr, t->checkpoint.step));
    dr_status st = go_back(t, loss);
    if (!st)
        st = dr_training_end(&t->training, &t->tape, &norm);
    if (!st)
        t->checkpoint.step++;
    return st;
}

/* --- saving ----------------------------------------------------------------------------------------- */

/* Weights in the loss make rare labels too likely by just these weights: the saved model takes them back, so that a
 * pixel gets the label that is most likely (Menon et al. 2020, arXiv:2007.07314); except that the background has to be
 * rather more likely than the person, as intersection over union, of training photos too, is then higher. */
static void shift_head(const trainer *t, float bias[DR_LABELS])
{
    for (int i = 0; i < DR_LABELS; i++)
        bias[i] -= logf(t->weight[i]) + (i == 0 ? BACKGROUND : 0);
}

dr_status trainer_save(trainer *t)
{
    char path[PATH_MAX];
    float *bias = dr_f32(t->net.head.b), kept[DR_LABELS]; /* to add what was taken off would not give the same bits */
    dr_status st = dr_checkpoint_save(&t->checkpoint);
    if (!st)
        st = dr_path(path, sizeof path, t->o->out, "model.safetensors");
    if (st)
        return st;
    dr_training_swap(&t->training);
    memcpy(kept, bias, sizeof kept);
    shift_head(t, bias);
    st = dr_weights_save(&t->params, path, DR_F16, "", 0);
    memcpy(bias, kept, sizeof kept);
    dr_training_swap(&t->training);
    return st;
}
