/* Dressing from a photo of the garment, number for number as CatVTON's published pipeline does it.
 *
 * Chong et al. 2024, arXiv:2407.15886. Person above, garment below, in latents of twice the height; the UNet is an
 * inpainting one that is shown no text, and its self-attention over all tokens carries the garment to the person:
 *
 *   z = [VAE(person, hole grey); VAE(garment)], m = [mask; zeros], x = noise     all [2h,w,.]
 *   each step: e = UNet(x, m, z); guided: e0 + s (e - e0), where e0 sees zeros in the garment's place
 *   the upper half of the last x is decoded
 *
 * The published program samples by DDIM with eta 1 and 50 steps. Random numbers are drawn in this order: noise of the
 * person's latents, of the garment's, the start, one draw a step of the whole [2h,w,4]. */
#ifndef DR_TRYON_DRESS_H
#define DR_TRYON_DRESS_H

#include "io/image.h"
#include "tryon/engine.h"
#include "tryon/guidance.h"
#include "tryon/step_cache.h"
#include "tryon/step_skip.h"

typedef struct dr_dress_options {
    dr_guidance guidance;
    dr_step_plan cache;
    dr_sampler_options sampler;
    uint64_t seed;
    int width, height; /* of the person alone, pixels; multiples of the VAE's factor */
    bool cloth_laid;   /* the photo has cloth in the mask's hole, which is not made grey */
    bool mask_any;     /* a latent cell is masked if any pixel of it is; else by the published nearest sample */
    dr_window part;    /* of the picture, all that is needed; the rest may be black. h 0: the whole */
    dr_stage_callbacks cb;
} dr_dress_options;

/**
 * @param photo    RGB of o->width x o->height
 * @param mask     1 channel, binary, the same size: white is to be replaced
 * @param garment  RGB of the same size
 * @param out      RGB of the same size; allocated here
 */
dr_status dr_dress(dr_engine *e, const dr_dress_options *o, const dr_image *photo, const dr_image *mask,
                   const dr_image *garment, dr_image *out);

/* --- its parts, for whoever replays a run ------------------------------------------------------------ */

/* All that one run holds between the stages; malloc'ed, because the models' arena is trimmed in between. Latents are
 * channels last. */
typedef struct dr_dress_run {
    dr_engine *e;
    const dr_dress_options *o;
    int h, w, latent; /* of the person's latents */
    size_t half, n;   /* values: h*w*latent, and twice that */
    dr_rng rng;       /* of all draws */
    dr_rng *vae_rng;  /* of the first two, &rng unless another one is put here */
    dr_sampler *sampler;
    dr_step_cache cache;
    dr_step_skip skip;
    float *moments;   /* [h,w,2*latent] */
    float *x;         /* [2h,w,latent]: the sample on its way */
    float *mask;      /* [2h,w] */
    float *condition; /* [2,2h,w,latent]: [person; zeros], [person; garment] */
    float *scaled;    /* [2h,w,latent] */
    float *in, *out;  /* [2,2h,w,in], [2,2h,w,latent]: the model's */
    float *draw;      /* [h,w,latent]: the last noise of a picture's latents */
} dr_dress_run;

dr_status dr_dress_begin(dr_dress_run *r, dr_engine *e, const dr_dress_options *o);
void dr_dress_end(dr_dress_run *r);

/** The VAE's moments of person (with the mask's hole grey) and garment, and one draw from each, into r->condition; the
 *  mask. `noise` (or NULL: drawn) has the two draws, [2,h,w,latent]. `drawn` (or NULL) gets them. */
dr_status dr_dress_encode(dr_dress_run *r, const dr_image *photo, const dr_image *mask, const dr_image *garment,
                          const float *noise, float *drawn);

/** r->x from noise: drawn, or the `noise` that is given [2h,w,latent]. */
void dr_dress_start(dr_dress_run *r, const float *noise);

/** r->out from r->x at step i: the guided prediction in its first sample. `parts` (or NULL) gets both before that,
 *  [2,2h,w,latent], without guidance only the second, and of a
 *  call that is skipped neither. */
dr_status dr_dress_predict(dr_dress_run *r, int i, float *parts);

/** The picture of r->x. */
dr_status dr_dress_decode(dr_dress_run *r, dr_image *out);

#endif
