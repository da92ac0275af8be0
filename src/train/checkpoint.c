#include "train/checkpoint.h"

#include "base/file.h"
#include "pipeline/folder.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "checkpoint-"

/* The step of a folder's name "checkpoint-500"; -1 if it is none. */
static long step_of(const char *name)
{
    char *end;
    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0 || !name[strlen(PREFIX)])
        return -1;
    long n = strtol(name + strlen(PREFIX), &end, 10);
    return *end || n < 0 ? -1 : n;
}

/* The step of the oldest or the newest checkpoint among those of steps up to `bound`; *count of them. -1 if none. */
static long find_step(const char *dir, bool oldest, long bound, int *count)
{
    long found = -1;
    DIR *d = opendir(dir);
    const struct dirent *f;
    *count = 0;
    while (d && (f = readdir(d))) {
        long step = step_of(f->d_name);
        if (step < 0 || step > bound)
            continue;
        if (found < 0 || (oldest ? step < found : step > found))
            found = step;
        ++*count;
    }
    if (d)
        closedir(d);
    return found;
}

static dr_status step_path(char *out, size_t n, const char *dir, long step)
{
    char name[64];
    snprintf(name, sizeof name, PREFIX "%ld", step);
    return dr_folder_path(out, n, dir, "", name);
}

static bool is_leftover(const char *name)
{
    const char *tmp = strstr(name, ".tmp-");
    return tmp && strlen(tmp) == strlen(".tmp-XXXXXX") &&
           (strncmp(name, PREFIX, strlen(PREFIX)) == 0 || strncmp(name, "result.", strlen("result.")) == 0 ||
            strncmp(name, "pytorch_lora_weights.", strlen("pytorch_lora_weights.")) == 0);
}

void dr_checkpoint_sweep(const char *output_dir)
{
    char path[PATH_MAX];
    DIR *d = opendir(output_dir);
    const struct dirent *f;
    while (d && (f = readdir(d)))
        if (is_leftover(f->d_name) && !dr_folder_path(path, sizeof path, output_dir, "", f->d_name))
            dr_folder_remove(path);
    if (d)
        closedir(d);
    dr_error_clear();
}

/* --- state.json --------------------------------------------------------------------------------- */

static json_t *rng_json(const dr_rng *r)
{
    char hex[624 * 8 + 1];
    for (int i = 0; i < 624; i++)
        snprintf(hex + 8 * i, 9, "%08x", (unsigned)r->state[i]);
    uint64_t bits;
    memcpy(&bits, &r->normal, sizeof bits);
    char normal[20];
    snprintf(normal, sizeof normal, "%016llx", (unsigned long long)bits);
    return json_pack("{s:s, s:i, s:b, s:s}", "state", hex, "next", r->next, "has_normal", r->has_normal, "normal",
                     normal);
}

static dr_status rng_from_json(dr_rng *r, const json_t *j, const char *where)
{
    const char *hex = json_string_value(json_object_get(j, "state"));
    const char *normal = json_string_value(json_object_get(j, "normal"));
    json_int_t next = json_integer_value(json_object_get(j, "next"));
    if (!hex || strlen(hex) != 624 * 8 || !normal || strlen(normal) != 16 || next < 0 || next > 624)
        return dr_fail(DR_EINVAL, "'%s': \"rng\" is damaged", where);
    for (int i = 0; i < 624; i++) {
        char word[9] = {0};
        memcpy(word, hex + 8 * i, 8);
        r->state[i] = (uint32_t)strtoul(word, NULL, 16);
    }
    uint64_t bits = strtoull(normal, NULL, 16);
    memcpy(&r->normal, &bits, sizeof bits);
    r->next = (int)next;
    r->has_normal = json_is_true(json_object_get(j, "has_normal"));
    return DR_OK;
}

