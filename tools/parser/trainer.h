/* Training of drape's own clothes parser: what its parts share.
 *
 *   trainer.c   net, batches, loss, one step, the result
 *   watch.c     how good it is, on test photos
 *   train.c     the program
 *
 * Sample k of step n depends on the seed, n and k alone. */
#ifndef DRAPE_PARSER_TRAINER_H
#define DRAPE_PARSER_TRAINER_H

#include "io/labels.h"
#include "learn/checkpoint.h"
#include "learn/jsonl.h"
#include "models/clothes_net.h"
#include "photos.h"

typedef struct train_options {
    const char *data, *more, *config, *out, *init, *lr_scheduler;
    int steps, batch, save_minutes, limit;
    int size[2]; /* width, height */
    double learning_rate;
    uint64_t seed;
    bool resume;
} train_options;

typedef struct trainer {
    const train_options *o;
    photo_set train, test;
    dr_clothes_net net;
    dr_params params;
    dr_training training;
    dr_checkpoint checkpoint; /* checkpoint.step: steps done */
    dr_tape tape;
    dr_jsonl log;
    float *pixels, weight[DR_LABELS];
    uint8_t *labels;
} trainer;

/* ImageNet's mean and deviation of red, green and blue, as published SegFormers have them. */
extern const float trainer_mean[3], trainer_deviation[3];

dr_status trainer_open(trainer *t, const train_options *o);
/** Safe on a zeroed struct. */
void trainer_close(trainer *t);
dr_status trainer_step(trainer *t, double *loss);
/** A checkpoint, and OUT/model.safetensors: the average, f16. */
dr_status trainer_save(trainer *t);
/** Test photos through the average, to stderr and the log. */
dr_status trainer_watch(trainer *t);

#endif
