/* Looks at the photos that are held out, and what they tell: which model was the best, and where over-fitting began. */
#include "train/trainer_state.h"

#include "base/path.h"
#include "io/image.h"
#include "learn/draw.h"
#include "models/tokenizer.h"
#include "train/noisy.h"
#include "train/pairs.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    NOISE = -2,     /* the "step" whose random numbers all looks have */
    TIMESTEPS = 4,  /* spread over the schedule */
    FIRST_LOOKS = 3 /* fewer tell nothing of a course */
};

/* --- the loss ------------------------------------------------------------------------------------------ */

static dr_tensor *text_of(dr_trainer *t, int example)
{
    const dr_holdout *h = &t->holdout;
    const int64_t dim[] = {1, DR_TOKENS, t->unet.net.config.context[0]};
    if (t->o->garment_pairs) /* there is none */
        return NULL;
    return h->cache.text ? dr_input(&t->tape, h->cache.text[example], 3, dim)
                         : dr_clip_forward(&t->tape, &t->text.net, h->ids + example * DR_TOKENS, 1, DR_TOKENS);
}

/* Mean squared error of one photo at one timestep. */
static dr_status one_loss(dr_trainer *t, int item, int which, double *loss)
{
    dr_tape *g = &t->tape;
    const dr_holdout *h = &t->holdout;
    const dr_encoded *e = &h->cache.entry[h->cache.of_item[item]];
    const int64_t C = h->cache.vae.latent, rows = dr_encoded_rows(e);
    const int64_t dim[] = {1, rows, e->w, C}, dim_x[] = {1, rows, e->w, 2 * C + 1};
    const dr_noisy photo = {&h->cache.vae, &t->schedule, e, 0, 0};
    int example = h->plan.item[item].example, step = (2 * which + 1) * t->schedule.train_timesteps / (2 * TIMESTEPS);
    dr_rng rng;
    dr_tape_reset(g);
    float *x = dr_arena_alloc(&g->arena, (size_t)(rows * e->w * (2 * C + 1)) * sizeof *x);
    float *target = dr_arena_alloc(&g->arena, (size_t)(rows * e->w * C) * sizeof *target);
    if (!x || !target)
        return DR_ENOMEM;
    dr_draw(&rng, t->o->seed, NOISE, (int64_t)example * TIMESTEPS + which);
    dr_status st = dr_noisy_fill(&photo, &g->arena, &rng, &step, x, target);
    if (st)
        return st;
    float timestep = (float)step;
    dr_tensor *pred = dr_unet_forward(g, &t->unet.net, dr_input(g, x, 4, dim_x), &timestep, text_of(t, example));
    dr_tensor *mse = dr_mse(g, pred, dr_input(g, target, 4, dim), NULL);
    st = dr_tape_status(g);
    *loss += st ? 0 : (double)dr_tensor_value(g, mse);
    return st;
}

static dr_status fixed_loss(dr_trainer *t, double *loss)
{
    const dr_plan *p = &t->holdout.plan;
    dr_status st = DR_OK;
    *loss = 0;
    for (int i = 0; !st && i < p->item_count; i++)
        for (int k = 0; !st && k < TIMESTEPS; k++)
            if (dr_trainer_makes(t, i * TIMESTEPS + k))
                st = dr_trainer_cancelled(t) ? DR_ECANCELLED : one_loss(t, i, k, loss);
    if (!st)
        st = dr_ranks_sum(t->ranks, loss, 1);
    *loss /= p->item_count * TIMESTEPS;
    dr_tape_reset(&t->tape);
    dr_tape_trim(&t->tape);
    return st;
}

/* --- pictures ------------------------------------------------------------------------------------------ */

/* What a look gathers. */
typedef struct look {
    dr_trainer *t;
    double sum[DRAPE_EVAL_METRICS];
    int count[DRAPE_EVAL_METRICS];
} look;

static dr_status keep_picture(const dr_trainer *t, int i, const dr_image *picture)
{
    char dir[PATH_MAX], path[PATH_MAX];
    dr_status st = dr_trainer_path(t, dir, sizeof dir, "validation");
    if (!st)
        st = dr_mkdirs(dir);
    if (!st)
        st = dr_path_format(path, sizeof path, dir, "held-%06d-%d.png", t->checkpoint.step, i + 1);
    return st ? st : dr_image_write(picture, path, &(dr_image_write_options){0});
}

