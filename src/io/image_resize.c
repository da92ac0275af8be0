/* Resampling equal to PIL's bit for bit.
 *
 * Two passes, one per axis, each rounded to 8 bits. The weights of an output pixel are the filter stretched by
 * the reduction (so that it is antialiased), computed in double, normalised, and rounded to 22 fractional bits;
 * order of operations matters down to the last bit and is that of Pillow's Resample.c. */
#include "io/image.h"
#include "io/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL = 1 << 16 };          /* pixels below which waking other threads costs more than it saves */
enum { WEIGHT_BITS = 32 - 8 - 2 }; /* 8 for the pixel, 2 for sums outside [0,1] that Lanczos makes */

/* dr_taps with whole numbers for weights. */
typedef struct taps {
    int *first, *count;
    int32_t *weight;
    size_t stride;
} taps;

static void taps_clear(taps *t)
{
    free(t->first);
    free(t->count);
    free(t->weight);
}

static bool taps_init(taps *t, int in, int out, dr_resample how)
{
    dr_taps exact = {0};
    bool ok = dr_taps_init(&exact, in, out, how);
    size_t n = ok ? (size_t)out * exact.stride : 0;
    t->weight = ok ? malloc(n * sizeof *t->weight) : NULL;
    ok = ok && t->weight;
    for (size_t i = 0; ok && i < n; i++) {
        double v = exact.weight[i] * (1 << WEIGHT_BITS);
        t->weight[i] = (int32_t)(v < 0 ? v - 0.5 : v + 0.5);
    }
    if (ok) {
        t->first = exact.first;
        t->count = exact.count;
        t->stride = exact.stride;
        exact.first = exact.count = NULL;
    }
    dr_taps_clear(&exact);
    return ok;
}

