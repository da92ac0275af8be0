/* Options that cannot be, said before anything is read. */
#include "train/trainer.h"

#include "base/file.h"
#include "learn/lr.h"
#include "ops/ops.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

typedef struct bound {
    const char *flag;
    double value, min, max;
} bound;

static dr_status check_bounds(const dr_train_options *o)
{
    const bound bounds[] = {
        {"resolution", o->resolution, 8, 4096},
        {"train_batch_size", o->train_batch_size, 1, 1024},
        {"gradient_accumulation_steps", o->gradient_accumulation_steps, 1, 4096},
        {"learning_rate", o->learning_rate, 0, 1},
        {"max_train_steps", o->max_train_steps, 0, 10000000},
        {"num_train_epochs", o->num_train_epochs, 1, 1000000},
        {"lr_warmup_steps", o->lr_warmup_steps, 0, 10000000},
        {"adam_beta1", o->adam_beta1, 0, 0.9999999},
        {"adam_beta2", o->adam_beta2, 0, 0.9999999},
        {"adam_epsilon", o->adam_epsilon, 1e-30, 1},
        {"adam_weight_decay", o->adam_weight_decay, 0, 100},
        {"max_grad_norm", o->max_grad_norm, 0, 1e9},
        {"checkpointing_steps", o->checkpointing_steps, 1, 10000000},
        {"checkpoints_total_limit", o->checkpoints_total_limit, 0, 1000000},
        {"lora_rank", o->lora_rank, 0, 1024},
        {"lora_alpha", o->lora_alpha, 0, 1e6},
        {"snr_gamma", o->snr_gamma, 0, 1e6},
        {"noise_offset", o->noise_offset, 0, 10},
        {"prior_loss_weight", o->prior_loss_weight, 0, 1e6},
        {"num_class_images", o->num_class_images, 1, 100000},
        {"mask_loss_weight", o->mask_loss_weight, 0, 1e6},
        {"unmasked_loss_weight", o->unmasked_loss_weight, 0, 1e6},
        {"num_validation_images", o->num_validation_images, 1, 64},
    };
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        if (!(bounds[i].value >= bounds[i].min && bounds[i].value <= bounds[i].max))
            return dr_fail(DR_EINVAL, "--%s is %g, must be %g to %g", bounds[i].flag, bounds[i].value, bounds[i].min,
                           bounds[i].max);
    return DR_OK;
}

static dr_status check_precision(const char *name)
{
    if (strcmp(name, "no") == 0)
        return DR_OK;
    if (strcmp(name, "fp16") == 0)
        return dr_fail(DR_EUNSUPPORTED, "--mixed_precision fp16 is for GPUs: CPUs have no fast f16 products; use bf16 "
                                        "where the CPU has it, or no");
    if (strcmp(name, "bf16") != 0)
        return dr_fail(DR_EINVAL, "--mixed_precision is '%s', must be no or bf16", name);
    if (!dr_ops_has_bf16())
        return dr_fail(DR_EUNSUPPORTED,
                       "--mixed_precision bf16: this CPU has no bf16 products (AVX512_BF16); leave the "
                       "flag out");
    return DR_OK;
}

static dr_status check_folders(const dr_train_options *o)
{
    const struct {
        const char *flag, *dir;
    } folders[] = {{"pretrained_model_name_or_path", o->pretrained_model},
                   {"instance_data_dir", o->instance_data_dir},
                   {"instance_masks_data_dir", o->instance_masks_data_dir}};
    for (size_t i = 0; i < 3; i++) {
        if (!folders[i].dir || !folders[i].dir[0])
            return dr_fail(DR_EINVAL, "--%s is missing", folders[i].flag);
        if (!dr_is_dir(folders[i].dir))
            return dr_fail(DR_ENOENT, "--%s: there is no folder '%s'%s", folders[i].flag, folders[i].dir,
                           i == 0 ? "; get a model with 'drape pull' first" : "");
    }
    if (!o->output_dir || !o->output_dir[0])
        return dr_fail(DR_EINVAL, "--output_dir is missing");
    return DR_OK;
}

/* Results over the model or among the photos would spoil what the run, or the next one, starts from. */
static dr_status check_output(const dr_train_options *o)
{
    const char *const taken[] = {o->pretrained_model, o->instance_data_dir, o->instance_masks_data_dir,
                                 o->with_prior_preservation ? o->class_data_dir : NULL};
    struct stat out, other;
    if (stat(o->output_dir, &out) != 0)
        return DR_OK;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (taken[i] && stat(taken[i], &other) == 0 && out.st_dev == other.st_dev && out.st_ino == other.st_ino)
            return dr_fail(DR_EINVAL, "--output_dir '%s' is also the folder '%s' that is read: choose another one",
                           o->output_dir, taken[i]);
    return DR_OK;
}

dr_status dr_train_check(const dr_train_options *o)
{
    dr_status st = check_folders(o);
    if (!st)
        st = check_output(o);
    if (!st)
        st = check_bounds(o);
    if (!st)
        st = dr_lr_check(o->lr_scheduler);
    if (!st)
        st = check_precision(o->mixed_precision);
    if (!st && o->with_prior_preservation && (!o->class_data_dir || !o->class_prompt))
        st = dr_fail(DR_EINVAL, "--with_prior_preservation needs --class_data_dir and --class_prompt");
    bool some = o->validation_prompt || o->validation_image || o->validation_mask;
    if (!st && some && !(o->validation_image && o->validation_mask))
        st = dr_fail(DR_EINVAL, "validation needs --validation_image and --validation_mask (and --validation_prompt)");
    if (!st && o->use_ema && o->lora_rank)
        st = dr_fail(DR_EINVAL, "--use_ema averages whole weights: leave it out with --lora_rank");
    return st;
}
