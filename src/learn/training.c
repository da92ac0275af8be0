#include "learn/training.h"

#include <math.h>
#include <stdlib.h>

static dr_status list_prefixes(dr_training *t)
{
    t->prefix = calloc(t->gradients.count + 1, sizeof *t->prefix);
    if (!t->prefix)
        return dr_fail(DR_ENOMEM, "out of memory");
    size_t k = 0;
    for (int i = 0; i < t->parts; i++)
        for (size_t j = 0; j < t->part[i].params->count; j++)
            t->prefix[k++] = t->part[i].prefix;
    return DR_OK;
}

dr_status dr_training_init(dr_training *t, const dr_training_options *o)
{
    dr_params *table[DR_TRAINING_PARTS];
    DR_ASSERT(t->parts > 0 && t->parts <= DR_TRAINING_PARTS, "%d parts", t->parts);
    for (int i = 0; i < t->parts; i++)
        table[i] = t->part[i].params;
    DR_ASSERT(!o->ranks || !o->as_they_come, "gradients of %d ranks as they come", dr_ranks_size(o->ranks));
    t->o = *o;
    dr_status st = dr_gradients_init(&t->gradients, table, t->parts, !o->as_they_come);
    if (!st)
        st = list_prefixes(t);
    if (!st && o->ranks)
        st = dr_exchange_open(&t->exchange, o->ranks, &t->gradients, o->bf16_wire);
    const dr_span *own = dr_exchange_own(t->exchange);
    if (!st)
        st = dr_adamw_init_shares(&t->adamw, &o->adamw, t->gradients.param, t->gradients.count, own);
    if (!st && o->average)
        st = dr_ema_init_shares(&t->ema, t->gradients.param, t->gradients.count, o->ema_decay, own);
    return st;
}

void dr_training_clear(dr_training *t)
{
    dr_exchange_close(t->exchange);
    dr_ema_clear(&t->ema);
    dr_adamw_clear(&t->adamw);
    dr_gradients_clear(&t->gradients);
    free(t->prefix);
    *t = (dr_training){0};
}

/* Uses up whatever gradients there are and drops them: they lie on the tape, which is about to take them back. */
static void apply_as_they_come(dr_tape *g, void *owner)
{
    dr_training *t = owner;
    for (size_t i = 0; i < t->gradients.count; i++) {
        dr_tensor *p = t->gradients.param[i];
        if (!p->grad)
            continue;
        dr_adamw_apply(&t->adamw, g->ops, i, (float)t->rate, 1);
        p->grad = NULL;
    }
}

void dr_training_begin(dr_training *t, dr_tape *g, double rate)
{
    t->rate = rate;
    g->block_done = t->o.as_they_come ? apply_as_they_come : NULL;
    g->complete = NULL;
    g->owner = t;
    dr_gradients_zero(&t->gradients);
    dr_adamw_begin(&t->adamw);
    if (t->exchange)
        dr_exchange_begin(t->exchange);
}

static void hand_on(dr_tape *g, void *owner, const dr_tensor *p)
{
    (void)g;
    dr_exchange_complete(((dr_training *)owner)->exchange, p);
}

void dr_training_last(dr_training *t, dr_tape *g)
{
    if (!t->exchange)
        return;
    for (size_t i = 0; i < t->gradients.count; i++)
        t->gradients.param[i]->uses = 0;
    g->complete = hand_on;
}

/* Of all ranks. */
static dr_status norm_of(const dr_training *t, const dr_ops *ops, double *norm)
{
    double squares = dr_adamw_grad_squares(&t->adamw, ops);
    dr_status st = dr_ranks_sum(t->o.ranks, &squares, 1);
    *norm = sqrt(squares);
    return st ? st : dr_training_check(t, "the length of the gradients", *norm);
}

static void apply_some(dr_training *t, const dr_ops *ops, size_t first, size_t count, float scale)
{
    for (size_t i = first; i < first + count; i++)
        dr_adamw_apply(&t->adamw, ops, i, (float)t->rate, scale);
}

/* Complete, and not yet applied: summed over ranks, then clipped by the norm of all. A rank's new values leave while it
 * computes the next ones. */
static dr_status apply(dr_training *t, const dr_ops *ops, double *norm)
{
    size_t first, count;
    dr_status st = t->exchange ? dr_exchange_gradients(t->exchange) : DR_OK;
    if (!st)
        st = norm_of(t, ops, norm);
    if (st)
        return st;
    float scale = dr_adamw_clip_scale(*norm, t->o.max_norm);
    if (!t->exchange) {
        apply_some(t, ops, 0, t->gradients.count, scale);
        return DR_OK;
    }
    for (int b = 0; dr_exchange_bucket(t->exchange, b, &first, &count); b++) {
        apply_some(t, ops, first, count, scale);
        dr_exchange_share(t->exchange, b);
    }
    return dr_exchange_weights(t->exchange);
}

dr_status dr_training_end(dr_training *t, dr_tape *g, double *norm)
{
    dr_status st = DR_OK;
    *norm = NAN;
    g->complete = NULL;
    if (t->o.as_they_come) {
        apply_as_they_come(g, t);
        st = dr_tape_status(g);
    } else {
        st = apply(t, g->ops, norm);
    }
    if (!st && t->o.average)
        dr_ema_update(&t->ema, (int)t->adamw.step - 1);
    return st;
}

dr_status dr_training_check(const dr_training *t, const char *what, double value)
{
    if (isfinite(value))
        return DR_OK;
    return dr_fail(DR_EINVAL, "%s is not a number at step %lld: try a lower %s (now %g)", what,
                   (long long)t->adamw.step, t->o.rate_flag, t->rate);
}

dr_status dr_training_swap(dr_training *t)
{
    size_t first, count;
    if (!t->o.average)
        return DR_OK;
    dr_ema_swap(&t->ema);
    for (int b = 0; t->exchange && dr_exchange_bucket(t->exchange, b, &first, &count); b++)
        dr_exchange_share(t->exchange, b);
    return t->exchange ? dr_exchange_weights(t->exchange) : DR_OK;
}
