#include "tryon/tryon.h"

#include "base/path.h"
#include "io/prepare.h"
#include "mask/lay_cloth.h"
#include "tryon/dress.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void dr_tryon_size(const dr_engine *e, int *width, int *height)
{
    int f = dr_vae_factor(&e->vae_config);
    *width = *height = e->unet_config.sample_size * f;
    if (!e->dresses)
        return;
    *width = *width * 3 / 4 / f * f; /* persons are upright */
    if (e->attention.width % f == 0 && e->attention.height % f == 0 && e->attention.width) {
        *width = e->attention.width;
        *height = e->attention.height;
    }
}

dr_status dr_latent_preview(const dr_engine *e, const float *latents, int h, int w, dr_image *out)
{
    /* least-squares fit of SD 1's pictures to its latents, as found in many front ends; SD 2 shares the VAE */
    static const float rgb[4][3] = {{0.3512f, 0.2297f, 0.3227f},
                                    {0.3250f, 0.4974f, 0.2350f},
                                    {-0.2829f, 0.1762f, 0.2721f},
                                    {-0.2120f, -0.2616f, -0.7177f}};
    int C = e->vae_config.latent;
    bool sd = C == 4 && dr_vae_factor(&e->vae_config) == 8;
    size_t cells = (size_t)h * (size_t)w;
    float *x = malloc(cells * 3 * sizeof *x);
    if (!x)
        return dr_fail(DR_ENOMEM, "out of memory");
    for (size_t i = 0; i < cells; i++)
        for (int c = 0; c < 3; c++) {
            const float *z = latents + i * (size_t)C;
            float v = sd ? 0 : z[c < C ? c : C - 1] / 3;
            for (int k = 0; sd && k < 4; k++)
                v += z[k] * rgb[k][c];
            x[3 * i + (size_t)c] = v;
        }
    dr_status st = dr_image_from_f32(out, x, w, h);
    free(x);
    return st;
}

/* Turns latents into a picture for the caller's preview. */
typedef struct preview_state {
    dr_engine *e;
    const dr_tryon_options *o;
    int width, height;
} preview_state;

static void on_progress(void *user, dr_stage stage, int done, int total)
{
    const preview_state *p = user;
    if (p->o->inpaint.cb.progress)
        p->o->inpaint.cb.progress(p->o->inpaint.cb.user, stage, done, total);
}

static bool on_cancel(void *user)
{
    const preview_state *p = user;
    return p->o->inpaint.cb.cancel && p->o->inpaint.cb.cancel(p->o->inpaint.cb.user);
}

static void on_latents(void *user, int step, const float *latents)
{
    const preview_state *p = user;
    int f = dr_vae_factor(&p->e->vae_config);
    dr_image small = {0}, large = {0};
    /* a preview that fails is not worth a word: the picture itself is still on its way */
    if (!dr_latent_preview(p->e, latents, p->height / f, p->width / f, &small) &&
        !dr_image_resize(&large, &small, p->width, p->height, DR_BILINEAR))
        p->o->picture(p->o->inpaint.cb.user, step, &large);
    dr_image_clear(&small);
    dr_image_clear(&large);
}

static int default_padding(dr_rect box)
{
    int side = box.width > box.height ? box.width : box.height;
    return side / 8 > 32 ? side / 8 : 32;
}

static int default_feather(const dr_region *r)
{
    int side = r->photo.width > r->photo.height ? r->photo.width : r->photo.height;
    return side / 128 > 2 ? side / 128 : 2;
}

/* Paste of the model's picture over the photo, where the feathered mask lets it through. */
static dr_status paste(const dr_tryon_options *o, const dr_image *photo, dr_image *mask, const dr_region *r,
                       int feather, const dr_image *picture, dr_image *out)
{
    dr_image result = {0};
    dr_status st = dr_mask_feather(mask, feather);
    if (!st)
        st = dr_image_copy(&result, photo);
    if (!st)
        st = dr_region_paste(&result, picture, r, mask, &(dr_paste_options){.color_match = o->color_match});
    if (st)
        dr_image_clear(&result);
    else
        *out = result;
    return st;
}

