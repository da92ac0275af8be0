/* A photo through a parser: resize, net, and the label of every pixel of the photo. */
#include "pipeline/models.h"
#include "pipeline/parser.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The photo as the net sees it, and how much of that is photo. */
typedef struct view {
    int width, height; /* of the resized photo */
    int padded_w, padded_h;
} view;

static view view_of(const dr_parser *m, const dr_image *photo, int size)
{
    if (!m->sizes)
        return (view){m->width, m->height, m->width, m->height};
    int multiple = dr_clothes_net_multiple(&m->net.clothes_net.config);
    int longer = photo->width > photo->height ? photo->width : photo->height;
    double scale = (double)m->longest_edge[size] / longer;
    view v = {(int)fmax(1, round(photo->width * scale)), (int)fmax(1, round(photo->height * scale)), 0, 0};
    v.padded_w = (v.width + multiple - 1) / multiple * multiple;
    v.padded_h = (v.height + multiple - 1) / multiple * multiple;
    return v;
}

/* [1,H,W,3], normalised; beyond the right and bottom edge the last pixels again; `mirrored`: all of it the other way
 * round, padding included, so that cells of the two lie on each other. */
static dr_tensor *pixels(dr_tape *g, const dr_parser *m, const dr_image *im, view v, bool mirrored)
{
    float table[3][256];
    dr_tensor *x = dr_new4(g, 1, v.padded_h, v.padded_w, 3);
    if (g->status)
        return x;
    for (int c = 0; c < 3; c++)
        for (int b = 0; b < 256; b++)
            table[c][b] = ((float)b * m->scale - m->mean[c]) / m->std[c];
    for (int y = 0; y < v.padded_h; y++) {
        const uint8_t *row = im->data + (size_t)(y < v.height ? y : v.height - 1) * (size_t)v.width * 3;
        float *out = dr_f32(x) + (int64_t)y * v.padded_w * 3;
        for (int i = 0; i < v.padded_w; i++, out += 3) {
            int at = mirrored ? v.padded_w - 1 - i : i;
            const uint8_t *p = row + 3 * (size_t)(at < v.width ? at : v.width - 1);
            for (int c = 0; c < 3; c++)
                out[c] = table[c][p[c]];
        }
    }
    return x;
}

#define NEVER (-1e4f) /* the logit of a label that the model does not have; finite, for sums */

/* The larger; NaN if either is, so that a model which gives NaN is found out. */
static float larger(float a, float b)
{
    return isnan(a) || a >= b ? a : b;
}

/* The likeliest of the garments that a detail may belong to. */
static int likeliest(const float *logit, bool upper)
{
    static const uint8_t garments[] = {DR_LABEL_UPPER, DR_LABEL_DRESS, DR_LABEL_SKIRT, DR_LABEL_PANTS};
    int best = garments[0];
    for (size_t k = 1; k < (upper ? 2u : 4u); k++)
        if (logit[garments[k]] > logit[best])
            best = garments[k];
    return best;
}

/* Logits of the model's classes to those of our labels: a label is as likely as the likeliest of its classes. Details
 * come last, when it is known what they may be details of. */
static void by_label(const dr_parser *m, const float *x, float *y)
{
    float part[2] = {NEVER, NEVER};
    for (int i = 0; i < DR_LABELS; i++)
        y[i] = NEVER;
    for (int i = 0; i < m->classes; i++) {
        float *to = m->label[i] < DR_LABELS ? &y[m->label[i]] : &part[m->label[i] == DR_CLASS_ANY_PART];
        *to = larger(*to, x[i]);
    }
    int garment[2] = {likeliest(y, true), likeliest(y, false)};
    for (int k = 0; k < 2; k++)
        y[garment[k]] = larger(y[garment[k]], part[k]);
}

/* Logits [1,h,w,labels] in the order of dr_label. */
static dr_tensor *net_block(dr_tape *g, const void *self, dr_tensor *const *in)
{
    const dr_parser *m = self;
    dr_tensor *x = m->is_segformer ? dr_segformer_forward(g, &m->net.segformer, in[0])
                                   : dr_clothes_net_forward(g, &m->net.clothes_net, in[0]);
    dr_tensor *y = dr_tape_stopped(g) ? &g->dummy : dr_new4(g, 1, x->dim[1], x->dim[2], DR_LABELS);
    int64_t places = g->status ? 0 : dr_numel(x) / m->classes;
    for (int64_t p = 0; p < places; p++)
        by_label(m, dr_f32(x) + p * m->classes, dr_f32(y) + p * DR_LABELS);
    return y;
}

