#include "eval/own.h"

#include "eval/cloth.h"
#include "eval/lab.h"
#include "mask/mask_shape.h"
#include "mask/regions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979323846

static int64_t pixels_of(const dr_image *im)
{
    return (int64_t)im->width * im->height;
}

/* --- colour ------------------------------------------------------------------------------------------ */

/* Histograms of L, a and b. */
enum { BINS = 640, BINS_A_UNIT = 2 };
#define LOWEST (-160.0) /* below what sRGB reaches */

typedef struct colours {
    double sum[3];
    int64_t bin[3][BINS], pixels;
} colours;

static void count_colours(colours *c, const dr_area *a)
{
    *c = (colours){0};
    for (int64_t i = 0; i < pixels_of(a->where); i++) {
        if (a->where->data[i] != 255)
            continue;
        dr_lab lab = dr_lab_of(a->picture->data + 3 * i);
        const double v[3] = {(double)lab.L, (double)lab.a, (double)lab.b};
        for (int k = 0; k < 3; k++) {
            int bin = (int)floor((v[k] - LOWEST) * BINS_A_UNIT);
            c->bin[k][bin < 0 ? 0 : bin >= BINS ? BINS - 1 : bin]++;
            c->sum[k] += v[k];
        }
        c->pixels++;
    }
}

/* Along one axis the earth mover's distance is the area between the cumulative distributions. */
static double moved(const colours *p, const colours *q, int axis)
{
    double sum = 0, ahead = 0;
    for (int i = 0; i < BINS; i++) {
        ahead += (double)p->bin[axis][i] / (double)p->pixels - (double)q->bin[axis][i] / (double)q->pixels;
        sum += fabs(ahead);
    }
    return sum / BINS_A_UNIT;
}

dr_status dr_colours(const dr_area *a, const dr_area *b, dr_colour_distance *out)
{
    double mean = 0, histogram = 0;
    colours *c = malloc(2 * sizeof *c);
    if (!c)
        return dr_fail(DR_ENOMEM, "out of memory");
    count_colours(&c[0], a);
    count_colours(&c[1], b);
    for (int k = 0; k < 3; k++) {
        double d = c[0].sum[k] / (double)c[0].pixels - c[1].sum[k] / (double)c[1].pixels, m = moved(&c[0], &c[1], k);
        mean += d * d;
        histogram += m * m;
    }
    *out =
        c[0].pixels && c[1].pixels ? (dr_colour_distance){sqrt(mean), sqrt(histogram)} : (dr_colour_distance){NAN, NAN};
    free(c);
    return DR_OK;
}

/* --- pattern ----------------------------------------------------------------------------------------- */

enum { OCTAVES = 6 };

/* The box around an area, and a little; shrunk by `scale` where that is below 1. */
static dr_status closeup(const dr_area *a, double scale, dr_image *picture, dr_image *where)
{
    dr_rect box;
    dr_image part = {0}, part_where = {0};
    dr_status st = dr_mask_bbox(a->where, &box) ? DR_OK : dr_fail(DR_EINVAL, "the area is empty");
    if (!st)
        st = dr_image_crop(&part, a->picture, box.x, box.y, box.width, box.height);
    if (!st)
        st = dr_image_crop(&part_where, a->where, box.x, box.y, box.width, box.height);
    int width = (int)lrint(fmax(box.width * scale, 1)), height = (int)lrint(fmax(box.height * scale, 1));
    if (!st)
        st = dr_image_resize(picture, &part, width, height, DR_LANCZOS);
    if (!st)
        st = dr_image_resize(where, &part_where, width, height, DR_NEAREST);
    dr_image_clear(&part);
    dr_image_clear(&part_where);
    return st;
}

/* Amplitudes by octave, from a quarter of `side` down; and the direction, with the doubled angle, that detail has. */
typedef struct texture {
    double amplitude[OCTAVES], along[2];
    int octaves;
} texture;

static dr_status texture_of(texture *t, const dr_area *a, double scale, double side)
{
    dr_image picture = {0}, where = {0};
    dr_pattern p;
    *t = (texture){0};
    dr_status st = closeup(a, scale, &picture, &where);
    for (float longest = (float)side / 4; !st && t->octaves < OCTAVES && longest >= 4; longest /= 2) {
        double energy;
        st = dr_band_energy(&picture, &where, (dr_band){longest / 2, longest}, &energy);
        t->amplitude[t->octaves++] = st ? 0 : sqrt(energy);
    }
    if (!st)
        st = dr_pattern_of(&picture, &where, (dr_band){0, (float)side / 4}, &p);
    if (!st) {
        t->along[0] = p.oriented * cos(2 * p.angle * PI / 180);
        t->along[1] = p.oriented * sin(2 * p.angle * PI / 180);
    }
    dr_image_clear(&picture);
    dr_image_clear(&where);
    return st;
}

dr_status dr_patterns(const dr_area *a, const dr_area *b, dr_pattern_distance *out)
{
    texture s, t;
    double sum = 0, sa = sqrt((double)dr_area_pixels(a->where)), sb = sqrt((double)dr_area_pixels(b->where)),
           side = fmin(sa, sb);
    *out = (dr_pattern_distance){NAN, NAN};
    if (side < 16) /* no octave of a pattern fits */
        return DR_OK;
    dr_status st = texture_of(&s, a, side / sa, side);
    if (!st)
        st = texture_of(&t, b, side / sb, side);
    if (st)
        return st;
    for (int k = 0; k < s.octaves; k++)
        sum += (s.amplitude[k] - t.amplitude[k]) * (s.amplitude[k] - t.amplitude[k]);
    out->frequency = sqrt(sum / s.octaves);
    out->orientation = sqrt(hypot(s.along[0] - t.along[0], s.along[1] - t.along[1]));
    return DR_OK;
}

