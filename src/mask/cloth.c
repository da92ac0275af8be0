#include "mask/cloth.h"

#include "mask/regions.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    WORK = 1024, /* pixels of the longer side that the mask is worked out at */
    TERMS = 6,   /* of a surface: 1, x, y, x^2, xy, y^2 */
    ROUNDS = 8   /* of fitting, each on what the one before left near */
};
#define FRAME 0.02       /* of the shorter side: the border that shows the ground */
#define LEAST_FRAME 8    /* pixels */
#define LEAST_PLAIN 0.35 /* of the border that must be of the ground's colour */
#define FIRST_REACH 24   /* values from the commonest colour that may be ground */
#define GAP 0.005        /* of the longer side: openings up to twice that are no way in */
#define SPECK 0.002      /* of the largest part */
#define PART 0.02
#define CLEAR 5          /* values from the ground, besides its noise */
#define FAINT 1          /* the same for what need not be clear */
#define FAINT_ON_WHITE 3 /* nothing is brighter than white, and compression makes it darker */
#define WHITE 252
#define FULL 0.35  /* of a faint part that must stand out */
#define THIN 0.008 /* of the longer side: half of a thickness that must be clear */
#define BLOCK 9    /* the same in pixels of the photo: a block of JPEG */

/* The ground: each channel as a surface over the picture, and how far its pixels are from that. */
typedef struct ground {
    double term[3][TERMS];
    double noise; /* a robust standard deviation */
    double plain; /* share of the border that is ground */
} ground;

/* --- the border ------------------------------------------------------------------------------------- */

/* Values of a 3x3 neighbourhood's mean: noise of compression is not to decide. */
static dr_status blur(dr_image *out, const dr_image *im)
{
    dr_status st = dr_image_alloc(out, im->width, im->height, 3);
    for (int y = 0; !st && y < im->height; y++)
        for (int x = 0; x < im->width; x++)
            for (int k = 0; k < 3; k++) {
                int sum = 0, n = 0;
                for (int j = y > 0 ? y - 1 : 0; j <= y + 1 && j < im->height; j++)
                    for (int i = x > 0 ? x - 1 : 0; i <= x + 1 && i < im->width; i++, n++)
                        sum += im->data[3 * ((size_t)j * (size_t)im->width + (size_t)i) + (size_t)k];
                out->data[3 * ((size_t)y * (size_t)im->width + (size_t)x) + (size_t)k] = (uint8_t)((sum + n / 2) / n);
            }
    return st;
}

/* Pixels of the border, malloc'ed. */
static int *border_pixels(const dr_image *im, int *count)
{
    int shorter = im->width < im->height ? im->width : im->height;
    int frame = (int)fmax(LEAST_FRAME, FRAME * shorter);
    int *at = malloc((size_t)im->width * (size_t)im->height * sizeof *at);
    *count = 0;
    for (int y = 0; at && y < im->height; y++)
        for (int x = 0; x < im->width; x++)
            if (x < frame || y < frame || x >= im->width - frame || y >= im->height - frame)
                at[(*count)++] = y * im->width + x;
    return at;
}

/* The commonest colour of the border, by steps of 16. */
static void commonest(const dr_image *im, const int *at, int n, double colour[3])
{
    static const int steps = 16;
    int count[16 * 16 * 16] = {0}, best = 0, found = 0;
    double sum[3] = {0};
    for (int i = 0; i < n; i++) {
        const uint8_t *p = im->data + 3 * (size_t)at[i];
        int bin = (p[0] / steps * 16 + p[1] / steps) * 16 + p[2] / steps;
        best = ++count[bin] > count[best] ? bin : best;
    }
    for (int i = 0; i < n; i++) {
        const uint8_t *p = im->data + 3 * (size_t)at[i];
        if ((p[0] / steps * 16 + p[1] / steps) * 16 + p[2] / steps != best)
            continue;
        found++;
        for (int k = 0; k < 3; k++)
            sum[k] += p[k];
    }
    for (int k = 0; k < 3; k++)
        colour[k] = sum[k] / found;
}

