#include "io/mask_kind.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FLAT = 16,     /* as many exact colours at most: drawn, not photographed */
    SAME = 8,      /* alphas that differ less do not vary: noise of lossy files */
    NEAR = 48,     /* of a colour, largest difference of a channel: the same but for noise and soft edges */
    FAR = 48,      /* two colours differ by more */
    COLOURED = 48, /* largest less smallest channel: not grey */
    BINS = 4096    /* 4 bits per channel */
};

typedef struct colour {
    int c[3];
} colour;

typedef struct survey {
    int64_t total, visible;     /* pixels; visible: at least half as opaque as the most opaque one */
    int least, most;            /* alpha */
    int64_t edge, edge_visible; /* pixels along the picture's edges */
    uint32_t exact[FLAT];       /* visible colours, 0xrrggbb */
    int64_t exact_count[FLAT];
    int exact_n;            /* FLAT + 1: more */
    int64_t grey, coloured; /* visible: neither near black nor near white; and not grey at all */
    int64_t busy;           /* grey pixels that no soft edge has: small peaks, steps from grey to grey */
    int darkest, lightest;  /* luma of the visible */
} survey;

static const uint8_t *at(const dr_image *im, int64_t i, uint8_t buf[4])
{
    if (im->channels == 4)
        return im->data + 4 * i;
    buf[0] = buf[1] = buf[2] = im->data[i];
    buf[3] = 255;
    return buf;
}

static int largest(const int c[3])
{
    int m = c[0] > c[1] ? c[0] : c[1];
    return m > c[2] ? m : c[2];
}

static int smallest(const int c[3])
{
    int m = c[0] < c[1] ? c[0] : c[1];
    return m < c[2] ? m : c[2];
}

static int luma(const colour *k)
{
    uint8_t p[3] = {(uint8_t)k->c[0], (uint8_t)k->c[1], (uint8_t)k->c[2]};
    return dr_luma(p);
}

static int distance(const colour *a, const colour *b)
{
    int d[3];
    for (int k = 0; k < 3; k++)
        d[k] = abs(a->c[k] - b->c[k]);
    return largest(d);
}

static colour of_pixel(const uint8_t *p)
{
    return (colour){{p[0], p[1], p[2]}};
}

/* --- looking ---------------------------------------------------------------------------------------- */

static bool seen(const survey *s, int alpha)
{
    return alpha > 0 && 2 * alpha >= s->most;
}

static void add_exact(survey *s, const uint8_t *p)
{
    uint32_t rgb = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
    for (int k = 0; k < s->exact_n && k < FLAT; k++)
        if (s->exact[k] == rgb) {
            s->exact_count[k]++;
            return;
        }
    if (s->exact_n < FLAT) {
        s->exact[s->exact_n] = rgb;
        s->exact_count[s->exact_n] = 1;
    }
    s->exact_n += s->exact_n <= FLAT;
}

static bool is_grey_value(int v)
{
    return v >= 32 && v < 224;
}

/* A soft edge goes one way, without steps. */
static bool is_busy(int before, int v, int after)
{
    bool peak = (v - before > 4 && v - after > 4) || (before - v > 4 && after - v > 4);
    return is_grey_value(v) && (peak || (abs(v - before) > NEAR && is_grey_value(before)));
}

static survey look(const dr_image *im)
{
    survey s = {.total = (int64_t)im->width * im->height, .least = 255, .darkest = 255};
    uint8_t buf[4];
    for (int64_t i = 0; i < s.total; i++) {
        int a = at(im, i, buf)[3];
        s.least = a < s.least ? a : s.least;
        s.most = a > s.most ? a : s.most;
    }
    for (int y = 0; y < im->height; y++) {
        int v[3] = {0};
        for (int x = 0; x < im->width; x++) {
            const uint8_t *p = at(im, (int64_t)y * im->width + x, buf);
            bool edge = y == 0 || y == im->height - 1 || x == 0 || x == im->width - 1, here = seen(&s, p[3]);
            s.edge += edge;
            s.edge_visible += edge && here;
            if (!here)
                continue;
            colour k = of_pixel(p);
            bool coloured = largest(k.c) - smallest(k.c) >= COLOURED;
            v[0] = v[1];
            v[1] = v[2];
            v[2] = dr_luma(p);
            s.visible++;
            s.coloured += coloured;
            s.grey += coloured || is_grey_value(v[2]);
            s.busy += x >= 2 && is_busy(v[0], v[1], v[2]);
            s.darkest = v[2] < s.darkest ? v[2] : s.darkest;
            s.lightest = v[2] > s.lightest ? v[2] : s.lightest;
            add_exact(&s, p);
        }
    }
    return s;
}

