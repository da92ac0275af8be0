/* Trains drape's own clothes parser from scratch, on drape's own engine.
 *
 *     parser_train --data DIR --config CONFIG.json --out DIR [--steps N] [--batch N] [--size WxH] [--learning-rate X]
 *                  [--resume] [--init DIR] [--seed N] [--save-minutes N] [--limit N] [--more DIR]
 *
 * --more: labels of further photos of DATA, as parser_label makes them.
 * AdamW, cosine learning rate, weighted cross entropy, moving average of the weights. Sample k of step n depends on the
 * seed, n and k alone, so that a run that was stopped goes on as if it had not been. DIR/checkpoint is complete or
 * absent; DIR/model.safetensors (f16, the average) and config.json are written at every save. */
#include "augment.h"
#include "score.h"

#include "base/file.h"
#include "base/progress.h"
#include "base/threads.h"
#include "models/clothes_net.h"
#include "pipeline/folder.h"
#include "pipeline/models.h"
#include "learn/ema.h"
#include "learn/jsonl.h"
#include "learn/lr.h"
#include "learn/optimizer.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOG_EVERY 50
#define CLIP 1.0
#define BACKGROUND 0.4f /* taken off its logit in the saved model */

/* ImageNet's, as published SegFormers have them. */
static const float mean[3] = {0.485f, 0.456f, 0.406f}, deviation[3] = {0.229f, 0.224f, 0.225f};

typedef struct trainer {
    const char *data, *more, *config_path, *out, *init, *lr_scheduler;
    int steps, batch, width, height, save_minutes;
    size_t limit;
    double learning_rate;
    uint64_t seed;
    bool resume;

    photo_set train, test;
    dr_clothes_net net;
    dr_params params;
    dr_weights files;
    dr_tensor **tensors;
    const char **prefix;
    float *gradients;
    dr_adamw adamw;
    dr_ema ema;
    dr_tape tape;
    dr_jsonl log;
    float *pixels, weight[DR_LABELS];
    uint8_t *labels;
    int step; /* steps done */
    double loss_sum;
} trainer;

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

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

static dr_status load_weights(trainer *t)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/checkpoint", t->out);
    dr_status st;
    if (t->resume)
        st = dr_weights_load(&t->files, &t->params, path, &dr_weights_parser);
    else if (t->init)
        st = dr_weights_load(&t->files, &t->params, t->init, &dr_weights_parser);
    else
        st = dr_weights_random(&t->params, DR_F32, t->seed);
    return st ? st : dr_params_make_trainable(&t->params);
}

static dr_status make_net(trainer *t)
{
    json_t *j = NULL;
    dr_clothes_net_config c;
    dr_status st = dr_json_load(t->config_path, &j);
    if (!st)
        st = dr_clothes_net_config_parse(&c, j, t->config_path);
    json_decref(j);
    if (!st && c.labels != DR_LABELS)
        st = dr_fail(DR_EINVAL, "'%s' has %d labels, expected %d", t->config_path, c.labels, DR_LABELS);
    if (!st)
        st = dr_params_init(&t->params);
    if (!st)
        st = dr_clothes_net_init(&t->net, &c, &t->params);
    int m = st ? 1 : dr_clothes_net_multiple(&c);
    if (!st && (t->width % m || t->height % m))
        st = dr_fail(DR_EINVAL, "--size %dx%d must be multiples of %d", t->width, t->height, m);
    return st ? st : load_weights(t);
}

static dr_status make_moments(trainer *t)
{
    size_t n = t->params.count, values = (size_t)dr_params_numel(&t->params), cells = (size_t)t->width * t->height;
    t->tensors = calloc(n, sizeof *t->tensors);
    t->prefix = calloc(n, sizeof *t->prefix);
    t->gradients = calloc(values, sizeof *t->gradients);
    t->pixels = malloc((size_t)t->batch * cells * 3 * sizeof *t->pixels);
    t->labels = malloc((size_t)t->batch * cells / 4);
    if (!t->tensors || !t->prefix || !t->gradients || !t->pixels || !t->labels)
        return dr_fail(DR_ENOMEM, "out of memory");
    float *at = t->gradients;
    size_t i = 0;
    for (dr_param *q = t->params.first; q; q = q->next) {
        q->t.grad = at;
        at += dr_numel(&q->t);
        t->prefix[i] = "";
        t->tensors[i++] = &q->t;
    }
    dr_adamw_options o = {0.9, 0.99, 1e-8, 0.03, false};
    dr_status st = dr_adamw_init(&t->adamw, &o, t->tensors, n);
    return st ? st : dr_ema_init(&t->ema, t->tensors, n, 0.999);
}

