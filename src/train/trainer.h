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
#include "drape.h"
#include "ops/ops.h"

#include <stddef.h>
#include <stdint.h>

typedef struct dr_trainer dr_trainer;

struct dr_dataset;
struct dr_image;

/* A picture that was made of photo number i; all is borrowed for the call. */
typedef dr_status dr_train_dressed(void *user, int i, const struct dr_image *photo, const struct dr_image *mask,
                                   const struct dr_image *result);

/* What the trainer cannot make by itself: it does not see try-on. Each may be NULL. */
typedef struct dr_train_pictures {
    void *user;
    /** Makes validation pictures with the weights as they are (see dr_trainer_unet), step-NNNNNN-K.png in `dir`, K from
     * 1 to num_validation_images. Without it there are none. */
    dr_status (*validate)(void *user, dr_trainer *t, int step, const char *dir);
    /** Dresses the first `count` photos, each in its own mask and prompt with the weights as they are, with the same
     * seeds each time. Without it photos that are held out are not judged. */
    dr_status (*dress)(void *user, dr_trainer *t, const struct dr_dataset *photos, int count, dr_train_dressed *each,
                       void *each_user);
    /** Writes `missing` class images into the class folder. Without it they must be there. */
    dr_status (*make_class_images)(void *user, const dr_trainer *t, const drape_train_options *o, int missing);
} dr_train_pictures;

/** One sentence about the first option that cannot be, or DR_OK. */
dr_status dr_train_check(const drape_train_options *o);

/** What a run with these options needs at its peak, in bytes, and one sentence about it. DR_ENOMEM when that is more
 * than `available` (0: not known); *total is set all the same. */
dr_status dr_train_need(const drape_train_options *o, uint64_t available, uint64_t *total, char *text, size_t size);

/** The whole job. What is there is a pipeline folder (or a LoRA file) in o->output_dir. */
dr_status dr_train(const drape_train_options *o, const dr_train_pictures *pictures);

/** The models in training, for validation pictures; borrowed. The text model is NULL when it is not in memory. */
struct dr_unet_model;
struct dr_text_model;
struct dr_unet_model *dr_trainer_unet(dr_trainer *t);
struct dr_text_model *dr_trainer_text(dr_trainer *t);
/** Where the training starts from; borrowed. */
const struct dr_source *dr_trainer_source(const dr_trainer *t);
/** Who trains together; NULL: alone. */
struct dr_ranks;
struct dr_ranks *dr_trainer_ranks(const dr_trainer *t);
/** Whether picture number i is made here: pictures are shared out over ranks. */
bool dr_trainer_makes(const dr_trainer *t, int i);
/**
 * Picture number i for rank 0, who gets it there if another one made it. On all ranks, in the order of numbers.
 *
 * @param made  whether that went well where it was made
 */
dr_status dr_trainer_bring(const dr_trainer *t, int i, dr_status made, struct dr_image *picture);

/** Whether it learns from pairs, and the size of their pictures, which may be NULL. */
bool dr_trainer_pair_size(const dr_trainer *t, int *width, int *height);
/** In which they are trained. */
dr_precision dr_trainer_precision(const dr_trainer *t);

#endif
