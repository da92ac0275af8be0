/* What a run leaves behind while it goes: TensorBoard events, train.jsonl, pictures of the model in training. */
#include "train/trainer_state.h"

#include "base/file.h"
#include "base/path.h"
#include "io/image.h"
#include "pipeline/folder.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

dr_status dr_trainer_open_logs(dr_trainer *t)
{
    char dir[PATH_MAX], path[PATH_MAX];
    const char *logs = t->o->logging_dir;
    if (dr_ranks_rank(t->ranks) > 0)
        return DR_OK;
    dr_status st = logs[0] == '/' ? dr_path(dir, sizeof dir, logs) : dr_trainer_path(t, dir, sizeof dir, logs);
    if (!st)
        st = dr_tb_open(&t->events, dir);
    if (!st && t->checkpoint.step > 0) /* what a run wrote beyond the checkpoint is about to happen again */
        st = dr_tb_purge(t->events, t->checkpoint.step + 1);
    if (!st)
        st = dr_path(path, sizeof path, dir, "train.jsonl");
    return st ? st : dr_jsonl_open(&t->log, path, t->checkpoint.step);
}

dr_status dr_trainer_log(dr_trainer *t, const drape_train_report *r)
{
    if (dr_ranks_rank(t->ranks) > 0)
        return DR_OK;
    dr_status st = dr_tb_scalar(t->events, "loss", r->step, (float)r->loss);
    if (!st)
        st = dr_tb_scalar(t->events, "lr", r->step, (float)r->learning_rate);
    if (!st && isfinite(r->gradient_norm))
        st = dr_tb_scalar(t->events, "gradient_norm", r->step, (float)r->gradient_norm);
    json_t *j = json_pack("{s:i, s:f, s:f, s:f, s:f}", "step", r->step, "loss", r->loss, "smooth_loss", r->smooth_loss,
                          "lr", r->learning_rate, "seconds", r->seconds);
    if (isfinite(r->gradient_norm))
        json_object_set_new(j, "gradient_norm", json_real(r->gradient_norm));
    if (!st)
        st = dr_jsonl_write(&t->log, j);
    json_decref(j);
    return st;
}

/* Pictures of step N as PNG in OUTPUT/validation, and in the event file. */
static dr_status log_pictures(dr_trainer *t, const char *dir)
{
    char path[PATH_MAX], name[64], tag[32], *png = NULL;
    size_t size;
    for (int i = 0; i < t->o->num_validation_images; i++) {
        dr_image im = {0};
        snprintf(name, sizeof name, "step-%06d-%d.png", t->checkpoint.step, i + 1);
        snprintf(tag, sizeof tag, "validation/%d", i + 1);
        dr_status st = dr_path(path, sizeof path, dir, name);
        if (!st)
            st = dr_image_read(&im, path, 3);
        if (!st)
            st = dr_file_read(path, (size_t)256 << 20, &png, &size);
        if (!st)
            st = dr_tb_image(t->events, tag, t->checkpoint.step, im.width, im.height, png, size);
        free(png);
        png = NULL;
        dr_image_clear(&im);
        if (st)
            return st;
    }
    return DR_OK;
}

static dr_status make_pictures(dr_trainer *t)
{
    char dir[PATH_MAX];
    dr_status st = dr_trainer_path(t, dir, sizeof dir, "validation");
    bool first = dr_ranks_rank(t->ranks) == 0;
    if (!st && first)
        st = dr_mkdirs(dir);
    if (!st)
        st = t->pictures->validate(t->pictures->user, t, t->checkpoint.step, dir);
    return st || !first ? st : log_pictures(t, dir);
}

void dr_trainer_validate(dr_trainer *t)
{
    if (!t->o->validation_image || !t->pictures->validate)
        return;
    dr_tape_reset(&t->tape); /* what a step takes and what pictures take is then not needed at once */
    dr_tape_trim(&t->tape);
    (void)dr_training_swap(&t->training); /* ranks that have lost each other find out soon enough */
    dr_subset_join(&t->pairs.subset);
    dr_status st = dr_distilled_enter(&t->distilled, &t->unet.params);
    if (!st) {
        st = make_pictures(t);
        dr_distilled_leave(&t->distilled, &t->unet.params);
    }
    dr_subset_part(&t->pairs.subset);
    (void)dr_training_swap(&t->training);
    if (st && st != DR_ECANCELLED)
        dr_trainer_say(t, "no validation pictures after step %d: %s", t->checkpoint.step, dr_error());
}
