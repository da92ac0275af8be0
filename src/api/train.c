/* drape_train: the trainer, with try-on pictures of the model in training. The two do not know of each other below. */
#include "drape.h"

#include "base/file.h"
#include "base/path.h"
#include "base/progress.h"
#include "io/mask.h"
#include "pipeline/folder.h"
#include "train/dataset_lint.h"
#include "train/trainer.h"
#include "tryon/tryon.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void drape_train_defaults(drape_train_options *options)
{
    dr_train_options d = DR_TRAIN_DEFAULTS;
    *options = (drape_train_options){
        .resolution = d.resolution,
        .train_batch_size = d.train_batch_size,
        .gradient_accumulation_steps = d.gradient_accumulation_steps,
        .learning_rate = d.learning_rate,
        .lr_scheduler = d.lr_scheduler,
        .lr_warmup_steps = d.lr_warmup_steps,
        .lr_num_cycles = d.lr_num_cycles,
        .lr_power = d.lr_power,
        .num_train_epochs = d.num_train_epochs,
        .adam_beta1 = d.adam_beta1,
        .adam_beta2 = d.adam_beta2,
        .adam_weight_decay = d.adam_weight_decay,
        .adam_epsilon = d.adam_epsilon,
        .max_grad_norm = d.max_grad_norm,
        .num_class_images = d.num_class_images,
        .sample_batch_size = d.sample_batch_size,
        .prior_loss_weight = d.prior_loss_weight,
        .checkpointing_steps = d.checkpointing_steps,
        .mixed_precision = d.mixed_precision,
        .logging_dir = d.logging_dir,
        .mask_loss_weight = d.mask_loss_weight,
        .unmasked_loss_weight = d.unmasked_loss_weight,
        .validation_steps = d.validation_steps,
        .num_validation_images = d.num_validation_images,
    };
}

static dr_train_options internal_options(const drape_train_options *p)
{
    return (dr_train_options){
        .pretrained_model = p->pretrained_model_name_or_path,
        .output_dir = p->output_dir,
        .tokenizer_name = p->tokenizer_name,
        .instance_data_dir = p->instance_data_dir,
        .instance_masks_data_dir = p->instance_masks_data_dir,
        .instance_prompt = p->instance_prompt,
        .resolution = p->resolution,
        .center_crop = p->center_crop,
        .bucket = p->bucket,
        .flip = p->flip,
        .train_text_encoder = p->train_text_encoder,
        .train_batch_size = p->train_batch_size,
        .gradient_accumulation_steps = p->gradient_accumulation_steps,
        .gradient_checkpointing = p->gradient_checkpointing,
        .activation_memory = p->activation_memory,
        .use_8bit_adam = p->use_8bit_adam,
        .learning_rate = p->learning_rate,
        .lr_power = p->lr_power,
        .scale_lr = p->scale_lr,
        .lr_scheduler = p->lr_scheduler,
        .lr_warmup_steps = p->lr_warmup_steps,
        .lr_num_cycles = p->lr_num_cycles,
        .max_train_steps = p->max_train_steps,
        .num_train_epochs = p->num_train_epochs,
        .adam_beta1 = p->adam_beta1,
        .adam_beta2 = p->adam_beta2,
        .adam_weight_decay = p->adam_weight_decay,
        .adam_epsilon = p->adam_epsilon,
        .max_grad_norm = p->max_grad_norm,
        .with_prior_preservation = p->with_prior_preservation,
        .class_data_dir = p->class_data_dir,
        .class_prompt = p->class_prompt,
        .num_class_images = p->num_class_images,
        .sample_batch_size = p->sample_batch_size,
        .prior_loss_weight = p->prior_loss_weight,
        .checkpointing_steps = p->checkpointing_steps,
        .checkpoints_total_limit = p->checkpoints_total_limit,
        .resume_from_checkpoint = p->resume_from_checkpoint,
        .mixed_precision = p->mixed_precision,
        .seed = p->seed,
        .logging_dir = p->logging_dir,
        .lora_rank = p->lora_rank,
        .lora_alpha = p->lora_alpha,
        .mask_any_white = p->mask_any_white,
        .mask_loss_weight = p->mask_loss_weight,
        .unmasked_loss_weight = p->unmasked_loss_weight,
        .snr_gamma = p->snr_gamma,
        .noise_offset = p->noise_offset,
        .use_ema = p->use_ema,
        .validation_prompt = p->validation_prompt,
        .validation_image = p->validation_image,
        .validation_mask = p->validation_mask,
        .validation_steps = p->validation_steps,
        .num_validation_images = p->num_validation_images,
    };
}

