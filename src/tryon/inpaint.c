#include "tryon/inpaint.h"

#include "io/prepare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All that one run holds between the stages; malloc'ed, because the models' arena is trimmed in between. */
typedef struct run {
    dr_engine *e;
    const dr_inpaint_options *o;
    int h, w, latent; /* of the latents */
    size_t n;         /* h*w*latent */
    dr_rng rng;
    dr_sampler *sampler;
    dr_step_cache cache;
    dr_step_skip skip;
    float *x;        /* [h,w,latent]: the sample on its way */
    float *mask;     /* [h,w] */
    float *masked;   /* [h,w,latent]: the masked photo's latents; of a text-to-image model the photo's */
    float *noise;    /* [h,w,latent]: what the photo's surroundings are noised with; text-to-image only */
    float *in, *out; /* [h,w,in], [2,h,w,latent]: the model's */
    float *scaled;   /* [h,w,latent] */
} run;

static void progress(const run *r, dr_stage stage, int done, int total)
{
    if (r->o->cb.progress)
        r->o->cb.progress(r->o->cb.user, stage, done, total);
}

static void run_clear(run *r)
{
    dr_sampler_free(r->sampler);
    dr_step_cache_end(&r->cache);
    dr_step_skip_end(&r->skip);
    free(r->x);
    free(r->mask);
    free(r->masked);
    free(r->noise);
    free(r->in);
    free(r->out);
    free(r->scaled);
}

static dr_status run_init(run *r, dr_engine *e, const dr_inpaint_options *o)
{
    int f = dr_vae_factor(&e->vae_config);
    *r = (run){.e = e, .o = o, .h = o->height / f, .w = o->width / f, .latent = e->vae_config.latent};
    if (o->height % f || o->width % f || r->h < 1 || r->w < 1)
        return dr_fail(DR_EINVAL, "the working size %dx%d is not a multiple of %d, which this model needs", o->width,
                       o->height, f);
    size_t cells = (size_t)r->h * (size_t)r->w;
    r->n = cells * (size_t)r->latent;
    dr_step_cache_begin(&r->cache, &o->cache);
    r->x = malloc(r->n * sizeof(float));
    r->scaled = malloc(r->n * sizeof(float));
    r->masked = malloc(r->n * sizeof(float));
    r->noise = malloc(r->n * sizeof(float));
    r->mask = malloc(cells * sizeof(float));
    r->in = malloc(cells * (size_t)e->unet_config.in * sizeof(float));
    r->out = malloc(2 * r->n * sizeof(float));
    if (!r->x || !r->scaled || !r->masked || !r->noise || !r->mask || !r->in || !r->out)
        return dr_fail(DR_ENOMEM, "out of memory");
    dr_rng_seed(&r->rng, o->seed);
    dr_status st = dr_step_skip_begin(&r->skip, &o->cache, &e->schedule, r->n);
    if (!st)
        st = dr_sampler_new(&r->sampler, &e->schedule, &o->sampler);
    if (!st)
        dr_sampler_noise_layout(r->sampler, 1, r->h, r->w, r->latent);
    return st;
}

/* The picture's latents, drawn with the run's generator. With `mask` the masked pixels are 0 first, which is grey. */
static dr_status encode(run *r, const dr_image *photo, const dr_image *mask, float *latents)
{
    size_t pixels = (size_t)photo->height * (size_t)photo->width;
    float *moments = malloc(2 * r->n * sizeof *moments), *noise = malloc(r->n * sizeof *noise);
    float *x = malloc(3 * pixels * sizeof *x);
    dr_status st = moments && noise && x ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
    if (!st) {
        dr_image_to_f32(photo, x);
        if (mask)
            dr_masked_f32(x, mask, x);
        st = dr_engine_encode(r->e, x, photo->height, photo->width, moments);
    }
    if (!st) {
        if (dr_vae_draws(&r->e->vae_config))
            dr_randn_nhwc(&r->rng, noise, 1, r->h, r->w, r->latent);
        dr_vae_sample(&r->e->vae_config, moments, noise, (int64_t)r->h * r->w, latents);
    }
    free(moments);
    free(noise);
    free(x);
    return st;
}

/* Noise, or with strength below 1 the noised photo. `photo`: its latents. */
static void begin(run *r, const float *photo)
{
    dr_randn_nhwc(&r->rng, r->noise, 1, r->h, r->w, r->latent);
    if (r->o->sampler.strength < 1) {
        dr_sampler_add_noise(r->sampler, 0, photo, r->noise, r->n, r->x);
        return;
    }
    float sigma = dr_sampler_init_sigma(r->sampler);
    for (size_t i = 0; i < r->n; i++)
        r->x[i] = r->noise[i] * sigma;
}

/* Starting latents and the masked photo's, in the order in which diffusers draws its random numbers. */
static dr_status encode_stage(run *r, const dr_image *photo, const dr_image *mask)
{
    bool inpaints = dr_engine_inpaints(r->e), whole = !inpaints || r->o->sampler.strength < 1;
    int done = 0, total = whole + inpaints;
    dr_status st = DR_OK;
    progress(r, DR_STAGE_ENCODE, 0, total);
    (r->o->mask_any ? dr_mask_to_latent_any : dr_mask_to_latent)(mask, r->w, r->h, r->mask);
    if (whole) {
        st = encode(r, photo, NULL, r->masked); /* borrowed until the masked latents come */
        progress(r, DR_STAGE_ENCODE, ++done, total);
    }
    if (st)
        return st;
    begin(r, r->masked);
    if (!inpaints) { /* diffusers draws from the masked photo's posterior too */
        dr_randn_nhwc(&r->rng, r->scaled, 1, r->h, r->w, r->latent);
        return DR_OK;
    }
    st = encode(r, photo, mask, r->masked);
    progress(r, DR_STAGE_ENCODE, total, total);
    return st;
}

