/* Which options go with pairs, and which do not. */
#include "train/pairs_options.h"

#include "options/options.h"
#include "pipeline/garment_attention.h"

#include <string.h>

static bool is_text(const char *s)
{
    return s && s[0];
}

/* What there is no use for without a text, or with pictures that are cut in one way. */
static dr_status check_useless(const drape_train_options *o)
{
    const struct {
        bool given;
        const char *flag, *why;
    } all[] = {
        {is_text(o->instance_data_dir), "instance_data_dir", "the photos are those of --garment_pairs"},
        {is_text(o->instance_masks_data_dir), "instance_masks_data_dir", "the masks are those of --garment_pairs"},
        {is_text(o->instance_prompt), "instance_prompt", "the model is shown no text"},
        {is_text(o->validation_prompt), "validation_prompt", "the model is shown no text"},
        {is_text(o->tokenizer_name), "tokenizer_name", "the model is shown no text"},
        {o->train_text_encoder, "train_text_encoder", "the model is shown no text"},
        {o->with_prior_preservation, "with_prior_preservation", "there is no class of garments to be preserved"},
        {is_text(o->class_data_dir), "class_data_dir", "there is no class of garments to be preserved"},
        {is_text(o->class_prompt), "class_prompt", "there is no class of garments to be preserved"},
        {o->center_crop, "center_crop", "pictures are always cut in the middle"},
        {o->bucket, "bucket", "all pictures are brought to one size, --width and --height"},
        {o->resolution != dr_train_defaults.resolution, "resolution", "pictures have --width and --height"},
        {o->save_single_file, "save_single_file", "single files have no place for a model of garment photos"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].given)
            return dr_fail(DR_EINVAL, "--%s is not for --garment_pairs: %s", all[i].flag, all[i].why);
    return DR_OK;
}

static dr_status check_alone(const drape_train_options *o)
{
    const drape_train_options *def = &dr_train_defaults;
    const struct {
        bool given;
        const char *flag;
    } all[] = {
        {o->width || o->height, o->width ? "width" : "height"},
        {strcmp(o->train_layers, def->train_layers) != 0, "train_layers"},
        {is_text(o->attention), "attention"},
        {o->garment_dropout != def->garment_dropout, "garment_dropout"},
        {is_text(o->validation_garment), "validation_garment"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].given)
            return dr_fail(DR_EINVAL, "--%s is for training on --garment_pairs, which are not given", all[i].flag);
    return DR_OK;
}

static dr_status check_validation(const drape_train_options *o)
{
    bool image = is_text(o->validation_image), mask = is_text(o->validation_mask);
    bool garment = is_text(o->validation_garment);
    if (image == mask && mask == garment)
        return DR_OK;
    return dr_fail(DR_EINVAL, "validation on pairs needs --validation_image, --validation_mask and "
                              "--validation_garment");
}

dr_status dr_garment_pairs_check(const drape_train_options *o)
{
    if (!is_text(o->garment_pairs))
        return check_alone(o);
    dr_status st = check_useless(o);
    if (!st && !o->width != !o->height)
        st = dr_fail(DR_EINVAL, "--%s is missing: width and height are given together", o->width ? "height" : "width");
    if (!st && o->lora_rank && strcmp(o->train_layers, "all") == 0)
        st = dr_fail(DR_EINVAL, "--lora_rank puts adapters on the self-attention: leave out --train_layers all");
    return st ? st : check_validation(o);
}

dr_status dr_garment_pairs_settle(drape_train_options *o)
{
    dr_garment_attention a;
    o->garment_pairs = is_text(o->garment_pairs) ? o->garment_pairs : NULL;
    o->attention = is_text(o->attention) ? o->attention : NULL;
    o->validation_garment = is_text(o->validation_garment) ? o->validation_garment : NULL;
    if (!o->garment_pairs || o->width)
        return DR_OK;
    o->width = 384;
    o->height = 512;
    dr_status st = o->attention ? dr_garment_attention_open(&a, o->attention) : DR_OK;
    if (st || !o->attention)
        return st;
    if (a.width && a.height) {
        o->width = a.width;
        o->height = a.height;
    }
    dr_garment_attention_close(&a);
    return DR_OK;
}

bool dr_garment_pairs_unused(const char *name)
{
    return strstr(name, ".attn2.to_") != NULL;
}

bool dr_garment_pairs_learns(const drape_train_options *o, const char *name)
{
    if (strcmp(o->train_layers, "all") == 0)
        return !dr_garment_pairs_unused(name);
    return strstr(name, ".attn1.to_") != NULL;
}
