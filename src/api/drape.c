/* The public functions: checks of what a caller may get wrong, and nothing else. The work is below. */
#include "api/pipeline.h"
#include "api/precision.h"
#include "base/text.h"
#include "base/threads.h"
#include "options/options.h"
#include "pipeline/shipped.h"
#include "tryon/tryon.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The public types have the same shape as ours, so that values pass through unchanged. */
_Static_assert(sizeof(drape_image) == sizeof(dr_image) && offsetof(drape_image, data) == offsetof(dr_image, data),
               "drape_image is dr_image");
_Static_assert(DRAPE_OK == (int)DR_OK && DRAPE_EINVAL == (int)DR_EINVAL && DRAPE_EIO == (int)DR_EIO &&
                   DRAPE_ENOMEM == (int)DR_ENOMEM && DRAPE_ENOENT == (int)DR_ENOENT &&
                   DRAPE_ECANCELLED == (int)DR_ECANCELLED && DRAPE_ENET == (int)DR_ENET &&
                   DRAPE_EUNSUPPORTED == (int)DR_EUNSUPPORTED,
               "drape_status is dr_status");
_Static_assert(DRAPE_STAGE_TEXT == (int)DR_STAGE_TEXT && DRAPE_STAGE_DECODE == (int)DR_STAGE_DECODE,
               "drape_stage is dr_stage");

const char *drape_error(void)
{
    return dr_error();
}

const char *drape_version(void)
{
    return DRAPE_VERSION;
}

void drape_set_threads(int threads)
{
    dr_set_threads(threads);
}

/* --- pipelines ---------------------------------------------------------------------------------- */

/* Where there is a wardrobe, the model that dresses from it. */
static dr_status open_dresser(drape_pipeline *p, const char *path, const drape_load_options *o)
{
    bool worn;
    dr_status st = dr_pipeline_read_wardrobe(p, path, &worn);
    if (st || !worn)
        return st;
    return (dr_status)drape_pipeline_load(&p->dresser, path,
                                          &(drape_load_options){.garment = true,
                                                                .precision = o->precision,
                                                                .keep_models = o->keep_models,
                                                                .vae = o->vae,
                                                                .weights = o->weights,
                                                                .note = o->note,
                                                                .user = o->user});
}

drape_status drape_pipeline_load(drape_pipeline **out, const char *path, const drape_load_options *options)
{
    drape_load_options none = {0};
    const drape_load_options *o = options ? options : &none;
    char found[PATH_MAX];
    *out = NULL;
    dr_status st = path ? DR_OK : dr_small_model_find(found, sizeof found);
    path = path ? path : found;
    if (st)
        return (drape_status)st;
    drape_pipeline *p = calloc(1, sizeof *p);
    dr_lora_ref *loras = calloc(o->lora_count > 0 ? (size_t)o->lora_count : 1, sizeof *loras);
    dr_embedding_ref *words = calloc(o->embedding_count > 0 ? (size_t)o->embedding_count : 1, sizeof *words);
    if (!p || !loras || !words)
        st = dr_fail(DR_ENOMEM, "out of memory");
    for (int i = 0; !st && i < o->lora_count; i++)
        loras[i] = (dr_lora_ref){o->loras[i].path, o->loras[i].scale};
    for (int i = 0; !st && i < o->embedding_count; i++)
        words[i] = (dr_embedding_ref){o->embeddings[i].path, o->embeddings[i].word};
    dr_garment_model brought;
    const char *attention = o->attention, *vae = o->vae;
    if (!st && (attention || o->garment)) { /* weights from elsewhere go where the model's own ones are */
        st = dr_garment_model_take(&brought, &path, &vae);
        if (st && attention && !brought.attention[0])
            st = DR_OK;
        attention = attention ? attention : brought.attention;
    }
    if (!st) /* a model that reads no prompt needs no text encoder: the folder may be without */
        st = dr_source_open(
            &p->source, path,
            &(dr_source_options){.tokenizer = o->tokenizer, .vae = vae, .ema = o->ema, .unchecked = attention != NULL});
    if (!st)
        st = dr_engine_open(&p->engine, p->source,
                            &(dr_engine_extras){.lora = loras,
                                                .embedding = words,
                                                .lora_count = o->lora_count,
                                                .embedding_count = o->embedding_count,
                                                .skip_misfits = o->skip_misfits,
                                                .attention = attention,
                                                .q8 = o->weights == DRAPE_WEIGHTS_Q8},
                            dr_precision_of(o->precision), o->keep_models, &(dr_engine_notes){o->note, o->user});
    free(loras);
    free(words);
    if (st) {
        if (p)
            dr_source_close(p->source);
        free(p);
        return (drape_status)st;
    }
    if (!attention && !o->embedding_count && (st = open_dresser(p, path, o))) {
        drape_pipeline_free(p);
        return (drape_status)st;
    }
    *out = p;
    return DRAPE_OK;
}