/* The photo itself is what a perfect try-on of its own garment would give. */
static dr_status judge(void *user, int i, const dr_image *photo, const dr_image *mask, const dr_image *result)
{
    look *l = user;
    drape_eval_numbers n;
    const drape_eval_input in = {.result = (const drape_image *)result,
                                 .reference = (const drape_image *)photo,
                                 .mask = (const drape_image *)mask};
    dr_status st = keep_picture(l->t, i, result);
    if (!st)
        st = dr_evaluator_pair(&l->t->holdout.evaluator, &in, &n);
    for (int k = 0; !st && k < DR_COLUMNS; k++)
        if (isfinite(n.value[k])) {
            l->sum[k] += n.value[k];
            l->count[k]++;
        }
    return st;
}

static dr_status judge_pictures(dr_trainer *t, look *l)
{
    const dr_dataset *photos = &t->holdout.photos;
    int count = photos->count < t->o->num_validation_images ? photos->count : t->o->num_validation_images;
    if (!t->holdout.judged || !t->pictures->dress)
        return DR_OK;
    dr_subset_join(&t->pairs.subset);
    dr_status st = dr_distilled_enter(&t->distilled, &t->unet.params);
    if (!st) {
        st = t->pictures->dress(t->pictures->user, t, photos, count, judge, l);
        dr_distilled_leave(&t->distilled, &t->unet.params);
    }
    dr_subset_part(&t->pairs.subset);
    if (!st) /* rank 0 has judged them */
        st = dr_ranks_broadcast(t->ranks, 0, l->sum, sizeof l->sum);
    return st ? st : dr_ranks_broadcast(t->ranks, 0, l->count, sizeof l->count);
}

/* --- what was found, and when -------------------------------------------------------------------------- */

/* Kept in checkpoints, so that a run that goes on knows it: [{"step", "loss", METRIC: ...}]. */
static json_t *history(dr_trainer *t)
{
    json_t *all = json_object_get(t->checkpoint.own, "looks");
    if (json_is_array(all))
        return all;
    json_object_set_new(t->checkpoint.own, "looks", json_array());
    return json_object_get(t->checkpoint.own, "looks");
}

static const char *key_name(const dr_trainer *t)
{
    return t->o->keep_best ? t->o->keep_best : "loss";
}

/* The first of the best; -1 for none. */
static int best_of(const json_t *all, const char *name)
{
    int best = -1;
    double least = INFINITY;
    size_t i;
    const json_t *entry;
    json_array_foreach(all, i, entry)
    {
        const json_t *v = json_object_get(entry, name);
        double b = json_is_number(v) ? dr_holdout_badness(dr_column_index(name), json_number_value(v)) : INFINITY;
        if (b < least) {
            least = b;
            best = (int)i;
        }
    }
    return best;
}

static int step_at(const json_t *all, int i)
{
    return (int)dr_json_whole(json_array_get(all, (size_t)i), "step");
}

int dr_trainer_best_step(dr_trainer *t)
{
    const json_t *all = history(t);
    int best = best_of(all, key_name(t));
    return best < 0 ? -1 : step_at(all, best);
}

bool dr_trainer_looked(dr_trainer *t)
{
    const json_t *all = history(t);
    size_t n = json_array_size(all);
    return n > 0 && step_at(all, (int)n - 1) == t->checkpoint.step;
}

static json_t *entry_of(const dr_trainer *t, double loss, const look *l)
{
    json_t *e = json_object();
    json_object_set_new(e, "step", json_integer(t->checkpoint.step));
    json_object_set_new(e, "loss", dr_jsonl_number(loss));
    for (int k = 0; k < DR_COLUMNS; k++)
        if (l->count[k] && t->holdout.evaluator.wanted[k])
            json_object_set_new(e, dr_column_at(k)->name, dr_jsonl_number(l->sum[k] / l->count[k]));
    return e;
}

/* --- telling --------------------------------------------------------------------------------------------- */

