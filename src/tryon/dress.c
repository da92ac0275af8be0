#include "tryon/dress.h"

#include "io/prepare.h"

#include <stdlib.h>
#include <string.h>

enum { PERSON, GARMENT };

static void progress(const dr_dress_run *r, dr_stage stage, int done, int total)
{
    if (r->o->cb.progress)
        r->o->cb.progress(r->o->cb.user, stage, done, total);
}

/* --- beginning and end ---------------------------------------------------------------------------- */

void dr_dress_end(dr_dress_run *r)
{
    dr_sampler_free(r->sampler);
    dr_step_cache_end(&r->cache);
    dr_step_skip_end(&r->skip);
    free(r->moments);
    free(r->x);
    free(r->mask);
    free(r->condition);
    free(r->scaled);
    free(r->in);
    free(r->out);
    free(r->draw);
}

dr_status dr_dress_begin(dr_dress_run *r, dr_engine *e, const dr_dress_options *o)
{
    int f = dr_vae_factor(&e->vae_config), latent = e->vae_config.latent;
    *r = (dr_dress_run){.e = e, .o = o, .h = o->height / f, .w = o->width / f, .latent = latent, .vae_rng = &r->rng};
    if (o->height % f || o->width % f || r->h < 1 || r->w < 1)
        return dr_fail(DR_EINVAL, "the working size %dx%d is not a multiple of %d, which this model needs", o->width,
                       o->height, f);
    size_t cells = (size_t)r->h * (size_t)r->w;
    r->half = cells * (size_t)latent;
    r->n = 2 * r->half;
    dr_step_cache_begin(&r->cache, &o->cache);
    r->moments = malloc(2 * r->half * sizeof(float));
    r->draw = malloc(r->half * sizeof(float));
    r->x = malloc(r->n * sizeof(float));
    r->scaled = malloc(r->n * sizeof(float));
    r->mask = calloc(2 * cells, sizeof(float));
    r->condition = calloc(2 * r->n, sizeof(float));
    r->in = malloc(2 * 2 * cells * (size_t)e->unet_config.in * sizeof(float));
    r->out = malloc(2 * r->n * sizeof(float));
    if (!r->moments || !r->draw || !r->x || !r->scaled || !r->mask || !r->condition || !r->in || !r->out)
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_rng_seed(&r->rng, o->seed);
    dr_status st = dr_step_skip_begin(&r->skip, &o->cache, &e->schedule, r->n);
    if (!st)
        st = dr_sampler_new(&r->sampler, &e->schedule, &o->sampler);
    if (!st)
        dr_sampler_noise_layout(r->sampler, 1, 2 * r->h, r->w, latent);
    return st;
}

/* --- encoding ------------------------------------------------------------------------------------- */

/* One draw from the latents of a picture; with `mask` the masked pixels are 0 first, which is grey. */
static dr_status encode(dr_dress_run *r, int which, const dr_image *picture, const dr_image *mask, const float *noise,
                        float *latents)
{
    size_t pixels = (size_t)picture->height * (size_t)picture->width;
    float *x = malloc(3 * pixels * sizeof *x);
    dr_status st = x ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
    if (!st) {
        dr_image_to_f32(picture, x);
        if (mask)
            dr_masked_f32(x, mask, x);
        st = dr_engine_encode_once(r->e, which, x, picture->height, picture->width, r->moments);
    }
    free(x);
    if (st)
        return st;
    if (noise)
        memcpy(r->draw, noise, r->half * sizeof *noise);
    else
        dr_randn_nhwc(r->vae_rng, r->draw, 1, r->h, r->w, r->latent);
    dr_vae_sample(&r->e->vae_config, r->moments, r->draw, (int64_t)r->h * r->w, latents);
    return DR_OK;
}

dr_status dr_dress_encode(dr_dress_run *r, const dr_image *photo, const dr_image *mask, const dr_image *garment,
                          const float *noise, float *drawn)
{
    size_t half = r->half, bytes = half * sizeof(float);
    float *without = r->condition, *with = r->condition + r->n;
    progress(r, DR_STAGE_ENCODE, 0, 2);
    (r->o->mask_any ? dr_mask_to_latent_any : dr_mask_to_latent)(mask, r->w, r->h, r->mask);
    dr_status st = encode(r, PERSON, photo, r->o->cloth_laid ? NULL : mask, noise, with);
    if (st)
        return st;
    memcpy(without, with, bytes);
    if (drawn)
        memcpy(drawn, r->draw, bytes);
    progress(r, DR_STAGE_ENCODE, 1, 2);
    st = encode(r, GARMENT, garment, NULL, noise ? noise + half : NULL, with + half);
    if (!st && drawn)
        memcpy(drawn + half, r->draw, bytes);
    progress(r, DR_STAGE_ENCODE, 2, 2);
    return st;
}

