#include "serve/jobs/train_set.h"

#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "serve/jobs/models.h"
#include "serve/jobs/settings.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "photo of me.jpg" without what could lead out of a folder or not be a file's name: letters, digits, a few others. The
 * extension goes; a number makes it unique. */
static void safe_stem(const char *name, size_t number, char out[64])
{
    size_t n = dr_path_stem(name), k = 0;
    for (size_t i = 0; i < n && k < 40; i++) {
        unsigned char c = (unsigned char)name[i];
        out[k++] = isalnum(c) || c == ' ' || c == '-' ? (char)c : '_';
    }
    out[k] = 0;
    snprintf(out + k, 64 - k, "%s%zu", k ? " " : "photo ", number + 1);
}

static const char *extension(const char *type)
{
    return strcmp(type, "image/jpeg") == 0 ? ".jpg" : strcmp(type, "image/webp") == 0 ? ".webp" : ".png";
}

/* A kept picture under another name: a link, or a copy where the disk has no links. */
static dr_status place(dr_studio *s, const char *id, const char *dir, const char *stem, char path[512])
{
    char from[4096], *data;
    size_t size;
    dr_blob b;
    dr_status st = dr_store_blob(s->store, id, &b);
    if (st)
        return st;
    st = dr_store_file(s->store, id, from, sizeof from);
    if (st)
        return st;
    if (dr_path_format(path, 512, dir, "%s%s", stem, extension(b.type)))
        return dr_fail(DR_EINVAL, "the path of --data is too long");
    if (link(from, path) == 0 || errno == EEXIST)
        return DR_OK;
    st = dr_file_read(from, (size_t)1 << 30, &data, &size);
    if (!st) {
        st = dr_file_write(path, data, size);
        free(data);
    }
    return st;
}

static dr_status place_caption(const json_t *settings, const json_t *photo, const char *dir, const char *stem)
{
    char path[600];
    const char *caption = dr_json_text(photo, "caption");
    if (!caption[0])
        caption = dr_json_text(settings, "prompt");
    dr_status st = dr_path_format(path, sizeof path, dir, "%s.txt", stem);
    return st ? st : dr_file_write(path, caption, strlen(caption));
}

dr_status dr_train_folders(dr_studio *s, const json_t *settings, const char *dir, char (*photos)[512],
                           char (*masks)[512])
{
    char images[512], mask_dir[512], photo[512], mask[512], stem[64];
    size_t i;
    json_t *p;
    if (dr_path(images, 400, dir, "images") || dr_path(mask_dir, 400, dir, "masks"))
        return dr_fail(DR_EINVAL, "the path of --data is too long");
    dr_status st = dr_mkdirs(images);
    if (!st)
        st = dr_mkdirs(mask_dir);
    json_array_foreach(json_object_get(settings, "photos"), i, p)
    {
        if (st)
            break;
        safe_stem(dr_json_text(p, "name"), i, stem);
        st = place(s, dr_json_text(p, "photo"), images, stem, photos ? photos[i] : photo);
        if (!st)
            st = place(s, dr_json_text(p, "mask"), mask_dir, stem, masks ? masks[i] : mask);
        if (!st)
            st = place_caption(settings, p, images, stem);
    }
    return st;
}

/* Validation pictures: as asked for, else of the first photo, about five times. */
static dr_status set_validation(dr_studio *s, const json_t *settings, dr_train_paths *paths, drape_train_options *o)
{
    const json_t *v = json_object_get(settings, "validation");
    bool given = json_is_object(v);
    const json_t *from = given ? v : json_array_get(json_object_get(settings, "photos"), 0);
    int steps = (int)dr_json_whole(settings, "steps");
    dr_status st = dr_store_file(s->store, dr_json_text(from, "photo"), paths->photo, sizeof paths->photo);
    if (!st)
        st = dr_store_file(s->store, dr_json_text(from, "mask"), paths->mask, sizeof paths->mask);
    o->validation_image = paths->photo;
    o->validation_mask = paths->mask;
    o->validation_prompt =
        given && dr_json_text(v, "prompt")[0] ? dr_json_text(v, "prompt") : dr_json_text(settings, "prompt");
    o->validation_steps = given ? (int)dr_json_whole(v, "every") : steps > 5 ? (steps + 4) / 5 : steps;
    o->num_validation_images = given ? (int)dr_json_whole(v, "count") : 1;
    return st;
}

dr_status dr_train_options_of(dr_studio *s, const json_t *settings, const char *dir, dr_train_paths *paths,
                              drape_train_options *o)
{
    const dr_model *m = dr_studio_model(s, dr_json_text(settings, "model"));
    bool lora = strcmp(dr_json_text(settings, "method"), "lora") == 0;
    if (!m)
        return dr_fail(DR_ENOENT, "model '%.100s' is not served any more: start drape serve with its --model",
                       dr_json_text(settings, "model"));
    if (dr_path(paths->images, sizeof paths->images, dir, "images") ||
        dr_path(paths->masks, sizeof paths->masks, dir, "masks") || dr_path(paths->out, sizeof paths->out, dir, "out"))
        return dr_fail(DR_EINVAL, "the path of --data is too long");
    drape_train_defaults(o);
    drape_load_options load;
    dr_studio_load_options(s, m->dir, &load);
    o->pretrained_model_name_or_path = m->dir;
    o->vae = load.vae;
    o->tokenizer_name = load.tokenizer;
    o->ema = load.ema;
    o->instance_data_dir = paths->images;
    o->instance_masks_data_dir = paths->masks;
    o->output_dir = paths->out;
    dr_fields_take(dr_train_fields, settings, &dr_train_job, o);
    o->lora_rank = lora ? o->lora_rank : 0;
    o->lr_warmup_steps = 0;
    o->checkpoints_total_limit = 1;
    o->resume_from_checkpoint = "latest"; /* where a killed server stopped; a new run has none */
    return set_validation(s, settings, paths, o);
}

