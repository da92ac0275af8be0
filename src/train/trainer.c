#include "train/trainer.h"

#include "train/estimate.h"
#include "train/keep_photos.h"
#include "train/pairs_models.h"
#include "train/trainer_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- models ------------------------------------------------------------------------------------- */

static dr_status make_adapters(dr_trainer *t)
{
    const drape_train_options *o = t->o;
    dr_status st = dr_adapters_make(
        &t->adapters, &(dr_adapter_layers){.unet = &t->unet.net, .text = o->train_text_encoder ? &t->text.net : NULL},
        o->lora_rank, o->lora_alpha, o->seed);
    return st || o->garment_pairs ? st : dr_keep_photos_text(t->source, &t->instances, &t->adapters.wardrobe);
}

/* Loads what is trained, from the checkpoint when one is resumed, and makes it trainable. */
static dr_status load_models(dr_trainer *t)
{
    bool lora = t->o->lora_rank > 0, resumes = t->checkpoint.at[0] && !lora;
    dr_status st = dr_distilled_open(&t->distilled, &t->unet, t->source);
    if (!st && resumes) {
        dr_unet_unload(&t->unet);
        st = dr_source_open(&t->resumed, t->checkpoint.at, &(dr_source_options){.unchecked = true});
    }
    const dr_source *from = resumes ? t->resumed : t->source;
    if (!st)
        st = dr_unet_load(&t->unet, from);
    if (!st && t->o->train_text_encoder)
        st = dr_text_load(&t->text, from);
    if (!st && t->unet.files.note[0])
        dr_trainer_say(t, "%s", t->unet.files.note);
    if (!st && t->text.loaded && t->text.files.note[0])
        dr_trainer_say(t, "%s", t->text.files.note);
    if (!st)
        st = dr_params_check(&t->unet.params, dr_source_path(from));
    if (!st && t->text.loaded)
        st = dr_params_check(&t->text.params, dr_source_path(from));
    if (st && resumes)
        return dr_checkpoint_blame(&t->checkpoint, st);
    if (!st && lora) /* all else stays as it is */
        st = dr_params_hold(&t->unet.params, false, dr_source_path(from));
    if (!st && lora && t->text.loaded)
        st = dr_params_hold(&t->text.params, false, dr_source_path(from));
    if (!st && lora)
        return make_adapters(t);
    if (!st)
        st = dr_params_make_trainable(&t->unet.params);
    if (!st && t->o->train_text_encoder)
        st = dr_params_make_trainable(&t->text.params);
    return st;
}

/* What is trained, and how a checkpoint has it. */
static void name_parts(dr_trainer *t)
{
    const drape_train_options *o = t->o;
    dr_training *r = &t->training;
    if (o->lora_rank) {
        r->part[r->parts++] = (dr_part){.params = &t->adapters.params,
                                        .prefix = "",
                                        .folder = "",
                                        .file = "pytorch_lora_weights.safetensors",
                                        .save = dr_adapters_write,
                                        .owner = &t->adapters};
        return;
    }
    if (o->garment_pairs) {
        dr_garment_pairs_name_part(t);
        return;
    }
    r->part[r->parts++] = (dr_part){.params = &t->unet.params,
                                    .prefix = "unet.",
                                    .folder = "unet",
                                    .file = "diffusion_pytorch_model.safetensors",
                                    .config_from = t->source};
    if (o->train_text_encoder)
        r->part[r->parts++] = (dr_part){.params = &t->text.params,
                                        .prefix = "text_encoder.",
                                        .folder = "text_encoder",
                                        .file = "model.safetensors",
                                        .file_prefix = "text_model.",
                                        .config_from = t->source};
}

static dr_status make_training(dr_trainer *t)
{
    const drape_train_options *o = t->o;
    name_parts(t);
    return dr_training_init(&t->training,
                            &(dr_training_options){.adamw = {o->adam_beta1, o->adam_beta2, o->adam_epsilon,
                                                             o->adam_weight_decay, o->use_8bit_adam},
                                                   .max_norm = o->max_grad_norm,
                                                   .average = o->use_ema,
                                                   .ema_decay = 0.9999,
                                                   .as_they_come = !t->ranks && dr_train_as_they_come(o),
                                                   .rate_flag = "--learning_rate",
                                                   .ranks = t->ranks,
                                                   .bf16_wire = strcmp(o->gradient_wire, "bf16") == 0});
}

/* --- the loop ----------------------------------------------------------------------------------- */

static dr_status interrupted(dr_trainer *t)
{
    dr_status st = dr_trainer_save(t);
    if (st)
        return st;
    t->stopped = true;
    dr_trainer_say(t, "stopped after step %d of %d; checkpoint written: add --resume_from_checkpoint=latest to go on",
                   t->checkpoint.step, t->plan.steps);
    return dr_fail(DR_ECANCELLED, "interrupted");
}

