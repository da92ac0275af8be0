/* Checkpoints: folders checkpoint-STEP in a training's output, complete or absent.
 *
 *   state.json                                       step, updates of each optimizer, what the run's course depends on
 *   [PART/]NAME.safetensors                          f32 weights
 *   [TRAINING/]{optimizer,ema}.safetensors           moments and average
 *
 * Written into a temporary folder, synced, renamed. As all that is drawn depends on the seed and the step
 * (learn/draw.h), this is all the state there is: a resumed run goes on bit for bit. */
#ifndef DR_LEARN_CHECKPOINT_H
#define DR_LEARN_CHECKPOINT_H

#include "base/json.h"
#include "learn/training.h"

#define DR_CHECKPOINT_TRAININGS 2

typedef struct dr_checkpoint {
    const char *output;                             /* the folder that they lie in */
    dr_training *training[DR_CHECKPOINT_TRAININGS]; /* two have different folders */
    int trainings;
    int keep;    /* how many of the newest stay; 0: all */
    int format;  /* raised when a tenant cannot go on from what it wrote before; files without one are of 1 */
    json_t *run; /* what must not change when a run is resumed; owned */
    json_t *own; /* what else the tenant keeps, by name; there again after dr_checkpoint_read(); owned, may be NULL */
    int step;    /* done */

    char at[4096];                            /* the checkpoint that was resumed from, or written last; "" */
    int at_step;                              /* its step */
    int64_t updates[DR_CHECKPOINT_TRAININGS]; /* of each training, as it has them */
} dr_checkpoint;

/** Which checkpoint to resume from: `name` "latest" is the one of the highest step (DR_ENOENT when there is none), else
 *  a folder, in the output folder or a path. Into c->at, which is "" after a failure. */
dr_status dr_checkpoint_find(dr_checkpoint *c, const char *name);
/** Its state.json: sets `step` and `own`. DR_EINVAL for one that is damaged, of another format, or of a run that
 * differs in `run`: the message names both values. */
dr_status dr_checkpoint_read(dr_checkpoint *c);
/** dr_training_weights(): from c->at when a checkpoint was read, else from `init`. */
dr_status dr_checkpoint_weights(const dr_checkpoint *c, dr_training *t, const char *init, uint64_t seed);
/** Moments and average of one of the trainings from c->at; nothing when no checkpoint was read. */
dr_status dr_checkpoint_moments(const dr_checkpoint *c, dr_training *t);
/** DR_EINVAL, with both values, when a key of `now` was another in `was`, which c->at has. */
dr_status dr_checkpoint_compare(const dr_checkpoint *c, const json_t *was, const json_t *now);

/** For programs with a flag --resume: removes what a kill left, then with `resume` finds the newest and reads it
 * (DR_ENOENT without one), else makes sure that there is none (DR_EINVAL). */
dr_status dr_checkpoint_start(dr_checkpoint *c, bool resume);

/** Writes checkpoint-<step>, in place of one that another course of the run left there; then the oldest go, beyond
 * `keep`. Nothing if c->at is of this step already. */
dr_status dr_checkpoint_save(dr_checkpoint *c);
/** Safe on a zeroed struct. The trainings are the caller's. */
void dr_checkpoint_clear(dr_checkpoint *c);

/** Removes what a killed run left half written in the output folder: "checkpoint-N.tmp-XXXXXX", and the same of the
 * names in `also`, which ends with NULL and may be NULL. */
void dr_checkpoint_sweep(const char *output, const char *const *also);

/** Says around the message of `st` which checkpoint is no good, and which one there is before it. For what a tenant
 * reads of c->at by itself. Returns `st`; DR_OK and failures that are not the files' stay as they are. */
dr_status dr_checkpoint_blame(const dr_checkpoint *c, dr_status st);

#endif