void dr_train_speed_name(const json_t *settings, char *out, size_t n)
{
    snprintf(out, n, "train|%s|%s|%d|%d|%d", dr_json_text(settings, "model"), dr_json_text(settings, "method"),
             (int)dr_json_whole(settings, "resolution"), dr_json_flag(settings, "train_text_encoder"),
             dr_json_flag(settings, "gradient_checkpointing"));
}

/* A training that went on from a checkpoint says some steps again: the later word counts. Takes `item`. */
static void append_step(json_t *all, json_t *item)
{
    int64_t step = dr_json_whole(item, "step");
    while (json_array_size(all) > 0 && dr_json_whole(json_array_get(all, json_array_size(all) - 1), "step") >= step)
        json_array_remove(all, json_array_size(all) - 1);
    json_array_append_new(all, item);
}

/* Of the lines that the worker told: all points, or all looks. */
static json_t *from_lines(dr_studio *s, int64_t id, const char *what)
{
    json_t *lines, *all = json_array(), *line, *item;
    int64_t last;
    size_t i, k;
    if (dr_store_lines(s->store, id, 0, &lines, &last))
        return all;
    json_array_foreach(lines, i, line)
    {
        json_array_foreach(json_object_get(line, what), k, item)
        {
            append_step(all, json_incref(item));
        }
    }
    json_decref(lines);
    return all;
}

/* The lines of a train.jsonl that `take` makes something of. */
static json_t *from_file(const char *path, json_t *(*take)(const json_t *line))
{
    char *text, *rest = NULL;
    size_t size;
    json_t *all = json_array();
    if (dr_file_read(path, 64 << 20, &text, &size))
        return all; /* no step yet */
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        json_t *o = json_loads(line, 0, NULL), *taken = json_is_integer(json_object_get(o, "step")) ? take(o) : NULL;
        if (taken)
            append_step(all, taken);
        json_decref(o);
    }
    free(text);
    return all;
}

/* Of trainings from before such lines were in the store. */
static json_t *from_log(dr_studio *s, int64_t id, json_t *(*take)(const json_t *line))
{
    char path[4096];
    dr_store_train_path(s->store, id, "out/logs/train.jsonl", path, sizeof path);
    return from_file(path, take);
}

static json_t *take_point(const json_t *line)
{
    json_t *step = json_object_get(line, "step"), *loss = json_object_get(line, "loss");
    return json_is_number(loss) ? json_pack("{s:O, s:O, s:O}", "step", step, "loss", loss, "smooth_loss",
                                            json_object_get(line, "smooth_loss"))
                                : NULL;
}

json_t *dr_loss_points(dr_studio *s, int64_t id)
{
    json_t *all = from_lines(s, id, "points");
    if (json_array_size(all) > 0)
        return all;
    json_decref(all);
    return from_log(s, id, take_point);
}

json_t *dr_loss_untold(dr_studio *s, int64_t id, const char *log)
{
    json_t *told = from_lines(s, id, "points"), *all = from_file(log, take_point), *rest = json_array(), *point;
    int64_t last = dr_json_whole(json_array_get(told, json_array_size(told) - 1), "step");
    size_t i;
    json_array_foreach(all, i, point)
    {
        if (dr_json_whole(point, "step") > last)
            json_array_append(rest, point);
    }
    json_decref(told);
    json_decref(all);
    return rest;
}

json_t *dr_look_json(int step, double loss, json_t *numbers)
{
    return json_pack("{s:i, s:o, s:o}", "step", step, "loss", isfinite(loss) ? json_real(loss) : json_null(), "numbers",
                     numbers);
}

static json_t *take_look(const json_t *line)
{
    json_t *seen = json_object_get(line, "held_out"), *v, *numbers;
    const char *name;
    if (!json_is_object(seen))
        return NULL;
    numbers = json_object();
    json_object_foreach(seen, name, v)
    {
        if (json_is_real(v) && strcmp(name, "loss") != 0)
            json_object_set(numbers, name, v);
    }
    v = json_object_get(seen, "loss");
    return dr_look_json((int)dr_json_whole(line, "step"), json_is_number(v) ? json_number_value(v) : NAN, numbers);
}

json_t *dr_looks(dr_studio *s, int64_t id)
{
    json_t *all = from_lines(s, id, "looks");
    if (json_array_size(all) > 0)
        return all;
    json_decref(all);
    return from_log(s, id, take_look);
}