/* --- the ground's surface ----------------------------------------------------------------------------- */

static void terms_at(double *t, const dr_image *im, int at)
{
    double x = 2.0 * (at % im->width) / im->width - 1, y = 2.0 * (at / im->width) / im->height - 1;
    const double all[TERMS] = {1, x, y, x * x, x * y, y * y};
    memcpy(t, all, sizeof all);
}

/* How far a pixel is from the ground, in the channel that is farthest. */
static double off_ground(const dr_image *im, const ground *g, int at)
{
    double t[TERMS], worst = 0;
    terms_at(t, im, at);
    for (int k = 0; k < 3; k++) {
        double v = 0;
        for (int i = 0; i < TERMS; i++)
            v += g->term[k][i] * t[i];
        worst = fmax(worst, fabs(im->data[3 * (size_t)at + (size_t)k] - v));
    }
    return worst;
}

/* Solves a x = b for three b, by elimination; a is symmetric and positive. */
static void solve(double a[TERMS][TERMS], double b[3][TERMS])
{
    for (int i = 0; i < TERMS; i++) {
        a[i][i] += 1e-6 * (1 + a[i][i]); /* a border seen in part does not say all terms */
        for (int r = 0; r < TERMS; r++) {
            if (r == i)
                continue;
            double f = a[r][i] / a[i][i];
            for (int c = i; c < TERMS; c++)
                a[r][c] -= f * a[i][c];
            for (int k = 0; k < 3; k++)
                b[k][r] -= f * b[k][i];
        }
    }
    for (int k = 0; k < 3; k++)
        for (int i = 0; i < TERMS; i++)
            b[k][i] /= a[i][i];
}

/* Least squares over those of the border that are within `reach` of what was fitted before. */
static void fit_near(ground *g, const dr_image *im, const int *at, int n, double reach)
{
    double a[TERMS][TERMS] = {{0}}, b[3][TERMS] = {{0}}, t[TERMS];
    int used = 0;
    for (int i = 0; i < n; i++) {
        if (off_ground(im, g, at[i]) > reach)
            continue;
        terms_at(t, im, at[i]);
        for (int r = 0; r < TERMS; r++)
            for (int c = 0; c < TERMS; c++)
                a[r][c] += t[r] * t[c];
        for (int k = 0; k < 3; k++)
            for (int r = 0; r < TERMS; r++)
                b[k][r] += t[r] * im->data[3 * (size_t)at[i] + (size_t)k];
        used++;
    }
    g->plain = (double)used / n;
    if (used < 4 * TERMS)
        return;
    solve(a, b);
    memcpy(g->term, b, sizeof b);
}

static int compare_f64(const void *p, const void *q)
{
    double a = *(const double *)p, b = *(const double *)q;
    return (a > b) - (a < b);
}

/* The median distance of the border's ground from the surface, as a standard deviation. */
static dr_status measure_noise(ground *g, const dr_image *im, const int *at, int n, double reach)
{
    double *off = malloc((size_t)n * sizeof *off);
    int used = 0;
    if (!off)
        return dr_fail(DR_ENOMEM, "out of memory");
    for (int i = 0; i < n; i++) {
        double d = off_ground(im, g, at[i]);
        if (d <= reach)
            off[used++] = d;
    }
    qsort(off, (size_t)used, sizeof *off, compare_f64);
    g->noise = used ? 1.4826 * off[used / 2] : 0;
    free(off);
    return DR_OK;
}

static dr_status find_ground(ground *g, const dr_image *im, const char *name)
{
    int n;
    int *at = border_pixels(im, &n);
    double colour[3], reach = FIRST_REACH;
    if (!at)
        return dr_fail(DR_ENOMEM, "out of memory");
    *g = (ground){0};
    commonest(im, at, n, colour);
    for (int k = 0; k < 3; k++)
        g->term[k][0] = colour[k];
    dr_status st = DR_OK;
    for (int i = 0; !st && i < ROUNDS; i++) {
        fit_near(g, im, at, n, reach);
        st = measure_noise(g, im, at, n, reach);
        reach = fmin(fmax(6, 5 * g->noise), FIRST_REACH);
    }
    free(at);
    if (!st && g->plain < LEAST_PLAIN)
        st =
            dr_fail(DR_EINVAL,
                    "'%s': only %.0f %% of its border are of one colour; a mask can be made of a cloth on plain ground "
                    "alone, give one",
                    name, 100 * g->plain);
    return st;
}

