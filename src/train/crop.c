/* From a photo of any size to what the VAE takes: resize, crop, flip, for photo and mask alike. */
#include "io/mask.h"
#include "train/dataset.h"

#include <math.h>

void dr_resized_size(int width, int height, int crop_width, int crop_height, int *out_width, int *out_height)
{
    /* the side that is short against the crop gets the crop's length, the other is cut to whole pixels, as
     * torchvision does: int(size * long / short) */
    bool wide = (int64_t)width * crop_height >= (int64_t)height * crop_width;
    *out_width = wide ? (int)((int64_t)crop_height * width / height) : crop_width;
    *out_height = wide ? crop_height : (int)((int64_t)crop_width * height / width);
}

void dr_bucket_size(int width, int height, int resolution, int step, int *bucket_width, int *bucket_height)
{
    double want = log((double)width / height), best = INFINITY;
    int64_t area = (int64_t)resolution * resolution;
    *bucket_width = *bucket_height = resolution < step ? step : resolution / step * step;
    for (int w = step; w <= 2 * resolution; w += step) {
        int h = (int)(area / w / step) * step;
        if (h < step || h > 2 * resolution)
            continue;
        double off = fabs(log((double)w / h) - want);
        bool larger = (int64_t)w * h > (int64_t)*bucket_width * *bucket_height;
        if (off < best - 1e-9 || (off < best + 1e-9 && larger)) {
            best = off;
            *bucket_width = w;
            *bucket_height = h;
        }
    }
}

/* Replaces *im by its resized and cropped self. */
static dr_status cut(dr_image *im, const dr_crop *c, bool any_white)
{
    dr_image resized, out;
    int width, height;
    dr_resized_size(im->width, im->height, c->width, c->height, &width, &height);
    dr_status st = any_white ? dr_mask_resize_any(&resized, im, width, height)
                             : dr_image_resize(&resized, im, width, height, DR_BILINEAR);
    if (st)
        return st;
    st = dr_image_crop(&out, &resized, c->x, c->y, c->width, c->height);
    dr_image_clear(&resized);
    if (st)
        return st;
    dr_image_clear(im);
    *im = out;
    if (c->flip)
        dr_image_mirror(im);
    return DR_OK;
}

dr_status dr_example_load(const dr_example *e, const dr_crop *crop, bool any_white, dr_image *photo, dr_image *mask)
{
    *photo = (dr_image){0};
    if (mask)
        *mask = (dr_image){0};
    dr_status st = dr_image_read(photo, e->image, 3);
    if (!st && (photo->width != e->width || photo->height != e->height))
        st = dr_fail(DR_EINVAL, "photo '%s' is %dx%d, but was %dx%d when training began; leave the photos as they are",
                     e->image, photo->width, photo->height, e->width, e->height);
    if (!st && mask && e->mask)
        st = dr_mask_load(mask, e->mask, e->width, e->height, e->image, NULL);
    if (!st)
        st = cut(photo, crop, false);
    if (!st && mask && e->mask)
        st = cut(mask, crop, any_white);
    if (!st && mask && e->mask)
        dr_mask_binarize(mask);
    if (st) {
        dr_image_clear(photo);
        if (mask)
            dr_image_clear(mask);
    }
    return st;
}
