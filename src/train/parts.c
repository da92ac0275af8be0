/* The parts of a result in a folder: what was trained, and copies of the rest. */
#include "train/trainer_state.h"

#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "pipeline/folder.h"
#include "train/pairs_models.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static const char *const copied[] = {"unet", "text_encoder", "vae", "tokenizer", "scheduler"}; /* if not trained */
#define COPIED (sizeof copied / sizeof *copied)

/* Beside a whole UNet that dresses: where there is such a file, try-on finds it, and the size of pictures in it. */
static dr_status save_attention_beside(dr_trainer *t, const char *dir)
{
    char path[PATH_MAX];
    dr_status st = dr_path(path, sizeof path, dir, "attention");
    if (!st)
        st = dr_mkdirs(path);
    if (!st)
        st = dr_path(path, sizeof path, dir, "attention", "model.safetensors");
    return st ? st : dr_garment_attention_save(&t->unet.net, path, t->o->width, t->o->height);
}

/* What is trained, so that it paints; where nothing was distilled, as it is. */
static dr_status save_painting(dr_trainer *t, const char *dir)
{
    dr_subset_join(&t->pairs.subset);
    dr_status st = dr_distilled_enter(&t->distilled, &t->unet.params);
    if (!st) {
        st = dr_training_save_weights(&t->training, dir);
        if (!st && t->o->garment_pairs && dr_garment_pairs_all(t->o))
            st = save_attention_beside(t, dir);
        dr_distilled_leave(&t->distilled, &t->unet.params);
    }
    dr_subset_part(&t->pairs.subset);
    return st;
}

/* Of a distilled model: what was taught becomes unet_base/, and unet/ what was taught and distilled. */
static dr_status write_painter(dr_trainer *t, const char *dir)
{
    char unet[PATH_MAX], base[PATH_MAX];
    if (!t->distilled.change)
        return DR_OK;
    dr_status st = dr_path(unet, sizeof unet, dir, "unet");
    if (!st)
        st = dr_path(base, sizeof base, dir, DR_UNET_BASE);
    if (!st && rename(unet, base) != 0)
        st = dr_fail(DR_EIO, "cannot write '%s'", base);
    return st ? st : save_painting(t, dir);
}

/* A model that is shown no text need not have one. */
static bool is_there(const dr_trainer *t, const char *part)
{
    bool text = strcmp(part, "text_encoder") == 0 || strcmp(part, "tokenizer") == 0;
    return !t->o->garment_pairs || !text || dr_source_has(t->source, "text_encoder");
}

/* The folder's UNet dresses from a photo of the garment by itself: said where its other advice stands. */
static dr_status mark_scheduler(const char *dir)
{
    char path[PATH_MAX];
    json_t *j = NULL;
    dr_status st = dr_path(path, sizeof path, dir, "scheduler", "scheduler_config.json");
    if (!st)
        st = dr_json_load(path, &j);
    if (!st && json_object_set_new(j, "_drape_garment", json_true()))
        st = dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = dr_json_save(path, j);
    json_decref(j);
    return st;
}

bool dr_trainer_part_alone(const dr_trainer *t)
{
    return t->o->garment_pairs && !dr_garment_pairs_all(t->o);
}

/* What is trained is as checkpoints have it. */
dr_status dr_trainer_write_parts(dr_trainer *t, const char *dir)
{
    bool alone = dr_trainer_part_alone(t), writes = dr_ranks_rank(t->ranks) == 0;
    dr_status st = dr_training_swap(&t->training);
    if (!st && writes)
        st = t->distilled.change && !alone ? dr_training_save_weights(&t->training, dir) : save_painting(t, dir);
    if (!st && writes && !alone)
        st = write_painter(t, dir);
    if (!t->ranks || !st)
        st = dr_training_swap(&t->training) ? DR_ENET : st;
    if (alone || !writes)
        return st;
    for (size_t i = 0; !st && i < COPIED; i++) {
        bool trained = i == 0 || (i == 1 && t->o->train_text_encoder);
        if (!trained && is_there(t, copied[i]))
            st = dr_source_copy(t->source, copied[i], dir, true);
    }
    return st || !t->o->garment_pairs ? st : mark_scheduler(dir);
}
