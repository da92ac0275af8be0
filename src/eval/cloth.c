#include "eval/cloth.h"

#include "eval/blur.h"
#include "eval/lab.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979323846

/* --- bands ------------------------------------------------------------------------------------------- */

typedef struct planes {
    int width, height;
    int64_t n;
    float *band, *low, *weight, *spare; /* one allocation, at band */
} planes;

static dr_status planes_alloc(planes *p, const dr_image *picture, const dr_image *area)
{
    DR_ASSERT(picture->channels == 3 && area->channels == 1 && picture->width == area->width &&
                  picture->height == area->height,
              "a picture of %dx%d, an area of %dx%d", picture->width, picture->height, area->width, area->height);
    *p = (planes){.width = area->width, .height = area->height, .n = (int64_t)area->width * area->height};
    p->band = malloc(4 * (size_t)p->n * sizeof *p->band);
    if (!p->band)
        return dr_fail(DR_ENOMEM, "out of memory");
    p->low = p->band + p->n;
    p->weight = p->low + p->n;
    p->spare = p->weight + p->n;
    return DR_OK;
}

/* The luma as the area's pixels alone say it, blurred, into `out`. */
static void blurred_luma(planes *p, float *out, const dr_image *picture, const dr_image *area, float sigma)
{
    for (int64_t i = 0; i < p->n; i++) {
        const uint8_t *c = picture->data + 3 * i;
        p->weight[i] = area->data[i] == 255;
        out[i] = p->weight[i] * (0.299f * (float)c[0] + 0.587f * (float)c[1] + 0.114f * (float)c[2]);
    }
    if (sigma <= 0)
        return;
    dr_blur(out, p->spare, p->width, p->height, sigma);
    dr_blur(p->weight, p->spare, p->width, p->height, sigma);
    for (int64_t i = 0; i < p->n; i++)
        out[i] = area->data[i] == 255 ? out[i] / p->weight[i] : 0;
}

/* p->band: what lies in the band, 0 outside the area. */
static dr_status split_band(planes *p, const dr_image *picture, const dr_image *area, dr_band band)
{
    dr_status st = planes_alloc(p, picture, area);
    if (st)
        return st;
    blurred_luma(p, p->low, picture, area, dr_blur_sigma(band.longest));
    blurred_luma(p, p->band, picture, area, dr_blur_sigma(band.shortest));
    for (int64_t i = 0; i < p->n; i++)
        p->band[i] -= p->low[i];
    return DR_OK;
}

static double mean_square(const planes *p, const dr_image *area)
{
    double sum = 0;
    for (int64_t i = 0; i < p->n; i++)
        sum += (double)p->band[i] * (double)p->band[i];
    int64_t n = dr_area_pixels(area);
    return n ? sum / (double)n : 0;
}

dr_status dr_band_energy(const dr_image *picture, const dr_image *area, dr_band band, double *energy)
{
    planes p;
    dr_status st = split_band(&p, picture, area, band);
    if (st)
        return st;
    *energy = mean_square(&p, area);
    free(p.band);
    return DR_OK;
}

/* Gradients of the band where both neighbours are in the area. */
static void tensor_of(const planes *p, const dr_image *area, double *xx, double *xy, double *yy)
{
    *xx = *xy = *yy = 0;
    for (int y = 1; y + 1 < p->height; y++)
        for (int x = 1; x + 1 < p->width; x++) {
            int64_t i = (int64_t)y * p->width + x;
            if (area->data[i - 1] != 255 || area->data[i + 1] != 255 || area->data[i - p->width] != 255 ||
                area->data[i + p->width] != 255)
                continue;
            double dx = (double)(p->band[i + 1] - p->band[i - 1]) / 2,
                   dy = (double)(p->band[i + p->width] - p->band[i - p->width]) / 2;
            *xx += dx * dx;
            *xy += dx * dy;
            *yy += dy * dy;
        }
}

dr_status dr_pattern_of(const dr_image *picture, const dr_image *area, dr_band band, dr_pattern *out)
{
    double xx, xy, yy;
    planes p;
    dr_status st = split_band(&p, picture, area, band);
    if (st)
        return st;
    tensor_of(&p, area, &xx, &xy, &yy);
    double angle = 0.5 * atan2(2 * xy, xx - yy) * 180 / PI, both = xx + yy;
    *out = (dr_pattern){.energy = mean_square(&p, area), .angle = angle < 0 ? angle + 180 : angle};
    out->oriented = both > 0 ? out->energy * hypot(xx - yy, 2 * xy) / both : 0;
    free(p.band);
    return DR_OK;
}

/* --- edges ------------------------------------------------------------------------------------------- */

#define NEAR 2            /* pixels on either side that an edge may be off */
#define EDGE_SIGMA 1.0f   /* of the blur before gradients are taken */
#define NORMAL_SIGMA 2.0f /* of the area's, for the edge's direction */
#define EDGE_BORDER 8     /* pixels at the picture's border, which the blur reaches */

