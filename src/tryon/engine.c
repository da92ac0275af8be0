#include "tryon/engine.h"

#include "base/file.h"
#include "io/prepare.h"

#include <stdio.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdlib.h>
#include <string.h>

/* --- opening ------------------------------------------------------------------------------------ */

static dr_status check_channels(const dr_engine *e)
{
    const char *path = dr_source_path(e->source);
    const dr_unet_config *u = &e->unet_config;
    int latent = e->vae_config.latent;
    if (e->dresses && (u->in != 2 * latent + 1 || u->out != latent))
        return dr_fail(
            DR_EINVAL,
            "cannot dress from a photo of the garment with '%s': its UNet takes %d channels and gives %d, an "
            "inpainting UNet's %d and %d are expected",
            path, u->in, u->out, 2 * latent + 1, latent);
    if ((u->in != latent && u->in != 2 * latent + 1) || u->out != latent)
        return dr_fail(DR_EINVAL,
                       "cannot use '%s': its UNet takes %d channels and gives %d, its VAE's latents ask "
                       "for %d (or %d, text-to-image) and %d",
                       path, u->in, u->out, 2 * latent + 1, latent, latent);
    return DR_OK;
}

static dr_status check_text(const dr_engine *e)
{
    const char *path = dr_source_path(e->source);
    const dr_unet_config *u = &e->unet_config;
    for (int i = 0; i < u->levels; i++)
        if (u->context[i] != e->text_config.width)
            return dr_fail(DR_EINVAL, "cannot use '%s': its UNet wants text of width %d, its text encoder gives %d",
                           path, u->context[i], e->text_config.width);
    if (e->text_config.positions < DR_TOKENS)
        return dr_fail(DR_EINVAL, "cannot use '%s': its text encoder takes %d tokens, expected %d", path,
                       e->text_config.positions, DR_TOKENS);
    return DR_OK;
}

/* StableDiffusionInpaintPipeline changes two settings of the scheduler that a folder brings. */
static void mend_schedule(dr_schedule *s)
{
    s->steps_offset = 1;
    if (strcmp(s->class_name, "PNDMScheduler") == 0)
        s->skip_prk_steps = true;
}

static dr_status open_text(dr_engine *e)
{
    dr_status st = dr_text_config(&e->text_config, e->source);
    if (!st)
        st = check_text(e);
    return st ? st : dr_tokenizer_open(&e->tokenizer, e->source, &e->text_config);
}

/* The attention weights, and whether they fit the UNet: its parameters are declared for that, none is read. */
static dr_status open_attention(dr_engine *e, const char *path)
{
    dr_params p = {0};
    dr_unet *u = malloc(sizeof *u);
    dr_status st = u ? dr_garment_attention_open(&e->attention, path) : dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = dr_model_open(&dr_unet_row, e->source, dr_unet_row.part, u, &p);
    if (!st)
        st = dr_garment_attention_check(&e->attention, u, dr_source_path(e->source));
    dr_params_clear(&p);
    free(u);
    return st;
}

/* The published program takes the scheduler's settings for DDIM, of whatever class they are. */
static dr_status open_dresser(dr_engine *e, const char *attention)
{
    dr_status st = attention ? open_attention(e, attention) : DR_OK;
    if (!st)
        snprintf(e->schedule.class_name, sizeof e->schedule.class_name, "DDIMScheduler");
    if (!st && !e->schedule.advice_given)
        e->schedule.advised_guidance = 2.5;
    return st;
}

static dr_status open_parts(dr_engine *e, const char *attention)
{
    dr_status st = dr_unet_config_load(&e->unet_config, e->source);
    if (!st)
        st = dr_vae_config_load(&e->vae_config, e->source);
    if (!st)
        st = check_channels(e);
    if (!st)
        st = dr_source_schedule(e->source, &e->schedule);
    if (!st && e->dresses)
        return open_dresser(e, attention);
    if (!st)
        mend_schedule(&e->schedule);
    return st ? st : open_text(e);
}

