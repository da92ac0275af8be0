/* What the parts of the trainer share. */
#ifndef DR_TRAIN_TRAINER_STATE_H
#define DR_TRAIN_TRAINER_STATE_H

#include "base/rng.h"
#include "diffusion/schedule.h"
#include "io/tb_events.h"
#include "train/adapters.h"
#include "train/cache.h"
#include "train/ema.h"
#include "train/jsonl.h"
#include "train/lr.h"
#include "train/optimizer.h"
#include "train/trainer.h"

struct dr_trainer {
    const dr_train_options *o;
    const dr_train_callbacks *cb;
    dr_dataset instances, classes;
    int32_t *ids; /* [instances + classes][77] */
    dr_plan plan;
    dr_cache cache;
    dr_schedule schedule;

    dr_unet_model unet;
    dr_text_model text; /* loaded only when it is trained */
    dr_adapters adapters;
    dr_tensor **trained; /* [trained_count] */
    const char **prefix; /* of each in the optimizer's file: "unet." or "text_encoder." */
    size_t trained_count;
    float *gradients; /* one flat buffer, NULL when they are applied as they come */
    size_t gradients_size;
    dr_adamw adamw;
    dr_lr_schedule lr;
    dr_ema ema;
    dr_tape tape;

    dr_rng rng; /* draws, noise, timesteps */
    int step;   /* optimizer steps done */
    double smooth_loss;
    bool as_they_come;

    dr_tb *events;
    dr_jsonl log;
};

/** One optimizer step of the plan; r gets loss, norm and rate. */
dr_status dr_trainer_step(dr_trainer *t, dr_train_report *r);

/** Writes the result: pipeline folder or adapters, and the contact sheet. */
dr_status dr_trainer_finish(dr_trainer *t);

/** "checkpoint-500" and the like under the output folder, into a buffer. */
dr_status dr_trainer_path(const dr_trainer *t, char *out, size_t n, const char *name);

#endif