/* What a run's course depends on: resumed with other values it would be another run. */
static json_t *fingerprint(const dr_trainer *t)
{
    const dr_train_options *o = t->o;
    json_t *photos = json_array();
    for (int i = 0; i < t->instances.count; i++) {
        const char *slash = strrchr(t->instances.example[i].image, '/');
        json_array_append_new(photos, json_string(slash ? slash + 1 : t->instances.example[i].image));
    }
    double alpha = o->lora_rank && o->lora_alpha <= 0 ? o->lora_rank : o->lora_alpha;
    return json_pack("{s:I, s:i, s:i, s:i, s:b, s:b, s:b, s:i, s:f, s:b, s:b, s:b, s:f, s:b, s:i, s:o}", "seed",
                     (json_int_t)o->seed, "resolution", o->resolution, "train_batch_size", o->train_batch_size,
                     "gradient_accumulation_steps", o->gradient_accumulation_steps, "train_text_encoder",
                     o->train_text_encoder, "use_8bit_adam", o->use_8bit_adam, "use_ema", o->use_ema, "lora_rank",
                     o->lora_rank, "lora_alpha", alpha, "center_crop", o->center_crop, "bucket", o->bucket, "flip",
                     o->flip, "noise_offset", o->noise_offset, "with_prior_preservation", o->with_prior_preservation,
                     "num_class_images", t->classes.count, "photos", photos);
}

static dr_status save_state(const dr_trainer *t, const char *dir)
{
    char path[PATH_MAX];
    dr_status st = dr_folder_path(path, sizeof path, dir, "", "state.json");
    if (st)
        return st;
    json_t *j = json_pack("{s:s, s:i, s:f, s:o, s:o}", "written_by", "drape train", "step", t->step, "smooth_loss",
                          t->smooth_loss, "rng", rng_json(&t->rng), "run", fingerprint(t));
    st = j ? dr_json_save(path, j) : dr_fail(DR_ENOMEM, "out of memory");
    json_decref(j);
    return st;
}

static dr_status compare_runs(const dr_trainer *t, const json_t *saved, const char *where)
{
    json_t *now = fingerprint(t);
    dr_status st = DR_OK;
    const char *key;
    json_t *v;
    json_object_foreach(now, key, v)
    {
        const json_t *was = json_object_get(saved, key);
        if (!st && !json_equal(v, was)) {
            char *a = json_dumps(was, JSON_ENCODE_ANY), *b = json_dumps(v, JSON_ENCODE_ANY);
            st = dr_fail(DR_EINVAL, "cannot resume from '%s': it was made with %s = %.200s, this run has %.200s", where,
                         key, a ? a : "nothing", b ? b : "nothing");
            free(a);
            free(b);
        }
    }
    json_decref(now);
    return st;
}

dr_status dr_checkpoint_read_state(dr_trainer *t, const char *dir)
{
    char path[PATH_MAX];
    json_t *j = NULL;
    int64_t step = 0;
    dr_status st = dr_folder_path(path, sizeof path, dir, "", "state.json");
    if (!st)
        st = dr_json_load(path, &j);
    if (st)
        return st;
    st = compare_runs(t, json_object_get(j, "run"), dir);
    if (!st)
        st = dr_json_int(j, path, "step", 0, 0, INT_MAX, &step);
    if (!st)
        st = dr_json_double(j, path, "smooth_loss", 0, &t->smooth_loss);
    if (!st)
        st = rng_from_json(&t->rng, json_object_get(j, "rng"), path);
    t->step = (int)step;
    json_decref(j);
    return st;
}

/* --- models and moments ------------------------------------------------------------------------- */

static dr_status save_model(const dr_trainer *t, const char *dir, const char *part, const dr_params *p)
{
    char path[PATH_MAX];
    bool text = strcmp(part, "text_encoder") == 0;
    dr_status st = dr_folder_copy(t->o->pretrained_model, dir, part, false);
    if (!st)
        st = dr_folder_path(path, sizeof path, dir, part,
                            text ? "model.safetensors" : "diffusion_pytorch_model.safetensors");
    return st ? st : dr_weights_save(p, path, DR_F32, text ? "text_model." : "", 0);
}