static dr_status open_loras(dr_engine *e, const dr_lora_ref *loras, int count)
{
    if (count == 0)
        return DR_OK;
    e->lora = calloc((size_t)count, sizeof *e->lora);
    e->lora_scale = calloc((size_t)count, sizeof *e->lora_scale);
    if (!e->lora || !e->lora_scale)
        return dr_fail(DR_ENOMEM, "out of memory");
    for (; e->lora_count < count; e->lora_count++) {
        dr_status st = dr_lora_open(&e->lora[e->lora_count], loras[e->lora_count].path);
        if (st)
            return st;
        e->lora_scale[e->lora_count] = loras[e->lora_count].scale;
        if (e->lora[e->lora_count].note[0] && e->notes.tell)
            e->notes.tell(e->notes.user, e->lora[e->lora_count].note);
    }
    return DR_OK;
}

/* The words of embedding files, and those that lie in adapters. */
static dr_status open_words(dr_engine *e, const dr_engine_extras *x)
{
    dr_status st = DR_OK;
    if (e->dresses)
        return x->embedding_count == 0 ? DR_OK
                                       : dr_fail(DR_EINVAL, "a model that dresses from a photo of the garment reads no "
                                                            "prompt, so a learned word changes nothing; leave it out");
    dr_learned_words_init(&e->words, e->text_config.width);
    for (int i = 0; !st && i < x->embedding_count; i++) {
        st = dr_learned_words_open(&e->words, x->embedding[i].path, x->embedding[i].word);
        if (st && e->words.misfit && x->skip_misfits) {
            st = DR_OK;
            if (e->notes.tell)
                e->notes.tell(e->notes.user, dr_error());
        }
    }
    for (int i = 0; !st && i < e->lora_count; i++)
        st = dr_learned_words_bundled(&e->words, &e->lora[i].file);
    return st ? st : dr_learned_words_teach(&e->words, e->tokenizer, e->text_config.vocab);
}

dr_status dr_engine_open(dr_engine *e, const dr_source *source, const dr_engine_extras *extras, dr_precision precision,
                         bool keep, const dr_engine_notes *notes)
{
    static const dr_engine_extras none;
    extras = extras ? extras : &none;
    *e = (dr_engine){.source = source, .keep = keep, .q8 = extras->q8, .dresses = extras->attention || extras->dresses};
    if (notes)
        e->notes = *notes;
    dr_status st = open_parts(e, extras->attention);
    if (!st && dr_source_note(source)[0] && e->notes.tell)
        e->notes.tell(e->notes.user, dr_source_note(source));
    if (!st)
        st = open_loras(e, extras->lora, extras->lora_count);
    if (!st)
        st = open_words(e, extras);
    if (!st)
        st = dr_tape_init(&e->tape);
    e->tape.precision = precision;
    if (st)
        dr_engine_close(e);
    return st;
}

void dr_engine_close(dr_engine *e)
{
    dr_text_unload(&e->text);
    dr_vae_unload(&e->vae);
    dr_unet_unload(&e->unet);
    dr_tape_clear(&e->tape);
    dr_tokenizer_free(e->tokenizer);
    dr_schedule_clear(&e->schedule);
    for (int i = 0; i < e->lora_count; i++)
        dr_lora_close(&e->lora[i]);
    free(e->lora);
    free(e->lora_scale);
    dr_learned_words_clear(&e->words);
    free(e->prompt);
    free(e->negative);
    free(e->context);
    for (int i = 0; i < 2; i++) {
        free(e->encoded[i].rgb);
        free(e->encoded[i].moments);
    }
    if (e->attention.path[0])
        dr_garment_attention_close(&e->attention);
    *e = (dr_engine){0};
}

bool dr_engine_inpaints(const dr_engine *e)
{
    return e->unet_config.in != e->vae_config.latent;
}

