/* The pictures that are judged: the model's, and what could be had without one. */
#include "mini/eval.h"

#include "tryon/engine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

dr_status eval_painter_open(eval_painter *p)
{
    drape_load_options load = {.keep_models = true};
    if (p->way == EVAL_MODEL)
        return (dr_status)drape_pipeline_load(&p->pipeline, p->dir, &load);
    if (p->way != EVAL_VAE)
        return DR_OK;
    p->engine = calloc(1, sizeof *p->engine);
    dr_status st = p->engine ? dr_source_open(&p->source, p->dir, &(dr_source_options){.unchecked = true})
                             : dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = dr_engine_open(p->engine, p->source, NULL, DR_PRECISION_EXACT, true, NULL);
    if (st) {
        dr_source_close(p->source);
        free(p->engine);
        p->source = NULL;
        p->engine = NULL;
    }
    return st;
}

void eval_painter_close(eval_painter *p)
{
    drape_pipeline_free(p->pipeline);
    if (p->engine)
        dr_engine_close(p->engine);
    dr_source_close(p->source);
    free(p->engine);
    p->pipeline = NULL;
    p->source = NULL;
    p->engine = NULL;
}

static dr_status by_model(eval_painter *p, const eval_item *item, dr_image *out)
{
    drape_tryon_options o = DRAPE_TRYON_DEFAULTS;
    drape_image photo = eval_lend(&item->person->photo), mask = eval_lend(&item->mask), picture = {0};
    o.prompt = item->prompt;
    o.steps = p->steps;
    o.guidance_scale = p->guidance_scale;
    o.seed = p->seed;
    o.padding = item->padding; /* what it would choose, so that the close-up is what the model saw */
    drape_pipeline_advise(p->pipeline, &o);
    dr_status st = (dr_status)drape_tryon(p->pipeline, &photo, &mask, &o, &picture);
    *out = (dr_image){
        .data = picture.data, .width = picture.width, .height = picture.height, .channels = picture.channels};
    return st;
}

/* In place. */
static dr_status through_vae(eval_painter *p, dr_image *im)
{
    const dr_vae_config *c = &p->engine->vae_config;
    int f = dr_vae_factor(c);
    int64_t n = (int64_t)EVAL_SIZE * EVAL_SIZE * 3, cells = (int64_t)(EVAL_SIZE / f) * (EVAL_SIZE / f);
    size_t latents = (size_t)cells * (size_t)c->latent;
    float *rgb = malloc(((size_t)n + 4 * latents) * sizeof *rgb);
    if (!rgb)
        return dr_fail(DR_ENOMEM, "out of memory");
    float *moments = rgb + n, *noise = moments + 2 * latents, *z = noise + latents;
    memset(noise, 0, latents * sizeof *noise); /* the latents' means */
    for (int64_t i = 0; i < n; i++)
        rgb[i] = (float)im->data[i] / 127.5f - 1;
    dr_status st = dr_engine_encode(p->engine, rgb, EVAL_SIZE, EVAL_SIZE, moments);
    if (!st) {
        dr_vae_sample(c, moments, noise, cells, z);
        st = dr_engine_decode(p->engine, z, EVAL_SIZE, EVAL_SIZE, rgb);
    }
    for (int64_t i = 0; !st && i < n; i++)
        im->data[i] = (uint8_t)lrintf(fminf(fmaxf(rgb[i] * 127.5f + 127.5f, 0), 255));
    free(rgb);
    return st;
}

/* The photo's own close-up, pasted back as drape_tryon() pastes. */
static dr_status by_photo(eval_painter *p, const eval_item *item, dr_image *out)
{
    dr_image picture = {0}, alpha = {0};
    int side =
        item->region.photo.width > item->region.photo.height ? item->region.photo.width : item->region.photo.height;
    dr_status st = dr_image_copy(out, &item->person->photo);
    if (!st && p->way == EVAL_RECOLOURED) {
        dr_look look = dr_look_of(out, &item->worn, 255);
        dr_recolour(out, &item->worn, 255, &look, eval_colour_shade(item->asked));
    }
    if (!st)
        st = eval_closeup(&picture, out, &item->region);
    if (!st && p->way == EVAL_VAE)
        st = through_vae(p, &picture);
    if (!st)
        st = dr_image_copy(&alpha, &item->mask);
    if (!st)
        st = dr_mask_feather(&alpha, side / 128 > 2 ? side / 128 : 2);
    if (!st)
        st = dr_region_paste(out, &picture, &item->region, &alpha, NULL);
    dr_image_clear(&alpha);
    dr_image_clear(&picture);
    return st;
}

dr_status eval_paint(eval_painter *p, const eval_item *item, dr_image *out)
{
    *out = (dr_image){0};
    dr_status st = p->way == EVAL_MODEL ? by_model(p, item, out) : by_photo(p, item, out);
    if (st)
        dr_image_clear(out);
    return st;
}
