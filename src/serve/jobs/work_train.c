/* A training job: folders from kept pictures, drape_train() from the last checkpoint, what it shows on the way. */
#include "serve/jobs/work.h"

#include "base/file.h"
#include "base/json.h"
#include "base/path.h"
#include "base/progress.h"
#include "serve/jobs/pictures.h"
#include "serve/jobs/taught.h"
#include "serve/jobs/train_set.h"

#include <dirent.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct train_run {
    dr_work *w;
    dr_train_paths paths;
    int steps, every;
    double seconds; /* of a step, smoothed */
    json_t *points; /* of the loss, not told yet */
    double said;
} train_run;

/* --- pictures on the way ------------------------------------------------------------------------- */

static bool have_step(dr_work *w, int step, int number)
{
    size_t i;
    json_t *v;
    bool have = false;
    json_array_foreach(w->results, i, v)
    {
        have = have || (dr_json_whole(v, "step") == step && number-- == 1);
    }
    return have;
}

static dr_status add_picture(train_run *r, const char *path, int step)
{
    drape_image im;
    dr_blob b;
    dr_status st = (dr_status)drape_image_read(&im, path);
    if (st)
        return st;
    st = dr_studio_keep_image(r->w->s, &im, NULL, &b);
    drape_image_free(&im);
    if (st)
        return st;
    json_t *result = dr_result_json(&b, "validation");
    json_object_set_new(result, "step", json_integer(step));
    return dr_work_result(r->w, result);
}

