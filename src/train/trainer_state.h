/* What the parts of the trainer share. */
#ifndef DR_TRAIN_TRAINER_STATE_H
#define DR_TRAIN_TRAINER_STATE_H

#include "diffusion/schedule.h"
#include "io/tb_events.h"
#include "learn/checkpoint.h"
#include "learn/jsonl.h"
#include "learn/lr.h"
#include "learn/subset.h"
#include "pipeline/garment_attention.h"
#include "train/adapters.h"
#include "train/cache.h"
#include "train/distilled.h"
#include "train/holdout.h"
#include "train/trainer.h"

/* Of a training on pairs (train/pairs.h). */
typedef struct dr_garment_pairs_state {
    dr_subset subset;               /* of the UNet: what learns */
    dr_garment_attention attention; /* that the UNet has in place of its own */
    bool attention_open;
} dr_garment_pairs_state;

struct dr_trainer {
    drape_train_options own; /* as they were given, with what follows from the model filled in */
    const drape_train_options *o;
    const dr_train_pictures *pictures;
    dr_dataset instances, classes;
    dr_holdout holdout;
    dr_tokenizer *tokenizer; /* until the prompts are encoded */
    int32_t *ids;            /* [instances + classes][77] */
    dr_plan plan;
    dr_cache cache;
    dr_schedule schedule;

    dr_source *source;  /* what the training starts from */
    dr_source *resumed; /* the checkpoint's folder, where its weights are gone on with */
    dr_unet_model unet;
    dr_distilled distilled; /* of `source` */
    dr_text_model text;     /* loaded only when it is trained */
    dr_adapters adapters;
    dr_garment_pairs_state pairs;
    dr_training training;
    dr_checkpoint checkpoint; /* checkpoint.step: optimizer steps done */
    dr_lr_schedule lr;
    dr_tape tape;
    double smooth_loss;

    dr_ranks *ranks;   /* that train together; NULL: alone */
    bool encodes_late; /* photos that the first step does not see: when they come up */
    bool agrees;       /* ranks stop together: `stop` tells whether, and no longer the callback */
    bool stop;
    bool stopped; /* all of them, at the same place, with a checkpoint */

    dr_tb *events;
    dr_jsonl log;
    int lock; /* the output folder, locked; -1 */
};

/** How many photos a step has over all ranks: own.train_batch_size from then on. */
dr_status dr_trainer_settle_batch(dr_trainer *t);
/** DR_EINVAL where ranks differ in version, instruction set, options or photos; and later in the weights that they
 * start from, or the checkpoint. On all ranks. */
dr_status dr_trainer_compare_ranks(dr_trainer *t);
dr_status dr_trainer_compare_weights(dr_trainer *t);
/** What a run's course depends on; new, NULL out of memory. */
json_t *dr_trainer_fingerprint(const dr_trainer *t);

/** Photos, prompts, schedules, plan, and the checkpoint to go on from, if there is one. */
dr_status dr_trainer_prepare(dr_trainer *t);
/** What a frozen text encoder has to say, and the VAE of the first step's photos or of all, kept. The text encoder is
 *  gone afterwards, the VAE when there is no photo left. */
dr_status dr_trainer_fill_caches(dr_trainer *t);
bool dr_trainer_cancelled(const dr_trainer *t);

/** Finds the checkpoint to go on from, and takes over its step. */
dr_status dr_trainer_find_checkpoint(dr_trainer *t);
/** What the checkpoint has of adapters, moments and average, once the models are there. */
dr_status dr_trainer_resume(dr_trainer *t);
dr_status dr_trainer_save(dr_trainer *t);

/** One optimizer step of the plan; r gets loss, norm and rate. */
dr_status dr_trainer_step(dr_trainer *t, drape_train_report *r);

/** Events and train.jsonl, behind the steps that are done. */
dr_status dr_trainer_open_logs(dr_trainer *t);
dr_status dr_trainer_log(dr_trainer *t, const drape_train_report *r);

/** Pictures of the model as it is now, of its average with --use_ema: OUTPUT/validation/step-N-K.png, and in the event
 *  file. None are made without a validation photo; a failure costs a message, not the run. */
void dr_trainer_validate(dr_trainer *t);

/** A look at the photos that are held out: loss and judged pictures go to the logs, to the callback, and into the
 * history that checkpoints keep; the best model is kept. Nothing where this step has been looked at. What fails costs a
 * message; a status is of the disk or of memory. */
dr_status dr_trainer_look(dr_trainer *t);
bool dr_trainer_looked(dr_trainer *t);
/** The step of the best model so far; -1 for none. */
int dr_trainer_best_step(dr_trainer *t);
/** Says where over-fitting began, and which is the best. */
void dr_trainer_tell_course(dr_trainer *t);
/** Writes OUTPUT/best-STEP of the model as it is now. */
dr_status dr_trainer_keep_best(dr_trainer *t);
/** Removes all of them but that of step `best`; after a checkpoint, which knows it. */
void dr_trainer_drop_others(dr_trainer *t, int best);
/** Says when the best of a run that goes on is not there any more. */
void dr_trainer_miss_best(dr_trainer *t, int best);

/** To the caller's message callback. */
void dr_trainer_say(const dr_trainer *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Writes the result: pipeline folder or adapters, and the contact sheet. */
dr_status dr_trainer_finish(dr_trainer *t);

/** The result's parts into an empty folder: what is trained, and copies of the rest unless it is a part alone. */
dr_status dr_trainer_write_parts(dr_trainer *t, const char *dir);
/** Whether the result is no whole pipeline but the self-attention (train/pairs.h). */
bool dr_trainer_part_alone(const dr_trainer *t);

/** "checkpoint-500" and the like under the output folder, into a buffer. */
dr_status dr_trainer_path(const dr_trainer *t, char *out, size_t n, const char *name);

#endif
