/* What a run depends on, and its result: a diffusers pipeline folder. */
#include "mini/unet_run.h"

#include "base/file.h"
#include "base/path.h"
#include "pipeline/folder.h"
#include "pipeline/garment_attention.h"
#include "train/distilled.h"

#include <limits.h>
#include <stdio.h>

json_t *unet_fingerprint(const unet_options *o)
{
    return json_pack("{s:I, s:i, s:i, s:i, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:s, s:i, s:i, s:f, s:b, s:f, s:f, "
                     "s:b, s:i, s:i}",
                     "seed", (json_int_t)o->seed, "photo_limit", o->photo_limit, "batch", o->batch, "fresh", o->fresh,
                     "pool", o->pool, "warmup", o->warmup, "lr", o->lr, "weight_decay", o->weight_decay, "max_norm",
                     o->max_norm, "ema_decay", o->ema_decay, "outside_weight", o->outside_weight, "no_caption",
                     o->no_caption, "arch", o->arch, "walks", o->walks, "walk_steps", o->walk_steps, "walk_weight",
                     o->walk_weight, "freeze_text", o->freeze_text, "pull", o->adversary.pull, "critic_features",
                     o->adversary.features, "garments", o->garments != NULL, "size", o->size, "walk_patch",
                     o->walk_patch);
}

static dr_status write_part(const dr_params *p, const char *dir, const char *part, const char *file, const char *prefix)
{
    char path[PATH_MAX];
    dr_status st = dr_path(path, sizeof path, dir, part, file);
    return st ? st : dr_weights_save(p, path, DR_F16, prefix, 0);
}

/* The UNet that this one began as, for whoever teaches the model more: train/distilled.h. */
static dr_status write_base(const unet_run *r, const char *dir)
{
    char made[PATH_MAX], unet[PATH_MAX], base[PATH_MAX];
    dr_status st = dr_path(made, sizeof made, dir, "base.new");
    if (!st)
        st = dr_path(unet, sizeof unet, made, "unet");
    if (!st)
        st = dr_path(base, sizeof base, dir, DR_UNET_BASE);
    if (!st)
        st = dr_mkdirs(made);
    if (!st)
        st = dr_folder_copy(r->o->init, made, "unet", true);
    if (!st && rename(unet, base) != 0)
        st = dr_fail(DR_EIO, "cannot write '%s'", base);
    return st ? st : dr_remove_tree(made);
}

/* A net that dresses from a garment's photo has nobody to read words. */
static dr_status drop_words(const char *dir)
{
    static const char *const parts[] = {"text_encoder", "tokenizer"};
    char path[PATH_MAX];
    json_t *index = NULL;
    dr_status st = DR_OK;
    for (int i = 0; !st && i < 2; i++) {
        st = dr_path(path, sizeof path, dir, parts[i]);
        if (!st)
            st = dr_remove_tree(path);
    }
    if (!st)
        st = dr_path(path, sizeof path, dir, "model_index.json");
    if (!st)
        st = dr_json_load(path, &index);
    for (int i = 0; !st && i < 2; i++)
        if (json_object_set_new(index, parts[i], json_pack("[n, n]")) != 0)
            st = dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = dr_json_save(path, index);
    json_decref(index);
    return st;
}

/* As attention weights that were trained on another model lie beside it: they make try-on dress from a photo. */
static dr_status write_attention(unet_run *r, const char *dir)
{
    char path[PATH_MAX];
    dr_status st = dr_path(path, sizeof path, dir, "attention");
    if (!st)
        st = dr_mkdirs(path);
    if (!st)
        st = dr_path(path, sizeof path, dir, "attention", "model.safetensors");
    return st ? st : dr_garment_attention_save(&r->unet, path, MINI_SIZE, MINI_SIZE);
}

static dr_status write_models(unet_run *r, const char *dir)
{
    char from[PATH_MAX], vae[PATH_MAX];
    dr_status st = write_part(&r->unet_params, dir, "unet", "diffusion_pytorch_model.safetensors", "");
    if (!st)
        st = r->o->garments ? drop_words(dir)
                            : write_part(&r->text_params, dir, "text_encoder", "model.safetensors", "text_model.");
    if (!st && r->o->garments)
        st = write_attention(r, dir);
    if (!st)
        st = dr_path(vae, sizeof vae, dir, "vae");
    if (!st)
        st = dr_remove_tree(vae);
    if (!st)
        st = dr_path(from, sizeof from, r->o->vae);
    if (!st)
        st = dr_folder_copy(from, dir, "vae", true);
    return st || !r->o->keep_base ? st : write_base(r, dir);
}

dr_status unet_result_write(unet_run *r)
{
    char dir[PATH_MAX], made[PATH_MAX];
    dr_init_options init = DR_INIT_DEFAULTS;
    init.arch = r->o->arch;
    init.dtype = DR_F16;
    dr_status st = dr_path(dir, sizeof dir, r->o->output, "model");
    if (!st)
        st = dr_path(made, sizeof made, r->o->output, "model.new");
    if (st)
        return st;
    (void)dr_remove_tree(made); /* of a run that was killed here */
    st = dr_pipeline_init_folder(made, &init);
    dr_training_swap(&r->t);
    if (!st)
        st = write_models(r, made);
    dr_training_swap(&r->t);
    if (!st) {
        (void)dr_remove_tree(dir);
        if (rename(made, dir) != 0)
            st = dr_fail(DR_EIO, "cannot rename '%s'", made);
    }
    return st ? dr_fail_prefix(st, "cannot write '%s'", dir) : DR_OK;
}