static dr_status read_checkpoint(trainer *t)
{
    char path[4096];
    json_t *j = NULL;
    int64_t step = 0;
    snprintf(path, sizeof path, "%s/checkpoint/state.json", t->out);
    dr_status st = dr_json_load(path, &j);
    if (!st)
        st = dr_json_int(j, path, "step", 0, 0, INT32_MAX, &step);
    json_decref(j);
    t->step = (int)step;
    t->adamw.step = step;
    snprintf(path, sizeof path, "%s/checkpoint/optimizer.safetensors", t->out);
    if (!st)
        st = dr_adamw_load(&t->adamw, t->prefix, path);
    snprintf(path, sizeof path, "%s/checkpoint/ema.safetensors", t->out);
    return st ? st : dr_ema_load(&t->ema, t->prefix, path);
}

/* --- saving --------------------------------------------------------------------------------------- */

static dr_status write_checkpoint(trainer *t, const char *dir)
{
    char path[4160];
    json_t *j = json_pack("{s:i}", "step", t->step);
    snprintf(path, sizeof path, "%s/model.safetensors", dir);
    dr_status st = j ? dr_weights_save(&t->params, path, DR_F32, "", 0) : DR_ENOMEM;
    snprintf(path, sizeof path, "%s/optimizer.safetensors", dir);
    if (!st)
        st = dr_adamw_save(&t->adamw, t->prefix, path);
    snprintf(path, sizeof path, "%s/ema.safetensors", dir);
    if (!st)
        st = dr_ema_save(&t->ema, t->prefix, path);
    snprintf(path, sizeof path, "%s/state.json", dir);
    if (!st)
        st = dr_json_save(path, j);
    json_decref(j);
    return st;
}

/* Weights in the loss make rare labels too likely by just these weights: the saved model takes them back, so that a
 * pixel gets the label that is most likely (Menon et al. 2020, arXiv:2007.07314); except that the background has to be
 * rather more likely than the person, as intersection over union, of training photos too, is then higher. */
static void shift_head(trainer *t, float sign)
{
    float *bias = dr_f32(t->net.head.b);
    for (int i = 0; i < DR_LABELS; i++)
        bias[i] += sign * (logf(t->weight[i]) + (i == 0 ? BACKGROUND : 0));
}

/* The average as a parser folder's weights. */
static dr_status write_model(trainer *t)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/model.safetensors", t->out);
    dr_ema_swap(&t->ema);
    shift_head(t, -1);
    dr_status st = dr_weights_save(&t->params, path, DR_F16, "", 0);
    shift_head(t, 1);
    dr_ema_swap(&t->ema);
    return st;
}

static dr_status save(trainer *t)
{
    char dir[4000], tmp[4064];
    snprintf(dir, sizeof dir, "%s/checkpoint.new", t->out);
    dr_status st = dr_exists(dir) ? dr_folder_remove(dir) : DR_OK;
    if (!st)
        st = dr_folder_begin(tmp, sizeof tmp, dir);
    if (st)
        return st;
    st = write_checkpoint(t, tmp);
    if (!st)
        st = dr_folder_commit(tmp, dir);
    else
        dr_folder_remove(tmp);
    char final[4096];
    snprintf(final, sizeof final, "%s/checkpoint", t->out);
    if (!st && dr_exists(final))
        st = dr_folder_remove(final);
    if (!st && rename(dir, final))
        st = dr_fail(DR_EIO, "cannot rename '%s'", dir);
    return st ? st : write_model(t);
}

/* --- steps ---------------------------------------------------------------------------------------- */

static void fill_batch(trainer *t)
{
    size_t cells = (size_t)t->width * (size_t)t->height;
#pragma omp parallel for schedule(dynamic)
    for (int k = 0; k < t->batch; k++) {
        dr_rng rng;
        dr_rng_seed(&rng, t->seed * 1000003u + (uint64_t)t->step * 64u + (uint64_t)k);
        size_t index = (size_t)dr_rng_below(&rng, (int64_t)t->train.count);
        augment(&t->train, index, &rng, t->width, t->height, mean, deviation, t->pixels + (size_t)k * cells * 3,
                t->labels + (size_t)k * cells / 4);
    }
}