void drape_pipeline_free(drape_pipeline *p)
{
    if (!p)
        return;
    drape_pipeline_free(p->dresser);
    dr_wardrobe_clear(&p->wardrobe);
    dr_engine_close(&p->engine);
    dr_source_close(p->source);
    free(p);
}

dr_status dr_pipeline_sampler(const drape_pipeline *p, const char *name, dr_sampler_kind *out)
{
    return name ? dr_sampler_kind_parse(name, out) : dr_sampler_kind_of(&p->engine.schedule, out);
}

static const char *sampler_of(const drape_pipeline *p)
{
    dr_sampler_kind kind;
    return dr_sampler_kind_of(&p->engine.schedule, &kind) ? "pndm" : dr_sampler_kind_name(kind);
}

drape_status drape_pipeline_info(const drape_pipeline *p, drape_model_info *out)
{
    const dr_engine *e = &p->engine;
    int f = dr_vae_factor(&e->vae_config), width = e->unet_config.context[0]; /* of the text */
    int working_width, working_height;
    dr_tryon_size(e, &working_width, &working_height);
    *out = (drape_model_info){.width = working_width,
                              .height = working_height,
                              .multiple = f,
                              .scheduler = sampler_of(p),
                              .dir = dr_source_path(p->source),
                              .kind = width == 768    ? "sd1"
                                      : width == 1024 ? "sd2"
                                                      : "other",
                              .family = dr_source_family(p->source),
                              .steps = e->schedule.advised_steps,
                              .guidance_scale = e->schedule.advised_guidance,
                              .few_steps = e->schedule.advice_given,
                              .pure_noise = e->schedule.rescale_betas_zero_snr,
                              .garment = e->dresses,
                              .attention = e->dresses ? e->attention.path : NULL,
                              .version = e->dresses ? e->attention.version : NULL};
    return DRAPE_OK;
}

static bool is_ddim(const char *name)
{
    dr_sampler_kind kind;
    return !dr_sampler_kind_parse(name, &kind) && kind == DR_SAMPLER_DDIM;
}

void drape_tryon_leave_open(drape_tryon_options *options)
{
    options->steps = options->cache_interval = 0;
    options->guidance_scale = options->guidance_start = options->guidance_end = options->eta = -1;
    options->cache_start = options->cache_end = -1;
    options->karras_open = true;
}

void drape_model_advise(const drape_model_info *model, drape_tryon_options *options)
{
    dr_preset_fill(options, model->few_steps, model->pure_noise);
    if (options->steps == 0)
        options->steps = model->steps;
    if (options->guidance_scale < 0)
        options->guidance_scale = model->guidance_scale;
    if (options->eta < 0) /* published with DDIM; other samplers have none, and few steps want none */
        options->eta =
            model->garment && !model->few_steps && is_ddim(options->scheduler ? options->scheduler : model->scheduler)
                ? 1
                : 0;
}

void drape_pipeline_advise(const drape_pipeline *p, drape_tryon_options *options)
{
    drape_model_info info;
    drape_pipeline_info(p, &info);
    drape_model_advise(&info, options);
}

drape_status drape_prompt_cut(const drape_pipeline *p, const char *prompt, char **cut)
{
    *cut = NULL;
    if (p->engine.dresses) /* reads none */
        return DRAPE_OK;
    return (drape_status)dr_tokenizer_cut(p->engine.tokenizer, dr_skip_bom(prompt ? prompt : ""), false, cut);
}

/* Words that change nothing, behind what is in `text` already. */
static drape_status tell_cut(const drape_pipeline *p, const char *what, const char *prompt, bool weights, char *text,
                             size_t size)
{
    char *cut;
    prompt = dr_skip_bom(prompt ? prompt : "");
    drape_status st = (drape_status)dr_tokenizer_cut(p->engine.tokenizer, prompt, weights, &cut);
    if (st || !cut)
        return st;
    size_t used = strlen(text), shown = strlen(cut);
    for (shown = shown > 400 ? 400 : shown; ((unsigned char)cut[shown] & 0xc0) == 0x80; shown--) /* whole characters */
        ;
    snprintf(text + used, size - used,
             "%sthe %s is longer than the 75 tokens (about 50 words) that the model reads; this end of it is cut off: "
             "'%.*s%s'",
             used ? "\n" : "", what, (int)shown, cut, cut[shown] ? "..." : "");
    free(cut);
    return DRAPE_OK;
}

drape_status drape_tryon_doubts(const drape_pipeline *p, const drape_tryon_options *options, char *text, size_t size)
{
    text[0] = 0;
    if (options->long_prompt || p->engine.dresses)
        return DRAPE_OK;
    bool weights = options->prompt_weights;
    drape_status st = tell_cut(p, "prompt", options->prompt, weights, text, size);
    return st ? st : tell_cut(p, "negative prompt", options->negative_prompt, weights, text, size);
}

