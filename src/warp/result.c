#include "warp/result.h"

#include "io/prepare.h"

#include <math.h>
#include <string.h>

void dr_warp_result_clear(dr_warp_result *r)
{
    dr_image *all[] = {&r->picture, &r->warped_cloth, &r->warped_mask,    &r->classes,
                       &r->flow,    &r->agnostic,     &r->parse_agnostic, &r->cloth_mask};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        dr_image_clear(all[i]);
}

/* --- pasting ------------------------------------------------------------------------------------------ */

/* The photo, with the picture where `hidden` is white. */
static dr_status paste(dr_image *picture, const dr_image *photo, const dr_image *hidden)
{
    dr_image large = {0}, out = {0};
    dr_status st = dr_image_resize(&large, picture, photo->width, photo->height, DR_LANCZOS);
    if (!st)
        st = dr_image_copy(&out, photo);
    for (size_t i = 0; !st && i < (size_t)photo->width * (size_t)photo->height; i++)
        if (hidden->data[i])
            memcpy(out.data + 3 * i, large.data + 3 * i, 3);
    dr_image_clear(&large);
    if (st)
        return st;
    dr_image_clear(picture);
    *picture = out;
    return DR_OK;
}

/* --- pictures of numbers --------------------------------------------------------------------------------- */

static dr_status grey_of(dr_image *out, const float *v, int width, int height)
{
    dr_status st = dr_image_alloc(out, width, height, 1);
    for (size_t i = 0; !st && i < (size_t)width * (size_t)height; i++)
        out->data[i] = (uint8_t)lrintf(fminf(fmaxf(v[i], 0), 1) * 255);
    return st;
}

static dr_status classes_of(dr_image *out, const uint8_t *classes, int width, int height)
{
    dr_status st = dr_image_alloc(out, width, height, 1);
    if (!st)
        memcpy(out->data, classes, (size_t)width * (size_t)height);
    return st;
}

/* How much of red, green or blue a hue has, all in turns of a circle. */
static double share_of(double hue, double channel)
{
    double d = fabs(hue - channel);
    d = d > 0.5 ? 1 - d : d;
    return fmin(fmax(2 - 6 * d, 0), 1);
}

/* Where to is the hue, how far the saturation: white stays where it is. */
static dr_status colours_of(dr_image *out, const float *flow, int width, int height)
{
    double farthest = 1e-6, turn = 2 * 3.14159265358979323846;
    size_t n = (size_t)width * (size_t)height;
    dr_status st = dr_image_alloc(out, width, height, 3);
    for (size_t i = 0; i < n; i++)
        farthest = fmax(farthest, hypot(flow[2 * i], flow[2 * i + 1]));
    for (size_t i = 0; !st && i < n; i++) {
        double x = flow[2 * i], y = flow[2 * i + 1], far = hypot(x, y) / farthest, hue = atan2(y, x) / turn;
        hue = hue < 0 ? hue + 1 : hue;
        for (int k = 0; k < 3; k++)
            out->data[3 * i + (size_t)k] = (uint8_t)lrint(255 * (1 - far * (1 - share_of(hue, k / 3.0))));
    }
    return st;
}

dr_status dr_warp_result_make(dr_warp_result *out, dr_warp_inputs *in, const dr_warp_values *v, bool composite)
{
    int width = in->cloth.width, height = in->cloth.height;
    *out = (dr_warp_result){0};
    dr_status st = dr_image_from_f32(&out->picture, v->picture, width, height);
    if (!st)
        st = dr_image_from_f32(&out->warped_cloth, v->cloth, width, height);
    if (!st)
        st = grey_of(&out->warped_mask, v->mask, width, height);
    if (!st)
        st = classes_of(&out->classes, v->classes, width, height);
    if (!st)
        st = colours_of(&out->flow, v->flow, v->flow_width, v->flow_height);
    if (!st && composite)
        st = paste(&out->picture, &in->photo, &in->hidden);
    if (st) {
        dr_warp_result_clear(out);
        return st;
    }
    out->agnostic = in->agnostic;
    out->parse_agnostic = in->parse_agnostic;
    out->cloth_mask = in->cloth_mask;
    in->agnostic = in->parse_agnostic = in->cloth_mask = (dr_image){0};
    return DR_OK;
}
