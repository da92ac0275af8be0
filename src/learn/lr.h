/* Learning-rate schedules, as diffusers.optimization.get_scheduler. */
#ifndef DR_LEARN_LR_H
#define DR_LEARN_LR_H

#include "base/status.h"

/* Each schedule's name, its course after the warm-up (lr.c), and whether it has one. */
#define DR_LR_SCHEDULES(X)                                                                                             \
    X(constant, constant, false)                                                                                       \
    X(constant_with_warmup, constant, true)                                                                            \
    X(linear, linear, true)                                                                                            \
    X(cosine, cosine, true)                                                                                            \
    X(cosine_with_restarts, cosine_with_restarts, true)                                                                \
    X(polynomial, polynomial, true)

#define DR_LR_WORD(name, course, warms_up) "|" #name
#define DR_LR_NAMES (DR_LR_SCHEDULES(DR_LR_WORD) + 1) /* "constant|constant_with_warmup|..." */

typedef struct dr_lr_schedule {
    const char *name; /* one of DR_LR_NAMES */
    double lr;
    int warmup, steps, num_cycles; /* in optimizer steps */
    double power;
} dr_lr_schedule;

/** DR_EINVAL listing the names when there is none such. */
dr_status dr_lr_check(const char *name);
/** The name, and that the rate can follow it: finite, and above 1e-7 for polynomial, which ends there. DR_EINVAL. */
dr_status dr_lr_check_schedule(const dr_lr_schedule *s);
/** The rate of optimizer step `step` (from 0). */
double dr_lr_at(const dr_lr_schedule *s, int step);
/** `lr` after a rise over `warmup` steps, until it falls to 0 over the last `cool` of `steps`; `step` counts from 0. */
double dr_lr_trapezoid(double lr, int step, int steps, int warmup, int cool);

#endif
