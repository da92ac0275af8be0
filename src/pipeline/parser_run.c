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

/* The photo [1,H,W,3], normalised; beyond the right and bottom edge the last pixels again; `mirrored`: all of it the
 * other way round, padding included, so that cells of the two lie on each other. */
static dr_tensor *pixels(dr_tape *g, const dr_parser *m, const dr_image *im, view v, bool mirrored)
{
    float table[3][256];
    float *x = dr_arena_alloc(&g->arena, (size_t)v.padded_h * (size_t)v.padded_w * 3 * sizeof *x), *out = x;
    if (!x) {
        dr_tape_fail(g, DR_ENOMEM);
        return &g->dummy;
    }
    for (int c = 0; c < 3; c++)
        for (int b = 0; b < 256; b++)
            table[c][b] = ((float)b * m->scale - m->mean[c]) / m->std[c];
    for (int y = 0; y < v.padded_h; y++) {
        const uint8_t *row = im->data + (size_t)(y < v.height ? y : v.height - 1) * (size_t)v.width * 3;
        for (int i = 0; i < v.padded_w; i++, out += 3) {
            int at = mirrored ? v.padded_w - 1 - i : i;
            const uint8_t *p = row + 3 * (size_t)(at < v.width ? at : v.width - 1);
            for (int c = 0; c < 3; c++)
                out[c] = table[c][p[c]];
        }
    }
    return dr_input(g, x, 4, (int64_t[]){1, v.padded_h, v.padded_w, 3});
}

/* --- logits --------------------------------------------------------------------------------------------- */

/* What the net says of every cell, on the host: [rows,cols,DR_LABELS] in the order of dr_label. */
typedef struct cells {
    float *logit; /* malloc'ed */
    int rows, cols;
} cells;

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

/* From the order of the model's classes. */
static dr_status read_cells(cells *out, dr_tape *g, const dr_parser *m, const dr_tensor *y)
{
    dr_status st = dr_tape_status(g);
    if (st)
        return st;
    int64_t places = dr_numel(y) / m->classes;
    float *own = dr_arena_alloc(&g->arena, dr_nbytes(y));
    *out = (cells){malloc((size_t)(places * DR_LABELS) * sizeof(float)), (int)y->dim[1], (int)y->dim[2]};
    if (!own || !out->logit)
        return dr_fail(DR_ENOMEM, "out of memory for the logits of %dx%d cells", out->cols, out->rows);
    dr_tensor_get(g, y, own);
    for (int64_t p = 0; p < places; p++)
        by_label(m, own + p * m->classes, out->logit + p * DR_LABELS);
    return DR_OK;
}

