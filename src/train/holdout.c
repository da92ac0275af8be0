#include "train/holdout.h"

#include "base/file.h"
#include "base/path.h"
#include "learn/draw.h"
#include "train/pairs_dataset.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SPLIT = -1 }; /* the "step" whose random numbers choose the photos */

bool dr_holds_out(const drape_train_options *o)
{
    return o->validation_split > 0 || o->validation_data;
}

static bool makes_pictures(const drape_train_options *o)
{
    return strcmp(o->validation_metrics, "none") != 0;
}

/* --- options ------------------------------------------------------------------------------------------- */

static dr_status check_key(const drape_train_options *o)
{
    bool wanted[DRAPE_EVAL_METRICS] = {false};
    int key = dr_holdout_key(o);
    if (!o->keep_best || strcmp(o->keep_best, "loss") == 0)
        return DR_OK;
    if (key < 0)
        return dr_fail(DR_EINVAL,
                       "--keep_best is '%.60s', must be loss or a metric: 'drape eval --metrics help' lists them",
                       o->keep_best);
    dr_status st = makes_pictures(o) ? dr_columns_wanted(o->validation_metrics, wanted) : DR_OK;
    if (!st && !wanted[key])
        st = dr_fail(DR_EINVAL, "--keep_best is %s, which is not among --validation_metrics '%.100s': add it there",
                     o->keep_best, o->validation_metrics);
    return st;
}

dr_status dr_holdout_check(const drape_train_options *o)
{
    bool wanted[DRAPE_EVAL_METRICS];
    if (o->validation_split > 0 && o->validation_data)
        return dr_fail(DR_EINVAL, "--validation_split and --validation_data are two ways for the same: leave one out");
    if (!dr_holds_out(o))
        return o->keep_best ? dr_fail(DR_EINVAL, "--keep_best needs photos that are held out: --validation_split 0.2, "
                                                 "or --validation_data DIR")
                            : DR_OK;
    dr_status st = makes_pictures(o) ? dr_columns_wanted(o->validation_metrics, wanted) : DR_OK;
    for (int i = 0; !st && makes_pictures(o) && dr_column_at(i); i++)
        if (wanted[i] && dr_column_at(i)->of_set)
            st = dr_fail(DR_EINVAL, "--validation_metrics: %s is of many pictures, which a look has not",
                         dr_column_at(i)->name);
    return st ? st : check_key(o);
}

int dr_holdout_key(const drape_train_options *o)
{
    return o->keep_best ? dr_column_index(o->keep_best) : -1;
}

double dr_holdout_badness(int key, double value)
{
    int better = key < 0 ? -1 : dr_column_at(key)->better;
    return better > 0 ? -value : better < 0 ? value : fabs(value - 1);
}

/* --- photos -------------------------------------------------------------------------------------------- */

/* Which of n are held out: drawn from the seed, so that it is the same in every run of it. */
static dr_status choose(bool *held, int n, int count, uint64_t seed)
{
    dr_rng rng;
    int64_t *order = malloc((size_t)n * sizeof *order);
    if (!order)
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_draw(&rng, seed, SPLIT, 0);
    dr_rng_perm(&rng, n, order);
    for (int i = 0; i < count; i++)
        held[order[i]] = true;
    free(order);
    return DR_OK;
}

/* Both stay in order. */
static void move(dr_dataset *from, dr_dataset *to, const bool *held)
{
    int stay = 0;
    for (int i = 0; i < from->count; i++)
        if (held[i])
            to->example[to->count++] = from->example[i];
        else
            from->example[stay++] = from->example[i];
    from->count = stay;
}

static dr_status split(dr_dataset *from, dr_dataset *to, double share, uint64_t seed)
{
    int n = from->count, count = (int)lrint(share * n);
    count = count < 1 ? 1 : count;
    if (count >= n)
        return dr_fail(DR_EINVAL,
                       "--validation_split %g of %d photo%s leaves none to train on: add photos, or hold out less",
                       share, n, n == 1 ? "" : "s");
    bool *held = calloc((size_t)n, sizeof *held);
    *to = (dr_dataset){.example = calloc((size_t)count, sizeof *to->example)};
    dr_status st = held && to->example ? choose(held, n, count, seed) : dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        move(from, to, held);
    free(held);
    return st;
}