const char *drape_scheduler_name(int index)
{
    return index >= 0 && index < DR_SAMPLER_KINDS ? dr_sampler_kind_name((dr_sampler_kind)index) : NULL;
}

/* --- try-on ------------------------------------------------------------------------------------- */

static dr_step_plan plan_of(const drape_tryon_options *o)
{
    return (dr_step_plan){o->cache_interval, o->cache_branch, o->cache_start, o->cache_end, o->cache_threshold};
}

static dr_status check_options(const drape_pipeline *p, const drape_tryon_options *o)
{
    int f = dr_vae_factor(&p->engine.vae_config);
    drape_tryon_options named = *o;
    dr_sampler_kind kind;
    if (o->scheduler && !dr_sampler_kind_parse(o->scheduler, &kind)) /* diffusers' name for it will do */
        named.scheduler = dr_sampler_kind_name(kind);
    dr_status st = dr_options_check(dr_tryon_table, &named, "");
    if (!st && (o->width % f || o->height % f || (o->width == 0) != (o->height == 0)))
        return dr_fail(DR_EINVAL,
                       "the size %dx%d does not work: this model takes multiples of %d up to 4096, for "
                       "example %dx%d",
                       o->width, o->height, f, (o->width + f) / f * f, (o->height + f) / f * f);
    if (!st && o->guidance_start > o->guidance_end)
        return dr_fail(DR_EINVAL,
                       "guidance_start is %.10g and guidance_end %.10g: guidance cannot end before it begins",
                       o->guidance_start, o->guidance_end);
    if (!st && o->cache_start > o->cache_end)
        return dr_fail(DR_EINVAL, "cache_start is %.10g and cache_end %.10g: reuse cannot end before it begins",
                       o->cache_start, o->cache_end);
    if (!st && o->unworn == DRAPE_UNWORN_KEEP && !o->paste)
        return dr_fail(DR_EINVAL, "unworn is keep, which needs the paste into the photo, and that is off");
    const dr_step_plan plan = plan_of(o);
    return st ? st : dr_step_plan_check(&plan, dr_unet_skips(&p->engine.unet_config));
}

static bool has_text(const char *s)
{
    return s && s[0];
}

/* What a pipeline that dresses from a photo has no use for. */
static dr_status check_unread(const drape_tryon_options *o)
{
    const struct {
        bool given;
        const char *name;
    } all[] = {{has_text(o->prompt), "prompt"},
               {has_text(o->negative_prompt), "negative_prompt"},
               {o->clip_skip != 0, "clip_skip"},
               {o->long_prompt, "long_prompt"},
               {o->prompt_weights, "prompt_weights"}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].given)
            return dr_fail(DR_EINVAL,
                           "a model that dresses from a photo of the garment reads no text, so %s changes nothing; "
                           "leave it out",
                           all[i].name);
    if (o->strength != 1)
        return dr_fail(
            DR_EINVAL,
            "strength is %g, but dressing from a photo of the garment starts from noise alone; leave it at 1",
            o->strength);
    return DR_OK;
}

static dr_status check_fit(const drape_tryon_options *o)
{
    if (o->fit != DRAPE_FIT_REGION && (!o->whole || o->paste))
        return dr_fail(DR_EINVAL,
                       "the published fits work on the whole photo and give the model's own picture: they go with "
                       "region whole and paste off");
    if (o->fit != DRAPE_FIT_REGION && o->mask_grow)
        return dr_fail(DR_EINVAL, "the published fits take the mask as it is: mask_grow goes with fit region");
    if (o->fit == DRAPE_FIT_REGION && o->repaint)
        return dr_fail(DR_EINVAL, "repaint goes with a published fit; otherwise paste keeps the photo around the mask");
    return DR_OK;
}

static dr_status check_garment(const drape_pipeline *p, const drape_tryon_options *o)
{
    if (p->engine.dresses) {
        dr_status st = check_unread(o);
        return st ? st : check_fit(o);
    }
    if (o->garment)
        return dr_fail(DR_EINVAL,
                       "'%s' does not dress from a photo of the garment: it needs attention weights that were trained "
                       "for that",
                       dr_source_path(p->source));
    if (o->fit != DRAPE_FIT_REGION || o->repaint)
        return dr_fail(DR_EINVAL, "%s is for dressing from a photo of the garment; leave it out",
                       o->repaint ? "repaint" : "fit");
    return DR_OK;
}

drape_status drape_tryon_check(const drape_pipeline *p, const drape_tryon_options *options)
{
    dr_sampler_kind kind;
    dr_status st = check_options(p, options);
    if (!st)
        st = check_garment(p, options);
    return (drape_status)(st ? st : dr_pipeline_sampler(p, options->scheduler, &kind));
}