/* --- denoising ------------------------------------------------------------------------------------ */

void dr_dress_start(dr_dress_run *r, const float *noise)
{
    if (noise)
        memcpy(r->x, noise, r->n * sizeof *noise);
    else
        dr_randn_nhwc(&r->rng, r->x, 1, 2 * r->h, r->w, r->latent);
    float sigma = dr_sampler_init_sigma(r->sampler);
    for (size_t k = 0; k < r->n; k++)
        r->x[k] *= sigma;
}

/* Both samples of a guided step are one call; the UNet itself parts them where they are large. */
dr_status dr_dress_predict(dr_dress_run *r, int i, float *parts)
{
    int64_t cells = 2 * (int64_t)r->h * r->w;
    size_t in = (size_t)cells * (size_t)r->e->unet_config.in;
    int calls = dr_sampler_calls(r->sampler), N = dr_is_guided(&r->o->guidance, i, calls) ? 2 : 1, first = 2 - N;
    float t = dr_sampler_timestep(r->sampler, i);
    dr_step_cache_next(&r->cache, i, calls, N);
    dr_sampler_scale(r->sampler, i, r->x, r->n, r->scaled);
    if (dr_step_skip_next(&r->skip, i, calls, r->scaled, t, N == 2, r->out))
        return DR_OK;
    for (int k = 0; k < N; k++)
        dr_unet_join_input(r->scaled, r->mask, r->condition + (size_t)(first + k) * r->n, cells, r->latent,
                           r->in + (size_t)k * in);
    dr_status st =
        dr_engine_predict_textless(r->e, r->in, t, N, 2 * r->h, r->w, dr_step_cache_of(&r->cache, 0), r->out);
    if (st)
        return st;
    if (parts)
        memcpy(parts + (size_t)first * r->n, r->out, (size_t)N * r->n * sizeof *parts);
    if (N == 2)
        dr_guide(&r->o->guidance, r->out, r->n);
    dr_step_skip_keep(&r->skip, r->scaled, t, N == 2, r->out);
    return DR_OK;
}

static dr_status denoise(dr_dress_run *r)
{
    int calls = dr_sampler_calls(r->sampler), every = r->o->cb.preview_every;
    dr_dress_start(r, NULL);
    progress(r, DR_STAGE_DENOISE, 0, calls);
    for (int i = 0; i < calls; i++) {
        dr_status st = dr_dress_predict(r, i, NULL);
        if (!st)
            st = dr_sampler_step(r->sampler, i, r->out, r->x, r->n, &r->rng);
        if (st)
            return st;
        progress(r, DR_STAGE_DENOISE, i + 1, calls);
        const float *x0 = dr_sampler_x0(r->sampler); /* the person's half comes first */
        if (r->o->cb.preview && every > 0 && (i + 1) % every == 0 && x0)
            r->o->cb.preview(r->o->cb.user, i + 1, x0);
    }
    return DR_OK;
}

dr_status dr_dress_decode(dr_dress_run *r, dr_image *out)
{
    progress(r, DR_STAGE_DECODE, 0, 1);
    dr_status st = dr_engine_decode_picture(r->e, r->x, r->o->width, r->o->height, r->o->part, out);
    progress(r, DR_STAGE_DECODE, 1, 1);
    return st;
}

dr_status dr_dress(dr_engine *e, const dr_dress_options *o, const dr_image *photo, const dr_image *mask,
                   const dr_image *garment, dr_image *out)
{
    const dr_image *pictures[] = {photo, garment};
    dr_dress_run r;
    for (int i = 0; i < 2; i++)
        DR_ASSERT(pictures[i]->width == o->width && pictures[i]->height == o->height && pictures[i]->channels == 3,
                  "picture %d of %dx%d, expected %dx%d", i, pictures[i]->width, pictures[i]->height, o->width,
                  o->height);
    DR_ASSERT(mask->width == o->width && mask->height == o->height && mask->channels == 1, "mask of %dx%d", mask->width,
              mask->height);
    dr_status st = dr_dress_begin(&r, e, o);
    e->tape.cancelled = o->cb.cancel;
    e->tape.user = o->cb.user;
    if (!st)
        st = dr_dress_encode(&r, photo, mask, garment, NULL, NULL);
    dr_engine_release(e);
    if (!st)
        st = denoise(&r);
    dr_engine_release(e);
    if (!st)
        st = dr_dress_decode(&r, out);
    e->tape.cancelled = NULL;
    dr_engine_release(e);
    e->skipped = r.skip.skipped;
    dr_dress_end(&r);
    return st;
}
