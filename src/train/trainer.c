#include "train/trainer.h"

#include "pipeline/folder.h"
#include "train/checkpoint.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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

dr_precision dr_trainer_precision(const dr_trainer *t)
{
    return strcmp(t->o->mixed_precision, "bf16") == 0 ? DR_PRECISION_AUTO : DR_PRECISION_EXACT;
}

void dr_trainer_say(const dr_trainer *t, const char *fmt, ...)
{
    char text[4600]; /* a list of warnings with something around it */
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (t->cb->message)
        t->cb->message(t->cb->user, text);
}

bool dr_trainer_cancelled(const dr_trainer *t)
{
    return t->cb->cancelled && t->cb->cancelled(t->cb->user);
}

/* --- models ------------------------------------------------------------------------------------- */

/* Loads what is trained, from the checkpoint when one is resumed, and makes it trainable. */
static dr_status load_models(dr_trainer *t, const char *checkpoint)
{
    bool lora = t->o->lora_rank > 0;
    const char *from = checkpoint && !lora ? checkpoint : t->o->pretrained_model;
    dr_status st = dr_unet_load(&t->unet, from);
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

/* --- the loop ----------------------------------------------------------------------------------- */

static dr_status interrupted(dr_trainer *t)
{
    dr_status st = dr_checkpoint_save(t);
    if (st)
        return st;
    dr_trainer_say(t, "stopped after step %d of %d; checkpoint written: add --resume_from_checkpoint=latest to go on",
                   t->step, t->plan.steps);
    return dr_fail(DR_ECANCELLED, "interrupted");
}

static dr_status loop(dr_trainer *t)
{
    int every = t->o->validation_steps;
    dr_status st = DR_OK;
    while (!st && t->step < t->plan.steps) {
        dr_train_report r = {0};
        if (dr_trainer_cancelled(t))
            return interrupted(t);
        st = dr_trainer_step(t, &r);
        if (!st && t->cb->step)
            t->cb->step(t->cb->user, &r);
        if (!st)
            st = dr_trainer_log(t, &r);
        if (!st && every > 0 && t->step % every == 0 && t->step < t->plan.steps)
            dr_trainer_validate(t);
        if (!st && t->step % t->o->checkpointing_steps == 0)
            st = dr_checkpoint_save(t);
    }
    if (!st)
        dr_trainer_validate(t);
    return st;
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
    if (t->lock >= 0)
        close(t->lock);
}

static dr_status run(dr_trainer *t)
{
    char checkpoint[PATH_MAX] = "";
    dr_rng_seed(&t->rng, t->o->seed);
    t->cache.precision = dr_trainer_precision(t);
    dr_status st = dr_trainer_prepare(t, checkpoint, sizeof checkpoint);
    if (!st)
        st = dr_trainer_fill_caches(t);
    if (!st)
        st = load_models(t, checkpoint[0] ? checkpoint : NULL);
    if (!st)
        st = make_optimizer(t);
    if (!st && checkpoint[0])
        st = dr_checkpoint_read_moments(t, checkpoint);
    if (!st)
        st = dr_tape_init(&t->tape);
    if (!st)
        st = dr_trainer_open_logs(t);
    if (st)
        return st;
    t->tape.precision = dr_trainer_precision(t);
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
    t->lock = t->resumed = -1;
    st = run(t);
    trainer_clear(t);
    free(t);
    return st;
}
