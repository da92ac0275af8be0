#include "eval/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define C1 (0.01 * 255 * 0.01 * 255)
#define C2 (0.03 * 255 * 0.03 * 255)
enum { MOST = 11, MOMENTS = 5 };

/* One channel: of an 8-bit picture, or values of a smaller size. */
typedef struct plane {
    const uint8_t *bytes; /* `step` apart */
    const float *values;  /* in place of bytes */
    int step, width, height;
} plane;

/* What is averaged with which weights. */
typedef struct window {
    int size;
    double weight[MOST];
    double unbiased; /* n / (n - 1) for a sample's covariance, or 1 */
    bool mirrored;   /* beyond the border the picture is mirrored; else only windows that fit count */
    bool clamped;    /* a variance that rounding made negative is 0 */
} window;

/* What a walk over all windows finds: sums over all centres, and over those in a mask. */
typedef struct found {
    double similarity[2], contrast; /* similarity outside and inside the mask; contrast over windows that fit */
    int64_t windows[2], fitting;
} found;

/* --- windows ----------------------------------------------------------------------------------------- */

static window uniform_window(void)
{
    window w = {.size = 7, .unbiased = 49.0 / 48};
    for (int i = 0; i < w.size; i++)
        w.weight[i] = 1.0 / w.size;
    return w;
}

static window gaussian_window(void)
{
    window w = {.size = 11, .unbiased = 1};
    double sum = 0;
    for (int i = 0; i < w.size; i++)
        sum += w.weight[i] = exp(-(i - 5) * (i - 5) / (2 * 1.5 * 1.5));
    for (int i = 0; i < w.size; i++)
        w.weight[i] /= sum;
    return w;
}

static window window_of(dr_ssim_kind kind)
{
    window w = kind == DR_SSIM_SKIMAGE ? uniform_window() : gaussian_window();
    if (kind == DR_SSIM_SKIMAGE_GAUSSIAN)
        w.unbiased = 121.0 / 120;
    w.mirrored = w.clamped = kind == DR_SSIM_TORCHMETRICS;
    return w;
}

/* --- a walk ------------------------------------------------------------------------------------------ */

/* Beyond either end the values come back, the border's own once. */
static int mirrored(int i, int n)
{
    return i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i;
}

static double value(const plane *p, int x, int y)
{
    size_t at = (size_t)y * (size_t)p->width + (size_t)x;
    return p->values ? (double)p->values[at] : (double)p->bytes[at * (size_t)p->step];
}

/* x, y, x^2, y^2, xy of one row, averaged along it: out [MOMENTS][width]; spare the same and a window more a row. */
static void average_row(double *out, double *spare, const plane *a, const plane *b, const window *w, int y)
{
    int r = w->size / 2, n = a->width + 2 * r;
    for (int i = 0; i < n; i++) {
        int x = i - r;
        bool beyond = !w->mirrored && (x < 0 || x >= a->width); /* such windows do not count */
        double u = beyond ? 0 : value(a, mirrored(x, a->width), y), v = beyond ? 0 : value(b, mirrored(x, a->width), y);
        spare[i] = u;
        spare[n + i] = v;
        spare[2 * n + i] = u * u;
        spare[3 * n + i] = v * v;
        spare[4 * n + i] = u * v;
    }
    for (int m = 0; m < MOMENTS; m++) {
        double *to = out + (size_t)m * (size_t)a->width;
        memset(to, 0, (size_t)a->width * sizeof *to);
        for (int k = 0; k < w->size; k++) {
            const double *from = spare + (size_t)m * (size_t)n + k;
            for (int x = 0; x < a->width; x++)
                to[x] += w->weight[k] * from[x];
        }
    }
}

/* The rows of one window, averaged down: out [MOMENTS][width]. ring[y % size] is row y. */
static void average_column(double *out, const double *ring, const window *w, int width, int height, int y)
{
    size_t n = MOMENTS * (size_t)width;
    memset(out, 0, n * sizeof *out);
    for (int k = 0; k < w->size; k++) {
        int row = mirrored(y + k - w->size / 2, height);
        const double *from = ring + (size_t)(row % w->size) * n;
        for (size_t i = 0; i < n; i++)
            out[i] += w->weight[k] * from[i];
    }
}

static void add_windows(found *f, const double *m, const window *w, int width, const uint8_t *mask, bool fits)
{
    int r = w->size / 2, from = w->mirrored ? 0 : r;
    for (int x = from; x < width - from; x++) {
        double u = m[x], v = m[width + x];
        double uu = w->unbiased * (m[2 * width + x] - u * u), vv = w->unbiased * (m[3 * width + x] - v * v),
               uv = w->unbiased * (m[4 * width + x] - u * v);
        if (w->clamped) {
            uu = fmax(uu, 0);
            vv = fmax(vv, 0);
        }
        double contrast = (2 * uv + C2) / (uu + vv + C2);
        bool inside = mask && mask[x] >= 128;
        f->similarity[inside] += (2 * u * v + C1) / (u * u + v * v + C1) * contrast;
        f->windows[inside]++;
        if (fits && x >= r && x < width - r) {
            f->contrast += contrast;
            f->fitting++;
        }
    }
}

/* Rows are averaged once and kept as long as a window reaches them. */
static dr_status walk(found *f, const plane *a, const plane *b, const window *w, const dr_image *mask)
{
    int r = w->size / 2, width = a->width, height = a->height, ready = 0;
    size_t row = MOMENTS * (size_t)width;
    double *ring = malloc(((size_t)(w->size + 2) * row + MOMENTS * 2 * (size_t)r) * sizeof *ring);
    if (!ring)
        return dr_fail(DR_ENOMEM, "out of memory");
    double *mean = ring + (size_t)w->size * row, *spare = mean + row;
    for (int y = w->mirrored ? 0 : r; y < (w->mirrored ? height : height - r); y++) {
        for (; ready <= y + r && ready < height; ready++)
            average_row(ring + (size_t)(ready % w->size) * row, spare, a, b, w, ready);
        average_column(mean, ring, w, width, height, y);
        add_windows(f, mean, w, width, mask ? mask->data + (size_t)y * (size_t)width : NULL, y >= r && y < height - r);
    }
    free(ring);
    return DR_OK;
}