/* --- the garment -------------------------------------------------------------------------------------- */

/* What stands out from the ground by more than `least`, and with `texture` what is less even than the ground. */
static void stand_out(dr_image *mask, const dr_image *im, const dr_image *soft, const ground *g, double least,
                      int texture)
{
    for (int y = 0; y < im->height; y++)
        for (int x = 0; x < im->width; x++) {
            int i = y * im->width + x;
            bool out = off_ground(soft, g, i) > least && off_ground(im, g, i) > least / 2; /* the mean alone is wider */
            for (int k = 0; texture && !out && x + 1 < im->width && y + 1 < im->height && k < 3; k++) {
                const uint8_t *p = im->data + 3 * (size_t)i + (size_t)k, *below = p + 3 * (size_t)im->width;
                out = abs(p[0] - p[3]) > texture || abs(p[0] - below[0]) > texture;
            }
            mask->data[i] = out ? 255 : 0;
        }
}

/* With what it encloses, up to `area` pixels each; openings of up to twice `gap` are none. */
static dr_status fill(dr_image *mask, int gap, int64_t area)
{
    dr_status st = dr_drop_islands(mask, SPECK);
    if (!st)
        st = dr_mask_grow(mask, gap);
    if (!st)
        st = dr_fill_holes(mask, area);
    return st ? st : dr_mask_grow(mask, -gap);
}

/* Keeps the parts of `more` that are full of what stands out in `raw`: others are ground that something encloses. */
static dr_status drop_empty(dr_image *more, const dr_image *raw)
{
    dr_components c;
    dr_status st = dr_components_find(&c, more, false);
    int64_t *full = st ? NULL : calloc((size_t)c.count + 1, sizeof *full);
    size_t n = (size_t)more->width * (size_t)more->height;
    if (!st && !full)
        st = dr_fail(DR_ENOMEM, "out of memory");
    for (size_t i = 0; !st && i < n; i++)
        if (c.id[i] >= 0)
            full[c.id[i]] += raw->data[i] != 0;
    for (size_t i = 0; !st && i < n; i++)
        if (c.id[i] >= 0 && (double)full[c.id[i]] < FULL * (double)c.item[c.id[i]].area)
            more->data[i] = 0;
    free(full);
    dr_components_clear(&c);
    return st;
}

/* `faint` where the mask, or what lies between its parts, already is. */
static dr_status add_between(dr_image *mask, const dr_image *faint, int thin)
{
    dr_image closed = {0};
    dr_status st = dr_image_copy(&closed, mask);
    if (!st)
        st = dr_mask_grow(&closed, thin);
    if (!st)
        st = dr_mask_grow(&closed, -thin);
    for (size_t i = 0; !st && i < (size_t)mask->width * (size_t)mask->height; i++)
        mask->data[i] = mask->data[i] || (closed.data[i] && faint->data[i]) ? 255 : 0;
    dr_image_clear(&closed);
    return st;
}

/* Adds the thick parts of `faint`, which was filled, to the mask: thin ones, along edges, are what compression leaves.
 */
static dr_status add_thick(dr_image *mask, const dr_image *faint, const dr_image *raw, int thin)
{
    dr_image more = {0};
    size_t n = (size_t)mask->width * (size_t)mask->height;
    dr_status st = add_between(mask, faint, thin);
    if (!st)
        st = dr_image_copy(&more, faint);
    for (size_t i = 0; !st && i < n; i++)
        more.data[i] = mask->data[i] ? 0 : more.data[i];
    if (!st)
        st = dr_mask_grow(&more, -thin);
    if (!st)
        st = dr_mask_grow(&more, thin);
    if (!st)
        st = drop_empty(&more, raw);
    for (size_t i = 0; !st && i < n; i++)
        mask->data[i] = mask->data[i] || (more.data[i] && faint->data[i]) ? 255 : 0;
    dr_image_clear(&more);
    return st;
}

