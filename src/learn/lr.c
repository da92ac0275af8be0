#include "learn/lr.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define LR_END 1e-7 /* where the polynomial schedule ends */

typedef double factor_fn(const dr_lr_schedule *s, int step);

static double at_least_one(int n)
{
    return n > 1 ? n : 1;
}

/* From 0 at the end of the warm-up to 1 at the last step, and beyond. */
static double progress(const dr_lr_schedule *s, int step)
{
    return (step - s->warmup) / at_least_one(s->steps - s->warmup);
}

static double constant(const dr_lr_schedule *s, int step)
{
    (void)s, (void)step;
    return 1;
}

static double linear(const dr_lr_schedule *s, int step)
{
    return fmax(0, (s->steps - step) / at_least_one(s->steps - s->warmup));
}

/* Half a period; get_scheduler hands num_cycles to the restarts alone. */
static double cosine(const dr_lr_schedule *s, int step)
{
    return fmax(0, 0.5 * (1 + cos(M_PI * progress(s, step))));
}

static double cosine_with_restarts(const dr_lr_schedule *s, int step)
{
    double p = progress(s, step);
    return p >= 1 ? 0 : fmax(0, 0.5 * (1 + cos(M_PI * fmod(s->num_cycles * p, 1))));
}

static double polynomial(const dr_lr_schedule *s, int step)
{
    if (step > s->steps)
        return LR_END / s->lr;
    return ((s->lr - LR_END) * pow(1 - progress(s, step), s->power) + LR_END) / s->lr;
}

#define ROW(name, course, warms_up) {#name, course, warms_up},
static const struct {
    const char *name;
    factor_fn *factor; /* of the rate, after the warm-up */
    bool warms_up;
} schedules[] = {DR_LR_SCHEDULES(ROW)};
#define SCHEDULES (sizeof schedules / sizeof *schedules)

static size_t find(const char *name)
{
    size_t i = 0;
    while (i < SCHEDULES && strcmp(schedules[i].name, name) != 0)
        i++;
    return i;
}

dr_status dr_lr_check(const char *name)
{
    if (find(name) < SCHEDULES)
        return DR_OK;
    char names[256] = "";
    for (size_t i = 0, n = 0; i < SCHEDULES; i++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", i ? ", " : "", schedules[i].name);
    return dr_fail(DR_EINVAL, "there is no learning-rate schedule '%s'; choose one of %s", name, names);
}

dr_status dr_lr_check_schedule(const dr_lr_schedule *s)
{
    dr_status st = dr_lr_check(s->name);
    if (st)
        return st;
    if (!(s->lr >= 0) || isinf(s->lr))
        return dr_fail(DR_EINVAL, "the learning rate is %g, expected 0 or more", s->lr);
    if (strcmp(s->name, "polynomial") == 0 && s->lr <= LR_END)
        return dr_fail(DR_EINVAL,
                       "the polynomial schedule ends at a learning rate of %g, which is not below the %g it "
                       "starts from; raise --learning_rate or choose another --lr_scheduler",
                       LR_END, s->lr);
    return DR_OK;
}

double dr_lr_at(const dr_lr_schedule *s, int step)
{
    size_t i = find(s->name);
    DR_ASSERT(i < SCHEDULES, "'%s' was not checked", s->name);
    if (schedules[i].warms_up && step < s->warmup)
        return s->lr * (step / at_least_one(s->warmup));
    return s->lr * schedules[i].factor(s, step);
}

double dr_lr_trapezoid(double lr, int step, int steps, int warmup, int cool)
{
    double rise = warmup > 0 ? (step + 1.0) / warmup : 1, fall = cool > 0 ? (steps - step) / (double)cool : 1;
    return lr * fmax(0, fmin(1, fmin(rise, fall)));
}