/* --- two colours -------------------------------------------------------------------------------------- */

/* The colours that the picture is made of, and how well two of them explain it. */
typedef struct tones {
    colour main, other;
    int n;           /* 1 or 2; 0: nothing is visible */
    int64_t strange; /* visible pixels that are neither of the two nor between them */
    int64_t between; /* soft edges */
    int64_t not_main;
} tones;

typedef struct bin {
    int64_t count, sum[3];
} bin;

static colour mean_of(const bin *b)
{
    colour k;
    for (int c = 0; c < 3; c++)
        k.c[c] = (int)((b->sum[c] + b->count / 2) / b->count);
    return k;
}

static colour unpack(uint32_t rgb)
{
    return (colour){{(int)(rgb >> 16), (int)(rgb >> 8 & 255), (int)(rgb & 255)}};
}

/* The most frequent colour, and of those far from it that are frequent the farthest: the pure colour of a soft brush.
 */
static void choose(tones *t, const bin *bins)
{
    int64_t most = 0, far = 0;
    int reach = 0;
    for (int i = 0; i < BINS; i++)
        if (bins[i].count > most) {
            most = bins[i].count;
            t->main = mean_of(&bins[i]);
            t->n = 1;
        }
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < BINS; i++) {
            if (!bins[i].count)
                continue;
            colour k = mean_of(&bins[i]);
            int d = distance(&k, &t->main);
            if (d <= FAR)
                continue;
            if (pass == 0) {
                far = bins[i].count > far ? bins[i].count : far;
            } else if (4 * bins[i].count >= far && d > reach) {
                reach = d;
                t->other = k;
                t->n = 2;
            }
        }
}

/* Where a pixel lies on the line from a (0) to b (1), and how far off it. */
static double along(const colour *a, const colour *b, const uint8_t *p, double *off)
{
    double dot = 0, length = 0, t, d = 0;
    for (int k = 0; k < 3; k++) {
        double way = b->c[k] - a->c[k];
        dot += way * (p[k] - a->c[k]);
        length += way * way;
    }
    t = length > 0 ? dot / length : 0;
    for (int k = 0; k < 3; k++)
        d = fmax(d, fabs(a->c[k] + t * (b->c[k] - a->c[k]) - p[k]));
    *off = t < -0.25 ? 255 : d;
    return t;
}

static dr_status find_tones(tones *t, const dr_image *im, const survey *s)
{
    *t = (tones){0};
    if (s->exact_n <= 2) {
        bool swap = s->exact_n == 2 && s->exact_count[1] > s->exact_count[0];
        t->n = s->exact_n;
        t->main = unpack(s->exact[swap]);
        t->other = unpack(s->exact[!swap]);
        t->not_main = s->exact_n == 2 ? s->exact_count[!swap] : 0;
        return DR_OK;
    }
    bin *bins = calloc(BINS, sizeof *bins);
    uint8_t buf[4];
    if (!bins)
        return dr_fail(DR_ENOMEM, "out of memory");
    for (int64_t i = 0; i < s->total; i++) {
        const uint8_t *p = at(im, i, buf);
        bin *b = &bins[(p[0] >> 4) << 8 | (p[1] >> 4) << 4 | p[2] >> 4];
        if (!seen(s, p[3]))
            continue;
        b->count++;
        for (int k = 0; k < 3; k++)
            b->sum[k] += p[k];
    }
    choose(t, bins);
    free(bins);
    for (int64_t i = 0; i < s->total; i++) {
        const uint8_t *p = at(im, i, buf);
        if (!seen(s, p[3]))
            continue;
        colour k = of_pixel(p);
        bool main = distance(&k, &t->main) <= NEAR;
        t->not_main += !main;
        if (main || (t->n == 2 && distance(&k, &t->other) <= NEAR))
            continue;
        double off = 255;
        if (t->n == 2)
            along(&t->main, &t->other, p, &off);
        t->strange += off > NEAR;
        t->between += off <= NEAR;
    }
    return DR_OK;
}

