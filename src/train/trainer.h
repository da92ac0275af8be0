/* DreamBooth fine-tuning of an inpainting model on photos of one garment.
 *
 * Ruiz et al. 2022, arXiv:2208.12242; as diffusers' train_dreambooth_inpaint.py, with the user's own masks in place of
 * random ones. Per step and photo:
 *
 *   latents = draw(VAE(photo)), masked = draw(VAE(photo with the garment greyed out)), t uniform, noise normal
 *   predict noise (or v) from [noisy latents, mask, masked latents] and the prompt; mean squared error; AdamW */
#ifndef DR_TRAIN_TRAINER_H
#define DR_TRAIN_TRAINER_H

#include "base/status.h"
#include "ops/ops.h"
#include "train/options.h"

#include <stddef.h>
#include <stdint.h>

typedef struct dr_trainer dr_trainer;

typedef struct dr_train_report {
    int step, steps;    /* step counts from 1 */
    double loss;        /* mean over the step's micro batches */
    double smooth_loss; /* exponential average, about 50 steps */
    double learning_rate;
    double gradient_norm;      /* before clipping; NaN where gradients are applied as they come */
    double seconds;            /* of this step */
    unsigned long long memory; /* resident bytes */
} dr_train_report;

typedef struct dr_train_callbacks {
    void *user;
    /** Work before the first step: "encoding photos". */
    void (*prepare)(void *user, const char *what, int done, int total);
    void (*step)(void *user, const dr_train_report *r);
    /** Warnings and notes, one or more lines. */
    void (*message)(void *user, const char *text);
    /** Asked often; true finishes the step, writes a checkpoint, and returns DR_ECANCELLED. */
    bool (*cancelled)(void *user);
    /** Makes validation pictures with the weights as they are (see dr_trainer_unet), step-NNNNNN-K.png in `dir`, K from
     * 1 to num_validation_images. May be NULL. */
    dr_status (*validate)(void *user, dr_trainer *t, int step, const char *dir);
    /** Writes `missing` class images into the class folder. May be NULL: then they must be there. */
    dr_status (*make_class_images)(void *user, const dr_trainer *t, const dr_train_options *o, int missing);
} dr_train_callbacks;

/** One sentence about the first option that cannot be, or DR_OK. */
dr_status dr_train_check(const dr_train_options *o);

/** What a run with these options needs at its peak, in bytes, and one sentence about it. DR_ENOMEM when that is more
 * than `available` (0: not known); *total is set all the same. */
dr_status dr_train_need(const dr_train_options *o, uint64_t available, uint64_t *total, char *text, size_t size);

/** The whole job. What is there is a pipeline folder (or a LoRA file) in o->output_dir. */
dr_status dr_train(const dr_train_options *o, const dr_train_callbacks *cb);

/** The models in training, for validation pictures; borrowed. The text model is NULL when it is not in memory. */
struct dr_unet_model;
struct dr_text_model;
struct dr_unet_model *dr_trainer_unet(dr_trainer *t);
struct dr_text_model *dr_trainer_text(dr_trainer *t);
/** Where the training starts from; borrowed. */
const struct dr_source *dr_trainer_source(const dr_trainer *t);
/** In which they are trained. */
dr_precision dr_trainer_precision(const dr_trainer *t);

#endif