/* The pictures of a call. */
static dr_status check_pictures(const drape_pipeline *p, const drape_image *mask, const drape_tryon_options *o)
{
    const drape_image *g = o->garment;
    if (p->engine.dresses && (!g || !g->data || g->width < 1 || g->height < 1 || g->channels != 3))
        return dr_fail(DR_EINVAL, "the garment's photo is missing: '%s' dresses from one, of 3 channels",
                       dr_source_path(p->source));
    if (o->fit != DRAPE_FIT_REGION && mask->channels != 1 && mask->channels != 3)
        return dr_fail(DR_EINVAL, "the mask has %d channels, must have 1 or 3", mask->channels);
    return DR_OK;
}

/* The caller's callbacks behind the engine's, whose types are its own. */
static void pass_progress(void *user, dr_stage stage, int done, int total)
{
    const drape_callbacks *cb = user;
    if (cb->progress)
        cb->progress(cb->user, (drape_stage)stage, done, total);
}

static void pass_picture(void *user, int step, const dr_image *im)
{
    const drape_callbacks *cb = user;
    cb->preview(cb->user, step, (const drape_image *)im);
}

static void pass_warning(void *user, const char *message)
{
    const drape_callbacks *cb = user;
    cb->warn(cb->user, message);
}

static bool pass_cancel(void *user)
{
    const drape_callbacks *cb = user;
    return cb->cancel && cb->cancel(cb->user);
}

/* In a garment of the wardrobe, with the settings that suit the model that dresses. */
static drape_status dress(drape_pipeline *p, const drape_image *photo, const drape_image *mask,
                          const drape_tryon_options *options, const dr_garment_choice *choice, drape_image *out)
{
    drape_tryon_options o = *options;
    dr_image garment = {0};
    drape_tryon_leave_open(&o);
    drape_status st = (drape_status)dr_pipeline_wear(choice, &o, &garment);
    drape_pipeline_advise(p->dresser, &o);
    if (!st)
        st = drape_tryon(p->dresser, photo, mask, &o, out);
    dr_image_clear(&garment);
    return st;
}

drape_status drape_tryon(drape_pipeline *p, const drape_image *photo, const drape_image *mask,
                         const drape_tryon_options *options, drape_image *out)
{
    const dr_garment_choice choice = dr_pipeline_choice(p, options);
    drape_callbacks cb = options->callbacks;
    dr_tryon_options o = {
        .inpaint =
            {.prompt = dr_skip_bom(options->prompt ? options->prompt : ""),
             .negative_prompt = dr_skip_bom(options->negative_prompt ? options->negative_prompt : ""),
             .how = (options->long_prompt ? DR_PROMPT_LONG : 0) | (options->prompt_weights ? DR_PROMPT_WEIGHTS : 0),
             .clip_skip = options->clip_skip,
             .guidance = {options->guidance_scale, options->guidance_start, options->guidance_end},
             .cache = plan_of(options),
             .sampler = {.steps = options->steps,
                         .karras = options->karras,
                         .eta = options->eta,
                         .strength = options->strength},
             .seed = options->seed,
             .width = options->width,
             .height = options->height,
             .cb = {.user = &cb, .progress = pass_progress, .cancel = pass_cancel, .preview_every = cb.preview_every}},
        .whole = options->whole,
        .padding = options->padding,
        .mask_grow = options->mask_grow,
        .mask_blur = options->mask_blur,
        .paste = options->paste,
        .color_match = options->color_match,
        .garment = (const dr_image *)options->garment,
        .fit = (dr_fit)options->fit,
        .hard_mask = options->hard_mask,
        .repaint = options->repaint,
        .picture = cb.preview ? pass_picture : NULL,
        .warn = cb.warn ? pass_warning : NULL,
    };
    dr_image result = {0};
    dr_status st = (dr_status)drape_tryon_check(p, options);
    if (!st)
        st = check_pictures(p, mask, options);
    if (!st && choice.garment)
        return dress(p, photo, mask, options, &choice, out);
    if (!st)
        st = dr_pipeline_sampler(p, options->scheduler, &o.inpaint.sampler.kind);
    if (!st)
        st = dr_tryon(&p->engine, &o, (const dr_image *)photo, (const dr_image *)mask, &result);
    if (!st)
        *out = (drape_image){result.width, result.height, result.channels, result.data};
    return (drape_status)st;
}

bool drape_tryon_keeps_unworn(const drape_pipeline *p, const drape_tryon_options *o)
{
    bool advised = p->engine.schedule.keep_unworn && o->paste && !o->whole;
    return o->unworn == DRAPE_UNWORN_KEEP || (o->unworn == DRAPE_UNWORN_AUTO && advised);
}
