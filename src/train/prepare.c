/* Before the first step: the model, the photos, the prompts, the memory, the plan, the checkpoint to go on from; and
 * what is computed once for the whole run. */
#include "train/trainer_state.h"

#include "base/file.h"
#include "base/path.h"
#include "base/progress.h"
#include "pipeline/garment_attention.h"
#include "train/estimate.h"
#include "train/pairs_models.h"
#include "train/prompt_tell.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

/* --- photos and prompts ------------------------------------------------------------------------- */

static dr_status open_classes(dr_trainer *t)
{
    const drape_train_options *o = t->o;
    dr_status st = dr_mkdirs(o->class_data_dir);
    if (st)
        return st;
    dr_status found = dr_dataset_open(&t->classes, o->class_data_dir, NULL, o->class_prompt, NULL, 0);
    int have = found ? 0 : t->classes.count;
    if (have >= o->num_class_images)
        return DR_OK;
    if (!t->pictures->make_class_images)
        return dr_fail(DR_EINVAL, "'%s' has %d class images, --num_class_images asks for %d", o->class_data_dir, have,
                       o->num_class_images);
    dr_trainer_say(t, "%d class images are missing in '%s': making them", o->num_class_images - have,
                   o->class_data_dir);
    if (!found)
        dr_dataset_close(&t->classes);
    st = t->pictures->make_class_images(t->pictures->user, t, o, o->num_class_images - have);
    return st ? st : dr_dataset_open(&t->classes, o->class_data_dir, NULL, o->class_prompt, NULL, 0);
}

static dr_status open_photos(dr_trainer *t)
{
    char warnings[4096] = "";
    if (t->o->garment_pairs) {
        dr_status st = dr_garment_pairs_open(&t->instances, t->o->garment_pairs, warnings, sizeof warnings);
        if (warnings[0])
            dr_trainer_say(t, "%s", warnings);
        return st;
    }
    dr_status st = dr_dataset_open(&t->instances, t->o->instance_data_dir, t->o->instance_masks_data_dir,
                                   t->o->instance_prompt, warnings, sizeof warnings);
    if (!st)
        dr_dataset_check_resolution(&t->instances, t->o->resolution, warnings, sizeof warnings);
    if (warnings[0])
        dr_trainer_say(t, "%s", warnings);
    return st;
}

static dr_status hold_out(dr_trainer *t)
{
    char doubts[4096];
    dr_status st = dr_holdout_open(&t->holdout, t->o, &t->instances, doubts, sizeof doubts);
    if (!st && doubts[0])
        dr_trainer_say(t, "%s", doubts);
    if (!st && t->holdout.photos.count)
        dr_trainer_say(t, "%d photo%s held out, %d to train on", t->holdout.photos.count,
                       t->holdout.photos.count == 1 ? " is" : "s are", t->instances.count);
    return st;
}

/* Which prompts will be taught, and what of them the model does not get to see. */
static dr_status tell_prompts(const dr_trainer *t, const dr_tokenizer *tok)
{
    char text[4096], *cut = NULL;
    dr_prompts_tell(&t->instances, text, sizeof text);
    dr_trainer_say(t, "%s", text);
    dr_status st = dr_prompts_tell_cut(&t->instances, tok, text, sizeof text);
    if (!st && text[0])
        dr_trainer_say(t, "%s", text);
    if (!st && t->o->with_prior_preservation)
        st = dr_tokenizer_cut(tok, t->o->class_prompt, false, &cut);
    if (!st && cut)
        dr_trainer_say(t, "--class_prompt is longer than the 75 tokens that the model reads; its end is cut off: '%s'",
                       cut);
    free(cut);
    return st;
}