/* --- pictures of the model in training ---------------------------------------------------------- */

typedef struct train_call {
    const drape_train_options *options;
    const char *what; /* for progress */
    int done, total;
} train_call;

static void picture_progress(void *user, dr_stage stage, int done, int total)
{
    const train_call *c = user;
    const drape_train_callbacks *cb = &c->options->callbacks;
    if (stage == DR_STAGE_DENOISE && cb->prepare)
        cb->prepare(cb->user, c->what, c->done * total + done, c->total * total);
}

static bool picture_cancel(void *user)
{
    const drape_train_callbacks *cb = &((const train_call *)user)->options->callbacks;
    return cb->cancel && cb->cancel(cb->user);
}

static dr_tryon_options picture_options(train_call *c, const dr_engine *e, const char *prompt, uint64_t seed)
{
    int steps = e->schedule.advised_steps; /* at most 25: a picture on the way need not be the finest */
    dr_tryon_options o = {.inpaint = {.prompt = prompt,
                                      .negative_prompt = "",
                                      .guidance_scale = e->schedule.advised_guidance,
                                      .seed = seed,
                                      .sampler = {.steps = steps < 25 ? steps : 25, .strength = 1},
                                      .cb = {.user = c, .progress = picture_progress, .cancel = picture_cancel}},
                          .padding = -1,
                          .mask_blur = -1,
                          .paste = true};
    if (dr_sampler_kind_of(&e->schedule, &o.inpaint.sampler.kind))
        o.inpaint.sampler.kind = DR_SAMPLER_DDIM;
    return o;
}

static dr_status write_pictures(train_call *c, dr_engine *e, const char *dir, int step)
{
    const drape_train_options *p = c->options;
    dr_image photo = {0}, mask = {0};
    dr_status st = dr_image_read(&photo, p->validation_image, 3);
    if (!st)
        st = dr_mask_load(&mask, p->validation_mask, photo.width, photo.height, p->validation_image, NULL);
    for (int i = 0; !st && i < p->num_validation_images; i++) {
        char path[PATH_MAX];
        dr_image out = {0};
        dr_tryon_options o =
            picture_options(c, e, p->validation_prompt ? p->validation_prompt : "", p->seed + (uint64_t)i);
        c->done = i;
        st = dr_tryon(e, &o, &photo, &mask, &out);
        if (!st)
            st = dr_path_format(path, sizeof path, dir, "step-%06d-%d.png", step, i + 1);
        if (!st)
            st = dr_image_write(&out, path, &(dr_image_write_options){0});
        dr_image_clear(&out);
    }
    dr_image_clear(&photo);
    dr_image_clear(&mask);
    return st;
}

/* An engine on the model that training started from, with the models in training in place of its own. */
static dr_status validate(void *user, dr_trainer *t, int step, const char *dir)
{
    train_call *c = user;
    dr_engine e;
    struct dr_text_model *text = dr_trainer_text(t);
    dr_status st = dr_engine_open(&e, dr_trainer_source(t), NULL, 0, dr_trainer_precision(t), true, NULL);
    if (st)
        return st;
    c->what = "validation pictures";
    c->total = c->options->num_validation_images;
    e.unet = *dr_trainer_unet(t);
    if (text)
        e.text = *text;
    st = write_pictures(c, &e, dir, step);
    e.unet = (dr_unet_model){0}; /* borrowed */
    if (text)
        e.text = (dr_text_model){0};
    dr_engine_close(&e);
    return st;
}

/* --- class images ------------------------------------------------------------------------------- */

/* A whole picture from the class prompt: all of a grey canvas is masked. */
static dr_status make_one(train_call *c, dr_engine *e, const dr_train_options *o, uint64_t seed, const char *path)
{
    dr_image canvas = {0}, mask = {0}, out = {0};
    dr_status st = dr_image_alloc(&canvas, o->resolution, o->resolution, 3);
    if (!st)
        st = dr_image_alloc(&mask, o->resolution, o->resolution, 1);
    if (!st) {
        size_t pixels = (size_t)o->resolution * (size_t)o->resolution;
        memset(canvas.data, 128, 3 * pixels);
        memset(mask.data, 255, pixels);
        dr_tryon_options to = picture_options(c, e, o->class_prompt, seed);
        to.whole = true;
        to.paste = false;
        to.inpaint.width = to.inpaint.height = o->resolution;
        st = dr_tryon(e, &to, &canvas, &mask, &out);
    }
    if (!st)
        st = dr_image_write(&out, path, &(dr_image_write_options){0});
    dr_image_clear(&canvas);
    dr_image_clear(&mask);
    dr_image_clear(&out);
    return st;
}

