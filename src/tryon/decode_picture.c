/* Latents to a picture, or to the part of it that is needed. */
#include "io/prepare.h"
#include "tryon/engine.h"

#include <stdlib.h>
#include <string.h>

/* `part` to its place in a picture of W x H that is black elsewhere. */
static dr_status place(dr_image *part, dr_window at, int W, int H, dr_image *out)
{
    dr_status st = dr_image_alloc(out, W, H, 3);
    if (st)
        return st;
    memset(out->data, 0, (size_t)W * (size_t)H * 3);
    for (int64_t y = 0; y < at.h; y++)
        memcpy(out->data + 3 * ((at.y + y) * W + at.x), part->data + 3 * y * at.w, (size_t)(3 * at.w));
    return DR_OK;
}

dr_status dr_engine_decode_picture(dr_engine *e, const float *latents, int W, int H, dr_window part, dr_image *out)
{
    bool whole = part.h == 0 || !dr_vae_decodes_parts(&e->vae_config);
    const dr_window at = whole ? (dr_window){0, 0, H, W} : part;
    float *rgb = malloc((size_t)(at.h * at.w) * 3 * sizeof *rgb);
    dr_image picture = {0};
    dr_status st = rgb ? dr_engine_decode_part(e, latents, H, W, at, rgb) : dr_fail(DR_ENOMEM, "out of memory");
    if (!st)
        st = dr_image_from_f32(whole ? out : &picture, rgb, (int)at.w, (int)at.h);
    if (!st && !whole)
        st = place(&picture, at, W, H, out);
    dr_image_clear(&picture);
    free(rgb);
    return st;
}
