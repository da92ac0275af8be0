/* What a run's course depends on, and going on with one from a checkpoint. */
#include "train/trainer_state.h"

#include "base/path.h"
#include "pipeline/folder.h"

#include <limits.h>
#include <string.h>

#define FORMAT 2 /* of checkpoints. 1: noise came from one generator for the whole run */

/* What pairs add to it. */
static json_t *pairs_fingerprint(const dr_trainer *t)
{
    const drape_train_options *o = t->o;
    json_t *garments = json_array();
    for (int i = 0; i < t->instances.count; i++)
        json_array_append_new(garments, json_string(dr_path_name(t->instances.example[i].garment)));
    return json_pack("{s:i, s:i, s:s, s:f, s:b, s:o}", "width", o->width, "height", o->height, "train_layers",
                     o->train_layers, "garment_dropout", o->garment_dropout, "mask_any_white", o->mask_any_white,
                     "garments", garments);
}

/* Resumed with other values it would be another run. */
json_t *dr_trainer_fingerprint(const dr_trainer *t)
{
    const drape_train_options *o = t->o;
    json_t *photos = json_array();
    for (int i = 0; i < t->instances.count; i++)
        json_array_append_new(photos, json_string(dr_path_name(t->instances.example[i].image)));
    double alpha = o->lora_rank && o->lora_alpha <= 0 ? o->lora_rank : o->lora_alpha;
    json_t *j = json_pack("{s:I, s:i, s:i, s:i, s:b, s:b, s:b, s:i, s:f, s:b, s:b, s:b, s:f, s:b, s:i, s:o}", "seed",
                          (json_int_t)o->seed, "resolution", o->resolution, "train_batch_size", o->train_batch_size,
                          "gradient_accumulation_steps", o->gradient_accumulation_steps, "train_text_encoder",
                          o->train_text_encoder, "use_8bit_adam", o->use_8bit_adam, "use_ema", o->use_ema, "lora_rank",
                          o->lora_rank, "lora_alpha", alpha, "center_crop", o->center_crop, "bucket", o->bucket, "flip",
                          o->flip, "noise_offset", o->noise_offset, "with_prior_preservation",
                          o->with_prior_preservation, "num_class_images", t->classes.count, "photos", photos);
    if (!o->garment_pairs)
        return j;
    json_t *more = pairs_fingerprint(t);
    if (json_object_update(j, more)) {
        json_decref(j);
        j = NULL;
    }
    json_decref(more);
    return j;
}

/* What the newest checkpoint's run had: photos of a step, and ranks. 0 where there is none that could be read, which is
 * told later. */
static void look_up_batch(const dr_trainer *t, int64_t *photos, int64_t *ranks)
{
    char path[PATH_MAX];
    dr_checkpoint c = {.output = t->o->output_dir};
    json_t *j = NULL;
    *photos = *ranks = 0;
    if (!dr_checkpoint_find(&c, t->o->resume_from_checkpoint) && !dr_path(path, sizeof path, c.at, "state.json") &&
        !dr_json_load(path, &j)) {
        *photos = dr_json_whole(json_object_get(j, "run"), "train_batch_size");
        *ranks = dr_json_whole(json_object_get(j, "own"), "ranks");
    }
    dr_error_clear();
    json_decref(j);
}

/* The same command with another number of ranks goes on with the same run: its steps have as many photos as before. */
dr_status dr_trainer_settle_batch(dr_trainer *t)
{
    int size = dr_ranks_size(t->ranks), each = t->own.train_batch_size;
    int64_t photos = 0, ranks = 0;
    t->own.train_batch_size = each * size;
    if (t->o->resume_from_checkpoint)
        look_up_batch(t, &photos, &ranks);
    if (ranks > 0 && ranks <= INT_MAX / each && photos == each * ranks && ranks != size) {
        t->own.train_batch_size = (int)photos;
        dr_trainer_say(t, "the run was begun by %d rank%s and goes on with %d: %d photos a step, as before", (int)ranks,
                       ranks == 1 ? "" : "s", size, (int)photos);
    }
    return DR_OK;
}

static dr_status read_state(dr_trainer *t)
{
    dr_checkpoint *c = &t->checkpoint;
    dr_status st = dr_checkpoint_read(c);
    if (!st)
        st = dr_checkpoint_blame(c, dr_json_double(c->own, c->at, "smooth_loss", 0, &t->smooth_loss));
    if (!st && c->step > t->plan.steps)
        st = dr_fail(DR_EINVAL, "'%s' has %d steps already, this run is of %d: raise --max_train_steps", c->at, c->step,
                     t->plan.steps);
    if (!st)
        dr_trainer_say(t, "resuming from '%s', step %d", c->at, c->step);
    return st;
}

dr_status dr_trainer_find_checkpoint(dr_trainer *t)
{
    const char *name = t->o->resume_from_checkpoint;
    dr_checkpoint *c = &t->checkpoint;
    *c = (dr_checkpoint){.output = t->o->output_dir,
                         .training = {&t->training},
                         .trainings = 1,
                         .keep = t->o->checkpoints_total_limit,
                         .format = FORMAT,
                         .run = dr_trainer_fingerprint(t),
                         .own = json_object()};
    if (!c->run || !c->own)
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_status st = dr_checkpoint_find(c, name ? name : "latest");
    if (!name && !st)
        return dr_fail(DR_EINVAL,
                       "'%s' has checkpoints of an earlier run: add --resume_from_checkpoint=latest to go on with it, "
                       "or remove them, or choose another --output_dir",
                       t->o->output_dir);
    if (st == DR_ENOENT && (!name || strcmp(name, "latest") == 0)) {
        if (name)
            dr_trainer_say(t, "%s: starting anew", dr_error());
        return DR_OK;
    }
    return st ? st : read_state(t);
}

dr_status dr_trainer_resume(dr_trainer *t)
{
    char path[PATH_MAX];
    dr_checkpoint *c = &t->checkpoint;
    if (!c->at[0])
        return DR_OK;
    dr_status st = DR_OK;
    if (t->o->lora_rank) {
        st = dr_path(path, sizeof path, c->at, "pytorch_lora_weights.safetensors");
        if (!st)
            st = dr_adapters_load(&t->adapters, path);
    }
    return st ? dr_checkpoint_blame(c, st) : dr_checkpoint_moments(c, &t->training);
}

dr_status dr_trainer_save(dr_trainer *t)
{
    dr_checkpoint *c = &t->checkpoint;
    if (json_object_set_new(c->own, "smooth_loss", json_real(t->smooth_loss)) ||
        json_object_set_new(c->own, "ranks", json_integer(dr_ranks_size(t->ranks))))
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_status st = dr_checkpoint_save(c);
    if (!st)
        dr_trainer_drop_others(t, dr_trainer_best_step(t));
    return st;
}