static dr_status open_others(dr_holdout *h, const drape_train_options *o, char *doubts, size_t size)
{
    char images[PATH_MAX], masks[PATH_MAX];
    if (o->garment_pairs)
        return dr_garment_pairs_open(&h->photos, o->validation_data, doubts, size);
    dr_status st = dr_path(images, sizeof images, o->validation_data, "images");
    if (!st && !dr_is_dir(images))
        st = dr_path(images, sizeof images, o->validation_data);
    if (!st)
        st = dr_path(masks, sizeof masks, o->validation_data, "masks");
    if (!st && !dr_is_dir(masks))
        return dr_fail(DR_ENOENT, "--validation_data: there is no folder '%s': photos are in '%s', masks in its masks/",
                       masks, images);
    return st ? st : dr_dataset_open(&h->photos, images, masks, o->instance_prompt, doubts, size);
}

/* --- what judges ---------------------------------------------------------------------------------------- */

/* A parser that is not there is a pity, unless somebody asked for it by name. */
static dr_status open_evaluator(dr_holdout *h, const drape_train_options *o, char *doubts, size_t size)
{
    const drape_eval_options e = {.metrics = o->validation_metrics,
                                  .resize = "no",
                                  .category = "auto",
                                  .callbacks = {.user = o->callbacks.user, .cancel = o->callbacks.cancel}};
    size_t used = strlen(doubts);
    if (!makes_pictures(o))
        return DR_OK;
    bool by_name = strstr(o->validation_metrics, "parser") || dr_holdout_key(o) == DR_PARSER_AGREEMENT;
    dr_status st = dr_evaluator_open(&h->evaluator, &e);
    if (st == DR_ENOENT && !by_name) {
        h->evaluator.wanted[DR_PARSER_AGREEMENT] = false;
        if (used < size)
            snprintf(doubts + used, size - used, "%swithout parser_agreement: %s", used ? "\n" : "", dr_error());
        st = DR_OK;
    }
    h->judged = !st;
    return st;
}

dr_status dr_holdout_open(dr_holdout *h, const drape_train_options *o, dr_dataset *instances, char *doubts, size_t size)
{
    *h = (dr_holdout){0};
    doubts[0] = 0;
    if (!dr_holds_out(o))
        return DR_OK;
    dr_status st = o->validation_data ? open_others(h, o, doubts, size)
                                      : split(instances, &h->photos, o->validation_split, o->seed);
    return st ? st : open_evaluator(h, o, doubts, size);
}

void dr_holdout_close(dr_holdout *h)
{
    if (h->judged)
        dr_evaluator_close(&h->evaluator);
    dr_cache_clear(&h->cache);
    dr_plan_clear(&h->plan);
    dr_dataset_close(&h->photos);
    free(h->ids);
    *h = (dr_holdout){0};
}

dr_status dr_holdout_plan(dr_holdout *h, const drape_train_options *o, const dr_tokenizer *tok, int cell)
{
    drape_train_options once = *o;
    if (!h->photos.count)
        return DR_OK;
    once.center_crop = true;
    once.flip = false;
    once.train_batch_size = once.gradient_accumulation_steps = once.num_train_epochs = 1;
    once.max_train_steps = 0;
    dr_status st = dr_plan_make(&h->plan, &once, &h->photos, NULL, cell);
    if (!tok)
        return st;
    h->ids = st ? NULL : malloc((size_t)h->photos.count * DR_TOKENS * sizeof *h->ids);
    if (!st && !h->ids)
        st = dr_fail(DR_ENOMEM, "out of memory");
    for (int i = 0; !st && i < h->photos.count; i++)
        st = dr_tokenizer_encode(tok, h->photos.example[i].prompt, h->ids + i * DR_TOKENS, NULL);
    return st;
}
