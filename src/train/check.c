/* Options that cannot be, said before anything is read. */
#include "train/pairs_options.h"
#include "train/trainer.h"

#include "base/file.h"
#include "ops/ops.h"
#include "options/options.h"
#include "train/holdout.h"

#include <string.h>
#include <sys/stat.h>

static dr_status check_precision(const char *name)
{
    if (strcmp(name, "fp16") == 0)
        return dr_fail(DR_EUNSUPPORTED, "--mixed_precision fp16 is for GPUs: CPUs have no fast f16 products; use bf16 "
                                        "where the CPU has it, or no");
    if (strcmp(name, "bf16") == 0 && !dr_ops_has_bf16())
        return dr_fail(DR_EUNSUPPORTED,
                       "--mixed_precision bf16: this CPU has no bf16 products (AVX512_BF16); leave the "
                       "flag out");
    return DR_OK;
}

static dr_status check_folders(const drape_train_options *o)
{
    const struct {
        const char *flag, *dir; /* NULL: not asked for */
    } folders[] = {{"pretrained_model_name_or_path", o->pretrained_model_name_or_path},
                   {"instance_data_dir", o->instance_data_dir},
                   {"instance_masks_data_dir", o->instance_masks_data_dir},
                   {"garment_pairs", o->garment_pairs}};
    for (size_t i = 0; i < 4; i++)
        if (folders[i].dir && !dr_is_dir(folders[i].dir) && !(i == 0 && dr_is_file(folders[i].dir)))
            return dr_fail(DR_ENOENT, "--%s: there is no folder '%s'%s", folders[i].flag, folders[i].dir,
                           i == 0 ? "; get a model with 'drape pull' first" : "");
    return DR_OK;
}

/* Results over the model or among the photos would spoil what the run, or the next one, starts from. */
static dr_status check_output(const drape_train_options *o)
{
    const char *const taken[] = {o->pretrained_model_name_or_path,
                                 o->instance_data_dir,
                                 o->instance_masks_data_dir,
                                 o->garment_pairs,
                                 o->vae,
                                 o->with_prior_preservation ? o->class_data_dir : NULL,
                                 o->validation_data};
    struct stat out, other;
    if (stat(o->output_dir, &out) != 0)
        return DR_OK;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (taken[i] && stat(taken[i], &other) == 0 && out.st_dev == other.st_dev && out.st_ino == other.st_ino)
            return dr_fail(DR_EINVAL, "--output_dir '%s' is also the folder '%s' that is read: choose another one",
                           o->output_dir, taken[i]);
    return DR_OK;
}

dr_status dr_train_check(const drape_train_options *o)
{
    dr_status st = dr_options_check(dr_train_table, o, "--");
    if (!st)
        st = dr_garment_pairs_check(o);
    if (!st)
        st = check_folders(o);
    if (!st)
        st = check_output(o);
    if (!st)
        st = check_precision(o->mixed_precision);
    if (!st && o->with_prior_preservation && (!o->class_data_dir || !o->class_prompt))
        st = dr_fail(DR_EINVAL, "--with_prior_preservation needs --class_data_dir and --class_prompt");
    bool some = o->validation_prompt || o->validation_image || o->validation_mask;
    if (!st && some && !(o->validation_image && o->validation_mask))
        st = dr_fail(DR_EINVAL, "validation needs --validation_image and --validation_mask (and --validation_prompt)");
    if (!st)
        st = dr_holdout_check(o);
    if (!st && o->use_ema && o->lora_rank)
        st = dr_fail(DR_EINVAL, "--use_ema averages whole weights: leave it out with --lora_rank");
    return st;
}
