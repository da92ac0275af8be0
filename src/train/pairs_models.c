/* The UNet that learns from pairs: loaded, divided into what learns and what does not, and written. */
#include "train/pairs_models.h"

#include <stdlib.h>
#include <string.h>

/* --- loading ------------------------------------------------------------------------------------------- */

static bool learns(void *user, const dr_param *q)
{
    return dr_garment_pairs_learns(user, q->t.name);
}

/* Cross-attention that the files do not have is not missed, and not written either. */
static void drop_missing(dr_params *p)
{
    dr_param **at = &p->first;
    p->last = NULL;
    p->count = 0;
    while (*at)
        if ((*at)->t.data) {
            p->last = *at;
            p->count++;
            at = &(*at)->next;
        } else {
            *at = (*at)->next;
        }
}

dr_status dr_garment_pairs_look(const drape_train_options *o, const dr_source *s)
{
    dr_params p = {0};
    dr_garment_attention a;
    if (!o->attention)
        return DR_OK;
    dr_status st = dr_garment_attention_open(&a, o->attention);
    if (st)
        return st;
    dr_unet *u = malloc(sizeof *u);
    st = u ? dr_model_open(&dr_textless_unet_row, s, dr_textless_unet_row.part, u, &p)
           : dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = dr_garment_attention_check(&a, u, dr_source_path(s));
    if (!st && dr_source_has(s, DR_UNET_BASE))
        st = dr_fail(DR_EINVAL, "--attention is not for '%s': that model is distilled, and these weights are not",
                     dr_source_path(s));
    dr_params_clear(&p);
    free(u);
    dr_garment_attention_close(&a);
    return st;
}

/* Of the checkpoint where there is one, else those that the run starts from, if any. */
static dr_status put_attention(dr_trainer *t, bool resumes)
{
    const char *from = resumes ? t->checkpoint.at : t->o->attention;
    if (!from)
        return DR_OK;
    dr_garment_attention *a = &t->pairs.attention;
    dr_status st = dr_garment_attention_open(a, from);
    if (st)
        return st;
    t->pairs.attention_open = true;
    st = dr_garment_attention_check(a, &t->unet.net, dr_source_path(t->source));
    return st ? st : dr_garment_attention_apply(a, &t->unet.net, &t->unet.params);
}

static dr_status make_trainable(dr_trainer *t)
{
    dr_garment_pairs_state *p = &t->pairs;
    dr_status st = DR_OK;
    if (!t->o->lora_rank)
        st = dr_subset_take(&p->subset, &t->unet.params, learns, (void *)(uintptr_t)t->o);
    if (!st && !t->o->lora_rank)
        st = dr_params_make_trainable(&p->subset.learns);
    if (!st) /* all else stays as it is */
        st = dr_params_hold(&t->unet.params, false, dr_source_path(t->source));
    if (!st && t->o->lora_rank)
        st = dr_adapters_make(&t->adapters, &(dr_adapter_layers){.unet = &t->unet.net, .self_alone = true},
                              t->o->lora_rank, t->o->lora_alpha, t->o->seed);
    return st;
}

bool dr_garment_pairs_all(const drape_train_options *o)
{
    return !o->lora_rank && strcmp(o->train_layers, "all") == 0;
}

dr_status dr_garment_pairs_load_models(dr_trainer *t)
{
    bool all = dr_garment_pairs_all(t->o), resumes = t->checkpoint.at[0] && !t->o->lora_rank;
    dr_status st = dr_distilled_open(&t->distilled, &t->unet, t->source);
    if (!st && resumes && all)
        dr_unet_unload(&t->unet);
    if (!st && resumes && all)
        st = dr_source_open(&t->resumed, t->checkpoint.at, &(dr_source_options){.unchecked = true});
    const dr_source *from = resumes && all ? t->resumed : t->source;
    if (!st)
        st = dr_unet_load_textless(&t->unet, from);
    if (!st && t->unet.files.note[0])
        dr_trainer_say(t, "%s", t->unet.files.note);
    if (!st)
        drop_missing(&t->unet.params);
    if (!st)
        st = dr_params_check(&t->unet.params, dr_source_path(from));
    if (st)
        return resumes && all ? dr_checkpoint_blame(&t->checkpoint, st) : st;
    if (!(resumes && all)) {
        st = put_attention(t, resumes);
        st = resumes ? dr_checkpoint_blame(&t->checkpoint, st) : st;
    }
    return st ? st : make_trainable(t);
}

void dr_garment_pairs_clear_models(dr_trainer *t)
{
    dr_subset_clear(&t->pairs.subset);
    if (t->pairs.attention_open)
        dr_garment_attention_close(&t->pairs.attention);
    t->pairs = (dr_garment_pairs_state){0};
}

/* --- writing ------------------------------------------------------------------------------------------- */

static dr_status save_attention(const void *trainer, const char *path)
{
    dr_trainer *t = (dr_trainer *)(uintptr_t)trainer; /* its weights are looked at */
    return dr_garment_attention_save(&t->unet.net, path, t->o->width, t->o->height);
}

/* All of it, with what does not learn. */
static dr_status save_unet(const void *trainer, const char *path)
{
    dr_trainer *t = (dr_trainer *)(uintptr_t)trainer;
    bool joined = t->pairs.subset.joined;
    dr_subset_join(&t->pairs.subset);
    dr_status st = dr_weights_save(&t->unet.params, path, DR_F32, "", 0);
    if (!joined)
        dr_subset_part(&t->pairs.subset);
    return st;
}

void dr_garment_pairs_name_part(dr_trainer *t)
{
    dr_part *part = &t->training.part[t->training.parts++];
    *part = (dr_part){.params = &t->pairs.subset.learns,
                      .prefix = "unet.",
                      .folder = "attention",
                      .file = "model.safetensors",
                      .save = save_attention,
                      .owner = t};
    if (!dr_garment_pairs_all(t->o))
        return;
    part->folder = "unet";
    part->file = "diffusion_pytorch_model.safetensors";
    part->config_from = t->source;
    part->save = save_unet;
}