/* After step i of a text-to-image model: around the mask the photo, as noisy as step i + 1 expects it. */
static void keep_surroundings(run *r, int i)
{
    const float *photo = r->masked;
    if (i + 1 < dr_sampler_calls(r->sampler)) {
        dr_sampler_add_noise(r->sampler, i + 1, photo, r->noise, r->n, r->scaled);
        photo = r->scaled;
    }
    for (size_t k = 0; k < r->n; k++) {
        float m = r->mask[k / (size_t)r->latent];
        r->x[k] = (1 - m) * photo[k] + m * r->x[k];
    }
}

/* The guided prediction of call i, in the first half of r->out. */
static dr_status predict(run *r, int i, int calls)
{
    bool guided = dr_is_guided(&r->o->guidance, i, calls);
    int N = guided ? 2 : 1;
    size_t context = (size_t)r->e->length * (size_t)r->e->text_config.width;
    float timestep = dr_sampler_timestep(r->sampler, i);
    dr_step_cache_next(&r->cache, i, calls, N);
    dr_sampler_scale(r->sampler, i, r->x, r->n, r->scaled);
    if (dr_step_skip_next(&r->skip, i, calls, r->scaled, timestep, guided, r->out))
        return DR_OK;
    if (dr_engine_inpaints(r->e))
        dr_unet_join_input(r->scaled, r->mask, r->masked, (int64_t)r->h * r->w, r->latent, r->in);
    else
        memcpy(r->in, r->scaled, r->n * sizeof *r->in);
    dr_status st = dr_engine_predict(r->e, r->in, timestep, r->e->context + (guided ? 0 : context), N, r->h, r->w,
                                     dr_step_cache_of(&r->cache, 0), r->out);
    if (!st && guided)
        dr_guide(&r->o->guidance, r->out, r->n);
    if (!st)
        dr_step_skip_keep(&r->skip, r->scaled, timestep, guided, r->out);
    return st;
}

/* One step: predict, move. */
static dr_status step(run *r, int i)
{
    dr_status st = predict(r, i, dr_sampler_calls(r->sampler));
    if (!st)
        st = dr_sampler_step(r->sampler, i, r->out, r->x, r->n, &r->rng);
    if (!st && !dr_engine_inpaints(r->e))
        keep_surroundings(r, i);
    return st;
}

static dr_status denoise_stage(run *r)
{
    int calls = dr_sampler_calls(r->sampler), every = r->o->cb.preview_every;
    progress(r, DR_STAGE_DENOISE, 0, calls);
    for (int i = 0; i < calls; i++) {
        dr_status st = step(r, i);
        if (st)
            return st;
        progress(r, DR_STAGE_DENOISE, i + 1, calls);
        const float *x0 = dr_sampler_x0(r->sampler);
        if (r->o->cb.preview && every > 0 && (i + 1) % every == 0 && x0)
            r->o->cb.preview(r->o->cb.user, i + 1, x0);
    }
    return DR_OK;
}

static dr_status decode_stage(run *r, dr_image *out)
{
    progress(r, DR_STAGE_DECODE, 0, 1);
    dr_status st = dr_engine_decode_picture(r->e, r->x, r->o->width, r->o->height, r->o->part, out);
    progress(r, DR_STAGE_DECODE, 1, 1);
    return st;
}

static dr_status stages(run *r, const dr_image *photo, const dr_image *mask, dr_image *out)
{
    progress(r, DR_STAGE_TEXT, 0, 1);
    dr_status st = dr_engine_text(r->e, r->o->prompt, r->o->negative_prompt, r->o->how, r->o->clip_skip);
    dr_engine_release(r->e);
    progress(r, DR_STAGE_TEXT, 1, 1);
    if (!st)
        st = encode_stage(r, photo, mask);
    dr_engine_release(r->e);
    if (!st)
        st = denoise_stage(r);
    dr_engine_release(r->e);
    return st ? st : decode_stage(r, out);
}

dr_status dr_inpaint(dr_engine *e, const dr_inpaint_options *o, const dr_image *photo, const dr_image *mask,
                     dr_image *out)
{
    run r;
    DR_ASSERT(photo->width == o->width && photo->height == o->height && mask->width == o->width &&
                  mask->height == o->height && photo->channels == 3 && mask->channels == 1,
              "photo %dx%d, mask %dx%d, expected %dx%d", photo->width, photo->height, mask->width, mask->height,
              o->width, o->height);
    dr_status st = run_init(&r, e, o);
    e->tape.cancelled = o->cb.cancel;
    e->tape.user = o->cb.user;
    if (!st)
        st = stages(&r, photo, mask, out);
    e->tape.cancelled = NULL;
    dr_engine_release(e);
    e->skipped = r.skip.skipped;
    run_clear(&r);
    return st;
}
