#include "tryon/region.h"

#include "io/mask.h"

#include <math.h>
#include <string.h>

enum { SMALL = 1 << 16 }; /* pixels below which waking other threads costs more than it saves */

static int clamp(int v, int low, int high)
{
    return v < low ? low : v > high ? high : v;
}

/* Places a span of `length` photo pixels around [from, from + n) in a photo of `size`, and its image on the canvas:
 * inside the photo where it fits, else the whole photo in the middle of the canvas. */
static void place(double length, int from, int n, int size, int canvas, int *at, int *count, int *canvas_at,
                  int *canvas_count)
{
    int whole = (int)ceil(length - 1e-6);
    if (whole <= size) {
        *count = whole;
        *at = clamp(from + n / 2 - whole / 2, 0, size - whole);
        *canvas_at = 0;
        *canvas_count = canvas;
    } else {
        *count = size;
        *at = 0;
        *canvas_count = clamp((int)lround(size / length * canvas), 1, canvas);
        *canvas_at = (canvas - *canvas_count) / 2;
    }
}

dr_region dr_region_around(dr_rect box, int photo_width, int photo_height, const dr_region_options *o)
{
    DR_ASSERT(box.width > 0 && box.height > 0 && box.x >= 0 && box.y >= 0 && box.x <= photo_width - box.width &&
                  box.y <= photo_height - box.height && o->width > 0 && o->height > 0,
              "box %dx%d+%d+%d in a photo of %dx%d, model %dx%d", box.width, box.height, box.x, box.y, photo_width,
              photo_height, o->width, o->height);
    int most = photo_width > photo_height ? photo_width : photo_height;
    int pad = clamp(o->padding > o->feather ? o->padding : o->feather, 0, most);
    int left = box.x > pad ? box.x - pad : 0, top = box.y > pad ? box.y - pad : 0;
    int right = photo_width - box.x - box.width > pad ? box.x + box.width + pad : photo_width;
    int bottom = photo_height - box.y - box.height > pad ? box.y + box.height + pad : photo_height;
    /* photo pixels per canvas pixel: enough for the box, and 1 (no enlarging) as far as the photo goes */
    double room = fmin((double)photo_width / o->width, (double)photo_height / o->height);
    double scale = fmax((double)(right - left) / o->width, (double)(bottom - top) / o->height);
    scale = fmax(scale, fmin(1, room));
    dr_region r = {.canvas_width = o->width, .canvas_height = o->height};
    place(o->width * scale, left, right - left, photo_width, o->width, &r.photo.x, &r.photo.width, &r.canvas.x,
          &r.canvas.width);
    place(o->height * scale, top, bottom - top, photo_height, o->height, &r.photo.y, &r.photo.height, &r.canvas.y,
          &r.canvas.height);
    return r;
}

dr_region dr_region_whole(int photo_width, int photo_height, int width, int height)
{
    return (dr_region){
        .photo = {0, 0, photo_width, photo_height},
        .canvas = {0, 0, width, height},
        .canvas_width = width,
        .canvas_height = height,
    };
}

/* Where on the canvas LANCZOS looks for the photo's pixels from <= i < to, a few pixels more than it does. */
static void needed(int from, int to, int at, int count, int canvas_at, int canvas_count, int *start, int *n)
{
    double scale = (double)canvas_count / count, reach = 3 * fmax(scale, 1) + 1;
    int first = clamp((int)floor((clamp(from, at, at + count) - at) * scale - reach), 0, canvas_count - 1);
    int last = clamp((int)ceil((clamp(to, at, at + count) - at) * scale + reach), first + 1, canvas_count);
    *start = canvas_at + first;
    *n = last - first;
}

dr_rect dr_region_needed(const dr_region *r, dr_rect box, int feather)
{
    const dr_rect *p = &r->photo, *c = &r->canvas;
    dr_rect out;
    needed(box.x - feather, box.x + box.width + feather, p->x, p->width, c->x, c->width, &out.x, &out.width);
    needed(box.y - feather, box.y + box.height + feather, p->y, p->height, c->y, c->height, &out.y, &out.height);
    return out;
}

static bool fills_canvas(const dr_region *r)
{
    return r->canvas.width == r->canvas_width && r->canvas.height == r->canvas_height;
}

/* Index into n pixels, continued beyond both ends as in a mirror that stands on the last pixel. */
static int mirror(int i, int n)
{
    int period = 2 * (n - 1);
    if (period == 0)
        return 0;
    i %= period;
    if (i < 0)
        i += period;
    return i < n ? i : period - i;
}

/* The part on its canvas, mirrored around (photos) or on black (masks). Takes over `part`. */
static dr_status spread(dr_image *out, dr_image *part, const dr_region *r)
{
    if (fills_canvas(r)) {
        *out = *part;
        *part = (dr_image){0};
        return DR_OK;
    }
    dr_status st = dr_image_alloc(out, r->canvas_width, r->canvas_height, part->channels);
    size_t pixel = (size_t)part->channels;
    for (int y = 0; !st && y < r->canvas_height; y++) {
        for (int x = 0; x < r->canvas_width; x++) {
            int px = mirror(x - r->canvas.x, part->width), py = mirror(y - r->canvas.y, part->height);
            bool inside = px == x - r->canvas.x && py == y - r->canvas.y;
            uint8_t *to = out->data + ((size_t)y * (size_t)r->canvas_width + (size_t)x) * pixel;
            if (pixel == 1 && !inside)
                *to = 0;
            else
                memcpy(to, part->data + ((size_t)py * (size_t)part->width + (size_t)px) * pixel, pixel);
        }
    }
    dr_image_clear(part);
    return st;
}