/* --- one size ---------------------------------------------------------------------------------------- */

static plane channel_of(const dr_image *im, int k)
{
    return (plane){.bytes = im->data + k, .step = im->channels, .width = im->width, .height = im->height};
}

static double mean_of(double sum, int64_t n)
{
    return n ? sum / (double)n : NAN;
}

static void check_sizes(const dr_image *a, const dr_image *b, const dr_image *mask)
{
    DR_ASSERT(a->width == b->width && a->height == b->height && a->channels == b->channels,
              "a picture of %dx%dx%d beside one of %dx%dx%d", a->width, a->height, a->channels, b->width, b->height,
              b->channels);
    DR_ASSERT(!mask || (mask->width == a->width && mask->height == a->height && mask->channels == 1),
              "a mask of %dx%dx%d for a picture of %dx%d", mask->width, mask->height, mask->channels, a->width,
              a->height);
}

dr_status dr_ssim(const dr_image *a, const dr_image *b, const dr_image *mask, dr_ssim_kind kind, dr_measured *out)
{
    found f = {0};
    window w = window_of(kind);
    check_sizes(a, b, mask);
    if (a->width < w.size || a->height < w.size)
        return dr_fail(DR_EINVAL, "a picture of %dx%d is too small for SSIM, whose window has %dx%d pixels", a->width,
                       a->height, w.size, w.size);
    for (int k = 0; k < a->channels; k++) {
        plane p = channel_of(a, k), q = channel_of(b, k);
        dr_status st = walk(&f, &p, &q, &w, mask);
        if (st)
            return st;
    }
    *out = (dr_measured){.all = mean_of(f.similarity[0] + f.similarity[1], f.windows[0] + f.windows[1]),
                         .inside = mean_of(f.similarity[1], f.windows[1]),
                         .outside = mask ? mean_of(f.similarity[0], f.windows[0]) : NAN};
    return DR_OK;
}

/* --- five sizes -------------------------------------------------------------------------------------- */

enum { SIZES = 5 };
static const double power[SIZES] = {0.0448, 0.2856, 0.3001, 0.2363, 0.1333};

/* Means of 2x2 into `out`. With `padded` an odd side gets a row of zeros before the first; without, the last is left
 * out. All of it is exact: values are multiples of 1/4 of the last size's. */
static void halve(float *out, plane *small, const plane *p, bool padded)
{
    int left = padded ? p->width % 2 : 0, top = padded ? p->height % 2 : 0;
    *small = (plane){.values = out, .width = (p->width + left) / 2, .height = (p->height + top) / 2};
    for (int y = 0; y < small->height; y++)
        for (int x = 0; x < small->width; x++) {
            double sum = 0;
            for (int k = 0; k < 4; k++) {
                int px = 2 * x + k % 2 - left, py = 2 * y + k / 2 - top;
                sum += px < 0 || py < 0 ? 0 : value(p, px, py);
            }
            *out++ = (float)(sum / 4);
        }
}

/* Of one channel: each size's factor is added to out[SIZES]. `spare` holds the values of all smaller sizes, twice. */
static dr_status add_sizes(double *out, plane a, plane b, const window *w, bool padded, float *spare)
{
    for (int s = 0; s < SIZES; s++) {
        found f = {0};
        dr_status st = walk(&f, &a, &b, w, NULL);
        if (st)
            return st;
        out[s] += s < SIZES - 1 ? mean_of(f.contrast, f.fitting) : mean_of(f.similarity[0], f.windows[0]);
        if (s == SIZES - 1)
            break;
        plane from[2] = {a, b};
        halve(spare, &a, &from[0], padded);
        spare += (size_t)a.width * (size_t)a.height;
        halve(spare, &b, &from[1], padded);
        spare += (size_t)b.width * (size_t)b.height;
    }
    return DR_OK;
}

static double product(const double *factor)
{
    double p = 1;
    for (int s = 0; s < SIZES; s++)
        p *= pow(fmax(factor[s], 0), power[s]);
    return p;
}

dr_status dr_ms_ssim(const dr_image *a, const dr_image *b, dr_ms_ssim_kind kind, double *out)
{
    bool by_channel = kind == DR_MS_SSIM_PYTORCH;
    int least = by_channel ? 161 : 176;
    window w = gaussian_window();
    double together[SIZES] = {0}, sum = 0;
    dr_status st = DR_OK;
    check_sizes(a, b, NULL);
    if (a->width < least || a->height < least)
        return dr_fail(DR_EINVAL,
                       "a picture of %dx%d is too small for MS-SSIM, which takes sides of %d pixels and more", a->width,
                       a->height, least);
    w.mirrored = w.clamped = !by_channel;
    float *spare = malloc(2 * (size_t)(a->width + 1) * (size_t)(a->height + 1) * sizeof *spare);
    if (!spare)
        return dr_fail(DR_ENOMEM, "out of memory");
    for (int k = 0; !st && k < a->channels; k++) {
        double factor[SIZES] = {0};
        st = add_sizes(factor, channel_of(a, k), channel_of(b, k), &w, by_channel, spare);
        sum += product(factor);
        for (int s = 0; s < SIZES; s++)
            together[s] += factor[s] / a->channels;
    }
    free(spare);
    *out = by_channel ? sum / a->channels : product(together);
    return st;
}