static dr_status step(trainer *t, double *loss)
{
    fill_batch(t);
    memset(t->gradients, 0, (size_t)dr_params_numel(&t->params) * sizeof *t->gradients);
    dr_tape_reset(&t->tape);
    t->tape.recording = true;
    dr_tensor *x = dr_wrap(&t->tape, t->pixels, 4, (int64_t[]){t->batch, t->height, t->width, 3});
    dr_tensor *y = dr_clothes_net_forward(&t->tape, &t->net, x);
    dr_tensor *e = dr_cross_entropy(&t->tape, y, t->labels, NOT_JUDGED, t->weight);
    *loss = t->tape.status ? 0 : (double)dr_f32(e)[0];
    dr_status st = dr_backward(&t->tape, e, 1);
    if (st)
        return st;
    if (!isfinite(*loss))
        return dr_fail(DR_EINVAL, "the loss of step %d is not a number", t->step + 1);
    const dr_ops *ops = dr_ops_get();
    dr_lr_schedule lr = {t->lr_scheduler, t->learning_rate, t->steps / 50 + 1, t->steps, 1, 1};
    double norm = dr_adamw_grad_norm(&t->adamw, ops);
    dr_adamw_step(&t->adamw, ops, (float)dr_lr_at(&lr, t->step), dr_adamw_clip_scale(norm, CLIP));
    dr_ema_update(&t->ema, t->step);
    t->step++;
    return DR_OK;
}

/* --- looking ---------------------------------------------------------------------------------------- */

/* Whole test photos at the training height, judged at the logits' cells: quick, to watch. parser_eval is the judge. */
static dr_status watch_one(trainer *t, const labelled_photo *p, score *s)
{
    int m = dr_clothes_net_multiple(&t->net.config), h = t->height;
    int w = (int)lround((double)p->photo.width * h / p->photo.height / m) * m;
    dr_image small = {0}, labels = {0};
    dr_status st = dr_image_resize(&small, &p->photo, w, h, DR_BILINEAR);
    if (!st)
        st = dr_image_resize(&labels, &p->labels, w / 2, h / 2, DR_NEAREST);
    dr_tape_reset(&t->tape);
    t->tape.recording = false;
    dr_tensor *x = dr_new4(&t->tape, 1, h, w, 3);
    for (int64_t i = 0; !st && !t->tape.status && i < dr_numel(x); i++)
        dr_f32(x)[i] = ((float)small.data[i] / 255 - mean[i % 3]) / deviation[i % 3];
    dr_tensor *y = st ? NULL : dr_clothes_net_forward(&t->tape, &t->net, x);
    st = st ? st : dr_tape_status(&t->tape);
    for (int64_t i = 0; !st && i < (int64_t)labels.width * labels.height; i++) {
        const float *logit = dr_f32(y) + i * DR_LABELS;
        uint8_t best = 0;
        for (uint8_t c = 1; c < DR_LABELS; c++)
            best = logit[c] > logit[best] ? c : best;
        score_add(s, labels.data + i, &best, 1);
    }
    dr_image_clear(&small);
    dr_image_clear(&labels);
    return st;
}

static dr_status watch(trainer *t)
{
    score s = {0};
    dr_status st = DR_OK;
    dr_ema_swap(&t->ema);
    for (dr_param *q = t->params.first; q; q = q->next)
        dr_weight_unpack(&q->t);
    for (size_t i = 0; !st && i < t->test.count; i++)
        st = watch_one(t, &t->test.item[i], &s);
    dr_ema_swap(&t->ema);
    if (st)
        return st;
    fprintf(stderr, "step %d: ", t->step);
    score_print(&s, stderr, false);
    json_t *line = json_pack("{s:i, s:f, s:f, s:f}", "step", t->step, "person", score_iou(&s, 1, DR_LABELS - 1),
                             "garments", score_iou(&s, DR_LABEL_UPPER, DR_LABEL_DRESS), "mean", score_mean(&s));
    st = dr_jsonl_write(&t->log, line);
    json_decref(line);
    return st;
}

static dr_status log_step(trainer *t, double seconds)
{
    json_t *line =
        json_pack("{s:i, s:f, s:f}", "step", t->step, "loss", t->loss_sum / LOG_EVERY, "seconds", seconds / LOG_EVERY);
    dr_status st = dr_jsonl_write(&t->log, line);
    json_decref(line);
    t->loss_sum = 0;
    return st;
}

