/* The result: a pipeline folder that drape and diffusers load, or a file of adapters; and a contact sheet. */
#include "train/trainer_state.h"

#include "base/file.h"
#include "base/path.h"
#include "pipeline/convert.h"
#include "pipeline/folder.h"
#include "pipeline/wardrobe.h"
#include "train/keep_photos.h"
#include "train/pairs_models.h"
#include "train/sheet.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const parts[] = {"unet",       "text_encoder", "vae",     "tokenizer", "scheduler",
                                    DR_UNET_BASE, "attention",    "garment", DR_WARDROBE};
#define PARTS (sizeof parts / sizeof *parts)

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

/* A folder for the parts until they are whole. */
static dr_status begin_result(const dr_trainer *t, char *tmp, size_t n)
{
    char path[PATH_MAX];
    dr_status st = dr_trainer_path(t, path, sizeof path, "result");
    return st ? st : dr_folder_begin(tmp, n, path);
}

static dr_status write_pipeline(dr_trainer *t)
{
    char path[PATH_MAX], tmp[PATH_MAX + 16];
    dr_status st = begin_result(t, tmp, sizeof tmp);
    if (st)
        return st;
    st = dr_trainer_write_parts(t, tmp);
    if (!st && !t->o->garment_pairs && dr_keep_photos(t->source, &t->instances, tmp))
        dr_trainer_say(t, "no photo is kept of what was taught: %s", dr_error());
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
    char tmp[PATH_MAX + 16];
    dr_status st = begin_result(t, tmp, sizeof tmp);
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
    if (dr_ranks_rank(t->ranks) > 0)
        return t->o->lora_rank ? DR_OK : dr_trainer_write_parts(t, NULL);
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
    dr_trainer_drop_others(t, dr_trainer_best_step(t));
    dr_trainer_tell_course(t);
    return DR_OK;
}