static dr_status save_all(const dr_trainer *t, const char *dir)
{
    char path[PATH_MAX];
    dr_status st = save_state(t, dir);
    if (!st && t->o->lora_rank) {
        st = dr_folder_path(path, sizeof path, dir, "", "pytorch_lora_weights.safetensors");
        if (!st)
            st = dr_adapters_save(&t->adapters, path);
    } else if (!st) {
        st = save_model(t, dir, "unet", &t->unet.params);
        if (!st && t->o->train_text_encoder)
            st = save_model(t, dir, "text_encoder", &t->text.params);
    }
    if (!st)
        st = dr_folder_path(path, sizeof path, dir, "", "optimizer.safetensors");
    if (!st)
        st = dr_adamw_save(&t->adamw, t->prefix, path);
    if (!st && t->o->use_ema) {
        st = dr_folder_path(path, sizeof path, dir, "", "ema.safetensors");
        if (!st)
            st = dr_ema_save(&t->ema, t->prefix, path);
    }
    return st;
}

/* Out of sight at once, then removed: a kill in between leaves no half checkpoint that looks whole. */
static dr_status drop(const char *path)
{
    char away[PATH_MAX + 16];
    snprintf(away, sizeof away, "%s.tmp-REMOVE", path);
    if (rename(path, away) != 0)
        return dr_fail(DR_EIO, "cannot remove '%s': %s", path, strerror(errno));
    return dr_folder_remove(away);
}

/* The oldest beyond the limit go, now that a newer one is safe. */
static void drop_old(const dr_trainer *t)
{
    char path[PATH_MAX];
    int count, limit = t->o->checkpoints_total_limit;
    for (;;) {
        long step = find_step(t->o->output_dir, true, t->step, &count);
        if (limit == 0 || count <= limit || step_path(path, sizeof path, t->o->output_dir, step) || drop(path))
            return;
    }
}

dr_status dr_checkpoint_save(const dr_trainer *t)
{
    char path[PATH_MAX], tmp[PATH_MAX + 16];
    dr_status st = step_path(path, sizeof path, t->o->output_dir, t->step);
    if (st || t->step == t->resumed) /* interrupted at once: it is there already */
        return st;
    if (dr_exists(path)) /* resumed from an earlier one: this one belongs to the course that was left */
        st = drop(path);
    if (!st)
        st = dr_folder_begin(tmp, sizeof tmp, path);
    if (!st) {
        st = save_all(t, tmp);
        if (!st)
            st = dr_folder_commit(tmp, path);
        if (st)
            dr_folder_remove(tmp);
    }
    if (st)
        return dr_fail_prefix(st, "cannot write checkpoint '%s'", path);
    drop_old(t);
    return DR_OK;
}

dr_status dr_checkpoint_find(const char *output_dir, const char *name, char *out, size_t n)
{
    int count;
    if (strcmp(name, "latest") != 0) {
        dr_status st = dr_folder_path(out, n, output_dir, "", name);
        if (!st && !dr_is_dir(out))
            snprintf(out, n, "%s", name);
        if (!st && !dr_is_dir(out))
            st = dr_fail(DR_ENOENT, "no checkpoint '%s', neither in '%s' nor as a path", name, output_dir);
        return st;
    }
    long step = find_step(output_dir, false, LONG_MAX, &count);
    if (step < 0)
        return dr_fail(DR_ENOENT, "no checkpoint in '%s' to resume from", output_dir);
    return step_path(out, n, output_dir, step);
}

dr_status dr_checkpoint_read_moments(dr_trainer *t, const char *dir)
{
    char path[PATH_MAX];
    dr_status st = DR_OK;
    if (t->o->lora_rank) {
        st = dr_folder_path(path, sizeof path, dir, "", "pytorch_lora_weights.safetensors");
        if (!st)
            st = dr_adapters_load(&t->adapters, path);
    }
    if (!st)
        st = dr_folder_path(path, sizeof path, dir, "", "optimizer.safetensors");
    if (!st)
        st = dr_adamw_load(&t->adamw, t->prefix, path);
    t->adamw.step = t->step;
    if (!st && t->o->use_ema) {
        st = dr_folder_path(path, sizeof path, dir, "", "ema.safetensors");
        if (!st)
            st = dr_ema_load(&t->ema, t->prefix, path);
    }
    return st;
}
