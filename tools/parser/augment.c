#include "augment.h"

#include <math.h>
#include <string.h>

/* From a place of the sample (0..1 on both axes) to a place of the photo in pixels. */
typedef struct placing {
    float x0, y0, xx, xy, yx, yy;
    bool mirrored;
} placing;

static float between(dr_rng *rng, float low, float high)
{
    return low + (high - low) * dr_rng_uniform(rng);
}

static bool chance(dr_rng *rng, float p)
{
    return dr_rng_uniform(rng) < p;
}

static float between_log(dr_rng *rng, float low, float high)
{
    return low * powf(high / low, dr_rng_uniform(rng));
}

/* Full bodies mostly, then from a face that fills the picture to upper bodies, then any part. */
static placing place_window(const labelled_photo *p, dr_rng *rng, float aspect)
{
    float person = (float)(p->bottom - p->top), middle = (float)(p->left + p->right) / 2, kind = dr_rng_uniform(rng);
    float height, top;
    if (kind < 0.45f) {
        height = person * between(rng, 1.0f, 1.5f);
        top = (float)p->top - (height - person) * dr_rng_uniform(rng);
    } else if (kind < 0.8f) {
        height = person * between_log(rng, 0.17f, 0.75f);
        top = (float)p->top + height * between(rng, -0.25f, 0.15f);
    } else {
        height = person * between_log(rng, 0.22f, 1.0f);
        top = (float)p->top + (person - height) * dr_rng_uniform(rng);
    }
    float width = height * aspect * between_log(rng, 0.75f, 1.33f);
    float centre_x = middle + width * between(rng, -0.15f, 0.15f), centre_y = top + height / 2;
    float turn = chance(rng, 0.5f) ? between(rng, -0.17f, 0.17f) : 0, c = cosf(turn), s = sinf(turn);
    placing t = {.xx = c * width, .xy = -s * height, .yx = s * width, .yy = c * height, .mirrored = chance(rng, 0.5f)};
    t.x0 = centre_x - (t.xx + t.xy) / 2;
    t.y0 = centre_y - (t.yx + t.yy) / 2;
    return t;
}

static int clamp_int(int v, int high)
{
    return v < 0 ? 0 : v > high ? high : v;
}

/* Bilinear, the edge going on outside. */
static void pixel_at(const dr_image *im, float x, float y, float out[3])
{
    float fx = floorf(x - 0.5f), fy = floorf(y - 0.5f), tx = x - 0.5f - fx, ty = y - 0.5f - fy;
    int xa = clamp_int((int)fx, im->width - 1), xb = clamp_int((int)fx + 1, im->width - 1);
    int ya = clamp_int((int)fy, im->height - 1), yb = clamp_int((int)fy + 1, im->height - 1);
    const uint8_t *a = im->data + 3 * ((size_t)ya * (size_t)im->width + (size_t)xa);
    const uint8_t *b = im->data + 3 * ((size_t)ya * (size_t)im->width + (size_t)xb);
    const uint8_t *c = im->data + 3 * ((size_t)yb * (size_t)im->width + (size_t)xa);
    const uint8_t *d = im->data + 3 * ((size_t)yb * (size_t)im->width + (size_t)xb);
    for (int k = 0; k < 3; k++)
        out[k] = ((1 - tx) * a[k] + tx * b[k]) * (1 - ty) + ((1 - tx) * c[k] + tx * d[k]) * ty;
}

/* A few points of a cell's area, as a smaller picture of the photo would have it. */
static void area_at(const dr_image *im, float x, float y, float step, float out[3])
{
    if (step < 1.3f) {
        pixel_at(im, x, y, out);
        return;
    }
    float sum[3] = {0}, one[3];
    for (int k = 0; k < 4; k++) {
        pixel_at(im, x + (k % 2 ? 0.25f : -0.25f) * step, y + (k / 2 ? 0.25f : -0.25f) * step, one);
        for (int c = 0; c < 3; c++)
            sum[c] += one[c] / 4;
    }
    memcpy(out, sum, sizeof sum);
}

/* Outside of the photo its edge goes on: background stays background, a person drawn out is not judged. */
static uint8_t label_at(const dr_image *im, float x, float y)
{
    bool outside = x < 0 || y < 0 || x >= (float)im->width || y >= (float)im->height;
    int px = clamp_int((int)floorf(x), im->width - 1), py = clamp_int((int)floorf(y), im->height - 1);
    uint8_t label = im->data[(size_t)py * (size_t)im->width + (size_t)px];
    return outside && label ? NOT_JUDGED : label;
}

/* Left and right are the person's own: a mirrored left shoe is a right one. */
static uint8_t mirrored_label(uint8_t label)
{
    static const uint8_t other[] = {[9] = 10, [10] = 9, [12] = 13, [13] = 12, [14] = 15, [15] = 14};
    return label < sizeof other && other[label] ? other[label] : label;
}

/* How much of a place is background, between pixels. */
static float backdrop_at(const dr_image *labels, float x, float y)
{
    float fx = floorf(x - 0.5f), fy = floorf(y - 0.5f), tx = x - 0.5f - fx, ty = y - 0.5f - fy, sum = 0;
    for (int k = 0; k < 4; k++) {
        int px = clamp_int((int)fx + k % 2, labels->width - 1), py = clamp_int((int)fy + k / 2, labels->height - 1);
        if (labels->data[(size_t)py * (size_t)labels->width + (size_t)px] == 0)
            sum += (k % 2 ? tx : 1 - tx) * (k / 2 ? ty : 1 - ty);
    }
    return sum;
}