static int by_step(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_step(const struct dirent *f)
{
    return strncmp(f->d_name, "step-", 5) == 0 && strstr(f->d_name, ".png") && !strstr(f->d_name, ".tmp-");
}

/* Takes over the validation pictures that are new. One that fails is not worth a training. */
static void collect_pictures(train_run *r)
{
    char dir[600], path[1024];
    struct dirent **files;
    int n = dr_path(dir, sizeof dir, r->paths.out, "validation") ? -1 : scandir(dir, &files, is_step, by_step);
    for (int i = 0; i < n; i++) {
        int step, number;
        if (!dr_path(path, sizeof path, dir, files[i]->d_name) &&
            sscanf(files[i]->d_name, "step-%d-%d", &step, &number) == 2 && !have_step(r->w, step, number) &&
            add_picture(r, path, step))
            dr_work_warn(r->w, dr_error());
        free(files[i]);
    }
    if (n >= 0)
        free(files);
}

/* --- callbacks ---------------------------------------------------------------------------------- */

static void on_prepare(void *user, const char *what, int done, int total)
{
    train_run *r = user;
    bool pictures = strcmp(what, "validation pictures") == 0 || strcmp(what, "photos held out") == 0;
    double fraction = r->w->live.fraction, left = r->w->live.seconds_left;
    dr_work_progress(r->w, pictures ? DR_WORK_VALIDATE : DR_WORK_PREPARE, done, total, pictures ? fraction : -1,
                     pictures ? left : -1);
}

/* Points go out now and then: a small model makes hundreds a second. `look` (taken over) may be NULL. */
static void say_loss(train_run *r, json_t *look)
{
    if (json_array_size(r->points) == 0 && !look)
        return;
    json_t *line = json_pack("{s:O, s:[]}", "points", r->points, "looks");
    if (look)
        json_array_append_new(json_object_get(line, "looks"), look);
    (void)dr_store_add_line(r->w->s->store, r->w->lease, line); /* a curve with a gap is no reason to stop */
    json_decref(line);
    json_array_clear(r->points);
    r->said = dr_now();
}

static void on_step(void *user, const drape_train_report *p)
{
    train_run *r = user;
    dr_live *l = &r->w->live;
    r->seconds = r->seconds > 0 ? 0.9 * r->seconds + 0.1 * p->seconds : p->seconds;
    l->training = true;
    l->report = *p;
    l->seconds_per_step = r->seconds;
    json_array_append_new(
        r->points, json_pack("{s:i, s:f, s:f}", "step", p->step, "loss", p->loss, "smooth_loss", p->smooth_loss));
    if (dr_now() - r->said > 0.5 || p->step == p->steps)
        say_loss(r, NULL);
    if (r->every > 0 && (p->step - 1) % r->every == 0)
        collect_pictures(r);
    dr_work_progress(r->w, DR_WORK_TRAIN, p->step, p->steps, (double)p->step / p->steps,
                     (p->steps - p->step) * r->seconds);
}

static void on_message(void *user, const char *text)
{
    train_run *r = user;
    if (strncmp(text, "photo ", 6) == 0 || strncmp(text, "mask ", 5) == 0 || strncmp(text, "no validation", 13) == 0 ||
        strncmp(text, "over-fitting", 12) == 0)
        dr_work_warn(r->w, text);
}

static void on_look(void *user, const drape_train_look *l)
{
    json_t *numbers = json_object();
    for (int i = 0; i < l->metrics; i++)
        if (isfinite(l->value[i]))
            json_object_set_new(numbers, l->name[i], json_real(l->value[i]));
    say_loss(user, dr_look_json(l->step, l->loss, numbers));
}

static bool on_cancel(void *user)
{
    return dr_work_cancelled(((train_run *)user)->w);
}

/* --- the job ------------------------------------------------------------------------------------ */

void dr_work_train_done(dr_studio *s, const dr_work *w)
{
    char dir[PATH_MAX], out[PATH_MAX], path[PATH_MAX];
    dr_training_folder(s, w->settings, w->job->id, dir);
    DIR *d = dr_path(out, sizeof out, dir, "out") ? NULL : opendir(out);
    const struct dirent *f;
    while (d && (f = readdir(d))) {
        if (strncmp(f->d_name, "checkpoint-", 11) == 0 && !dr_path(path, sizeof path, out, f->d_name))
            (void)dr_remove_tree(path);
    }
    if (d)
        closedir(d);
}

/* An adapter goes into the store, where every worker finds it; a whole model stays in its folder. */
static dr_status hand_in(dr_work *w, const char *dir)
{
    char path[PATH_MAX];
    dr_blob b = {.type = "application/x-safetensors"};
    dr_training_home(w->s, w->settings, w->home);
    if (dr_teaches_model(w->settings))
        return DR_OK;
    dr_status st = dr_path(path, sizeof path, dir, "out/pytorch_lora_weights.safetensors");
    if (!st)
        st = dr_store_put_file(w->s->store, &b, path);
    if (!st)
        snprintf(w->adapter, sizeof w->adapter, "%s", b.id);
    return st;
}

dr_status dr_work_train(dr_work *w)
{
    char dir[PATH_MAX], log[PATH_MAX], what[300];
    drape_train_options o;
    train_run r = {.w = w, .steps = (int)dr_json_whole(w->settings, "steps")};
    /* all memory for the training */
    drape_pipeline_free(*w->pipeline);
    drape_parser_free(*w->parser);
    *w->pipeline = NULL;
    *w->parser = NULL;
    dr_training_folder(w->s, w->settings, w->job->id, dir);
    dr_work_progress(w, DR_WORK_LOAD, 0, 1, -1, -1);
    dr_status st = dr_train_folders(w->s, w->settings, dir, NULL, NULL);
    if (!st)
        st = dr_train_options_of(w->s, w->settings, dir, &r.paths, &o);
    if (!st)
        st = dr_path(log, sizeof log, dir, "out/logs/train.jsonl");
    if (st)
        return st;
    r.points = dr_loss_untold(w->s, w->job->id, log);
    r.every = o.validation_steps;
    o.callbacks = (drape_train_callbacks){&r, on_prepare, on_step, on_message, on_cancel, on_look};
    st = (dr_status)drape_train(&o);
    if (!st)
        st = hand_in(w, dir);
    say_loss(&r, NULL);
    json_decref(r.points);
    char *kept = st ? strdup(dr_error()) : NULL; /* what follows may fail, too, and matters less */
    collect_pictures(&r);
    if (r.seconds > 0) {
        dr_train_speed_name(w->settings, what, sizeof what);
        dr_store_set_speed(w->s->store, what, r.seconds);
    }
    if (kept)
        dr_fail(st, "%s", kept);
    free(kept);
    return st;
}