/* Packed weights of some MiB lie on the heap, which would keep what they leave between smaller things: the next model's
 * memory would come on top of it. */
static void trim_heap(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

void dr_engine_release(dr_engine *e)
{
    dr_tape_reset(&e->tape);
    if (e->keep)
        return;
    dr_text_unload(&e->text);
    dr_vae_unload(&e->vae);
    dr_unet_unload(&e->unet);
    dr_tape_trim(&e->tape);
    trim_heap();
}

/* Adapters change the weights as these are loaded; a model without any stays mapped. */
static dr_status apply_loras(dr_engine *e, dr_params *unet, dr_params *text)
{
    for (int i = 0; i < e->lora_count; i++) {
        dr_status st = dr_lora_apply(&e->lora[i], unet, text, e->lora_scale[i]);
        if (st)
            return st;
    }
    return DR_OK;
}

static dr_status hold(const dr_engine *e, dr_params *p, bool q8, const char *part)
{
    char path[PATH_MAX];
    return dr_params_hold(p, q8, dr_source_where(e->source, part, path, sizeof path));
}

enum { TOLD_TEXT, TOLD_VAE, TOLD_UNET };

/* A model may be loaded for every picture, but what is odd about its files is said once. */
static void tell_once(dr_engine *e, int which, const dr_weights *files)
{
    if (files->note[0] && !e->told[which] && e->notes.tell)
        e->notes.tell(e->notes.user, files->note);
    e->told[which] = true;
}

static dr_status load_text(dr_engine *e)
{
    if (e->text.loaded)
        return DR_OK;
    dr_status st = dr_text_load(&e->text, e->source);
    if (!st) {
        tell_once(e, TOLD_TEXT, &e->text.files);
        st = apply_loras(e, NULL, &e->text.params);
    }
    if (!st)
        st = hold(e, &e->text.params, e->q8, "text_encoder");
    if (st)
        dr_text_unload(&e->text);
    return st;
}

static dr_status load_vae(dr_engine *e)
{
    if (e->vae.loaded)
        return DR_OK;
    dr_status st = dr_vae_load(&e->vae, e->source);
    if (!st) {
        tell_once(e, TOLD_VAE, &e->vae.files);
        /* 8 bits do not pay: a stage needs one half of it, and what is mapped and not needed takes nothing */
        st = hold(e, &e->vae.params, false, "vae");
    }
    if (st)
        dr_vae_unload(&e->vae);
    return st;
}

/* The matrices of the transformers at the deepest levels: a quarter of the bytes for a tenth of its work, since
 * there are few tokens. They are not packed but read where they lie, and their pages are let go again after each block.
 */
#define SPARED_BYTES (1 << 20) /* at least; pages are what is given back */

static bool is_spared(const dr_engine *e, const dr_tensor *t)
{
    const dr_unet_config *c = &e->unet_config;
    int64_t deepest = c->width[c->levels - 1];
    return t->mapped && t->rank > 1 && dr_nbytes(t) >= SPARED_BYTES && strstr(t->name, ".attentions.") &&
           t->dim[0] >= deepest && t->dim[1] >= deepest;
}

static void spare(dr_engine *e)
{
    for (dr_param *q = e->unet.params.first; q; q = q->next)
        q->t.constant = q->t.constant && !is_spared(e, &q->t);
}

/* Between blocks: `block` is over. */
static void let_go(void *engine, const char *block, const dr_tensor *y)
{
    dr_engine *e = engine;
    size_t n = strlen(block);
    (void)y;
    for (dr_param *q = e->unet.params.first; q; q = q->next)
        if (!q->t.constant && strncmp(q->t.name, block, n) == 0 && q->t.name[n] == '.' && q->t.mapped)
            dr_map_drop(q->t.data, dr_nbytes(&q->t));
}

dr_status dr_engine_load_unet(dr_engine *e)
{
    if (e->unet.loaded)
        return DR_OK;
    dr_status st = e->dresses ? dr_unet_load_textless(&e->unet, e->source) : dr_unet_load(&e->unet, e->source);
    if (!st && e->attention.path[0])
        st = dr_garment_attention_apply(&e->attention, &e->unet.net, &e->unet.params);
    if (!st) {
        tell_once(e, TOLD_UNET, &e->unet.files);
        st = apply_loras(e, &e->unet.params, NULL);
    }
    if (!st)
        st = hold(e, &e->unet.params, e->q8, "unet");
    if (!st && e->dresses)
        spare(e);
    if (st)
        dr_unet_unload(&e->unet);
    return st;
}

/* A model's result. A weight that is NaN shows in it; that is cheaper to look at than all weights. */
static dr_status take_output(dr_engine *e, const dr_tensor *y, float *out, const dr_params *p, const char *what,
                             const char *part)
{
    char path[PATH_MAX];
    dr_status st = dr_tape_status(&e->tape);
    if (st)
        return st;
    dr_tensor_get(&e->tape, y, out);
    return dr_output_check(out, (size_t)dr_numel(y), p, what, dr_source_where(e->source, part, path, sizeof path));
}

/* --- stages ------------------------------------------------------------------------------------- */

static bool same(const char *a, const char *b)
{
    return a && strcmp(a, b) == 0;
}

/* Both prompts -> *context [2,chunks*77,C], malloc'ed. Every chunk has the places 0 to 76. */
static dr_status encode_text(dr_engine *e, const dr_prompts *p, float **context)
{
    const int64_t C = e->text_config.width;
    size_t chunk = (size_t)DR_TOKENS * (size_t)C, chunks = (size_t)p->chunks;
    *context = malloc(2 * chunks * chunk * sizeof **context);
    float *both = malloc(2 * chunk * sizeof *both);
    dr_status st = *context && both ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
    for (size_t i = 0; !st && i < chunks; i++) { /* two at a time: memory stays that of a short prompt */
        int32_t pair[2 * DR_TOKENS];
        for (size_t k = 0; k < 2; k++)
            memcpy(pair + k * DR_TOKENS, p->ids + (k * chunks + i) * DR_TOKENS, DR_TOKENS * sizeof *pair);
        dr_tape_reset(&e->tape);
        dr_tensor *h = dr_clip_forward(&e->tape, &e->text.net, pair, 2, DR_TOKENS);
        st = take_output(e, h, both, &e->text.params, "text encoder", "text_encoder");
        for (size_t k = 0; !st && k < 2; k++) {
            if (p->weight)
                dr_emphasize(both + k * chunk, p->weight + (k * chunks + i) * DR_TOKENS, C);
            memcpy(*context + (k * chunks + i) * chunk, both + k * chunk, chunk * sizeof(float));
        }
    }
    free(both);
    if (st) {
        free(*context);
        *context = NULL;
    }
    return st;
}

dr_status dr_engine_text(dr_engine *e, const char *prompt, const char *negative, unsigned how, int clip_skip)
{
    const char *const texts[2] = {negative, prompt};
    dr_prompts prompts;
    if (e->context && same(e->prompt, prompt) && same(e->negative, negative) && e->how == how &&
        e->clip_skip == clip_skip)
        return DR_OK;
    if (clip_skip < 0 || clip_skip >= e->text_config.layers)
        return dr_fail(DR_EINVAL, "clip_skip is %d, expected 0 to %d: the text encoder has %d layers", clip_skip,
                       e->text_config.layers - 1, e->text_config.layers);
    dr_status st = dr_prompts_read(&prompts, e->tokenizer, texts, how);
    if (st)
        return st;
    st = load_text(e);
    float *context = NULL;
    e->text.net.skip = clip_skip;
    dr_learned_words_lend(&e->words, &e->text.net);
    if (!st)
        st = encode_text(e, &prompts, &context);
    int length = prompts.chunks * DR_TOKENS;
    dr_prompts_clear(&prompts);
    if (st)
        return st;
    char *p = strdup(prompt), *n = strdup(negative);
    if (!p || !n) {
        free(context);
        free(p);
        free(n);
        return dr_fail(DR_ENOMEM, "out of memory");
    }
    free(e->context);
    free(e->prompt);
    free(e->negative);
    e->context = context;
    e->prompt = p;
    e->negative = n;
    e->how = how;
    e->clip_skip = clip_skip;
    e->length = length;
    return DR_OK;
}

dr_status dr_engine_encode(dr_engine *e, const float *rgb, int H, int W, float *moments)
{
    dr_status st = load_vae(e);
    if (st)
        return st;
    dr_tape_reset(&e->tape);
    dr_tensor *x = dr_input(&e->tape, rgb, 4, (int64_t[]){1, H, W, 3});
    dr_tensor *m = dr_vae_encode(&e->tape, &e->vae.net, x);
    return take_output(e, m, moments, &e->vae.params, "VAE", "vae");
}

dr_status dr_engine_decode_part(dr_engine *e, const float *latents, int H, int W, dr_window part, float *rgb)
{
    dr_status st = load_vae(e);
    if (st)
        return st;
    const dr_vae_config *c = &e->vae_config;
    int f = dr_vae_factor(c);
    dr_tape_reset(&e->tape);
    const int64_t dim[] = {1, H / f, W / f, c->latent}, n = dim[1] * dim[2] * dim[3];
    float *scaled = dr_arena_alloc(&e->tape.arena, (size_t)n * sizeof *scaled);
    if (!scaled)
        return DR_ENOMEM;
    dr_vae_unscale(c, latents, (size_t)n, scaled);
    dr_tensor *z = dr_input(&e->tape, scaled, 4, dim);
    dr_tensor *x = part.h == H && part.w == W ? dr_vae_decode(&e->tape, &e->vae.net, z)
                                              : dr_vae_decode_part(&e->tape, &e->vae.net, z, part);
    return take_output(e, x, rgb, &e->vae.params, "VAE", "vae");
}

dr_status dr_engine_decode(dr_engine *e, const float *latents, int H, int W, float *rgb)
{
    return dr_engine_decode_part(e, latents, H, W, (dr_window){0, 0, H, W}, rgb);
}

dr_status dr_engine_predict(dr_engine *e, const float *x, float timestep, const float *text, int N, int h, int w,
                            dr_unet_cache *cache, float *out)
{
    dr_status st = dr_engine_load_unet(e);
    if (st)
        return st;
    dr_tape_reset(&e->tape);
    dr_tensor *in = dr_input(&e->tape, x, 4, (int64_t[]){1, h, w, e->unet_config.in});
    dr_tensor *c = dr_input(&e->tape, text, 3, (int64_t[]){N, e->length, e->text_config.width});
    dr_tensor *y = dr_unet_forward_cached(&e->tape, &e->unet.net, in, &timestep, c, cache);
    return take_output(e, y, out, &e->unet.params, "UNet", "unet");
}

dr_status dr_engine_predict_textless(dr_engine *e, const float *x, float timestep, int N, int h, int w,
                                     dr_unet_cache *cache, float *out)
{
    const float times[2] = {timestep, timestep};
    DR_ASSERT(e->dresses && N >= 1 && N <= 2, "%d samples of '%s' without a text", N, dr_source_path(e->source));
    dr_status st = dr_engine_load_unet(e);
    if (st)
        return st;
    dr_tape_reset(&e->tape);
    dr_tensor *in = dr_input(&e->tape, x, 4, (int64_t[]){N, h, w, e->unet_config.in});
    e->tape.watch = let_go;
    e->tape.watcher = e;
    dr_tensor *y = dr_unet_forward_cached(&e->tape, &e->unet.net, in, times, NULL, cache);
    e->tape.watch = NULL;
    return take_output(e, y, out, &e->unet.params, "UNet", "unet");
}
