/* Shapes of masks: growing and feathering by exact Euclidean distance.
 *
 * The squared distance to the nearest white pixel is computed in two passes that cost the same for every radius:
 * along the columns by counting, then along each row as the lower envelope of the parabolas (x - i)^2 + g(i)^2
 * (Meijster, Roerdink & Hesselink 2000; Felzenszwalb & Huttenlocher 2012), in integers. Column distances are
 * capped just beyond the radius, so that they fit in 16 bits: 134 MB for 67 megapixels instead of 537. */
#include "mask/mask_shape.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL = 1 << 16 }; /* pixels below which waking other threads costs more than it saves */

bool dr_mask_bbox(const dr_image *mask, dr_rect *box)
{
    int left = mask->width, right = -1, top = mask->height, bottom = -1;
    for (int y = 0; y < mask->height; y++) {
        const uint8_t *row = mask->data + (size_t)y * (size_t)mask->width;
        int first = 0, last = mask->width - 1;
        while (first < mask->width && row[first] < 128)
            first++;
        if (first == mask->width)
            continue;
        while (row[last] < 128)
            last--;
        left = first < left ? first : left;
        right = last > right ? last : right;
        top = y < top ? y : top;
        bottom = y;
    }
    if (right < 0)
        return false;
    *box = (dr_rect){left, top, right - left + 1, bottom - top + 1};
    return true;
}

/* Distance to the nearest white pixel of the same column, at most `cap`. */
static void column_distances(uint16_t *g, const dr_image *mask, int cap)
{
    enum { STRIPE = 256 }; /* columns a thread works on at a time: whole cache lines, rows in order */
    size_t w = (size_t)mask->width, h = (size_t)mask->height;
    int64_t stripes = (mask->width + STRIPE - 1) / STRIPE;
#pragma omp parallel for schedule(static) if (w * h > SMALL)
    for (int64_t s = 0; s < stripes; s++) {
        size_t from = (size_t)s * STRIPE, to = from + STRIPE < w ? from + STRIPE : w;
        for (size_t y = 0; y < h; y++) {
            for (size_t x = from; x < to; x++) {
                int above = y ? g[(y - 1) * w + x] + 1 : cap;
                g[y * w + x] = (uint16_t)(mask->data[y * w + x] ? 0 : above < cap ? above : cap);
            }
        }
        for (size_t y = h - 1; y-- > 0;) {
            for (size_t x = from; x < to; x++) {
                int below = g[(y + 1) * w + x] + 1;
                if (below < g[y * w + x])
                    g[y * w + x] = (uint16_t)below;
            }
        }
    }
}

static inline int64_t parabola(const uint16_t *g, int64_t i, int64_t x)
{
    return (x - i) * (x - i) + (int64_t)g[i] * g[i];
}

/* floor(a / b) for b > 0 */
static inline int64_t floor_div(int64_t a, int64_t b)
{
    return a >= 0 ? a / b : -((b - 1 - a) / b);
}

/* Fills row[x] with table[d2] where the squared distance d2 is within the table, and 0 elsewhere. site[k] is the
 * column of the k-th parabola of the envelope, start[k] the first x where it is lowest. */
static void row_from_distances(uint8_t *row, const uint16_t *g, size_t size, int cap, const uint8_t *table,
                               int64_t limit, int *site, int64_t *start)
{
    int k = -1, width = (int)size;
    memset(row, 0, size);
    for (int u = 0; u < width; u++) {
        if (g[u] >= cap) /* nothing white within the radius in this column */
            continue;
        while (k >= 0 && parabola(g, site[k], start[k]) > parabola(g, u, start[k]))
            k--;
        int64_t from = 0;
        if (k >= 0) {
            int64_t i = site[k];
            int64_t over = (int64_t)u * u - i * i + (int64_t)g[u] * g[u] - (int64_t)g[i] * g[i];
            from = floor_div(over, 2 * (u - i)) + 1;
        }
        if (from < width) {
            k++;
            site[k] = u;
            start[k] = from;
        }
    }
    for (int x = width - 1; k >= 0 && x >= 0; x--) {
        int64_t d2 = parabola(g, site[k], x);
        if (d2 <= limit)
            row[x] = table[d2];
        if (x == start[k])
            k--;
    }
}

