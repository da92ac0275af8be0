/* The public functions that run a model's stages one by one, for timing. */
#include "drape.h"

#include "api/precision.h"
#include "pipeline/parser.h"
#include "tryon/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct drape_stages {
    dr_source *source;
    dr_engine engine;
    dr_parser parser; /* in place of the engine when the model is a clothes parser */
    dr_image photo;
    int width, height, texts; /* texts: how often a prompt was encoded */
    float *rgb, *moments, *latents, *in, *out;
    bool (*cancel)(void *user);
    void *user;
};

/* --- the stages --------------------------------------------------------------------------------- */

static dr_status run_text(drape_stages *s)
{
    char prompt[32]; /* another one each time: the engine remembers the last */
    snprintf(prompt, sizeof prompt, "t-shirt %d", s->texts++);
    return dr_engine_text(&s->engine, prompt, "", false, 0);
}

static dr_status run_encode(drape_stages *s)
{
    return dr_engine_encode(&s->engine, s->rgb, s->height, s->width, s->moments);
}

static dr_status run_decode(drape_stages *s)
{
    return dr_engine_decode(&s->engine, s->latents, s->height, s->width, s->rgb);
}

static dr_status run_unet(drape_stages *s)
{
    int f = dr_vae_factor(&s->engine.vae_config);
    dr_status st = s->engine.context ? DR_OK : run_text(s);
    if (!st && !s->engine.unet.loaded) /* the UNet alone, as in a try-on */
        dr_text_unload(&s->engine.text);
    return st ? st
              : dr_engine_predict(&s->engine, s->in, 500, s->engine.context, 2, s->height / f, s->width / f, NULL,
                                  s->out);
}

static dr_status run_parser(drape_stages *s)
{
    dr_image labels = {0};
    dr_status st = dr_parser_run(&s->parser, &s->photo, s->cancel, s->user, &labels);
    dr_image_clear(&labels);
    return st;
}

drape_status drape_stages_run(drape_stages *s, const char *stage)
{
    static const struct {
        const char *name;
        dr_status (*run)(drape_stages *s);
    } known[] = {{"text", run_text}, {"vae-encode", run_encode}, {"unet", run_unet}, {"vae-decode", run_decode}};
    bool parser = strcmp(stage, "parser") == 0;
    if (s->cancel && s->cancel(s->user))
        return (drape_status)dr_fail(DR_ECANCELLED, "interrupted");
    if (parser && s->parser.loaded)
        return (drape_status)run_parser(s);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, stage) == 0)
            return (drape_status)(s->parser.loaded
                                      ? dr_fail(DR_EINVAL, "a clothes parser has no stage '%s', only 'parser'", stage)
                                      : known[i].run(s));
    return (drape_status)dr_fail(DR_EINVAL,
                                 parser ? "a pipeline has no stage '%s': give the folder of a clothes parser"
                                        : "unknown stage '%s', expected text, vae-encode, unet, vae-decode or parser",
                                 stage);
}

const char *drape_stages_names(const drape_stages *s)
{
    return s->parser.loaded ? "parser" : "text,vae-encode,unet,vae-decode";
}

void drape_stages_release(drape_stages *s)
{
    if (!s->parser.loaded)
        dr_engine_release(&s->engine);
}

/* --- opening ------------------------------------------------------------------------------------ */

static dr_status open_parser(drape_stages *s, const char *dir, dr_precision precision)
{
    dr_rng rng;
    dr_status st = dr_parser_load(&s->parser, dir);
    s->parser.precision = precision;
    if (!st)
        st = dr_image_alloc(&s->photo, s->width, s->height, 3);
    dr_rng_seed(&rng, 0);
    for (size_t i = 0; !st && i < (size_t)s->width * (size_t)s->height * 3; i++)
        s->photo.data[i] = (uint8_t)dr_rng_u32(&rng);
    return st;
}

static dr_status make_inputs(drape_stages *s)
{
    const dr_engine *e = &s->engine;
    int f = dr_vae_factor(&e->vae_config);
    if (s->width % f || s->height % f)
        return dr_fail(DR_EINVAL, "the size %dx%d is not a multiple of %d, which this model needs", s->width, s->height,
                       f);
    size_t pixels = (size_t)s->width * (size_t)s->height, cells = pixels / (size_t)(f * f);
    size_t n = cells * (size_t)e->vae_config.latent, in = cells * (size_t)e->unet_config.in;
    dr_rng rng;
    s->rgb = malloc(3 * pixels * sizeof(float));
    s->moments = malloc(2 * n * sizeof(float));
    s->latents = malloc(n * sizeof(float));
    s->in = malloc(in * sizeof(float));
    s->out = malloc(2 * n * sizeof(float));
    if (!s->rgb || !s->moments || !s->latents || !s->in || !s->out)
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_rng_seed(&rng, 0);
    dr_rng_normal(&rng, s->rgb, 3 * pixels);
    dr_rng_normal(&rng, s->latents, n);
    dr_rng_normal(&rng, s->in, in);
    return DR_OK;
}

static dr_status open_engine(drape_stages *s, const char *model, const drape_load_options *o, dr_precision precision)
{
    const dr_source_options other = {.tokenizer = o->tokenizer, .vae = o->vae, .ema = o->ema};
    dr_status st = dr_source_open(&s->source, model, &other);
    if (st)
        return st;
    const dr_engine_extras extras = {.q8 = o->weights == DRAPE_WEIGHTS_Q8};
    st = dr_engine_open(&s->engine, s->source, &extras, precision, false, NULL);
    if (st) { /* it has closed itself */
        dr_source_close(s->source);
        s->source = NULL;
        return st;
    }
    return make_inputs(s);
}

drape_status drape_stages_open(drape_stages **out, const char *model, int width, int height,
                               const drape_load_options *options, bool (*cancel)(void *user), void *user)
{
    drape_load_options none = {0};
    const drape_load_options *o = options ? options : &none;
    dr_precision how = dr_precision_of(o->precision);
    *out = NULL;
    if (width < 1 || height < 1 || (int64_t)width * height > DRAPE_MAX_PIXELS)
        return (drape_status)dr_fail(DR_EINVAL, "the size %dx%d is not between 1x1 and %d pixels", width, height,
                                     DRAPE_MAX_PIXELS);
    drape_stages *s = calloc(1, sizeof *s);
    if (!s)
        return (drape_status)dr_fail(DR_ENOMEM, "out of memory");
    s->width = width;
    s->height = height;
    s->cancel = cancel;
    s->user = user;
    dr_status st = dr_is_parser_folder(model) ? open_parser(s, model, how) : open_engine(s, model, o, how);
    if (st)
        drape_stages_free(s);
    else
        *out = s;
    return (drape_status)st;
}

void drape_stages_free(drape_stages *s)
{
    if (!s)
        return;
    if (s->source)
        dr_engine_close(&s->engine);
    dr_source_close(s->source);
    dr_parser_unload(&s->parser);
    dr_image_clear(&s->photo);
    free(s->rgb);
    free(s->moments);
    free(s->latents);
    free(s->in);
    free(s->out);
    free(s);
}
