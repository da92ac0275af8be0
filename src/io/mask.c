/* Reading masks and saying what is wrong with them before an hour is spent on it. */
#include "io/mask.h"

#include "io/mask_kind.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is likely wrong but may be meant: told, or refused where the caller is strict. */
static dr_status doubt(const dr_mask_options *o, bool refuse, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static dr_status doubt(const dr_mask_options *o, bool refuse, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (refuse && o && o->strict)
        return dr_fail(DR_EINVAL, "%s", text);
    if (o && o->warn)
        o->warn(o->user, text);
    return DR_OK;
}

static bool same_shape(int64_t w, int64_t h, int64_t photo_w, int64_t photo_h)
{
    double off = fabs((double)w * (double)photo_h / (double)h - (double)photo_w);
    return off <= 2 || off <= 0.01 * (double)photo_w;
}

static dr_status check_shape(const dr_image *in, const char *name, int photo_w, int photo_h, const char *photo_name)
{
    if (same_shape(in->width, in->height, photo_w, photo_h))
        return DR_OK;
    bool turned = same_shape(in->height, in->width, photo_w, photo_h), named = photo_name != NULL;
    return dr_fail(DR_EINVAL,
                   "mask '%s' is %dx%d, but %s%s%s is %dx%d%s; make the mask from the photo in its own shape", name,
                   in->width, in->height, named ? "photo '" : "the photo", named ? photo_name : "", named ? "'" : "",
                   photo_w, photo_h, turned ? " (the mask looks turned by 90 degrees)" : "");
}

typedef struct tally {
    int64_t total, white, grey, edge, edge_white; /* pixels; grey is neither near black nor near white */
    int brightest, darkest;
} tally;

static tally count(const dr_image *mask)
{
    int64_t histogram[256] = {0}, n = (int64_t)mask->width * mask->height;
    tally t = {.total = n, .darkest = 255};
    for (int64_t i = 0; i < n; i++)
        histogram[mask->data[i]]++;
    for (int v = 0; v < 256; v++) {
        t.white += v >= 128 ? histogram[v] : 0;
        t.grey += v >= 32 && v < 224 ? histogram[v] : 0;
        if (histogram[v] && v < t.darkest)
            t.darkest = v;
        if (histogram[v])
            t.brightest = v;
    }
    for (int y = 0; y < mask->height; y++) {
        bool full = y == 0 || y == mask->height - 1;
        const uint8_t *row = mask->data + (size_t)y * (size_t)mask->width;
        for (int x = 0; x < mask->width; x += full || mask->width == 1 ? 1 : mask->width - 1) {
            t.edge++;
            t.edge_white += row[x] >= 128;
        }
    }
    return t;
}

static dr_status lint(const dr_image *mask, const char *name, const dr_mask_options *o)
{
    tally t = count(mask);
    if (t.white == 0 && t.brightest > 0)
        return dr_fail(DR_EINVAL,
                       "mask '%s' is all black: nothing to replace; white = replace, and its brightest value is %d "
                       "of 255",
                       name, t.brightest);
    if (t.white == 0)
        return dr_fail(DR_EINVAL, "mask '%s' is all black: nothing to replace; white = replace", name);
    dr_status st = DR_OK;
    if (t.white < t.total && t.white * 10 > t.total * 6 && t.edge_white * 10 > t.edge * 9)
        st = doubt(o, true,
                   "mask '%s' is white on %d %% of the photo and along its edges: probably inverted; white = replace",
                   name, (int)(100 * t.white / t.total));
    else if (t.white == t.total && !(o && o->whole))
        st = doubt(o, true, "mask '%s' is all white: the whole photo would be replaced; black = keep", name);
    if (!st && t.grey * 10 > t.total)
        st = doubt(o, false, "mask '%s' has grey values on %d %% of the photo: from 128 of 255 on they count as white",
                   name, (int)(100 * t.grey / t.total));
    return st;
}

dr_status dr_mask_from_image(dr_image *out, const dr_image *in, const char *name, int photo_width, int photo_height,
                             const char *photo_name, const dr_mask_options *o)
{
    DR_ASSERT(in->channels == 1 || in->channels == 4, "mask of %d channels", in->channels);
    *out = (dr_image){0};
    dr_image grey = {0};
    dr_status st = check_shape(in, name, photo_width, photo_height, photo_name);
    if (!st)
        st = dr_mask_to_grey(&grey, in, name);
    if (!st)
        st = lint(&grey, name, o);
    if (!st)
        st = dr_image_resize(out, &grey, photo_width, photo_height, DR_LANCZOS);
    dr_image_clear(&grey);
    return st;
}

dr_status dr_mask_load(dr_image *out, const char *path, int photo_width, int photo_height, const char *photo_path,
                       const dr_mask_options *o)
{
    dr_image in;
    *out = (dr_image){0};
    dr_status st = dr_image_read(&in, path, 4);
    if (st)
        return st;
    st = dr_mask_from_image(out, &in, path, photo_width, photo_height, photo_path, o);
    dr_image_clear(&in);
    return st;
}

void dr_mask_binarize(dr_image *mask)
{
    int64_t n = (int64_t)mask->width * mask->height;
#pragma omp parallel for simd schedule(static) if (parallel : n > 65536)
    for (int64_t i = 0; i < n; i++)
        mask->data[i] = mask->data[i] >= 128 ? 255 : 0;
}

/* A row or column of the mask's reduction: source pixels under output i, at least one. */
static void footprint(int i, int in, int out, int *from, int *to)
{
    *from = (int)((int64_t)i * in / out);
    *to = (int)(((int64_t)(i + 1) * in + out - 1) / out);
}

dr_status dr_mask_resize_any(dr_image *out, const dr_image *in, int width, int height)
{
    dr_status st = dr_image_alloc(out, width, height, 1);
    if (st)
        return st;
#pragma omp parallel for schedule(static) if ((int64_t)in->width * in->height > 65536)
    for (int y = 0; y < height; y++) {
        int y0, y1, x0, x1;
        uint8_t *to = out->data + (size_t)y * (size_t)width;
        footprint(y, in->height, height, &y0, &y1);
        memset(to, 0, (size_t)width);
        for (int j = y0; j < y1; j++) {
            const uint8_t *row = in->data + (size_t)j * (size_t)in->width;
            for (int x = 0; x < width; x++) {
                footprint(x, in->width, width, &x0, &x1);
                for (int i = x0; i < x1 && !to[x]; i++)
                    to[x] = row[i] >= 128 ? 255 : 0;
            }
        }
    }
    return DR_OK;
}
