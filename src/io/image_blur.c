/* Gaussian blur equal to PIL's ImageFilter.GaussianBlur bit for bit.
 *
 * Three box blurs along each axis, rows first, rounded to 8 bits after every one. The box has a width that need not be
 * whole: its two outermost pixels count in part (Gwosdek et al. 2011, "Theoretical foundations of Gaussian convolution
 * by extended box filtering", equations 7, 11 and 14). Weights have 24 fractional bits; that they are computed in
 * single precision shows in the last bit. */
#include "io/image.h"

#include <math.h>
#include <stdlib.h>

enum { PASSES = 3 };
enum { SMALL = 1 << 16 }; /* pixels below which waking other threads costs more than it saves */

typedef struct box {
    int radius;            /* pixels on each side that count whole */
    uint32_t inner, outer; /* weight of each of these, and of the two behind them; 2^24 is one */
} box;

static box box_of(float radius)
{
    float variance = radius * radius / PASSES;
    float length = (float)sqrt(12.0 * (double)variance + 1.0);
    float whole = (float)floor(((double)length - 1.0) / 2.0);
    float part = (2 * whole + 1) * (whole * (whole + 1) - 3 * variance);
    part /= 6 * (variance - (whole + 1) * (whole + 1));
    float r = whole + part;
    box b = {.radius = (int)r, .inner = (uint32_t)((float)(1 << 24) / (r * 2 + 1))};
    b.outer = ((1u << 24) - (uint32_t)(b.radius * 2 + 1) * b.inner) / 2;
    return b;
}

/* Beyond the border the last pixel goes on. */
static inline uint32_t at(const uint8_t *line, int i, int n)
{
    return line[i < 0 ? 0 : i < n ? i : n - 1];
}

static void blur_line(uint8_t *restrict out, const uint8_t *restrict in, int n, const box *b)
{
    uint32_t sum = 0;
    int r = b->radius;
    for (int i = -r; i <= r; i++)
        sum += at(in, i, n);
    for (int i = 0; i < n; i++) {
        uint32_t ends = at(in, i - r - 1, n) + at(in, i + r + 1, n);
        out[i] = (uint8_t)((sum * b->inner + ends * b->outer + (1u << 23)) >> 24);
        sum += at(in, i + r + 1, n) - at(in, i - r, n);
    }
}

/* One channel of a row or column of n pixels that are `stride` bytes apart; `scratch` holds 2 n bytes. */
static void blur_strided(uint8_t *line, size_t stride, int n, const box *b, uint8_t *scratch)
{
    uint8_t *from = scratch, *to = scratch + n;
    for (int i = 0; i < n; i++)
        from[i] = line[(size_t)i * stride];
    for (int k = 0; k < PASSES; k++) {
        blur_line(to, from, n, b);
        uint8_t *next = from;
        from = to;
        to = next;
    }
    for (int i = 0; i < n; i++)
        line[(size_t)i * stride] = from[i];
}

/* All rows (`step` bytes from one to the next) or all columns; false where memory ran out. */
static bool blur_lines(dr_image *im, int lines, size_t step, int n, size_t stride, const box *b)
{
    bool ok = true;
#pragma omp parallel reduction(&& : ok) if ((int64_t)im->width * im->height > SMALL)
    {
        uint8_t *scratch = malloc(2 * (size_t)n);
        ok = scratch != NULL;
#pragma omp for schedule(static)
        for (int i = 0; i < lines; i++)
            for (int k = 0; scratch && k < im->channels; k++)
                blur_strided(im->data + (size_t)i * step + (size_t)k, stride, n, b, scratch);
        free(scratch);
    }
    return ok;
}

dr_status dr_image_gaussian(dr_image *im, double radius)
{
    DR_ASSERT(radius >= 0 && radius <= DR_IMAGE_MAX_BLUR, "blur of %g pixels", radius);
    if (radius == 0)
        return DR_OK;
    box b = box_of((float)radius);
    size_t pixel = (size_t)im->channels, row = (size_t)im->width * pixel;
    if (!blur_lines(im, im->height, row, im->width, pixel, &b) ||
        !blur_lines(im, im->width, pixel, im->height, row, &b))
        return dr_fail(DR_ENOMEM, "out of memory blurring a picture of %dx%d pixels", im->width, im->height);
    return DR_OK;
}