static dr_status tokenize(dr_trainer *t, int cell)
{
    int n = t->instances.count + t->classes.count;
    t->ids = malloc((size_t)n * DR_TOKENS * sizeof *t->ids);
    dr_status st = t->ids ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
    for (int i = 0; !st && i < n; i++) {
        const dr_example *e =
            i < t->instances.count ? &t->instances.example[i] : &t->classes.example[i - t->instances.count];
        st = dr_tokenizer_encode(t->tokenizer, e->prompt, t->ids + i * DR_TOKENS, NULL);
    }
    if (!st)
        st = tell_prompts(t, t->tokenizer);
    if (!st)
        st = dr_holdout_plan(&t->holdout, t->o, t->tokenizer, cell);
    dr_tokenizer_free(t->tokenizer);
    t->tokenizer = NULL;
    return st;
}

/* --- model and memory --------------------------------------------------------------------------- */

typedef struct configs {
    dr_unet_config unet;
    dr_clip_config text;
    dr_vae_config vae;
} configs;

/* With pairs it need not be a whole pipeline: there is no text; and a model that brings one for dressing from photos
 * learns there. */
static dr_status open_source(dr_source **out, const drape_train_options *o)
{
    const char *path = o->pretrained_model_name_or_path, *vae = o->vae;
    dr_garment_model brought;
    dr_status st = o->garment_pairs ? dr_garment_model_take(&brought, &path, &vae) : DR_OK;
    if (st && !brought.attention[0])
        st = DR_OK;
    return st ? st
              : dr_source_open(out, path,
                               &(dr_source_options){.unchecked = o->garment_pairs != NULL,
                                                    .tokenizer = o->tokenizer_name,
                                                    .vae = vae,
                                                    .ema = o->ema});
}

static dr_status check_sizes(const drape_train_options *o, int factor)
{
    const struct {
        const char *name;
        int pixels;
    } pairs[] = {{"width", o->width}, {"height", o->height}}, photos[] = {{"resolution", o->resolution}};
    for (int i = 0; i < (o->garment_pairs ? 2 : 1); i++) {
        const char *name = o->garment_pairs ? pairs[i].name : photos[i].name;
        int pixels = o->garment_pairs ? pairs[i].pixels : photos[i].pixels;
        if (pixels % factor)
            return dr_fail(DR_EINVAL, "--%s is %d, must be a multiple of %d for this model", name, pixels, factor);
    }
    return DR_OK;
}

/* The model's configs, and that it can be trained with these options. */
static dr_status read_configs(const drape_train_options *o, const dr_source *s, configs *c)
{
    dr_status st = dr_unet_config_load(&c->unet, s);
    if (!st && !o->garment_pairs)
        st = dr_text_config(&c->text, s);
    if (!st)
        st = dr_vae_config_load(&c->vae, s);
    if (st)
        return st;
    if (c->unet.in != 2 * c->vae.latent + 1)
        return dr_fail(DR_EINVAL,
                       "cannot train '%s': its UNet takes %d channels, expected %d%s; pass the folder of an "
                       "inpainting model",
                       dr_source_path(s), c->unet.in, 2 * c->vae.latent + 1,
                       c->unet.in == c->vae.latent ? ": this is a text-to-image model" : "");
    return check_sizes(o, dr_vae_factor(&c->vae));
}

/* What frozen weights keep in memory: the type they have in the files, f16 in place of blocks. Mapping them reads next
 * to nothing. */
static dr_status stored_type(const dr_source *s, dr_dtype *out)
{
    dr_unet_model m = {0};
    dr_status st = dr_unet_load_textless(&m, s); /* a whole one too; whether a text is needed is seen later */
    for (const dr_param *q = st ? NULL : m.params.first; q; q = q->next)
        if (q->t.rank > 1)
            *out = dr_dtype_block(q->t.dtype) > 1 ? DR_F16 : q->t.dtype;
    dr_unet_unload(&m);
    return st;
}