/* What stands out faintly, as white on white does, is added to what stands out clearly. */
static dr_status add_faint(dr_image *mask, const dr_image *im, const dr_image *soft, const ground *g, int gap, int thin)
{
    bool white = g->term[0][0] > WHITE && g->term[1][0] > WHITE && g->term[2][0] > WHITE;
    double least = fmin((white ? FAINT_ON_WHITE : FAINT) + 3 * g->noise, 12);
    dr_image raw = {0}, faint = {0};
    dr_status st = dr_image_alloc(&raw, im->width, im->height, 1);
    if (!st) {
        stand_out(&raw, im, soft, g, least, (int)ceil(least + 2 * g->noise));
        st = dr_image_copy(&faint, &raw);
    }
    if (!st)
        st = fill(&faint, gap, (int64_t)im->width * im->height);
    if (!st)
        st = add_thick(mask, &faint, &raw, thin);
    dr_image_clear(&raw);
    dr_image_clear(&faint);
    return st;
}

/* `scale`: of the photo's pixels, in which compression has its blocks. */
static dr_status find_garment(dr_image *mask, const dr_image *im, const dr_image *soft, const ground *g, double scale)
{
    int longer = im->width > im->height ? im->width : im->height;
    int gap = (int)fmax(1, round(GAP * longer)), thin = (int)fmax(round(THIN * longer), ceil(BLOCK * scale));
    dr_status st = dr_image_alloc(mask, im->width, im->height, 1);
    if (!st) {
        stand_out(mask, im, soft, g, fmin(CLEAR + 3 * g->noise, 16), 0);
        st = fill(mask, gap, (int64_t)im->width * im->height);
    }
    if (!st)
        st = add_faint(mask, im, soft, g, gap, thin);
    if (!st) /* seams alone: what faint parts close off from the border need not be garment */
        st = fill(mask, gap, 4LL * thin * thin);
    if (!st)
        st = dr_drop_islands(mask, PART);
    return st ? st : dr_mask_smooth(mask, gap > 2 ? 2 : 1);
}

static dr_status check_garment(const dr_image *mask, const char *name)
{
    size_t n = (size_t)mask->width * (size_t)mask->height, white = 0;
    for (size_t i = 0; i < n; i++)
        white += mask->data[i] >= 128;
    double share = (double)white / (double)n;
    if (share < 0.005)
        return dr_fail(DR_EINVAL, "'%s': nothing stands out from its ground; give a mask of the cloth", name);
    if (share > 0.97)
        return dr_fail(DR_EINVAL, "'%s': no ground is left around the cloth; give a mask of it", name);
    return DR_OK;
}

/* A copy of at most WORK pixels a side. */
static dr_status reduce(dr_image *out, const dr_image *photo)
{
    int longer = photo->width > photo->height ? photo->width : photo->height;
    double scale = longer > WORK ? (double)WORK / longer : 1;
    int w = (int)fmax(1, round(photo->width * scale)), h = (int)fmax(1, round(photo->height * scale));
    return dr_image_resize(out, photo, w, h, DR_LANCZOS);
}

dr_status dr_cloth_mask(dr_image *out, const dr_image *photo, const char *name)
{
    dr_image small = {0}, soft = {0}, mask = {0}, result = {0};
    ground g;
    dr_status st = reduce(&small, photo);
    if (!st)
        st = blur(&soft, &small);
    if (!st)
        st = find_ground(&g, &soft, name);
    if (!st)
        st = find_garment(&mask, &small, &soft, &g, (double)small.width / photo->width);
    if (!st)
        st = check_garment(&mask, name);
    if (!st)
        st = dr_image_resize(&result, &mask, photo->width, photo->height, DR_BILINEAR);
    if (!st) {
        dr_mask_binarize(&result);
        *out = result;
    }
    dr_image_clear(&small);
    dr_image_clear(&soft);
    dr_image_clear(&mask);
    return st;
}
