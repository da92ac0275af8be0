#include "eval/metrics.h"

#include <math.h>
#include <stdlib.h>

/* Sums over one area. */
typedef struct tally {
    int64_t pixels, changed;
    int largest;
    int64_t sum, squares;
} tally;

static void add(tally *t, const tally *one)
{
    t->pixels += one->pixels;
    t->changed += one->changed;
    t->largest = one->largest > t->largest ? one->largest : t->largest;
    t->sum += one->sum;
    t->squares += one->squares;
}

static void tally_of(const dr_image *a, const dr_image *b, const dr_image *mask, tally out[2])
{
    DR_ASSERT(a->width == b->width && a->height == b->height && a->channels == b->channels,
              "a picture of %dx%dx%d beside one of %dx%dx%d", a->width, a->height, a->channels, b->width, b->height,
              b->channels);
    DR_ASSERT(!mask || (mask->width == a->width && mask->height == a->height && mask->channels == 1),
              "a mask of %dx%dx%d for a picture of %dx%d", mask->width, mask->height, mask->channels, a->width,
              a->height);
    int channels = a->channels;
    out[0] = out[1] = (tally){0};
    for (int64_t i = 0; i < (int64_t)a->width * a->height; i++) {
        tally one = {.pixels = 1};
        for (int k = 0; k < channels; k++) {
            int d = abs(a->data[i * channels + k] - b->data[i * channels + k]);
            one.largest = d > one.largest ? d : one.largest;
            one.sum += d;
            one.squares += d * d;
        }
        one.changed = one.largest > 0;
        add(&out[mask && mask->data[i] >= 128], &one);
    }
}

static dr_difference difference(const tally *t, int channels)
{
    return (dr_difference){t->pixels, t->changed, t->largest,
                           t->pixels ? (double)t->sum / (double)t->pixels / channels : NAN};
}

dr_differences dr_difference_of(const dr_image *a, const dr_image *b, const dr_image *mask)
{
    const tally none = {0};
    tally t[2];
    tally_of(a, b, mask, t);
    dr_differences d = {.inside = difference(&t[1], a->channels),
                        .outside = difference(mask ? &t[0] : &none, a->channels)};
    add(&t[0], &t[1]);
    d.all = difference(&t[0], a->channels);
    return d;
}

static double psnr(const tally *t, int channels)
{
    if (!t->pixels)
        return NAN;
    return t->squares ? 10 * log10(255.0 * 255.0 * (double)t->pixels * channels / (double)t->squares) : INFINITY;
}

dr_measured dr_psnr(const dr_image *a, const dr_image *b, const dr_image *mask)
{
    tally t[2];
    tally_of(a, b, mask, t);
    dr_measured m = {.inside = psnr(&t[1], a->channels), .outside = mask ? psnr(&t[0], a->channels) : NAN};
    add(&t[0], &t[1]);
    m.all = psnr(&t[0], a->channels);
    return m;
}