static dr_status need(const drape_train_options *o, const dr_source *s, const configs *c, int ranks, int pairs,
                      uint64_t available, dr_train_memory *m, char *text, size_t size)
{
    *m = (dr_train_memory){0};
    dr_train_estimate_in in = {.options = o,
                               .unet = &c->unet,
                               .text = o->garment_pairs ? NULL : &c->text,
                               .vae = &c->vae,
                               .stored = DR_F32,
                               .distilled = dr_source_has(s, DR_UNET_BASE),
                               .pairs = pairs,
                               .ranks = ranks};
    dr_status st = stored_type(s, &in.stored);
    if (!st)
        st = dr_train_estimate(&in, m);
    return st ? st : dr_train_estimate_tell(&in, available, text, size);
}

dr_status dr_train_need(const drape_train_options *o, uint64_t available, uint64_t *total, char *text, size_t size)
{
    configs c;
    dr_source *s = NULL;
    drape_train_options own = *o;
    dr_train_memory m = {0};
    dr_status st = dr_garment_pairs_settle(&own);
    if (!st)
        st = open_source(&s, &own);
    if (!st)
        st = read_configs(&own, s, &c);
    if (!st)
        st = need(&own, s, &c, 1, 0, available, &m, text, size);
    *total = m.total;
    dr_source_close(s);
    return st;
}

/* Says what the run needs; an error with the flags that help when that is more than there is. Where the VAE has room
 * beside it, photos are encoded as they come up. */
static dr_status tell_memory(dr_trainer *t, const configs *c)
{
    char text[1024];
    dr_train_memory m;
    uint64_t available = dr_mem_available();
    int pairs = t->o->garment_pairs ? t->instances.count : 0, ranks = dr_ranks_size(t->ranks);
    drape_train_options own = *t->o; /* of this rank */
    own.train_batch_size = (own.train_batch_size + ranks - 1) / ranks;
    dr_status st = need(&own, t->source, c, ranks, pairs, available, &m, text, sizeof text);
    t->encodes_late = ranks == 1 && (available == 0 || m.total + m.encoding <= available);
    if (!st)
        dr_trainer_say(t, "%s", text);
    return st;
}

/* --- output folder and schedules ---------------------------------------------------------------- */

