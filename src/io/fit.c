#include "io/fit.h"

#include "io/mask.h"

#include <string.h>

/* --- shapes --------------------------------------------------------------------------------------- */

/* Whether w x h is narrower than W x H, decided as Python does. */
static bool narrower(int w, int h, int W, int H)
{
    return (double)w / h < (double)W / H;
}

static dr_status too_narrow(const dr_image *im, int W, int H)
{
    return dr_fail(DR_EINVAL, "a picture of %dx%d cannot be brought to %dx%d: nothing is left of it in that shape",
                   im->width, im->height, W, H);
}

/* The middle of a picture, of the shape W:H, at that size. */
static dr_status crop(dr_image *out, const dr_image *in, int W, int H, dr_resample how)
{
    int w = in->width, h = in->height;
    int new_w = w, new_h = h;
    if (narrower(w, h, W, H))
        new_h = (int)((int64_t)w * H / W);
    else
        new_w = (int)((int64_t)h * W / H);
    if (new_w < 1 || new_h < 1)
        return too_narrow(in, W, H);
    dr_image part = {0};
    dr_status st = dr_image_crop(&part, in, (w - new_w) / 2, (h - new_h) / 2, new_w, new_h);
    if (!st)
        st = dr_image_resize(out, &part, W, H, how);
    dr_image_clear(&part);
    return st;
}

/* The whole picture inside W x H, on white. */
static dr_status pad(dr_image *out, const dr_image *in, int W, int H)
{
    int new_w = W, new_h = H;
    if (narrower(in->width, in->height, W, H))
        new_w = (int)((int64_t)in->width * H / in->height);
    else
        new_h = (int)((int64_t)in->height * W / in->width);
    if (new_w < 1 || new_h < 1)
        return too_narrow(in, W, H);
    dr_image sized = {0};
    dr_status st = dr_image_resize(&sized, in, new_w, new_h, DR_LANCZOS_X_FIRST);
    if (!st)
        st = dr_image_alloc(out, W, H, in->channels);
    if (!st) {
        size_t pixel = (size_t)in->channels, left = (size_t)(W - new_w) / 2, top = (size_t)(H - new_h) / 2;
        memset(out->data, 255, (size_t)W * (size_t)H * pixel);
        for (size_t y = 0; y < (size_t)new_h; y++)
            memcpy(out->data + ((top + y) * (size_t)W + left) * pixel, sized.data + y * (size_t)new_w * pixel,
                   (size_t)new_w * pixel);
    }
    dr_image_clear(&sized);
    return st;
}

static dr_status shape(dr_fit fit, dr_image *out, const dr_image *in, int W, int H, dr_resample how)
{
    *out = (dr_image){0};
    return fit == DR_FIT_STRETCH ? dr_image_resize(out, in, W, H, how) : crop(out, in, W, H, how);
}

/* --- pictures ------------------------------------------------------------------------------------- */

/* In place: one channel of the mask, by luma. */
static dr_status to_grey(dr_image *mask)
{
    dr_image grey = {0};
    dr_status st = dr_image_luma(&grey, mask);
    dr_image_clear(mask);
    *mask = grey;
    return st;
}

static dr_status fit_mask(dr_fit fit, const dr_raw_mask *mask, int W, int H, dr_image *out)
{
    enum { APP_BLUR = 9 };
    dr_image stroke = {0};
    bool app = fit == DR_FIT_APP;
    dr_status st = app ? dr_image_luma(&stroke, mask->image) : DR_OK;
    for (size_t i = 0; !st && app && i < (size_t)stroke.width * (size_t)stroke.height; i++)
        stroke.data[i] = stroke.data[i] ? 255 : 0;
    if (!st)
        st = shape(fit, out, app ? &stroke : mask->image, W, H, mask->hard && !app ? DR_NEAREST : DR_LANCZOS_X_FIRST);
    dr_image_clear(&stroke);
    if (!st)
        st = to_grey(out);
    if (!st && app)
        st = dr_image_gaussian(out, APP_BLUR);
    if (!st)
        dr_mask_binarize(out);
    return st;
}

dr_status dr_fit_person(dr_fit fit, const dr_image *photo, const dr_raw_mask *mask, int W, int H, dr_image *photo_out,
                        dr_image *mask_out)
{
    const dr_image *m = mask->image;
    DR_ASSERT(fit != DR_FIT_REGION, "a fit of %d", (int)fit);
    *photo_out = *mask_out = (dr_image){0};
    if (fit != DR_FIT_STRETCH && (photo->width != m->width || photo->height != m->height))
        return dr_fail(DR_EINVAL, "the mask is %dx%d and the photo %dx%d: to be cropped they must have one size",
                       m->width, m->height, photo->width, photo->height);
    dr_status st = shape(fit, photo_out, photo, W, H, DR_LANCZOS_X_FIRST);
    if (!st)
        st = fit_mask(fit, mask, W, H, mask_out);
    if (st) {
        dr_image_clear(photo_out);
        dr_image_clear(mask_out);
    }
    return st;
}

dr_status dr_fit_garment(dr_fit fit, const dr_image *garment, int W, int H, dr_image *out)
{
    *out = (dr_image){0};
    return fit == DR_FIT_STRETCH ? dr_image_resize(out, garment, W, H, DR_LANCZOS_X_FIRST) : pad(out, garment, W, H);
}

dr_status dr_fit_repaint(dr_image *result, const dr_image *photo, const dr_image *mask)
{
    int W = result->width, H = result->height, radius = H / 50;
    dr_image p = {0}, m = {0};
    dr_status st = dr_image_resize(&p, photo, W, H, DR_LANCZOS_X_FIRST);
    if (!st)
        st = dr_image_resize(&m, mask, W, H, DR_NEAREST);
    if (!st)
        st = dr_image_gaussian(&m, radius % 2 ? radius : radius + 1);
    for (size_t i = 0; !st && i < (size_t)W * (size_t)H * 3; i++) {
        double a = m.data[m.channels == 1 ? i / 3 : i] / 255.0;
        result->data[i] = (uint8_t)(p.data[i] * (1 - a) + result->data[i] * a);
    }
    dr_image_clear(&p);
    dr_image_clear(&m);
    return st;
}