static dr_status run(trainer *t)
{
    dr_progress bar;
    char extra[64];
    double saved = dr_now(), logged = saved, loss = 0, smooth = 0;
    dr_progress_start(&bar, "training", t->steps, false);
    bar.first = t->step;
    dr_status st = DR_OK;
    while (!st && !stopped && t->step < t->steps) {
        st = step(t, &loss);
        t->loss_sum += loss;
        smooth = smooth > 0 ? 0.98 * smooth + 0.02 * loss : loss;
        snprintf(extra, sizeof extra, "loss %.4f", smooth);
        dr_progress_set(&bar, t->step, extra);
        if (!st && t->step % LOG_EVERY == 0) {
            st = log_step(t, dr_now() - logged);
            logged = dr_now();
        }
        if (!st && (dr_now() - saved > 60.0 * t->save_minutes || t->step == t->steps || stopped)) {
            st = save(t);
            if (!st && !stopped)
                st = watch(t);
            saved = dr_now();
        }
    }
    dr_progress_end(&bar);
    return st;
}

/* --- the program ------------------------------------------------------------------------------------ */

static dr_status set_up(trainer *t)
{
    char path[4096];
    dr_status st = dr_mkdirs(t->out);
    snprintf(path, sizeof path, "%s/train.jsonl", t->out);
    if (!st)
        st = make_net(t);
    if (!st)
        st = make_moments(t);
    if (!st && t->resume)
        st = read_checkpoint(t);
    if (!st)
        st = dr_jsonl_open(&t->log, path, t->resume ? t->step : -1);
    if (!st)
        st = dr_tape_init(&t->tape);
    fprintf(stderr, "%lld parameters, %d threads; reading photos\n", (long long)dr_params_numel(&t->params),
            dr_threads());
    if (!st)
        st = photo_set_add(&t->train, t->data, t->data, "train", t->limit);
    if (!st && t->more)
        st = photo_set_add(&t->train, t->data, t->more, "train", t->limit);
    if (!st)
        st = photo_set_add(&t->test, t->data, t->data, "test_open", t->limit);
    if (!st)
        weigh_labels(t);
    return st;
}

static bool parse(trainer *t, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--resume") == 0) {
            t->resume = true;
            continue;
        }
        const char *name = argv[i], *value = i + 1 < argc ? argv[++i] : NULL;
        if (!value)
            return false;
        if (strcmp(name, "--data") == 0)
            t->data = value;
        else if (strcmp(name, "--more") == 0)
            t->more = value;
        else if (strcmp(name, "--config") == 0)
            t->config_path = value;
        else if (strcmp(name, "--out") == 0)
            t->out = value;
        else if (strcmp(name, "--init") == 0)
            t->init = value;
        else if (strcmp(name, "--steps") == 0)
            t->steps = atoi(value);
        else if (strcmp(name, "--batch") == 0)
            t->batch = atoi(value);
        else if (strcmp(name, "--save-minutes") == 0)
            t->save_minutes = atoi(value);
        else if (strcmp(name, "--limit") == 0)
            t->limit = (size_t)atoi(value);
        else if (strcmp(name, "--learning-rate") == 0)
            t->learning_rate = atof(value);
        else if (strcmp(name, "--lr-scheduler") == 0)
            t->lr_scheduler = value;
        else if (strcmp(name, "--seed") == 0)
            t->seed = (uint64_t)atoll(value);
        else if (strcmp(name, "--size") != 0 || sscanf(value, "%dx%d", &t->width, &t->height) != 2)
            return false;
    }
    return t->data && t->config_path && t->out && t->steps > 0 && t->batch > 0 && t->batch <= 64;
}

int main(int argc, char **argv)
{
    trainer t = {.steps = 10000,
                 .batch = 8,
                 .width = 192,
                 .height = 256,
                 .save_minutes = 5,
                 .learning_rate = 2e-3,
                 .lr_scheduler = "cosine",
                 .seed = 1};
    if (!parse(&t, argc, argv)) {
        fprintf(stderr, "usage: parser_train --data DIR --config CONFIG.json --out DIR [--steps N] [--batch N]\n"
                        "    [--size WxH] [--learning-rate X] [--lr-scheduler NAME] [--resume] [--init DIR] [--seed N] "
                        "[--save-minutes N]\n"
                        "    [--limit N] [--more DIR]\n");
        return 2;
    }
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    dr_set_threads(0);
    dr_status st = set_up(&t);
    if (!st)
        st = run(&t);
    if (st)
        fprintf(stderr, "parser_train: %s\n", dr_error());
    dr_jsonl_close(&t.log);
    dr_tape_clear(&t.tape);
    photo_set_clear(&t.train);
    photo_set_clear(&t.test);
    return st ? 1 : stopped ? 130 : 0;
}
