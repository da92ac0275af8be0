/* What all trainings share: the parts of models whose parameters one optimizer moves, their gradients, moments, and
 * average.
 *
 *     dr_training_begin(t, tape, rate);             gradients at zero
 *     dr_backward(tape, loss, 1), ...               once or more: they add up
 *     dr_training_end(t, tape, &norm);              complete: clipped, applied, averaged
 *
 * With several ranks (learn/ranks.h) gradients are those of all: dr_training_last() comes before the forward of a
 * step's last backward, so that they travel while that runs. Each rank has its share of moments and average; the
 * functions below are then called on all ranks.
 *
 * Two sets of parameters with an optimizer each, a generator and a critic, are two of these; learn/checkpoint.h keeps
 * them together. */
#ifndef DR_LEARN_TRAINING_H
#define DR_LEARN_TRAINING_H

#include "learn/ema.h"
#include "learn/gradients.h"
#include "learn/optimizer.h"
#include "pipeline/source.h"

#define DR_TRAINING_PARTS 4

/* One table of parameters, and how a checkpoint has its weights: FOLDER/FILE, f32. */
typedef struct dr_part {
    dr_params *params;
    const char *prefix;            /* in front of its names in the files of moments and averages, where parts may have
                                      equal ones: "unet." */
    const char *folder, *file;     /* "unet", or ""; "diffusion_pytorch_model.safetensors" */
    const char *file_prefix;       /* in front of the names in that file: "text_model."; NULL: none */
    const dr_weights_rules *rules; /* to read it; NULL where the tenant does */
    const dr_source *config_from;  /* whose part FOLDER has the configs that go with the weights; or NULL */
    /* another way to write the file; NULL: dr_weights_save() */
    dr_status (*save)(const void *owner, const char *path);
    const void *owner;
} dr_part;

typedef struct dr_training_options {
    dr_adamw_options adamw;
    double max_norm; /* gradients are clipped to it; 0: not */
    bool average;
    double ema_decay;  /* its limit */
    bool as_they_come; /* gradients are used block by block in the backward, and never there all at once: one backward
                          a step, with checkpointing, no clipping */
    const char *rate_flag; /* what lowers the rate, in messages: "--lr" */
    dr_ranks *ranks;       /* that train together; NULL: alone. Not with gradients that are used as they come */
    bool bf16_wire;        /* gradients travel as bf16 */
} dr_training_options;

typedef struct dr_training {
    dr_part part[DR_TRAINING_PARTS];
    int parts;
    const char *folder; /* of its moments and average in a checkpoint; NULL: none */
    dr_training_options o;
    dr_gradients gradients;
    const char **prefix; /* [gradients.count] */
    dr_adamw adamw;      /* adamw.step: the updates so far */
    dr_ema ema;
    double rate;           /* of the step at hand */
    dr_exchange *exchange; /* NULL: alone */
} dr_training;

/** The parts' weights from their folders in `from`, or random where that is NULL; trainable. */
dr_status dr_training_weights(dr_training *t, const char *from, uint64_t seed);
/** Gradients, moments and average for all parameters of the parts: at zero, the average at their values. */
dr_status dr_training_init(dr_training *t, const dr_training_options *o);
/** All but the parameters, which are the caller's and must still be there. Safe on a zeroed struct. */
void dr_training_clear(dr_training *t);

/** Before a step's backward on tape g. */
void dr_training_begin(dr_training *t, dr_tape *g, double rate);
/** Before the forward whose backward is the step's last on this rank; none need be. */
void dr_training_last(dr_training *t, dr_tape *g);
/**
 * Applies what the step's backwards gave.
 *
 * @param norm  of all gradients before clipping; NaN where they are used as they come
 * @return DR_EINVAL when they are not numbers: nothing is applied
 */
dr_status dr_training_end(dr_training *t, dr_tape *g, double *norm);

/** DR_EINVAL, naming the step and what lowers the rate, when `value` is not a number. `what` is "the loss". */
dr_status dr_training_check(const dr_training *t, const char *what, double value);

/** Exchanges the parameters' values and the average's, if there is one; a second call brings them back. Fails only
 *  with several ranks. */
dr_status dr_training_swap(dr_training *t);

/** Moments and average into, and from, a checkpoint's folder; rank 0 writes. Reading takes the number of updates along.
 */
dr_status dr_training_save_moments(const dr_training *t, const char *dir);
dr_status dr_training_load_moments(dr_training *t, const char *dir, int64_t updates);
/** The parts' weights into a checkpoint's folder. */
dr_status dr_training_save_weights(const dr_training *t, const char *dir);

#endif
