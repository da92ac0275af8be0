/* Photos that are held out: never trained on, so that what the model makes of them tells whether it learns the garment
 * or its own photos by heart. */
#ifndef DR_TRAIN_HOLDOUT_H
#define DR_TRAIN_HOLDOUT_H

#include "eval/evaluator.h"
#include "train/cache.h"

/* Zero-initialised means that none are. */
typedef struct dr_holdout {
    dr_dataset photos;
    int32_t *ids;   /* [photos][77] */
    dr_plan plan;   /* each once, cut from the middle */
    dr_cache cache; /* of these */
    bool judged;    /* pictures of them are made, and judged by: */
    dr_evaluator evaluator;
} dr_holdout;

/** Whether any are asked for. */
bool dr_holds_out(const drape_train_options *o);

/** Options that cannot be, in one sentence. */
dr_status dr_holdout_check(const drape_train_options *o);

/**
 * Takes the photos that are held out from `instances`, or opens the folder of others; and what judges them.
 *
 * @param doubts  gets lines; what is judged without, for instance
 * @return DR_EINVAL where too few photos stay
 */
dr_status dr_holdout_open(dr_holdout *h, const drape_train_options *o, dr_dataset *instances, char *doubts,
                          size_t size);
void dr_holdout_close(dr_holdout *h);

/** Plan and tokens; `cell` as dr_plan_make(). `tok` is NULL with pairs, which have no text. */
dr_status dr_holdout_plan(dr_holdout *h, const drape_train_options *o, const dr_tokenizer *tok, int cell);

/** The index of the metric that the best is kept by; -1 is the loss, or nothing is kept. */
int dr_holdout_key(const drape_train_options *o);

/** Lower is better: of a value of that metric. */
double dr_holdout_badness(int key, double value);

#endif