static inline uint8_t clip8(int32_t v)
{
    v >>= WEIGHT_BITS;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void pass_x(uint8_t *restrict out, const uint8_t *restrict in, const taps *t, int width, int channels)
{
    const int32_t half = 1 << (WEIGHT_BITS - 1);
    for (int x = 0; x < width; x++) {
        const int32_t *w = t->weight + (size_t)x * t->stride;
        const uint8_t *p = in + (size_t)t->first[x] * (size_t)channels;
        int n = t->count[x];
        int32_t a = half, b = half, c = half, d = half;
        if (channels == 1) {
            for (int k = 0; k < n; k++)
                a += p[k] * w[k];
        } else if (channels == 3) {
            for (int k = 0; k < n; k++, p += 3) {
                a += p[0] * w[k];
                b += p[1] * w[k];
                c += p[2] * w[k];
            }
        } else {
            for (int k = 0; k < n; k++, p += 4) {
                a += p[0] * w[k];
                b += p[1] * w[k];
                c += p[2] * w[k];
                d += p[3] * w[k];
            }
        }
        const int32_t sums[4] = {a, b, c, d};
        for (int k = 0; k < channels; k++)
            *out++ = clip8(sums[k]);
    }
}

/* One output row from `n` input rows of `bytes` each, in stretches that stay in the first-level cache. */
static void pass_y(uint8_t *restrict out, const uint8_t *restrict in, const int32_t *w, int n, size_t bytes)
{
    enum { STRETCH = 1024 };
    int32_t sum[STRETCH];
    for (size_t at = 0; at < bytes; at += STRETCH) {
        size_t m = bytes - at < STRETCH ? bytes - at : STRETCH;
        for (size_t i = 0; i < m; i++)
            sum[i] = 1 << (WEIGHT_BITS - 1);
        for (int k = 0; k < n; k++) {
            const uint8_t *p = in + (size_t)k * bytes + at;
            const int32_t f = w[k];
#pragma omp simd
            for (size_t i = 0; i < m; i++)
                sum[i] += p[i] * f;
        }
        for (size_t i = 0; i < m; i++)
            out[at + i] = clip8(sum[i]);
    }
}

static dr_status resize_x(dr_image *out, const dr_image *in, int width, dr_resample how)
{
    taps t = {0};
    dr_status st = dr_image_alloc(out, width, in->height, in->channels);
    if (!st && !taps_init(&t, in->width, width, how)) {
        dr_image_clear(out);
        st = dr_fail(DR_ENOMEM, "out of memory resizing a picture to %d pixels of width", width);
    }
    if (!st) {
        size_t from = (size_t)in->width * (size_t)in->channels, to = (size_t)width * (size_t)in->channels;
#pragma omp parallel for schedule(static) if ((int64_t)in->width * in->height > SMALL)
        for (int y = 0; y < in->height; y++)
            pass_x(out->data + (size_t)y * to, in->data + (size_t)y * from, &t, width, in->channels);
    }
    taps_clear(&t);
    return st;
}

static dr_status resize_y(dr_image *out, const dr_image *in, int height, dr_resample how)
{
    taps t = {0};
    dr_status st = dr_image_alloc(out, in->width, height, in->channels);
    if (!st && !taps_init(&t, in->height, height, how)) {
        dr_image_clear(out);
        st = dr_fail(DR_ENOMEM, "out of memory resizing a picture to %d pixels of height", height);
    }
    if (!st) {
        size_t row = (size_t)in->width * (size_t)in->channels;
#pragma omp parallel for schedule(static) if ((int64_t)in->width * in->height > SMALL)
        for (int y = 0; y < height; y++)
            pass_y(out->data + (size_t)y * row, in->data + (size_t)t.first[y] * row, t.weight + (size_t)y * t.stride,
                   t.count[y], row);
    }
    taps_clear(&t);
    return st;
}

/* PyTorch computes the position in float; in double other pixels would be picked at some sizes. */
int dr_top_left(int i, int in, int out)
{
    float scale = (float)in / (float)out;
    int at = (int)floorf((float)i * scale);
    return at < in ? at : in - 1;
}

/* Source index of each output index. PIL's position is summed up step by step: i * scale would round differently and
 * pick another pixel now and then. */
static int *nearest_table(int in, int out, dr_resample how)
{
    int *at = malloc((size_t)out * sizeof *at);
    double scale = (double)in / out, position = scale * 0.5;
    for (int i = 0; at && i < out; i++, position += scale) {
        int middle = (int)position < in ? (int)position : in - 1;
        at[i] = how == DR_TOP_LEFT ? dr_top_left(i, in, out) : middle;
    }
    return at;
}

static dr_status resize_nearest(dr_image *out, const dr_image *in, int width, int height, dr_resample how)
{
    size_t pixel = (size_t)in->channels;
    int *xs = nearest_table(in->width, width, how), *ys = nearest_table(in->height, height, how);
    dr_status st = !xs || !ys ? dr_fail(DR_ENOMEM, "out of memory resizing a picture to %dx%d", width, height)
                              : dr_image_alloc(out, width, height, in->channels);
    if (!st) {
#pragma omp parallel for schedule(static) if ((int64_t)width * height > SMALL)
        for (int y = 0; y < height; y++) {
            const uint8_t *row = in->data + (size_t)ys[y] * (size_t)in->width * pixel;
            uint8_t *p = out->data + (size_t)y * (size_t)width * pixel;
            for (int x = 0; x < width; x++, p += pixel)
                memcpy(p, row + (size_t)xs[x] * pixel, pixel);
        }
    }
    free(xs);
    free(ys);
    return st;
}

dr_status dr_image_resize(dr_image *out, const dr_image *in, int width, int height, dr_resample how)
{
    DR_ASSERT(width > 0 && height > 0, "resize of %dx%d to %dx%d", in->width, in->height, width, height);
    *out = (dr_image){0};
    if (width == in->width && height == in->height)
        return dr_image_copy(out, in);
    if (how == DR_NEAREST || how == DR_TOP_LEFT)
        return resize_nearest(out, in, width, height, how);
    if (height == in->height)
        return resize_x(out, in, width, how);
    if (width == in->width)
        return resize_y(out, in, height, how);
    dr_image middle;
    bool y_first = how != DR_LANCZOS_X_FIRST && dr_columns_first(in, width, height);
    dr_status st = y_first ? resize_y(&middle, in, height, how) : resize_x(&middle, in, width, how);
    if (!st) {
        st = y_first ? resize_x(out, &middle, width, how) : resize_y(out, &middle, height, how);
        dr_image_clear(&middle);
    }
    return st;
}