static bool is_black(const colour *k)
{
    return largest(k->c) < 40;
}

static bool is_white(const colour *k)
{
    return smallest(k->c) > 215;
}

static bool is_coloured(const colour *k)
{
    return largest(k->c) - smallest(k->c) >= COLOURED;
}

static bool one_colour(const tones *t, const survey *s)
{
    return t->n >= 1 && 50 * t->not_main <= s->visible;
}

/* Texture, which the soft edges of a mask do not have. */
static bool is_textured(const survey *s)
{
    return (10 * s->grey > s->visible && 25 * s->busy > s->grey) ||
           (5 * s->grey > 2 * s->visible && 50 * s->busy > s->grey);
}

static bool two_clean_colours(const tones *t, const survey *s)
{
    return t->n == 2 && 50 * t->strange <= s->visible && 10 * t->between <= s->visible;
}

/* Wide soft edges allowed. */
static bool two_colours(const tones *t, const survey *s)
{
    return two_clean_colours(t, s) ||
           (t->n == 2 && 50 * t->strange <= s->visible && 5 * t->between <= 3 * s->visible && !is_textured(s));
}

/* --- what is said ------------------------------------------------------------------------------------- */

static const char *name_colour(const colour *k)
{
    static const char *const hues[12] = {"red",  "orange", "yellow", "green",  "green",   "green",
                                         "cyan", "blue",   "blue",   "purple", "magenta", "pink"};
    int high = largest(k->c), low = smallest(k->c);
    if (is_black(k))
        return "black";
    if (is_white(k))
        return "white";
    if (high - low < COLOURED)
        return high < 96 ? "dark grey" : high > 176 ? "light grey" : "grey";
    double d = high - low, hue = high == k->c[0]   ? (k->c[1] - k->c[2]) / d
                                 : high == k->c[1] ? 2 + (k->c[2] - k->c[0]) / d
                                                   : 4 + (k->c[0] - k->c[1]) / d;
    return hues[((int)lround(2 * hue) + 12) % 12];
}

/* "red 20 %, green 5 %": the largest three of a flat picture's colours. */
static void list_colours(const survey *s, char *out, size_t size)
{
    bool taken[FLAT] = {false};
    size_t used = 0;
    out[0] = 0;
    for (int rank = 0; rank < 3; rank++) {
        int best = -1;
        for (int k = 0; k < s->exact_n && k < FLAT; k++) {
            colour c = unpack(s->exact[k]);
            if (!taken[k] && !is_black(&c) && (best < 0 || s->exact_count[k] > s->exact_count[best]))
                best = k;
        }
        if (best < 0 || used >= size)
            return;
        colour c = unpack(s->exact[best]);
        taken[best] = true;
        used += (size_t)snprintf(out + used, size - used, "%s%s %.2g %%", used ? ", " : "", name_colour(&c),
                                 100.0 * (double)s->exact_count[best] / (double)s->total);
    }
}

#define PAINT "paint white what is to be replaced, black the rest"

static dr_status refuse_colours(const survey *s, const char *name)
{
    char list[160];
    list_colours(s, list, sizeof list);
    return dr_fail(DR_EINVAL, "mask '%s' has several colours (%s), and nothing says which are to be replaced; " PAINT,
                   name, list);
}

static dr_status refuse_photo(const survey *s, const char *name)
{
    return dr_fail(DR_EINVAL, "mask '%s' is a photo, not a mask: %d %% of it is neither black nor white; " PAINT, name,
                   (int)(100 * s->grey / s->visible));
}

/* --- to one channel ------------------------------------------------------------------------------------ */

typedef enum kind { LUMA, LINE, ALPHA, HOLE } kind;

typedef struct reading {
    kind kind;
    colour from, to; /* LINE: black and white */
} reading;