/* Another background: plain from one colour to another, or a piece of another photo. */
typedef struct backdrop {
    bool on;
    const dr_image *photo; /* NULL: plain */
    float a[3], b[3], x0, y0, scale;
} backdrop;

static backdrop choose_backdrop(const photo_set *s, dr_rng *rng)
{
    backdrop d = {.on = chance(rng, 0.35f)};
    float grey = between(rng, 60, 255);
    bool white = chance(rng, 0.3f);
    for (int k = 0; k < 3; k++) {
        d.a[k] = white ? 255 : grey + between(rng, -40, 40);
        d.b[k] = white ? between(rng, 235, 255) : d.a[k] + between(rng, -40, 40);
    }
    const dr_image *other = &s->item[dr_rng_below(rng, (int64_t)s->count)].photo;
    d.photo = chance(rng, 0.2f) ? other : NULL;
    d.x0 = between(rng, 0, 1);
    d.scale = between(rng, 0.5f, 1.0f);
    d.y0 = chance(rng, 0.5f) ? 0 : 1 - d.scale;
    return d;
}

/* Colour as light, camera and film change it: p' = gain * p^gamma + lift, then saturation. */
typedef struct colours {
    float gain[3], lift, gamma, saturation, noise;
} colours;

static colours choose_colours(dr_rng *rng)
{
    colours c = {.lift = between(rng, -25, 25), .gamma = expf(between(rng, -0.3f, 0.3f))};
    float light = between(rng, 0.75f, 1.25f);
    for (int k = 0; k < 3; k++)
        c.gain[k] = light * between(rng, 0.9f, 1.1f);
    c.saturation = chance(rng, 0.07f) ? 0 : between(rng, 0.5f, 1.5f);
    c.noise = chance(rng, 0.3f) ? between(rng, 0, 10) : 0;
    return c;
}

static void apply_colours(const colours *c, dr_rng *rng, float p[3])
{
    for (int k = 0; k < 3; k++)
        p[k] = c->gain[k] * 255 * powf(p[k] > 0 ? p[k] / 255 : 0, c->gamma) + c->lift;
    float grey = 0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2];
    for (int k = 0; k < 3; k++) {
        p[k] = grey + c->saturation * (p[k] - grey);
        if (c->noise > 0)
            p[k] += c->noise * (dr_rng_uniform(rng) - 0.5f) * 3.4f;
        p[k] = p[k] < 0 ? 0 : p[k] > 255 ? 255 : p[k];
    }
}

static void backdrop_pixel(const backdrop *d, float u, float v, float out[3])
{
    if (d->photo) {
        pixel_at(d->photo, (d->x0 * (1 - d->scale) + u * d->scale) * (float)d->photo->width,
                 (d->y0 + v * d->scale) * (float)d->photo->height, out);
        return;
    }
    for (int k = 0; k < 3; k++)
        out[k] = d->a[k] + (d->b[k] - d->a[k]) * v;
}

static void box_blur(float *pixels, int width, int height)
{
    for (int pass = 0; pass < 2; pass++)
        for (int y = 0; y < height; y++)
            for (int x = 0; x + 1 < width; x++)
                for (int k = 0; k < 3; k++) {
                    float *p = pixels + 3 * ((size_t)y * (size_t)width + (size_t)x) + k;
                    const float *right = p + 3, *below = y + 1 < height ? p + 3 * (size_t)width : p;
                    *p = (2 * *p + *right + *below) / 4;
                }
}

void augment(const photo_set *s, size_t index, dr_rng *rng, int width, int height, const float mean[3],
             const float std[3], float *pixels, uint8_t *labels)
{
    const labelled_photo *p = &s->item[index];
    placing t = place_window(p, rng, (float)width / (float)height);
    backdrop d = choose_backdrop(s, rng);
    colours c = choose_colours(rng);
    float step = hypotf(t.xy, t.yy) / (float)height; /* photo pixels per pixel */
    bool blurred = chance(rng, 0.15f);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            float u = ((float)x + 0.5f) / (float)width, v = ((float)y + 0.5f) / (float)height;
            float m = t.mirrored ? 1 - u : u;
            float px = t.x0 + m * t.xx + v * t.xy, py = t.y0 + m * t.yx + v * t.yy;
            float *out = pixels + 3 * ((size_t)y * (size_t)width + (size_t)x);
            area_at(&p->photo, px, py, step, out);
            float alpha = d.on ? backdrop_at(&p->labels, px, py) : 0;
            if (alpha > 0) {
                float other[3];
                backdrop_pixel(&d, u, v, other);
                for (int k = 0; k < 3; k++)
                    out[k] += alpha * (other[k] - out[k]);
            }
            apply_colours(&c, rng, out);
        }
    if (blurred)
        box_blur(pixels, width, height);
    for (size_t i = 0; i < 3 * (size_t)width * (size_t)height; i++)
        pixels[i] = (pixels[i] / 255 - mean[i % 3]) / std[i % 3];
    for (int y = 0; y < height / 2; y++)
        for (int x = 0; x < width / 2; x++) {
            float u = ((float)x + 0.5f) / (float)(width / 2), v = ((float)y + 0.5f) / (float)(height / 2);
            u = t.mirrored ? 1 - u : u;
            uint8_t label = label_at(&p->labels, t.x0 + u * t.xx + v * t.xy, t.y0 + u * t.yx + v * t.yy);
            labels[(size_t)y * (size_t)(width / 2) + (size_t)x] = t.mirrored ? mirrored_label(label) : label;
        }
}
