/* The numbers of all results together: FID and KID between results and references. */
#ifndef DR_EVAL_SETS_H
#define DR_EVAL_SETS_H

#include "eval/columns.h"
#include "eval/keep.h"

/* The two sets, each of `count` files, in one order. */
typedef struct dr_sets {
    const char *const *path[2];
    const char *name[2]; /* the folders', for messages */
    int count;
    const char *networks; /* folder, as `drape pull --backbones` makes it */
    dr_keep *keep;        /* features that were found earlier, and are to be kept */
    const drape_eval_callbacks *callbacks;
} dr_sets;

/** KID's deviation over its subsets is the second number. What cannot be measured (a single picture) is NaN, and told
 * by callbacks.note. */
typedef struct dr_set_number {
    double value, deviation;
} dr_set_number;

dr_status dr_sets_measure(const dr_sets *s, const bool *wanted, dr_set_number out[DRAPE_EVAL_METRICS]);

#endif