/* Whether pictures are made after this step; after the last one they are in any case. */
static bool validation_is_due(const dr_trainer *t)
{
    int every = t->o->validation_steps, step = t->checkpoint.step;
    return every > 0 && step > 0 && step % every == 0 && step < t->plan.steps;
}

/* A look comes before the checkpoint of its step, which knows it; so none is taken twice. */
static bool look_is_due(const dr_trainer *t)
{
    return validation_is_due(t) || t->checkpoint.step == t->plan.steps;
}

static dr_status loop(dr_trainer *t)
{
    dr_status st = look_is_due(t) ? dr_trainer_look(t) : DR_OK; /* which a stopped run may owe */
    while (!st && t->checkpoint.step < t->plan.steps) {
        drape_train_report r = {0};
        if (dr_trainer_cancelled(t))
            return interrupted(t);
        st = dr_trainer_step(t, &r);
        if (!st && t->o->callbacks.step)
            t->o->callbacks.step(t->o->callbacks.user, &r);
        if (!st)
            st = dr_trainer_log(t, &r);
        if (!st && validation_is_due(t))
            dr_trainer_validate(t);
        if (!st && look_is_due(t))
            st = dr_trainer_look(t);
        if (!st && t->checkpoint.step % t->o->checkpointing_steps == 0)
            st = dr_trainer_save(t);
    }
    if (!st)
        dr_trainer_validate(t);
    return st;
}

static void trainer_clear(dr_trainer *t)
{
    dr_jsonl_close(&t->log);
    dr_tb_close(t->events);
    dr_training_clear(&t->training);
    dr_checkpoint_clear(&t->checkpoint);
    dr_adapters_clear(&t->adapters);
    dr_garment_pairs_clear_models(t);
    dr_unet_unload(&t->unet);
    dr_distilled_clear(&t->distilled);
    dr_text_unload(&t->text);
    dr_source_close(t->resumed);
    dr_source_close(t->source);
    dr_tape_clear(&t->tape);
    dr_cache_clear(&t->cache);
    dr_plan_clear(&t->plan);
    dr_schedule_clear(&t->schedule);
    dr_holdout_close(&t->holdout);
    dr_dataset_close(&t->instances);
    dr_dataset_close(&t->classes);
    dr_tokenizer_free(t->tokenizer);
    free(t->ids);
    if (t->lock >= 0)
        close(t->lock);
}

static dr_status run(dr_trainer *t)
{
    t->cache.precision = t->holdout.cache.precision = dr_trainer_precision(t);
    dr_status st = dr_trainer_prepare(t);
    if (!st)
        st = dr_tape_init(&t->tape);
    t->tape.precision = dr_trainer_precision(t);
    if (!st)
        st = dr_trainer_fill_caches(t);
    if (!st)
        st = t->o->garment_pairs ? dr_garment_pairs_load_models(t) : load_models(t);
    if (!st)
        st = dr_trainer_compare_weights(t);
    if (!st)
        st = make_training(t);
    if (!st)
        st = dr_trainer_resume(t);
    if (!st)
        st = dr_trainer_open_logs(t);
    if (st)
        return st;
    dr_trainer_miss_best(t, dr_trainer_best_step(t));
    t->agrees = t->ranks != NULL;
    t->tape.checkpointing = t->o->gradient_checkpointing;
    t->tape.activation_budget = (size_t)t->o->activation_memory;
    st = loop(t);
    return st ? st : dr_trainer_finish(t);
}

/* Whoever trains with us; of all ranks the first one alone speaks to the user. */
static dr_status meet(dr_trainer *t)
{
    drape_train_callbacks *cb = &t->own.callbacks;
    dr_status st = dr_ranks_open(&t->ranks, &(dr_ranks_options){.interrupted = cb->cancel, .user = cb->user});
    if (st || !t->ranks)
        return st;
    if (cb->ranks)
        cb->ranks(cb->user, dr_ranks_rank(t->ranks), dr_ranks_size(t->ranks));
    if (dr_ranks_rank(t->ranks) > 0) {
        cb->prepare = NULL;
        cb->step = NULL;
        cb->message = NULL;
        cb->look = NULL;
    }
    return DR_OK;
}

dr_status dr_train(const drape_train_options *o, const dr_train_pictures *pictures)
{
    dr_trainer *t = calloc(1, sizeof *t);
    if (!t)
        return dr_fail(DR_ENOMEM, "out of memory");
    t->own = *o;
    t->o = &t->own;
    t->pictures = pictures;
    t->lock = -1;
    dr_status st = meet(t);
    if (!st)
        st = dr_train_check(o);
    if (!st)
        st = dr_garment_pairs_settle(&t->own);
    if (!st)
        st = run(t);
    dr_ranks *ranks = t->ranks;
    /* Before what travels goes. Those that stop together part as after a training: a launcher kills all when one has
     * left, and the first would leave while another one still writes the checkpoint. */
    if (!t->stopped)
        dr_ranks_abort(ranks, st);
    trainer_clear(t);
    free(t);
    dr_ranks_close(ranks);
    return st;
}