static dr_status make_class_images(void *user, const dr_trainer *t, const dr_train_options *o, int missing)
{
    train_call *c = user;
    dr_engine e;
    dr_status st = dr_engine_open(&e, dr_trainer_source(t), NULL, 0, DR_PRECISION_EXACT, true, NULL);
    if (st)
        return st;
    c->what = "class images";
    c->total = missing;
    for (int i = 0, n = 0; !st && i < missing; n++) {
        char path[PATH_MAX];
        st = dr_path_format(path, sizeof path, o->class_data_dir, "class-%05d.png", n);
        if (st || dr_exists(path))
            continue;
        c->done = i++;
        st = make_one(c, &e, o, o->seed + 1000 + (uint64_t)n, path);
    }
    dr_engine_close(&e);
    return st;
}

/* --- the call ----------------------------------------------------------------------------------- */

static void on_prepare(void *user, const char *what, int done, int total)
{
    const drape_train_callbacks *cb = &((const train_call *)user)->options->callbacks;
    if (cb->prepare)
        cb->prepare(cb->user, what, done, total);
}

static void on_step(void *user, const dr_train_report *r)
{
    const drape_train_callbacks *cb = &((const train_call *)user)->options->callbacks;
    drape_train_report report = {r->step,          r->steps,         r->loss,    r->smooth_loss,
                                 r->learning_rate, r->gradient_norm, r->seconds, r->memory};
    if (cb->step)
        cb->step(cb->user, &report);
}

static void on_message(void *user, const char *text)
{
    const drape_train_callbacks *cb = &((const train_call *)user)->options->callbacks;
    if (cb->message)
        cb->message(cb->user, text);
}

/* Found out now, not after the first hundred steps. */
static dr_status check_validation(const drape_train_options *p)
{
    dr_image photo = {0}, mask = {0};
    if (!p->validation_image || !p->validation_mask)
        return DR_OK;
    dr_status st = dr_image_read(&photo, p->validation_image, 3);
    if (!st)
        st = dr_mask_load(&mask, p->validation_mask, photo.width, photo.height, p->validation_image, NULL);
    dr_image_clear(&photo);
    dr_image_clear(&mask);
    return st;
}

drape_status drape_train(const drape_train_options *options)
{
    train_call call = {.options = options};
    dr_train_options o = internal_options(options);
    dr_train_callbacks cb = {&call, on_prepare, on_step, on_message, picture_cancel, validate, make_class_images};
    dr_status st = check_validation(options);
    return (drape_status)(st ? st : dr_train(&o, &cb));
}

/* --- before a training -------------------------------------------------------------------------- */

drape_status drape_train_lint(const char *photo, const char *mask, int resolution, char *faults, size_t faults_size,
                              char *doubts, size_t doubts_size)
{
    dr_example e = {.image = strdup(photo), .mask = strdup(mask)};
    dr_findings wrong, odd;
    if (faults_size)
        faults[0] = 0;
    if (doubts_size)
        doubts[0] = 0;
    dr_findings_init(&wrong, faults, faults_size);
    dr_findings_init(&odd, doubts, doubts_size);
    dr_status st = e.image && e.mask ? dr_lint_example(&e, &wrong, &odd) : dr_fail(DR_ENOMEM, "out of memory");
    if (!st && resolution > 0 && !wrong.count)
        dr_dataset_check_resolution(&(dr_dataset){&e, 1}, resolution, doubts, doubts_size);
    free(e.image);
    free(e.mask);
    return (drape_status)st;
}

drape_status drape_train_estimate(const drape_train_options *options, drape_train_need *out, char *text, size_t size)
{
    dr_train_options o = internal_options(options);
    *out = (drape_train_need){.available = dr_mem_available()};
    return (drape_status)dr_train_need(&o, out->available, &out->memory, text, size);
}