/* --- seam -------------------------------------------------------------------------------------------- */

enum { EDGE = 2, NEAR = 4, FAR = 12 };
#define FAINT 0.1 /* CIELAB a pixel: less is no gradient that is seen, and two flat sides have no seam */

/* 255 where a pixel is at most `pixels` away from the area's edge. */
static dr_status ribbon(dr_image *out, const dr_image *area, int pixels)
{
    dr_image inner = {0};
    dr_status st = dr_image_copy(out, area);
    if (!st)
        st = dr_image_copy(&inner, area);
    if (!st)
        st = dr_mask_grow(out, pixels);
    if (!st)
        st = dr_mask_grow(&inner, -pixels);
    for (int64_t i = 0; !st && i < pixels_of(area); i++)
        out->data[i] = out->data[i] && !inner.data[i] ? 255 : 0;
    dr_image_clear(&inner);
    return st;
}

dr_status dr_seam(const dr_area *a, double *ratio)
{
    dr_image edge = {0}, near = {0}, around = {0};
    dr_status st = ribbon(&edge, a->where, EDGE);
    if (!st)
        st = ribbon(&near, a->where, NEAR);
    if (!st)
        st = ribbon(&around, a->where, FAR);
    for (int64_t i = 0; !st && i < pixels_of(&around); i++)
        around.data[i] = around.data[i] && !near.data[i] ? 255 : 0;
    double at = NAN, beside = NAN;
    if (!st)
        st = dr_mean_gradient(a->picture, &edge, &at);
    if (!st)
        st = dr_mean_gradient(a->picture, &around, &beside);
    *ratio = (at + FAINT) / (beside + FAINT);
    dr_image_clear(&edge);
    dr_image_clear(&near);
    dr_image_clear(&around);
    return st;
}

/* --- sharpness --------------------------------------------------------------------------------------- */

dr_status dr_sharpness(const dr_area *a, double *inside, double *outside)
{
    const dr_band fine = {0, 4};
    dr_image rest = {0};
    double in = 0, out = 0;
    dr_status st = dr_image_copy(&rest, a->where);
    for (int64_t i = 0; !st && i < pixels_of(&rest); i++)
        rest.data[i] = rest.data[i] == 255 ? 0 : 255;
    if (!st)
        st = dr_band_energy(a->picture, a->where, fine, &in);
    if (!st)
        st = dr_band_energy(a->picture, &rest, fine, &out);
    *inside = !st && dr_area_pixels(a->where) ? sqrt(in) : NAN;
    *outside = !st && dr_area_pixels(&rest) ? sqrt(out) : NAN;
    dr_image_clear(&rest);
    return st;
}

/* --- a garment's own photo ---------------------------------------------------------------------------- */

#define PLAIN 6.0f  /* CIELAB: the border's mean distance from its own mean */
#define APART 10.0f /* from which on a pixel is no background */

static bool on_border(const dr_image *im, int64_t i)
{
    int64_t x = i % im->width, y = i / im->width;
    return x == 0 || y == 0 || x == im->width - 1 || y == im->height - 1;
}

/* The border's mean colour, and how far it is from being plain. */
static dr_lab border_of(const dr_image *im, float *spread)
{
    double sum[3] = {0}, away = 0, n = 0;
    for (int64_t i = 0; i < pixels_of(im); i++) {
        if (!on_border(im, i))
            continue;
        dr_lab c = dr_lab_of(im->data + 3 * i);
        sum[0] += (double)c.L;
        sum[1] += (double)c.a;
        sum[2] += (double)c.b;
        n++;
    }
    dr_lab mean = {(float)(sum[0] / n), (float)(sum[1] / n), (float)(sum[2] / n)};
    for (int64_t i = 0; i < pixels_of(im); i++)
        if (on_border(im, i))
            away += (double)dr_lab_distance(dr_lab_of(im->data + 3 * i), mean);
    *spread = (float)(away / n);
    return mean;
}

dr_status dr_cloth_area(dr_image *out, const dr_image *garment)
{
    float spread;
    dr_image area = {0};
    dr_lab border = border_of(garment, &spread);
    dr_status st = dr_image_alloc(&area, garment->width, garment->height, 1);
    for (int64_t i = 0; !st && i < pixels_of(&area); i++)
        area.data[i] = spread > PLAIN || dr_lab_distance(dr_lab_of(garment->data + 3 * i), border) > APART ? 255 : 0;
    if (!st) /* a white button or a light fold is cloth */
        st = dr_fill_holes(&area, pixels_of(&area) / 50);
    if (!st)
        st = dr_drop_islands(&area, 0.05);
    if (!st && dr_area_pixels(&area) < pixels_of(&area) / 100) /* white cloth on white */
        memset(area.data, 255, (size_t)pixels_of(&area));
    if (st)
        dr_image_clear(&area);
    else
        *out = area;
    return st;
}
