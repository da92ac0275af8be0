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
    t->o = *o;
    dr_status st = dr_gradients_init(&t->gradients, table, t->parts, !o->as_they_come);
    if (!st)
        st = list_prefixes(t);
    if (!st)
        st = dr_adamw_init(&t->adamw, &o->adamw, t->gradients.param, t->gradients.count);
    if (!st && o->average)
        st = dr_ema_init(&t->ema, t->gradients.param, t->gradients.count, o->ema_decay);
    return st;
}

void dr_training_clear(dr_training *t)
{
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
        dr_status st = t->reduce ? t->reduce(t->user, p->grad, (size_t)dr_numel(p)) : DR_OK;
        if (st)
            dr_tape_fail(g, st);
        else
            dr_adamw_apply(&t->adamw, g->ops, i, (float)t->rate, 1);
        p->grad = NULL;
    }
}

void dr_training_begin(dr_training *t, dr_tape *g, double rate)
{
    t->rate = rate;
    g->block_done = t->o.as_they_come ? apply_as_they_come : NULL;
    g->owner = t;
    dr_gradients_zero(&t->gradients);
    dr_adamw_begin(&t->adamw);
}

/* Complete, and not yet applied: for a sum over machines, then clipped by the norm of all. */
static dr_status apply(dr_training *t, const dr_ops *ops, double *norm)
{
    dr_status st = t->reduce ? t->reduce(t->user, t->gradients.flat, t->gradients.values) : DR_OK;
    if (st)
        return st;
    *norm = dr_adamw_grad_norm(&t->adamw, ops);
    st = dr_training_check(t, "the length of the gradients", *norm);
    float scale = dr_adamw_clip_scale(*norm, t->o.max_norm);
    for (size_t i = 0; !st && i < t->gradients.count; i++)
        dr_adamw_apply(&t->adamw, ops, i, (float)t->rate, scale);
    return st;
}

dr_status dr_training_end(dr_training *t, dr_tape *g, double *norm)
{
    dr_status st = DR_OK;
    *norm = NAN;
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

void dr_training_swap(dr_training *t)
{
    if (t->o.average)
        dr_ema_swap(&t->ema);
}