static dr_status extract(dr_image *out, const dr_image *in, const dr_region *r)
{
    dr_image part = {0}, sized = {0};
    const dr_rect *p = &r->photo;
    dr_status st = dr_image_crop(&part, in, p->x, p->y, p->width, p->height);
    if (!st && in->channels == 1)
        st = dr_mask_resize_any(&sized, &part, r->canvas.width, r->canvas.height);
    else if (!st)
        st = dr_image_resize(&sized, &part, r->canvas.width, r->canvas.height, DR_LANCZOS);
    if (!st)
        st = spread(out, &sized, r);
    dr_image_clear(&sized);
    dr_image_clear(&part);
    return st;
}

dr_status dr_region_extract(dr_image *photo_out, dr_image *mask_out, const dr_image *photo, const dr_image *mask,
                            const dr_region *r)
{
    DR_ASSERT(photo->channels == 3 && (!mask || mask->channels == 1), "photo of %d channels", photo->channels);
    DR_ASSERT(!mask || (mask->width == photo->width && mask->height == photo->height),
              "mask of %dx%d for a photo of %dx%d", mask->width, mask->height, photo->width, photo->height);
    *photo_out = (dr_image){0};
    if (mask_out)
        *mask_out = (dr_image){0};
    dr_status st = extract(photo_out, photo, r);
    if (!st && mask_out && mask)
        st = extract(mask_out, mask, r);
    if (st)
        dr_image_clear(photo_out);
    return st;
}

/* What to add to the picture so that its mean colour in a ring around the mask is the photo's: the autoencoder
 * shifts colours of the whole picture by a few levels, which shows as an edge in flat backgrounds. */
static dr_status colour_shift(int shift[3], const dr_image *photo, const dr_image *picture, const dr_region *r,
                              const dr_image *alpha)
{
    enum { MOST = 32 }; /* beyond that it is the new garment reaching into the ring, not drift */
    const dr_rect *p = &r->photo;
    dr_image inner, ring = {0};
    int64_t n = 0, sum[3] = {0};
    memset(shift, 0, 3 * sizeof *shift);
    dr_status st = dr_image_crop(&inner, alpha, p->x, p->y, p->width, p->height);
    if (st)
        return st;
    int64_t pixels = (int64_t)p->width * p->height;
    for (int64_t i = 0; i < pixels; i++)
        inner.data[i] = inner.data[i] ? 255 : 0;
    int reach = clamp((p->width < p->height ? p->width : p->height) / 16, 8, DR_MASK_MAX_RADIUS);
    st = dr_image_copy(&ring, &inner);
    if (!st)
        st = dr_mask_grow(&ring, reach);
    for (int y = 0; !st && y < p->height; y++) {
        for (int x = 0; x < p->width; x++) {
            size_t i = (size_t)y * (size_t)p->width + (size_t)x;
            if (!ring.data[i] || inner.data[i])
                continue;
            const uint8_t *was = photo->data + ((size_t)(p->y + y) * (size_t)photo->width + (size_t)(p->x + x)) * 3;
            for (int k = 0; k < 3; k++)
                sum[k] += was[k] - picture->data[3 * i + (size_t)k];
            n++;
        }
    }
    for (int k = 0; n >= 64 && k < 3; k++)
        shift[k] = clamp((int)lround((double)sum[k] / (double)n), -MOST, MOST);
    dr_image_clear(&ring);
    dr_image_clear(&inner);
    return st;
}

static void blend(dr_image *photo, const dr_image *picture, const dr_rect *p, const dr_image *alpha, const int shift[3])
{
#pragma omp parallel for schedule(static) if ((int64_t)p->width * p->height > SMALL)
    for (int y = 0; y < p->height; y++) {
        size_t at = (size_t)(p->y + y) * (size_t)photo->width + (size_t)p->x;
        const uint8_t *a = alpha->data + at, *from = picture->data + (size_t)y * (size_t)p->width * 3;
        uint8_t *to = photo->data + at * 3;
        for (int x = 0; x < p->width; x++, to += 3, from += 3) {
            for (int k = 0; a[x] && k < 3; k++)
                to[k] = (uint8_t)((to[k] * (255 - a[x]) + clamp(from[k] + shift[k], 0, 255) * a[x] + 127) / 255);
        }
    }
}

dr_status dr_region_paste(dr_image *photo, const dr_image *generated, const dr_region *r, const dr_image *alpha,
                          const dr_paste_options *o)
{
    DR_ASSERT(photo->channels == 3 && generated->channels == 3 && alpha->channels == 1 &&
                  alpha->width == photo->width && alpha->height == photo->height &&
                  generated->width == r->canvas_width && generated->height == r->canvas_height,
              "pasting %dx%d into %dx%d by an alpha of %dx%d", generated->width, generated->height, photo->width,
              photo->height, alpha->width, alpha->height);
    dr_image part = {0}, picture = {0};
    int shift[3] = {0};
    dr_status st = dr_image_crop(&part, generated, r->canvas.x, r->canvas.y, r->canvas.width, r->canvas.height);
    if (!st)
        st = dr_image_resize(&picture, &part, r->photo.width, r->photo.height, DR_LANCZOS);
    if (!st && o && o->color_match)
        st = colour_shift(shift, photo, &picture, r, alpha);
    if (!st)
        blend(photo, &picture, &r->photo, alpha, shift);
    dr_image_clear(&picture);
    dr_image_clear(&part);
    return st;
}