static dr_status run_once(cells *out, dr_tape *g, const dr_parser *m, const dr_image *im, view v, bool mirrored)
{
    dr_tape_reset(g);
    dr_tensor *x = pixels(g, m, im, v, mirrored);
    x = m->is_segformer ? dr_segformer_forward(g, &m->net.segformer, x)
                        : dr_clothes_net_forward(g, &m->net.clothes_net, x);
    return read_cells(out, g, m, x);
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

static void average_with_mirror(cells *a, const cells *b)
{
    for (int y = 0; y < a->rows; y++)
        for (int x = 0; x < a->cols; x++) {
            float *p = a->logit + ((int64_t)y * a->cols + x) * DR_LABELS;
            const float *q = b->logit + ((int64_t)y * a->cols + a->cols - 1 - x) * DR_LABELS;
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

/* Pixel `o` among `count` cells that are `scale` pixels^-1, as torch's interpolate(align_corners=False) has it. */
static span span_at(int o, float scale, int count)
{
    float at = fmaxf(scale * ((float)o + 0.5f) - 0.5f, 0);
    span s = {.lo = (int)at < count - 1 ? (int)at : count - 1};
    s.hi = s.lo < count - 1 ? s.lo + 1 : s.lo;
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
static void merge(cells *into, view v, const cells *other, view w)
{
    int cols = into->cols, rows = into->rows, other_cols = other->cols;
    /* cells of the other per cell of this one */
    float across = (float)((double)other_cols * w.width / w.padded_w / ((double)cols * v.width / v.padded_w));
    float down = (float)((double)other->rows * w.height / w.padded_h / ((double)rows * v.height / v.padded_h));
#pragma omp parallel for schedule(static)
    for (int y = 0; y < rows; y++) {
        span sy = span_at(y, down, other->rows);
        const float *top = other->logit + (int64_t)sy.lo * other_cols * DR_LABELS,
                    *bottom = other->logit + (int64_t)sy.hi * other_cols * DR_LABELS;
        for (int x = 0; x < cols; x++) {
            span sx = span_at(x, across, other_cols);
            float *p = into->logit + ((int64_t)y * cols + x) * DR_LABELS;
            for (int i = 0; i < DR_LABELS; i++) {
                int l = sx.lo * DR_LABELS + i, r = sx.hi * DR_LABELS + i;
                p[i] += (1 - sy.t) * ((1 - sx.t) * top[l] + sx.t * top[r]) +
                        sy.t * ((1 - sx.t) * bottom[l] + sx.t * bottom[r]);
            }
        }
    }
}

/* One row of labels: `row` gets the logits of all cells at its height. */
static void label_row(uint8_t *out, int width, const cells *c, span y, float scale, float *row)
{
    int64_t n = (int64_t)c->cols * DR_LABELS;
    const float *top = c->logit + y.lo * n, *bottom = c->logit + y.hi * n;
    for (int64_t i = 0; i < n; i++)
        row[i] = (1 - y.t) * top[i] + y.t * bottom[i];
    for (int i = 0; i < width; i++) {
        span x = span_at(i, scale, c->cols);
        out[i] = best(row + x.lo * DR_LABELS, row + x.hi * DR_LABELS, x.t);
    }
}

/* Logits enlarged to the photo's size, row by row: all at once would be 72 bytes a pixel. */
static dr_status label_all(const cells *c, view v, dr_image *labels)
{
    float across = (float)((double)c->cols * v.width / v.padded_w / labels->width);
    float down = (float)((double)c->rows * v.height / v.padded_h / labels->height);
    bool failed = false;
#pragma omp parallel reduction(|| : failed)
    {
        float *row = malloc((size_t)c->cols * DR_LABELS * sizeof *row);
        failed = !row;
#pragma omp for schedule(static)
        for (int y = 0; y < labels->height; y++)
            if (row)
                label_row(labels->data + (size_t)y * (size_t)labels->width, labels->width, c, span_at(y, down, c->rows),
                          across, row);
        free(row);
    }
    return failed ? dr_fail(DR_ENOMEM, "out of memory labelling a photo of %dx%d", labels->width, labels->height)
                  : DR_OK;
}

/* --- the whole ---------------------------------------------------------------------------------------- */

static dr_status forward(cells *out, dr_tape *g, const dr_parser *m, const dr_image *im, view v)
{
    dr_status st = run_once(out, g, m, im, v, false);
    if (st || !m->flip_average)
        return st;
    cells other = {0};
    st = run_once(&other, g, m, im, v, true);
    if (!st)
        average_with_mirror(out, &other);
    free(other.logit);
    return st;
}

/* Logits of one size of the photo, checked; *v says how much of them is photo. */
static dr_status run_size(cells *out, dr_tape *g, const dr_parser *m, const dr_image *photo, int size, view *v)
{
    dr_image small = {0};
    *v = view_of(m, photo, size);
    dr_status st = dr_image_resize(&small, photo, v->width, v->height, DR_BILINEAR);
    if (!st)
        st = forward(out, g, m, &small, *v);
    if (!st)
        st = dr_output_check(out->logit, (size_t)out->rows * (size_t)out->cols * DR_LABELS, &m->params,
                             "clothes parser", m->dir);
    dr_image_clear(&small);
    return st;
}

/* The mean over all sizes, on the cells of the largest. */
static dr_status run_sizes(cells *out, dr_tape *g, const dr_parser *m, const dr_image *photo, view *v)
{
    int sizes = m->sizes > 0 ? m->sizes : 1;
    dr_status st = run_size(out, g, m, photo, sizes - 1, v);
    for (int i = 0; !st && i < sizes - 1; i++) {
        cells other = {0};
        view w;
        st = run_size(&other, g, m, photo, i, &w);
        if (!st)
            merge(out, *v, &other, w);
        free(other.logit);
    }
    size_t n = st ? 0 : (size_t)out->rows * (size_t)out->cols * DR_LABELS;
    for (size_t i = 0; sizes > 1 && i < n; i++)
        out->logit[i] /= (float)sizes;
    return st;
}

/* out->logit is the caller's to free, after a failure as well. */
static dr_status run_net(cells *out, const dr_parser *m, const dr_image *photo, bool (*cancelled)(void *user),
                         void *user, view *v)
{
    dr_tape g;
    *out = (cells){0};
    dr_status st = dr_tape_init(&g);
    if (st)
        return st;
    g.precision = m->precision;
    g.cancelled = cancelled;
    g.user = user;
    st = run_sizes(out, &g, m, photo, v);
    dr_tape_clear(&g);
    return st;
}

dr_status dr_parser_run(dr_parser *m, const dr_image *photo, bool (*cancelled)(void *user), void *user,
                        dr_image *labels)
{
    dr_image map = {0};
    cells c;
    view v;
    DR_ASSERT(m->loaded && photo->channels == 3, "a photo of %d channels", photo->channels);
    dr_status st = run_net(&c, m, photo, cancelled, user, &v);
    if (!st)
        st = dr_image_alloc(&map, photo->width, photo->height, 1);
    if (!st)
        st = label_all(&c, v, &map);
    if (!st)
        *labels = map;
    else
        dr_image_clear(&map);
    free(c.logit);
    return st;
}

dr_status dr_parser_logits(dr_parser *m, const dr_image *photo, dr_parser_cells *out)
{
    cells c;
    view v;
    *out = (dr_parser_cells){0};
    dr_status st = run_net(&c, m, photo, NULL, NULL, &v);
    if (st) {
        free(c.logit);
        return st;
    }
    *out = (dr_parser_cells){.logit = c.logit,
                             .width = c.cols,
                             .height = c.rows,
                             .used_w = (double)c.cols * v.width / v.padded_w,
                             .used_h = (double)c.rows * v.height / v.padded_h};
    return DR_OK;
}