/* diffusers samples the mask at one pixel per latent cell, so a thin part may fall between the samples: the model is
 * shown grey there and told to keep it. */
static void warn_of_thin_parts(const dr_engine *e, const dr_tryon_options *o, const dr_image *mask)
{
    int f = dr_vae_factor(&e->vae_config);
    double lost = dr_mask_lost(mask, mask->width / f, mask->height / f);
    char text[256];
    if (lost < 0.005 || !o->warn)
        return;
    snprintf(
        text, sizeof text,
        "%.0f %% of the mask falls between the samples that are taken of it, one in %d pixels as in diffusers, and "
        "comes out grey; grow the mask, or leave the region and the paste as they are",
        fmax(1, 100 * lost), f);
    o->warn(o->inpaint.cb.user, text);
}

/* The engine's options at the size that is worked at; `preview` stays with them. */
static dr_inpaint_options inner_options(dr_engine *e, const dr_tryon_options *o, preview_state *preview)
{
    dr_inpaint_options in = o->inpaint;
    int model_w, model_h;
    dr_tryon_size(e, &model_w, &model_h);
    in.width = in.width ? in.width : model_w;
    in.height = in.height ? in.height : model_h;
    *preview = (preview_state){.e = e, .o = o, .width = in.width, .height = in.height};
    in.cb = (dr_stage_callbacks){.user = preview,
                                 .progress = on_progress,
                                 .cancel = on_cancel,
                                 .preview = o->picture ? on_latents : NULL,
                                 .preview_every = o->inpaint.cb.preview_every};
    return in;
}

static void warn_of_size(const dr_engine *e, const dr_tryon_options *o, const dr_inpaint_options *in)
{
    const dr_garment_attention *a = &e->attention;
    char text[320];
    if (!o->warn || !a->width || (in->width == a->width && in->height == a->height))
        return;
    snprintf(
        text, sizeof text,
        "the attention weights '%.100s' are made for %dx%d, and pictures of %dx%d come out worse; leave the size out",
        a->version[0] ? a->version : dr_path_name(a->path), a->width, a->height, in->width, in->height);
    o->warn(o->inpaint.cb.user, text);
}

/* Person and mask are at the working size, the garment's photo is not yet. */
/* As a small model wants it that is helped: mask/lay_cloth.h. */
static dr_status lay_cloth(const dr_image *photo, const dr_image *mask, const dr_image *garment, dr_image *out)
{
    dr_status st = dr_image_copy(out, photo);
    return st ? st : dr_lay_cloth(out, mask, garment);
}

static dr_status dress(dr_engine *e, const dr_tryon_options *o, const dr_inpaint_options *in, const dr_image *photo,
                       const dr_image *mask, dr_image *out)
{
    const dr_dress_options d = {.guidance = in->guidance,
                                .cache = in->cache,
                                .sampler = in->sampler,
                                .seed = in->seed,
                                .width = in->width,
                                .height = in->height,
                                .mask_any = in->mask_any,
                                .part = in->part,
                                .cloth_laid = e->schedule.lay_cloth,
                                .cb = in->cb};
    dr_image garment = {0}, start = {0};
    warn_of_size(e, o, in);
    dr_status st = dr_fit_garment(o->fit, o->garment, in->width, in->height, &garment);
    if (!st && d.cloth_laid)
        st = lay_cloth(photo, mask, o->garment, &start);
    if (!st)
        st = dr_dress(e, &d, d.cloth_laid ? &start : photo, mask, &garment, out);
    dr_image_clear(&start);
    dr_image_clear(&garment);
    return st;
}