static dr_status log_look(dr_trainer *t, json_t *entry)
{
    if (dr_ranks_rank(t->ranks) > 0)
        return DR_OK;
    const char *name;
    json_t *v;
    char tag[96];
    dr_status st = DR_OK;
    json_object_foreach(entry, name, v)
    {
        snprintf(tag, sizeof tag, "held_out/%s", name);
        if (!st && json_is_real(v))
            st = dr_tb_scalar(t->events, tag, t->checkpoint.step, (float)json_real_value(v));
    }
    json_t *line = json_object();
    json_object_set_new(line, "step", json_integer(t->checkpoint.step));
    json_object_set(line, "held_out", entry);
    if (!st)
        st = dr_jsonl_write(&t->log, line);
    json_decref(line);
    return st;
}

static void call_back(const dr_trainer *t, const json_t *entry, bool best)
{
    const char *name[DRAPE_EVAL_METRICS];
    double value[DRAPE_EVAL_METRICS];
    drape_train_look l = {.step = t->checkpoint.step, .loss = NAN, .name = name, .value = value, .best = best};
    for (int k = 0; k < DR_COLUMNS; k++) {
        const json_t *v = json_object_get(entry, dr_column_at(k)->name);
        if (!v)
            continue;
        name[l.metrics] = dr_column_at(k)->name;
        value[l.metrics++] = json_is_number(v) ? json_number_value(v) : NAN;
    }
    if (json_is_number(json_object_get(entry, "loss")))
        l.loss = dr_json_number(entry, "loss");
    if (t->o->callbacks.look)
        t->o->callbacks.look(t->o->callbacks.user, &l);
}

static dr_status take_down(dr_trainer *t, double loss, const look *l)
{
    json_t *all = history(t), *entry = entry_of(t, loss, l);
    if (json_array_append(all, entry)) {
        json_decref(entry);
        return dr_fail(DR_ENOMEM, "out of memory");
    }
    bool best = best_of(all, key_name(t)) == (int)json_array_size(all) - 1;
    dr_status st = log_look(t, entry);
    if (!st && best && t->o->keep_best)
        st = dr_trainer_keep_best(t);
    if (!st)
        call_back(t, entry, best);
    json_decref(entry);
    return st;
}

/* The average's weights are looked at, where there is one. */
static dr_status measure(dr_trainer *t, double *loss, look *l)
{
    dr_status st = dr_training_swap(&t->training);
    if (!st)
        st = fixed_loss(t, loss);
    if (!st)
        st = judge_pictures(t, l);
    dr_status back = t->ranks && st && st != DR_ECANCELLED ? DR_OK : dr_training_swap(&t->training);
    return st ? st : back;
}

dr_status dr_trainer_look(dr_trainer *t)
{
    double loss = NAN;
    look l = {.t = t};
    if (!t->holdout.photos.count || dr_trainer_looked(t))
        return DR_OK;
    dr_tape_reset(&t->tape);
    dr_tape_trim(&t->tape);
    dr_status st = measure(t, &loss, &l);
    if (st == DR_ECANCELLED) /* the run that goes on looks again */
        return DR_OK;
    if (st && t->ranks) /* which all must take together */
        return st;
    if (st) {
        dr_trainer_say(t, "no look at the photos that are held out after step %d: %s", t->checkpoint.step, dr_error());
        return st == DR_ENOMEM ? st : DR_OK;
    }
    return take_down(t, loss, &l);
}

void dr_trainer_tell_course(dr_trainer *t)
{
    const json_t *all = history(t);
    int n = (int)json_array_size(all), least = best_of(all, "loss");
    if (!t->holdout.photos.count || least < 0)
        return;
    double was = dr_json_number(json_array_get(all, (size_t)least), "loss"),
           is = dr_json_number(json_array_get(all, (size_t)n - 1), "loss");
    if (n < FIRST_LOOKS)
        dr_trainer_say(t, "%d look%s at the photos held out tell nothing of over-fitting: more --validation_steps do",
                       n, n == 1 ? "" : "s");
    else if (least == n - 1)
        dr_trainer_say(t, "no over-fitting: the loss on photos held out, %.4g, was still falling at step %d", is,
                       step_at(all, least));
    else
        dr_trainer_say(
            t,
            "over-fitting began after step %d: the loss on photos held out was least there, %.4g, and is %.4g at "
            "step %d",
            step_at(all, least), was, is, step_at(all, n - 1));
    if (t->o->keep_best && dr_trainer_best_step(t) >= 0)
        dr_trainer_say(t, "the best by %s is that of step %d: '%s/best-%d'", key_name(t), dr_trainer_best_step(t),
                       t->o->output_dir, dr_trainer_best_step(t));
}