/* Replaces each pixel by table[squared distance to the nearest non-zero one], 0 beyond `radius`. */
static dr_status by_distance(dr_image *mask, int radius, const uint8_t *table)
{
    size_t w = (size_t)mask->width, threads = (size_t)omp_get_max_threads();
    int cap = radius + 1;
    uint16_t *g = malloc(w * (size_t)mask->height * sizeof *g);
    int *sites = malloc(threads * w * sizeof *sites);
    int64_t *starts = malloc(threads * w * sizeof *starts);
    bool ok = g && sites && starts;
    if (ok) {
        column_distances(g, mask, cap);
#pragma omp parallel for schedule(static) if (w * (size_t)mask->height > SMALL)
        for (int y = 0; y < mask->height; y++) {
            size_t scratch = (size_t)omp_get_thread_num() * w;
            row_from_distances(mask->data + (size_t)y * w, g + (size_t)y * w, w, cap, table, (int64_t)radius * radius,
                               sites + scratch, starts + scratch);
        }
    }
    free(g);
    free(sites);
    free(starts);
    return ok ? DR_OK : dr_fail(DR_ENOMEM, "out of memory for a mask of %dx%d", mask->width, mask->height);
}

static void invert(dr_image *mask)
{
    int64_t n = (int64_t)mask->width * mask->height;
#pragma omp parallel for simd schedule(static) if (parallel : n > SMALL)
    for (int64_t i = 0; i < n; i++)
        mask->data[i] = (uint8_t)(255 - mask->data[i]);
}

dr_status dr_mask_grow(dr_image *mask, int pixels)
{
    int radius = abs(pixels);
    if (pixels < -DR_MASK_MAX_RADIUS || pixels > DR_MASK_MAX_RADIUS)
        return dr_fail(DR_EINVAL, "cannot grow a mask by %d pixels: allowed are -%d to %d", pixels, DR_MASK_MAX_RADIUS,
                       DR_MASK_MAX_RADIUS);
    dr_mask_binarize(mask);
    if (radius == 0)
        return DR_OK;
    size_t entries = (size_t)radius * (size_t)radius + 1;
    uint8_t *table = malloc(entries);
    if (!table)
        return dr_fail(DR_ENOMEM, "out of memory growing a mask");
    memset(table, 255, entries);
    if (pixels < 0)
        invert(mask);
    dr_status st = by_distance(mask, radius, table);
    if (pixels < 0)
        invert(mask);
    free(table);
    return st;
}

dr_status dr_mask_feather(dr_image *mask, int pixels)
{
    if (pixels < 0 || pixels > DR_MASK_MAX_RADIUS)
        return dr_fail(DR_EINVAL, "cannot feather a mask by %d pixels: allowed are 0 to %d", pixels,
                       DR_MASK_MAX_RADIUS);
    dr_mask_binarize(mask);
    if (pixels == 0)
        return DR_OK;
    size_t entries = (size_t)pixels * (size_t)pixels + 1;
    uint8_t *table = malloc(entries);
    if (!table)
        return dr_fail(DR_ENOMEM, "out of memory feathering a mask");
    for (size_t d2 = 0; d2 < entries; d2++) {
        /* smoothstep: no visible crease where the feather begins and ends */
        double t = 1 - sqrt((double)d2) / (pixels + 1);
        table[d2] = (uint8_t)(255 * t * t * (3 - 2 * t) + 0.5);
    }
    dr_status st = by_distance(mask, pixels, table);
    free(table);
    return st;
}