/* What the label is in a mirror. */
static int mirrored(int label)
{
    static const uint8_t pairs[][2] = {{DR_LABEL_LEFT_SHOE, DR_LABEL_RIGHT_SHOE},
                                       {DR_LABEL_LEFT_LEG, DR_LABEL_RIGHT_LEG},
                                       {DR_LABEL_LEFT_ARM, DR_LABEL_RIGHT_ARM}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        for (int k = 0; k < 2; k++)
            if (label == pairs[i][k])
                return pairs[i][1 - k];
    return label;
}

static void average_with_mirror(dr_tensor *a, const dr_tensor *b)
{
    int64_t W = a->dim[2], rows = a->dim[1];
    for (int64_t y = 0; y < rows; y++)
        for (int64_t x = 0; x < W; x++) {
            float *p = dr_f32(a) + (y * W + x) * DR_LABELS;
            const float *q = dr_f32(b) + (y * W + W - 1 - x) * DR_LABELS;
            for (int i = 0; i < DR_LABELS; i++)
                p[i] = 0.5f * (p[i] + q[mirrored(i)]);
        }
}

/* --- from logits to labels --------------------------------------------------------------------------- */

/* Two cells of one axis, and the weight of the second. */
typedef struct span {
    int lo, hi;
    float t;
} span;

/* Pixel `o` among cells that are `scale` pixels^-1, as torch's interpolate(align_corners=False) has it. */
static span span_at(int o, float scale, int cells)
{
    float at = fmaxf(scale * ((float)o + 0.5f) - 0.5f, 0);
    span s = {.lo = (int)at < cells - 1 ? (int)at : cells - 1};
    s.hi = s.lo < cells - 1 ? s.lo + 1 : s.lo;
    s.t = at - (float)s.lo;
    return s;
}

static uint8_t best(const float *a, const float *b, float t)
{
    int at = 0;
    float top = -INFINITY;
    for (int i = 0; i < DR_LABELS; i++) {
        float v = (1 - t) * a[i] + t * b[i];
        if (v > top) {
            top = v;
            at = i;
        }
    }
    return (uint8_t)at;
}

/* Adds the logits of another size of the photo, where they lie on those of `into`: cell by cell of the larger one, as
 * far as both are photo. */
static void merge(dr_tensor *into, view v, const dr_tensor *other, view w)
{
    int cols = (int)into->dim[2], rows = (int)into->dim[1], other_cols = (int)other->dim[2];
    /* cells of the other per cell of this one */
    float across = (float)((double)other_cols * w.width / w.padded_w / ((double)cols * v.width / v.padded_w));
    float down = (float)((double)other->dim[1] * w.height / w.padded_h / ((double)rows * v.height / v.padded_h));
#pragma omp parallel for schedule(static)
    for (int y = 0; y < rows; y++) {
        span sy = span_at(y, down, (int)other->dim[1]);
        const float *top = dr_f32(other) + (int64_t)sy.lo * other_cols * DR_LABELS,
                    *bottom = dr_f32(other) + (int64_t)sy.hi * other_cols * DR_LABELS;
        for (int x = 0; x < cols; x++) {
            span sx = span_at(x, across, other_cols);
            float *p = dr_f32(into) + ((int64_t)y * cols + x) * DR_LABELS;
            for (int i = 0; i < DR_LABELS; i++) {
                int l = sx.lo * DR_LABELS + i, r = sx.hi * DR_LABELS + i;
                p[i] += (1 - sy.t) * ((1 - sx.t) * top[l] + sx.t * top[r]) +
                        sy.t * ((1 - sx.t) * bottom[l] + sx.t * bottom[r]);
            }
        }
    }
}

/* One row of labels: `row` gets the logits of all cells at its height. */
static void label_row(uint8_t *out, int width, const dr_tensor *logits, span y, float scale, float *row)
{
    int cells = (int)logits->dim[2];
    int64_t n = logits->dim[2] * DR_LABELS;
    const float *top = dr_f32(logits) + y.lo * n, *bottom = dr_f32(logits) + y.hi * n;
    for (int64_t i = 0; i < n; i++)
        row[i] = (1 - y.t) * top[i] + y.t * bottom[i];
    for (int i = 0; i < width; i++) {
        span x = span_at(i, scale, cells);
        out[i] = best(row + x.lo * DR_LABELS, row + x.hi * DR_LABELS, x.t);
    }
}

/* Logits enlarged to the photo's size, row by row: all at once would be 72 bytes a pixel. */
static dr_status label_all(const dr_tensor *logits, view v, dr_image *labels)
{
    float across = (float)((double)logits->dim[2] * v.width / v.padded_w / labels->width);
    float down = (float)((double)logits->dim[1] * v.height / v.padded_h / labels->height);
    bool failed = false;
#pragma omp parallel reduction(|| : failed)
    {
        float *row = malloc((size_t)(logits->dim[2] * DR_LABELS) * sizeof *row);
        failed = !row;
#pragma omp for schedule(static)
        for (int y = 0; y < labels->height; y++)
            if (row)
                label_row(labels->data + (size_t)y * (size_t)labels->width, labels->width, logits,
                          span_at(y, down, (int)logits->dim[1]), across, row);
        free(row);
    }
    return failed ? dr_fail(DR_ENOMEM, "out of memory labelling a photo of %dx%d", labels->width, labels->height)
                  : DR_OK;
}

/* --- the whole ---------------------------------------------------------------------------------------- */

static dr_tensor *forward(dr_tape *g, const dr_parser *m, const dr_image *im, view v)
{
    dr_tensor *x = pixels(g, m, im, v, false);
    dr_tensor *logits = dr_block(g, net_block, m, 1, &x);
    if (!m->flip_average)
        return logits;
    x = pixels(g, m, im, v, true);
    dr_tensor *other = dr_block(g, net_block, m, 1, &x);
    if (!g->status)
        average_with_mirror(logits, other);
    return logits;
}

/* Logits of one size of the photo on `g`, checked; *v says how much of them is photo. */
static dr_status run_size(dr_tape *g, const dr_parser *m, const dr_image *photo, int size, view *v, dr_tensor **logits)
{
    dr_image small = {0};
    *v = view_of(m, photo, size);
    dr_status st = dr_image_resize(&small, photo, v->width, v->height, DR_BILINEAR);
    *logits = st ? NULL : forward(g, m, &small, *v);
    if (!st)
        st = dr_tape_status(g);
    if (!st)
        st = dr_output_check(dr_f32(*logits), (size_t)dr_numel(*logits), &m->params, "clothes parser", m->dir);
    dr_image_clear(&small);
    return st;
}

/* The mean over all sizes, on the cells of the largest. */
static dr_status run_net(dr_tape *g, const dr_parser *m, const dr_image *photo, view *v, dr_tensor **logits)
{
    int sizes = m->sizes > 0 ? m->sizes : 1;
    dr_status st = run_size(g, m, photo, sizes - 1, v, logits);
    for (int i = 0; !st && i < sizes - 1; i++) {
        dr_tensor *other;
        view w;
        st = run_size(g, m, photo, i, &w, &other);
        if (!st)
            merge(*logits, *v, other, w);
    }
    for (int64_t i = 0; !st && sizes > 1 && i < dr_numel(*logits); i++)
        dr_f32(*logits)[i] /= (float)sizes;
    return st;
}

dr_status dr_parser_run(dr_parser *m, const dr_image *photo, bool (*cancelled)(void *user), void *user,
                        dr_image *labels)
{
    dr_image map = {0};
    dr_tensor *logits;
    dr_tape g;
    view v;
    DR_ASSERT(m->loaded && photo->channels == 3, "a photo of %d channels", photo->channels);
    dr_status st = dr_tape_init(&g);
    if (st)
        return st;
    g.precision = m->precision;
    g.cancelled = cancelled;
    g.user = user;
    st = run_net(&g, m, photo, &v, &logits);
    if (!st)
        st = dr_image_alloc(&map, photo->width, photo->height, 1);
    if (!st)
        st = label_all(logits, v, &map);
    if (!st)
        *labels = map;
    else
        dr_image_clear(&map);
    dr_tape_clear(&g);
    return st;
}

dr_status dr_parser_logits(dr_parser *m, const dr_image *photo, dr_parser_cells *out)
{
    dr_tensor *logits;
    dr_tape g;
    view v;
    *out = (dr_parser_cells){0};
    dr_status st = dr_tape_init(&g);
    if (st)
        return st;
    g.precision = m->precision;
    st = run_net(&g, m, photo, &v, &logits);
    size_t bytes = st ? 0 : (size_t)dr_numel(logits) * sizeof(float);
    if (!st && !(out->logit = malloc(bytes)))
        st = dr_fail(DR_ENOMEM, "out of memory");
    if (!st) {
        memcpy(out->logit, dr_f32(logits), bytes);
        out->width = (int)logits->dim[2];
        out->height = (int)logits->dim[1];
        out->used_w = (double)out->width * v.width / v.padded_w;
        out->used_h = (double)out->height * v.height / v.padded_h;
    }
    dr_tape_clear(&g);
    return st;
}