/* As the published programs: no region, no paste. `mask` is the file's. */
static dr_status work_published(dr_engine *e, const dr_tryon_options *o, const dr_image *photo, const dr_image *mask,
                                dr_image *out)
{
    preview_state preview;
    dr_inpaint_options in = inner_options(e, o, &preview);
    dr_image rgb = {0}, small = {0}, picture = {0};
    dr_rect box;
    dr_status st = dr_fit_person(o->fit, photo, &(dr_raw_mask){mask, o->hard_mask}, in.width, in.height, &rgb, &small);
    if (!st && !dr_mask_bbox(&small, &box))
        st = dr_fail(DR_EINVAL, "the mask is all black at the working size: nothing to replace");
    if (!st)
        warn_of_thin_parts(e, o, &small);
    if (!st)
        st = dress(e, o, &in, &rgb, &small, &picture);
    if (!st && o->repaint)
        st = dr_fit_repaint(&picture, photo, mask);
    dr_image_clear(&rgb);
    dr_image_clear(&small);
    if (st)
        dr_image_clear(&picture);
    else
        *out = picture;
    return st;
}

static dr_window window_of(dr_rect r)
{
    return (dr_window){r.y, r.x, r.height, r.width};
}

/* `mask` is ready: binary, grown. */
static dr_status work(dr_engine *e, const dr_tryon_options *o, const dr_image *photo, dr_image *mask, dr_rect box,
                      dr_image *out)
{
    preview_state preview;
    dr_inpaint_options in = inner_options(e, o, &preview);
    dr_image rgb = {0}, small = {0}, picture = {0};
    int feather = o->mask_blur >= 0 ? o->mask_blur : 0;
    dr_region_options ro = {in.width, in.height, o->padding >= 0 ? o->padding : default_padding(box), feather};
    dr_region r = o->whole ? dr_region_whole(photo->width, photo->height, in.width, in.height)
                           : dr_region_around(box, photo->width, photo->height, &ro);
    in.mask_any = !(o->whole && !o->paste);
    if (o->mask_blur < 0)
        feather = default_feather(&r);
    if (o->paste && !o->color_match)
        in.part = window_of(dr_region_needed(&r, box, feather));
    dr_status st = dr_region_extract(&rgb, &small, photo, mask, &r);
    if (!st && !in.mask_any)
        warn_of_thin_parts(e, o, &small);
    if (!st)
        st = e->dresses ? dress(e, o, &in, &rgb, &small, &picture) : dr_inpaint(e, &in, &rgb, &small, &picture);
    if (!st && o->paste) {
        st = paste(o, photo, mask, &r, feather, &picture, out);
    } else if (!st) {
        *out = picture;
        picture = (dr_image){0};
    }
    dr_image_clear(&rgb);
    dr_image_clear(&small);
    dr_image_clear(&picture);
    return st;
}

dr_status dr_tryon(dr_engine *e, const dr_tryon_options *o, const dr_image *photo, const dr_image *mask, dr_image *out)
{
    dr_image m = {0};
    dr_rect box;
    DR_ASSERT(e->dresses == (o->garment != NULL), "a garment's photo for an engine that %s",
              e->dresses ? "dresses from one" : "does not");
    if (o->fit != DR_FIT_REGION)
        return work_published(e, o, photo, mask, out);
    if (photo->channels != 3 || mask->channels != 1 || photo->width != mask->width || photo->height != mask->height)
        return dr_fail(DR_EINVAL, "the mask must have one channel and the photo's size, %dx%d; it is %dx%d with %d",
                       photo->width, photo->height, mask->width, mask->height, mask->channels);
    dr_status st = dr_image_copy(&m, mask);
    if (!st)
        dr_mask_binarize(&m);
    if (!st && o->mask_grow)
        st = dr_mask_grow(&m, o->mask_grow);
    if (!st && !dr_mask_bbox(&m, &box))
        st = dr_fail(DR_EINVAL, "the mask is all black%s: nothing to replace",
                     o->mask_grow < 0 ? " after shrinking" : "");
    if (!st)
        st = work(e, o, photo, &m, box, out);
    dr_image_clear(&m);
    return st;
}