/* Two colours; which of them is black and which white. */
static dr_status read_two(reading *r, const tones *t, const survey *s, const char *name)
{
    const colour *dark = luma(&t->main) < luma(&t->other) ? &t->main : &t->other,
                 *light = dark == &t->main ? &t->other : &t->main;
    bool clean = two_clean_colours(t, s), greys = !is_coloured(dark) && !is_coloured(light);
    *r = (reading){.kind = LUMA, .from = *dark, .to = *light};
    if (is_white(dark) || (is_black(dark) && is_white(light)))
        return DR_OK;
    if (is_black(light)) {
        if (s->exact_n == 2 && largest(dark->c) == 0)
            r->kind = LINE; /* a label map */
        return DR_OK;
    }
    if (is_black(dark) || is_white(light)) {
        /* a soft brush in white reaches its middle; one in grey may not */
        bool grey_brush = is_black(dark) ? s->lightest < 128 : s->darkest >= 128;
        r->kind = clean || !greys || grey_brush ? LINE : LUMA;
        return DR_OK;
    }
    if (greys && !clean)
        return DR_OK;
    /* yellow is lighter than any blue, yet it is no white */
    return dr_fail(DR_EINVAL, "mask '%s' is %s and %s, and nothing says which is to be replaced; " PAINT, name,
                   name_colour(&t->main), name_colour(&t->other));
}

static dr_status read_opaque(reading *r, const tones *t, const survey *s, const char *name)
{
    *r = (reading){.kind = LUMA};
    if (s->visible == 0)
        return DR_OK;
    if (s->exact_n == 1 && !is_black(&t->main) && !is_white(&t->main))
        return dr_fail(DR_EINVAL, "mask '%s' is one colour throughout, %s; " PAINT, name, name_colour(&t->main));
    if (two_colours(t, s))
        return read_two(r, t, s, name);
    if (20 * s->coloured > s->visible)
        return s->exact_n <= FLAT ? refuse_colours(s, name) : refuse_photo(s, name);
    if (4 * s->grey > 3 * s->visible || is_textured(s))
        return refuse_photo(s, name);
    return DR_OK;
}

static dr_status read_transparent(reading *r, const tones *t, const survey *s, const char *name)
{
    bool two = two_colours(t, s), opaque_edge = 2 * s->edge_visible >= s->edge;
    bool bw = two && ((is_black(&t->main) && is_white(&t->other)) || (is_white(&t->main) && is_black(&t->other)));
    bool on_black = two && (is_black(&t->main) || is_black(&t->other));
    *r = (reading){.kind = ALPHA};
    if (one_colour(t, s))
        return DR_OK;
    if (bw || on_black)
        return bw ? (r->kind = LUMA, DR_OK) : read_two(r, t, s, name);
    if (s->least >= 128) /* nowhere erased */
        return read_opaque(r, t, s, name);
    if (!opaque_edge && s->exact_n <= FLAT)
        return refuse_colours(s, name);
    r->kind = HOLE;
    return DR_OK;
}

static uint8_t value(const reading *r, const survey *s, const uint8_t *p)
{
    double off;
    switch (r->kind) {
    case ALPHA:
        return (uint8_t)((p[3] - s->least) * 255 / (s->most - s->least));
    case HOLE:
        return (uint8_t)((s->most - p[3]) * 255 / (s->most - s->least));
    case LINE:
        return (uint8_t)(fmin(fmax(along(&r->from, &r->to, p, &off), 0), 1) * p[3] + 0.5);
    default:
        return (uint8_t)((dr_luma(p) * p[3] + 127) / 255);
    }
}

dr_status dr_mask_to_grey(dr_image *out, const dr_image *in, const char *name)
{
    survey s = look(in);
    tones t;
    reading r;
    dr_status st = find_tones(&t, in, &s);
    *out = (dr_image){0};
    if (!st)
        st = s.most - s.least > SAME ? read_transparent(&r, &t, &s, name) : read_opaque(&r, &t, &s, name);
    if (!st)
        st = dr_image_alloc(out, in->width, in->height, 1);
    if (st)
        return st;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < s.total; i++) {
        uint8_t buf[4];
        out->data[i] = value(&r, &s, at(in, i, buf));
    }
    return DR_OK;
}
