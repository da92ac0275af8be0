#include "train/trainer.h"

#include "base/file.h"
#include "models/tokenizer.h"
#include "pipeline/folder.h"
#include "train/checkpoint.h"

#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct dr_unet_model *dr_trainer_unet(dr_trainer *t)
{
    return &t->unet;
}

struct dr_text_model *dr_trainer_text(dr_trainer *t)
{
    return t->text.loaded ? &t->text : NULL;
}

dr_status dr_trainer_path(const dr_trainer *t, char *out, size_t n, const char *name)
{
    return dr_folder_path(out, n, t->o->output_dir, "", name);
}

static void say(const dr_trainer *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(const dr_trainer *t, const char *fmt, ...)
{
    char text[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (t->cb->message)
        t->cb->message(t->cb->user, text);
}

static bool cancelled(const dr_trainer *t)
{
    return t->cb->cancelled && t->cb->cancelled(t->cb->user);
}

/* --- photos and prompts ------------------------------------------------------------------------- */

static dr_status open_classes(dr_trainer *t)
{
    const dr_train_options *o = t->o;
    dr_status st = dr_mkdirs(o->class_data_dir);
    if (st)
        return st;
    dr_status found = dr_dataset_open(&t->classes, o->class_data_dir, NULL, o->class_prompt, NULL, 0);
    int have = found ? 0 : t->classes.count;
    if (have >= o->num_class_images)
        return DR_OK;
    if (!t->cb->make_class_images)
        return dr_fail(DR_EINVAL, "'%s' has %d class images, --num_class_images asks for %d", o->class_data_dir, have,
                       o->num_class_images);
    say(t, "%d class images are missing in '%s': making them", o->num_class_images - have, o->class_data_dir);
    if (!found)
        dr_dataset_close(&t->classes);
    st = t->cb->make_class_images(t->cb->user, o, o->num_class_images - have);
    return st ? st : dr_dataset_open(&t->classes, o->class_data_dir, NULL, o->class_prompt, NULL, 0);
}

static dr_status open_photos(dr_trainer *t)
{
    char warnings[4096] = "";
    dr_status st = dr_dataset_open(&t->instances, t->o->instance_data_dir, t->o->instance_masks_data_dir,
                                   t->o->instance_prompt, warnings, sizeof warnings);
    if (warnings[0])
        say(t, "%s", warnings);
    return !st && t->o->with_prior_preservation ? open_classes(t) : st;
}

static dr_status tokenize(dr_trainer *t)
{
    char path[PATH_MAX];
    dr_tokenizer *tok = NULL;
    int n = t->instances.count + t->classes.count;
    t->ids = malloc((size_t)n * DR_TOKENS * sizeof *t->ids);
    dr_status st = t->ids ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = dr_folder_path(path, sizeof path, t->o->pretrained_model, "tokenizer", "");
    if (!st)
        st = dr_tokenizer_load(&tok, t->o->tokenizer_name ? t->o->tokenizer_name : path);
    for (int i = 0; !st && i < n; i++) {
        const dr_example *e =
            i < t->instances.count ? &t->instances.example[i] : &t->classes.example[i - t->instances.count];
        st = dr_tokenizer_encode(tok, e->prompt, t->ids + i * DR_TOKENS, NULL);
    }
    dr_tokenizer_free(tok);
    return st;
}

/* --- caches ------------------------------------------------------------------------------------- */

static void on_encoded(void *user, int done, int total)
{
    const dr_trainer *t = user;
    if (t->cb->prepare)
        t->cb->prepare(t->cb->user, "encoding photos", done, total);
}

static bool on_cancel(void *user)
{
    return cancelled(user);
}

/* What the VAE and a frozen text encoder have to say, kept; both models are gone afterwards. */
static dr_status fill_caches(dr_trainer *t)
{
    dr_cache_callbacks cb = {t, on_encoded, on_cancel};
    int first = dr_plan_batch_of_step(&t->plan, t->step);
    dr_status st = dr_cache_images(&t->cache, t->o->pretrained_model, &t->plan, first, &t->instances,
                                   t->o->with_prior_preservation ? &t->classes : NULL, &cb);
    if (st || t->o->train_text_encoder)
        return st;
    dr_text_model text = {0};
    st = dr_text_load(&text, t->o->pretrained_model);
    if (!st)
        st = dr_cache_texts(&t->cache, &text, t->ids, t->instances.count, t->classes.count);
    dr_text_unload(&text);
    return st;
}

/* --- models ------------------------------------------------------------------------------------- */

static dr_status check_channels(const dr_trainer *t)
{
    const dr_unet_config *u = &t->unet.net.config;
    int latent = t->cache.vae.latent;
    if (u->in != 2 * latent + 1)
        return dr_fail(DR_EINVAL,
                       "cannot train '%s': its UNet takes %d channels, expected %d; pass the folder of an "
                       "inpainting model",
                       t->o->pretrained_model, u->in, 2 * latent + 1);
    return DR_OK;
}

/* Loads what is trained, from the checkpoint when one is resumed, and makes it trainable. */
static dr_status load_models(dr_trainer *t, const char *checkpoint)
{
    bool lora = t->o->lora_rank > 0;
    const char *from = checkpoint && !lora ? checkpoint : t->o->pretrained_model;
    dr_status st = dr_unet_load(&t->unet, from);
    if (!st)
        st = check_channels(t);
    if (!st && t->o->train_text_encoder)
        st = dr_text_load(&t->text, from);
    if (!st)
        st = dr_params_check(&t->unet.params, from);
    if (!st && t->text.loaded)
        st = dr_params_check(&t->text.params, from);
    if (!st && lora)
        return dr_adapters_make(&t->adapters, &t->unet.net, t->o->train_text_encoder ? &t->text.net : NULL,
                                t->o->lora_rank, t->o->lora_alpha, t->o->seed);
    if (!st)
        st = dr_params_make_trainable(&t->unet.params);
    if (!st && t->o->train_text_encoder)
        st = dr_params_make_trainable(&t->text.params);
    return st;
}

static void add_trained(dr_trainer *t, dr_params *p, const char *prefix)
{
    for (dr_param *q = p->first; q; q = q->next) {
        t->trained[t->trained_count] = &q->t;
        t->prefix[t->trained_count++] = prefix;
    }
}

/* The list of what is trained, its gradients in one flat buffer, its moments. */
static dr_status make_optimizer(dr_trainer *t)
{
    const dr_train_options *o = t->o;
    bool lora = o->lora_rank > 0;
    size_t n =
        lora ? t->adapters.params.count : t->unet.params.count + (o->train_text_encoder ? t->text.params.count : 0);
    t->trained = calloc(n, sizeof *t->trained);
    t->prefix = calloc(n, sizeof *t->prefix);
    if (!t->trained || !t->prefix)
        return dr_fail(DR_ENOMEM, "out of memory");
    if (lora)
        add_trained(t, &t->adapters.params, "");
    else
        add_trained(t, &t->unet.params, "unet.");
    if (!lora && o->train_text_encoder)
        add_trained(t, &t->text.params, "text_encoder.");

    /* without clipping and accumulation nothing needs all gradients at once: they can be used as they come */
    t->as_they_come = o->max_grad_norm == 0 && o->gradient_accumulation_steps == 1 && o->gradient_checkpointing;
    size_t values = 0;
    for (size_t i = 0; i < n; i++)
        values += (size_t)dr_numel(t->trained[i]);
    if (!t->as_they_come) {
        t->gradients_size = values * sizeof(float);
        void *p = mmap(NULL, t->gradients_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            return dr_fail(DR_ENOMEM, "out of memory: %zu MiB for gradients", t->gradients_size >> 20);
        t->gradients = p;
        float *at = p;
        for (size_t i = 0; i < n; i++) {
            t->trained[i]->grad = at;
            at += dr_numel(t->trained[i]);
        }
    }
    dr_adamw_options a = {o->adam_beta1, o->adam_beta2, o->adam_epsilon, o->adam_weight_decay, o->use_8bit_adam};
    dr_status st = dr_adamw_init(&t->adamw, &a, t->trained, n);
    if (!st && o->use_ema)
        st = dr_ema_init(&t->ema, t->trained, n, 0.9999);
    return st;
}

static void make_schedule(dr_trainer *t)
{
    const dr_train_options *o = t->o;
    double scale = o->scale_lr ? o->train_batch_size * o->gradient_accumulation_steps : 1;
    t->lr = (dr_lr_schedule){o->lr_scheduler, o->learning_rate * scale, o->lr_warmup_steps,
                             t->plan.steps,   o->lr_num_cycles,         o->lr_power};
}

/* --- logs --------------------------------------------------------------------------------------- */

static dr_status open_logs(dr_trainer *t)
{
    char dir[PATH_MAX], path[PATH_MAX];
    const char *logs = t->o->logging_dir;
    dr_status st =
        logs[0] == '/' ? dr_folder_path(dir, sizeof dir, logs, "", "") : dr_trainer_path(t, dir, sizeof dir, logs);
    if (!st)
        st = dr_tb_open(&t->events, dir);
    if (!st)
        st = dr_folder_path(path, sizeof path, dir, "", "train.jsonl");
    return st ? st : dr_jsonl_open(&t->log, path, t->step);
}

static dr_status write_logs(dr_trainer *t, const dr_train_report *r)
{
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
        snprintf(name, sizeof name, "step-%06d-%d.png", t->step, i + 1);
        snprintf(tag, sizeof tag, "validation/%d", i + 1);
        dr_status st = dr_folder_path(path, sizeof path, dir, "", name);
        if (!st)
            st = dr_image_read(&im, path, 3);
        if (!st)
            st = dr_file_read(path, (size_t)256 << 20, &png, &size);
        if (!st)
            st = dr_tb_image(t->events, tag, t->step, im.width, im.height, png, size);
        free(png);
        png = NULL;
        dr_image_clear(&im);
        if (st)
            return st;
    }
    return DR_OK;
}

static dr_status validate(dr_trainer *t)
{
    char dir[PATH_MAX];
    if (!t->o->validation_image || !t->cb->validate)
        return DR_OK;
    dr_status st = dr_trainer_path(t, dir, sizeof dir, "validation");
    if (!st)
        st = dr_mkdirs(dir);
    if (!st)
        st = t->cb->validate(t->cb->user, t, t->step, dir);
    return st ? st : log_pictures(t, dir);
}

/* --- the loop ----------------------------------------------------------------------------------- */

static dr_status interrupted(dr_trainer *t)
{
    dr_status st = dr_checkpoint_save(t);
    if (st)
        return st;
    say(t, "stopped after step %d of %d; checkpoint written: add --resume_from_checkpoint=latest to go on", t->step,
        t->plan.steps);
    return dr_fail(DR_ECANCELLED, "interrupted");
}

static dr_status loop(dr_trainer *t)
{
    int every = t->o->validation_steps;
    dr_status st = DR_OK;
    while (!st && t->step < t->plan.steps) {
        dr_train_report r = {0};
        if (cancelled(t))
            return interrupted(t);
        st = dr_trainer_step(t, &r);
        if (!st && t->cb->step)
            t->cb->step(t->cb->user, &r);
        if (!st)
            st = write_logs(t, &r);
        if (!st && every > 0 && t->step % every == 0 && t->step < t->plan.steps)
            st = validate(t);
        if (!st && t->step % t->o->checkpointing_steps == 0)
            st = dr_checkpoint_save(t);
    }
    return st ? st : validate(t);
}

static void trainer_clear(dr_trainer *t)
{
    dr_jsonl_close(&t->log);
    dr_tb_close(t->events);
    dr_ema_clear(&t->ema);
    dr_adamw_clear(&t->adamw);
    for (size_t i = 0; i < t->trained_count; i++)
        t->trained[i]->grad = NULL;
    if (t->gradients)
        munmap(t->gradients, t->gradients_size);
    free(t->trained);
    free(t->prefix);
    dr_adapters_clear(&t->adapters);
    dr_unet_unload(&t->unet);
    dr_text_unload(&t->text);
    dr_tape_clear(&t->tape);
    dr_cache_clear(&t->cache);
    dr_plan_clear(&t->plan);
    dr_schedule_clear(&t->schedule);
    dr_dataset_close(&t->instances);
    dr_dataset_close(&t->classes);
    free(t->ids);
}

/* Everything before the first step; `checkpoint` is what is resumed from, or "". */
static dr_status prepare(dr_trainer *t, char *checkpoint, size_t n)
{
    char path[PATH_MAX];
    dr_vae_config vae;
    dr_status st = dr_folder_check(t->o->pretrained_model);
    if (!st)
        st = dr_mkdirs(t->o->output_dir);
    if (!st)
        st = open_photos(t);
    if (!st)
        st = tokenize(t);
    if (!st)
        st = dr_vae_config_load(&vae, t->o->pretrained_model);
    if (!st && t->o->resolution % dr_vae_factor(&vae))
        st = dr_fail(DR_EINVAL, "--resolution is %d, must be a multiple of %d for this model", t->o->resolution,
                     dr_vae_factor(&vae));
    if (!st)
        st = dr_plan_make(&t->plan, t->o, &t->instances, t->o->with_prior_preservation ? &t->classes : NULL,
                          dr_vae_factor(&vae));
    if (!st)
        st = dr_folder_path(path, sizeof path, t->o->pretrained_model, "scheduler", "scheduler_config.json");
    if (!st)
        st = dr_schedule_load(&t->schedule, path);
    if (!st && t->o->resume_from_checkpoint) {
        st = dr_checkpoint_find(t->o->output_dir, t->o->resume_from_checkpoint, checkpoint, n);
        if (st == DR_ENOENT && strcmp(t->o->resume_from_checkpoint, "latest") == 0) {
            say(t, "%s: starting anew", dr_error());
            checkpoint[0] = 0;
            return DR_OK;
        }
        if (!st)
            st = dr_checkpoint_read_state(t, checkpoint);
        if (!st)
            say(t, "resuming from '%s', step %d", checkpoint, t->step);
    }
    return st;
}

static dr_status run(dr_trainer *t)
{
    char checkpoint[PATH_MAX] = "";
    dr_rng_seed(&t->rng, t->o->seed);
    dr_ops_set_precision(strcmp(t->o->mixed_precision, "bf16") == 0 ? DR_PRECISION_AUTO : DR_PRECISION_EXACT);
    dr_status st = prepare(t, checkpoint, sizeof checkpoint);
    if (!st)
        st = fill_caches(t);
    if (!st)
        st = load_models(t, checkpoint[0] ? checkpoint : NULL);
    if (!st)
        st = make_optimizer(t);
    if (!st && checkpoint[0])
        st = dr_checkpoint_read_moments(t, checkpoint);
    if (!st)
        st = dr_tape_init(&t->tape);
    if (!st)
        st = open_logs(t);
    if (st)
        return st;
    make_schedule(t);
    t->tape.checkpointing = t->o->gradient_checkpointing;
    t->tape.activation_budget = (size_t)t->o->activation_memory;
    st = loop(t);
    return st ? st : dr_trainer_finish(t);
}

dr_status dr_train(const dr_train_options *o, const dr_train_callbacks *cb)
{
    dr_status st = dr_train_check(o);
    if (st)
        return st;
    dr_trainer *t = calloc(1, sizeof *t);
    if (!t)
        return dr_fail(DR_ENOMEM, "out of memory");
    t->o = o;
    t->cb = cb;
    st = run(t);
    trainer_clear(t);
    free(t);
    return st;
}