/* One run at a time in an output folder; the lock ends with the process, however that ends. */
static dr_status lock_output(dr_trainer *t)
{
    t->lock = open(t->o->output_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (t->lock < 0)
        return dr_fail(DR_EIO, "cannot open folder '%s': %s", t->o->output_dir, strerror(errno));
    if (flock(t->lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) /* not every file system has locks */
        return dr_fail(DR_EINVAL, "another run is training into '%s': wait for it, or choose another --output_dir",
                       t->o->output_dir);
    return DR_OK;
}

/* Of all ranks the first one alone writes into the output folder, but for pictures that others make. */
static dr_status begin_output(dr_trainer *t)
{
    dr_status st = DR_OK;
    if (dr_ranks_rank(t->ranks) == 0) {
        st = dr_mkdirs(t->o->output_dir);
        if (!st)
            st = lock_output(t);
        if (!st)
            dr_checkpoint_sweep(t->o->output_dir, (const char *[]){"result", "pytorch_lora_weights.safetensors", NULL});
    }
    return st ? st : dr_ranks_barrier(t->ranks);
}

static dr_status make_schedule(dr_trainer *t)
{
    const drape_train_options *o = t->o;
    double scale = o->scale_lr ? o->train_batch_size * o->gradient_accumulation_steps : 1;
    t->lr = (dr_lr_schedule){o->lr_scheduler, o->learning_rate * scale, o->lr_warmup_steps,
                             t->plan.steps,   o->lr_num_cycles,         o->lr_power};
    return dr_lr_check_schedule(&t->lr);
}

/* Nothing is written before all of the user's photos are found good and the memory is found to suffice. */
dr_status dr_trainer_prepare(dr_trainer *t)
{
    configs c;
    dr_status st = open_source(&t->source, t->o);
    if (!st && dr_source_note(t->source)[0])
        dr_trainer_say(t, "%s", dr_source_note(t->source));
    if (!st)
        st = read_configs(t->o, t->source, &c);
    if (!st && t->o->garment_pairs)
        st = dr_garment_pairs_look(t->o, t->source);
    if (!st && !t->o->garment_pairs)
        st = dr_tokenizer_open(&t->tokenizer, t->source, &c.text);
    if (!st)
        st = open_photos(t);
    if (!st)
        st = hold_out(t);
    if (!st)
        st = dr_trainer_settle_batch(t);
    if (!st)
        st = dr_trainer_compare_ranks(t);
    if (!st)
        st = tell_memory(t, &c);
    if (!st)
        st = begin_output(t);
    if (!st && t->o->with_prior_preservation)
        st = open_classes(t);
    if (!st)
        st = t->o->garment_pairs ? dr_holdout_plan(&t->holdout, t->o, NULL, dr_vae_factor(&c.vae))
                                 : tokenize(t, dr_vae_factor(&c.vae));
    if (!st)
        st = dr_plan_make(&t->plan, t->o, &t->instances, t->o->with_prior_preservation ? &t->classes : NULL,
                          dr_vae_factor(&c.vae));
    if (!st)
        st = make_schedule(t);
    if (!st)
        st = dr_source_schedule(t->source, &t->schedule);
    return st ? st : dr_trainer_find_checkpoint(t);
}

/* --- caches ------------------------------------------------------------------------------------- */

static void on_encoded(void *user, int done, int total)
{
    const dr_trainer *t = user;
    const drape_train_callbacks *cb = &t->o->callbacks;
    if (cb->prepare)
        cb->prepare(cb->user, "encoding photos", done, total);
}

static bool on_cancel(void *user)
{
    return dr_trainer_cancelled(user);
}

static void on_doubt(void *user, const char *text)
{
    dr_trainer_say(user, "%s", text);
}

/* Texts of the photos, and of those held out, whose text encoder is not trained. */
static dr_status fill_texts(dr_trainer *t)
{
    dr_text_model text = {0};
    dr_holdout *h = &t->holdout;
    dr_status st = dr_text_load(&text, t->source);
    if (!st && text.files.note[0])
        dr_trainer_say(t, "%s", text.files.note);
    if (!st)
        st = dr_cache_texts(&t->cache, &text, t->ids, t->instances.count, t->classes.count);
    if (!st && h->photos.count)
        st = dr_cache_texts(&h->cache, &text, h->ids, h->photos.count, 0);
    dr_text_unload(&text);
    return st;
}

dr_status dr_trainer_fill_caches(dr_trainer *t)
{
    dr_cache_callbacks cb = {t, on_encoded, on_cancel, on_doubt};
    dr_holdout *h = &t->holdout;
    t->cache.ranks = h->cache.ranks = t->ranks;
    t->cache.lay_cloth = h->cache.lay_cloth = t->schedule.lay_cloth;
    int first = dr_plan_batch_of_step(&t->plan, t->checkpoint.step);
    int second = t->checkpoint.step + 1 < t->plan.steps ? dr_plan_batch_of_step(&t->plan, t->checkpoint.step + 1)
                                                        : t->plan.batch_count;
    const dr_cache_photos photos = {&t->instances, t->o->with_prior_preservation ? &t->classes : NULL,
                                    t->o->mask_any_white},
                          held = {&h->photos, NULL, t->o->mask_any_white};
    dr_status st = dr_cache_images(&t->cache, &t->tape, t->source, &t->plan, first,
                                   t->encodes_late ? second : t->plan.batch_count, &photos, &cb);
    if (!st && h->photos.count)
        st = dr_cache_images(&h->cache, &t->tape, t->source, &h->plan, 0, h->plan.batch_count, &held, &cb);
    return st || t->o->train_text_encoder || t->o->garment_pairs ? st : fill_texts(t);
}
