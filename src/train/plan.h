/* Which photo, cut how, at which step: drawn for the whole run before it starts.
 *
 * The plan depends on the seed and the options alone. So a resumed run sees the same photos without any saved
 * state, and exactly the crops that will be needed are encoded beforehand. */
#ifndef DR_TRAIN_PLAN_H
#define DR_TRAIN_PLAN_H

#include "drape.h"
#include "train/dataset.h"

/* Random crops are drawn from this many evenly spaced places, so that each need be encoded once only. */
#define DR_PLAN_PLACES 5

typedef struct dr_plan_item {
    bool class_image; /* of the class folder (prior preservation) */
    int example;
    dr_crop crop;
} dr_plan_item;

/* One model call forward and back; `items` of the plan from `first`. Instance photos first, then class images. */
typedef struct dr_micro_batch {
    int first, instances, class_images;
    bool last; /* the optimizer steps after this one */
} dr_micro_batch;

typedef struct dr_plan {
    dr_plan_item *item;
    int item_count;
    dr_micro_batch *batch;
    int batch_count;
    int steps; /* optimizer steps */
} dr_plan;

/** `classes` is NULL without prior preservation. `cell` is the pixels per latent cell: crops are multiples of it. */
dr_status dr_plan_make(dr_plan *p, const drape_train_options *o, const dr_dataset *instances, const dr_dataset *classes,
                       int cell);
void dr_plan_clear(dr_plan *p);

/** The index of the first micro batch of optimizer step `step`. */
int dr_plan_batch_of_step(const dr_plan *p, int step);

/** True when two items need the same encoding. */
bool dr_plan_same(const dr_plan_item *a, const dr_plan_item *b);

#endif
