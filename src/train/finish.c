/* The result: a pipeline folder that drape and diffusers load, or a file of adapters; and a contact sheet. */
#include "train/trainer_state.h"

#include "base/file.h"
#include "base/path.h"
#include "pipeline/convert.h"
#include "pipeline/folder.h"
#include "train/pairs_models.h"
#include "train/sheet.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const parts[] = {"unet", "text_encoder", "vae", "tokenizer", "scheduler", DR_UNET_BASE, "attention"};
#define PARTS (sizeof parts / sizeof *parts)
#define COPIED_PARTS 5 /* the first ones, where they were not trained */

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
    bool alone = dr_trainer_part_alone(t);
    dr_training_swap(&t->training);
    dr_status st = t->distilled.change && !alone ? dr_training_save_weights(&t->training, dir) : save_painting(t, dir);
    if (!st && !alone)
        st = write_painter(t, dir);
    dr_training_swap(&t->training);
    if (alone)
        return st;
    for (size_t i = 0; !st && i < COPIED_PARTS; i++) {
        bool trained = i == 0 || (i == 1 && t->o->train_text_encoder);
        if (!trained && is_there(t, parts[i]))
            st = dr_source_copy(t->source, parts[i], dir, true);
    }
    return st || !t->o->garment_pairs ? st : mark_scheduler(dir);
}

/* Moves a finished part over the one of an earlier run; that goes where there is no new one. */
static dr_status move_part(const dr_trainer *t, const char *tmp, const char *part)
{
    char from[PATH_MAX], to[PATH_MAX];
    dr_status st = dr_path(from, sizeof from, tmp, part);
    if (!st)
        st = dr_trainer_path(t, to, sizeof to, part);
    if (!st && dr_exists(to))
        st = dr_remove_tree(to);
    if (!st && dr_exists(from) && rename(from, to) != 0)
        st = dr_fail(DR_EIO, "cannot write '%s'", to);
    return st;
}

static dr_status write_pipeline(dr_trainer *t)
{
    char path[PATH_MAX], tmp[PATH_MAX + 16];
    dr_status st = dr_trainer_path(t, path, sizeof path, "result");
    if (!st)
        st = dr_folder_begin(tmp, sizeof tmp, path);
    if (st)
        return st;
    st = dr_trainer_write_parts(t, tmp);
    /* without its index a folder is no pipeline: nobody takes one for whole that is new and old in parts */
    if (!st)
        st = dr_trainer_path(t, path, sizeof path, "model_index.json");
    if (!st)
        unlink(path);
    for (size_t i = 0; !st && i < PARTS; i++)
        st = move_part(t, tmp, parts[i]);
    (void)dr_remove_tree(tmp);
    return st ? st : dr_folder_write_index(t->o->output_dir, t->schedule.class_name);
}

/* Self-attention alone, in place of that of an earlier run. */
static dr_status write_attention(dr_trainer *t)
{
    char path[PATH_MAX], tmp[PATH_MAX + 16];
    dr_status st = dr_trainer_path(t, path, sizeof path, "result");
    if (!st)
        st = dr_folder_begin(tmp, sizeof tmp, path);
    if (st)
        return st;
    st = dr_trainer_write_parts(t, tmp);
    if (!st)
        st = move_part(t, tmp, "attention");
    (void)dr_remove_tree(tmp);
    return st;
}

/* --- contact sheet ------------------------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Paths of the validation pictures in order; *count of them, at most `max`. */
static void list_pictures(const char *dir, char **paths, int max, int *count)
{
    char path[PATH_MAX];
    DIR *d = opendir(dir);
    const struct dirent *f;
    while (d && *count < max && (f = readdir(d))) {
        if (strcmp(dr_path_extension(f->d_name), ".png") == 0 && !dr_path(path, sizeof path, dir, f->d_name) &&
            (paths[*count] = strdup(path)))
            ++*count;
    }
    if (d)
        closedir(d);
    qsort(paths, (size_t)*count, sizeof *paths, by_name);
}

/* Instance photos, of pairs with the garments', then validation pictures. A sheet that cannot be made costs a message,
 * not the run. */
static dr_status write_sheet(const dr_trainer *t)
{
    enum { MAX = 256 };
    char dir[PATH_MAX], path[PATH_MAX], *pictures[MAX];
    dr_image tile[MAX] = {{0}}, sheet = {0};
    int count = 0, tiles = 0;
    dr_status st = dr_trainer_path(t, dir, sizeof dir, "validation");
    if (!st)
        st = dr_trainer_path(t, path, sizeof path, "contact-sheet.jpg");
    if (!st)
        list_pictures(dir, pictures, MAX / 2, &count);
    for (int i = 0; !st && i < t->instances.count && tiles < MAX / 2; i++) {
        const dr_example *e = &t->instances.example[i];
        st = dr_image_read(&tile[tiles++], e->image, 3);
        if (!st && e->garment)
            st = dr_image_read(&tile[tiles++], e->garment, 3);
    }
    for (int i = 0; !st && i < count; i++)
        st = dr_image_read(&tile[tiles++], pictures[i], 3);
    if (!st)
        st = dr_contact_sheet(&sheet, tile, tiles, 8, 192);
    if (!st)
        st = dr_image_write(&sheet, path, &(dr_image_write_options){.quality = 90});
    dr_image_clear(&sheet);
    for (int i = 0; i < tiles; i++)
        dr_image_clear(&tile[i]);
    for (int i = 0; i < count; i++)
        free(pictures[i]);
    return st;
}

/* --- a single file --------------------------------------------------------------------------------- */

static void say_note(void *user, const char *text)
{
    dr_trainer_say(user, "%s", text);
}

/* The result for programs that take models as one file; of adapters, the model with them merged. */
static dr_status write_single(dr_trainer *t)
{
    char path[PATH_MAX], adapters[PATH_MAX], name[PATH_MAX + 16];
    const drape_train_options *o = t->o;
    dr_convert_options c = DR_CONVERT_DEFAULTS;
    const dr_convert_lora lora = {adapters, 1};
    dr_status st = dr_trainer_path(t, adapters, sizeof adapters, "pytorch_lora_weights.safetensors");
    c.replace = true;
    c.note = say_note;
    c.user = t;
    if (o->lora_rank) {
        c.loras = &lora;
        c.lora_count = 1;
        c.vae = o->vae;
        c.ema = o->ema;
    }
    dr_convert_name(o->output_dir, name, sizeof name - 16);
    strcat(name, ".safetensors");
    if (!st)
        st = dr_trainer_path(t, path, sizeof path, name);
    return st ? st : dr_convert(o->lora_rank ? o->pretrained_model_name_or_path : o->output_dir, path, &c);
}

dr_status dr_trainer_finish(dr_trainer *t)
{
    char path[PATH_MAX];
    dr_status st;
    if (t->o->lora_rank) {
        st = dr_trainer_path(t, path, sizeof path, "pytorch_lora_weights.safetensors");
        if (!st)
            st = dr_adapters_save(&t->adapters, path);
    } else {
        st = dr_trainer_part_alone(t) ? write_attention(t) : write_pipeline(t);
    }
    if (!st && t->o->save_single_file)
        st = write_single(t);
    if (st)
        return st;
    if (write_sheet(t))
        dr_trainer_say(t, "no contact sheet: %s", dr_error());
    dr_trainer_drop_others(t);
    dr_trainer_tell_course(t);
    return DR_OK;
}