typedef struct edges {
    int width, height;
    float *lab[3], *area, *spare; /* one allocation, at lab[0] */
    float gain;                   /* of the gradient at a sharp step of 1, so that it counts as 1 */
} edges;

static dr_status edges_open(edges *e, const dr_image *picture, const dr_image *area)
{
    float weight[8];
    int64_t n = (int64_t)area->width * area->height;
    *e = (edges){.width = area->width, .height = area->height};
    float *v = malloc(5 * (size_t)n * sizeof *v);
    if (!v)
        return dr_fail(DR_ENOMEM, "out of memory");
    for (int k = 0; k < 3; k++)
        e->lab[k] = v + k * n;
    e->area = v + 3 * n;
    e->spare = v + 4 * n;
    for (int64_t i = 0; i < n; i++) {
        dr_lab c = dr_lab_of(picture->data + 3 * i);
        e->lab[0][i] = c.L;
        e->lab[1][i] = c.a;
        e->lab[2][i] = c.b;
        e->area[i] = area->data[i] == 255;
    }
    for (int k = 0; k < 3; k++)
        dr_blur(e->lab[k], e->spare, e->width, e->height, EDGE_SIGMA);
    dr_blur(e->area, e->spare, e->width, e->height, NORMAL_SIGMA);
    dr_blur_kernel(EDGE_SIGMA, weight, 7);
    e->gain = 2 / (weight[0] + weight[1]); /* (s(1) - s(-1)) / 2 for a step between 0 and 1 */
    return DR_OK;
}

static void gradient(const edges *e, const float *v, int64_t i, float *dx, float *dy)
{
    *dx = (v[i + 1] - v[i - 1]) / 2;
    *dy = (v[i + e->width] - v[i - e->width]) / 2;
}

/* The step at an edge pixel, along the normal of the area's edge there. */
static float step_at(const edges *e, int x, int y)
{
    float nx, ny, most = 0;
    gradient(e, e->area, (int64_t)y * e->width + x, &nx, &ny);
    float length = hypotf(nx, ny);
    if (length <= 0)
        return 0;
    nx /= length;
    ny /= length;
    for (int t = -NEAR; t <= NEAR; t++) {
        int px = x + (int)lrintf((float)t * nx), py = y + (int)lrintf((float)t * ny);
        float sum = 0;
        for (int k = 0; k < 3; k++) {
            float dx, dy;
            gradient(e, e->lab[k], (int64_t)py * e->width + px, &dx, &dy);
            sum += (dx * nx + dy * ny) * (dx * nx + dy * ny);
        }
        most = fmaxf(most, sqrtf(sum));
    }
    return most * e->gain;
}

static bool on_edge(const dr_image *area, int x, int y)
{
    const uint8_t *p = area->data + (size_t)y * (size_t)area->width + (size_t)x;
    return *p == 255 && (p[-1] != 255 || p[1] != 255 || p[-area->width] != 255 || p[area->width] != 255);
}

dr_status dr_edge_step(const dr_image *picture, const dr_image *area, double *step)
{
    edges e;
    double sum = 0;
    int64_t n = 0;
    dr_status st = edges_open(&e, picture, area);
    if (st)
        return st;
    for (int y = EDGE_BORDER; y < e.height - EDGE_BORDER; y++)
        for (int x = EDGE_BORDER; x < e.width - EDGE_BORDER; x++)
            if (on_edge(area, x, y)) {
                sum += (double)step_at(&e, x, y);
                n++;
            }
    *step = n ? sum / (double)n : 0;
    free(e.lab[0]);
    return DR_OK;
}

dr_status dr_mean_gradient(const dr_image *picture, const dr_image *area, double *mean)
{
    edges e;
    double sum = 0;
    int64_t n = 0;
    dr_status st = edges_open(&e, picture, area);
    if (st)
        return st;
    for (int y = EDGE_BORDER; y < e.height - EDGE_BORDER; y++)
        for (int x = EDGE_BORDER; x < e.width - EDGE_BORDER; x++) {
            int64_t i = (int64_t)y * e.width + x;
            double square = 0;
            if (area->data[i] != 255)
                continue;
            for (int k = 0; k < 3; k++) {
                float dx, dy;
                gradient(&e, e.lab[k], i, &dx, &dy);
                square += (double)(dx * dx + dy * dy);
            }
            sum += sqrt(square);
            n++;
        }
    *mean = n ? sum / (double)n : NAN;
    free(e.lab[0]);
    return DR_OK;
}

/* --- labels ------------------------------------------------------------------------------------------ */

int64_t dr_area_pixels(const dr_image *area)
{
    int64_t n = 0;
    for (int64_t i = 0; i < (int64_t)area->width * area->height; i++)
        n += area->data[i] == 255;
    return n;
}

double dr_area_share(const dr_image *labels, const dr_image *area, uint32_t wanted)
{
    int64_t n = dr_area_pixels(area), seen = 0;
    for (int64_t i = 0; i < (int64_t)area->width * area->height; i++)
        seen += area->data[i] == 255 && labels->data[i] < 32 && (wanted >> labels->data[i] & 1);
    return n ? (double)seen / (double)n : 0;
}
