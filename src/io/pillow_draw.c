#include "io/pillow_draw.h"

#include <math.h>
#include <stdlib.h>

enum { MOST_CORNERS = 16, LARGEST = 40000 }; /* squares of squares of LARGEST and their sum fit 64 bits */

typedef struct pixel {
    int x, y;
} pixel;

static pixel pixel_at(dr_point p)
{
    DR_ASSERT(fabs(p.x) <= DR_DRAW_MOST && fabs(p.y) <= DR_DRAW_MOST, "drawing at (%g, %g)", p.x, p.y);
    return (pixel){(int)p.x, (int)p.y};
}

/* Pixels x0 to x1 of a row, as far as they are in the picture. */
static void fill_row(dr_image *im, int y, int x0, int x1, const uint8_t *ink)
{
    if (y < 0 || y >= im->height)
        return;
    x0 = x0 < 0 ? 0 : x0;
    x1 = x1 < im->width ? x1 : im->width - 1;
    uint8_t *p = im->data + ((ptrdiff_t)y * im->width + x0) * im->channels;
    for (int x = x0; x <= x1; x++)
        for (int k = 0; k < im->channels; k++)
            *p++ = ink[k];
}

/* --- rounding ------------------------------------------------------------------------------------- */

/* To nearest; a half goes away from zero, or towards it. */
static int round_away(double v)
{
    return (int)(v >= 0 ? floor(v + 0.5) : -floor(-v + 0.5));
}

static int round_in(double v)
{
    return (int)(v >= 0 ? ceil(v - 0.5) : -ceil(-v - 0.5));
}

/* The same for f32, where what is not negative meets its half in f32: the sum rounds, too. */
static int round_away_f32(float v)
{
    return v >= 0 ? (int)floorf(v + 0.5f) : round_away((double)v);
}

static int round_in_f32(float v)
{
    return v >= 0 ? (int)ceilf(v - 0.5f) : round_in((double)v);
}

/* --- polygons --------------------------------------------------------------------------------------- */

typedef struct edge {
    pixel from;
    int left, right, top, bottom;
    float slope; /* dx/dy */
} edge;

static edge edge_between(pixel p, pixel q)
{
    return (edge){.from = p,
                  .left = p.x < q.x ? p.x : q.x,
                  .right = p.x < q.x ? q.x : p.x,
                  .top = p.y < q.y ? p.y : q.y,
                  .bottom = p.y < q.y ? q.y : p.y,
                  .slope = p.y == q.y ? 0 : (float)(q.x - p.x) / (float)(q.y - p.y)};
}

static float crossing(const edge *e, int y)
{
    return (float)(y - e->from.y) * e->slope + (float)e->from.x;
}

static bool leans_and_ends_at(const edge *e, int y)
{
    return e->slope != 0 && (y == e->top || y == e->bottom);
}

/* Where edge number i crosses row y, its end: if it meets an earlier edge in a corner that both leave to the same side
 * by more than a pixel a row, the corner is drawn out to where the nearer one is in the neighbour row, so that no gap
 * is left between a flat edge's rows. */
static float crossing_at_end(const edge *const *all, int i, int y)
{
    const edge *e = all[i];
    float x = crossing(e, y);
    int next = y == e->bottom ? y - 1 : y + 1;
    for (int k = 0; k < i; k++) {
        const edge *o = all[k];
        if (!leans_and_ends_at(o, y) || roundf(x) != roundf(crossing(o, y)) || next < o->top || next > o->bottom)
            continue;
        float a = crossing(e, next), b = crossing(o, next);
        if (x > a + 1 && x > b + 1)
            return roundf(fmaxf(a, b)) + 1;
        if (x < a - 1 && x < b - 1)
            return roundf(fminf(a, b)) - 1;
        return x;
    }
    return x;
}

static int compare_f32(const void *p, const void *q)
{
    float a = *(const float *)p, b = *(const float *)q;
    return (a > b) - (a < b);
}

/* Crossings of row y. An edge that ends here counts twice, unless this is the polygon's last row: so a corner at which
 * one edge goes over into the next does not turn inside and outside. */
static int crossings(const edge *const *all, int n, int y, int last, float *x)
{
    int count = 0;
    for (int i = 0; i < n; i++) {
        const edge *e = all[i];
        if (y < e->top || y > e->bottom)
            continue;
        if (y == e->bottom && y < last) {
            x[count] = x[count + 1] = crossing(e, y);
            count += 2;
        } else {
            x[count++] = leans_and_ends_at(e, y) ? crossing_at_end(all, i, y) : crossing(e, y);
        }
    }
    qsort(x, (size_t)count, sizeof *x, compare_f32);
    return count;
}

static void fill_edges(dr_image *im, const edge *e, int n, const uint8_t *ink)
{
    const edge *leaning[MOST_CORNERS];
    float x[2 * MOST_CORNERS];
    int count = 0, top = im->height - 1, bottom = 0;
    for (int i = 0; i < n; i++) {
        top = e[i].top < top ? e[i].top : top;
        bottom = e[i].bottom > bottom ? e[i].bottom : bottom;
        if (e[i].top == e[i].bottom)
            fill_row(im, e[i].top, e[i].left, e[i].right, ink);
        else
            leaning[count++] = &e[i];
    }
    bottom = bottom < im->height ? bottom : im->height; /* the row behind the picture: what ends there still counts
                                                           twice in its last one */
    for (int y = top < 0 ? 0 : top; y <= bottom; y++) {
        int found = crossings(leaning, count, y, bottom, x);
        for (int i = 1; i < found; i += 2)
            fill_row(im, y, round_away_f32(x[i - 1]), round_in_f32(x[i]), ink);
    }
}

void dr_draw_polygon(dr_image *im, const dr_point *corner, int count, const uint8_t *ink)
{
    edge e[MOST_CORNERS];
    int n = 0;
    DR_ASSERT(count >= 2 && count <= MOST_CORNERS, "a polygon of %d corners", count);
    pixel first = pixel_at(corner[0]), last = first;
    for (int i = 1; i < count; i++) {
        pixel p = pixel_at(corner[i]);
        e[n++] = edge_between(last, p);
        last = p;
    }
    if (last.x != first.x || last.y != first.y)
        e[n++] = edge_between(last, first);
    fill_edges(im, e, n, ink);
}

void dr_draw_line(dr_image *im, dr_point from, dr_point to, int width, const uint8_t *ink)
{
    pixel p = pixel_at(from), q = pixel_at(to);
    DR_ASSERT(width >= 2 && width <= LARGEST, "a line of width %d", width);
    if (p.x == q.x && p.y == q.y) {
        fill_row(im, p.y, p.x, p.x, ink);
        return;
    }
    /* half of the width to each side; of an even one the odd pixel goes to one of them */
    int dx = q.x - p.x, dy = q.y - p.y;
    double length = hypot(dx, dy), half = (width - 1) / 2.0;
    double more = round_away(half) / length, less = round_in(half) / length;
    int less_dy = round_in(less * dy), more_dy = round_in(more * dy);
    int less_dx = round_in(less * dx), more_dx = round_in(more * dx);
    const pixel c[4] = {{p.x - less_dy, p.y + more_dx},
                        {q.x - less_dy, q.y + more_dx},
                        {q.x + more_dy, q.y - less_dx},
                        {p.x + more_dy, p.y - less_dx}};
    edge e[4];
    for (int i = 0; i < 4; i++)
        e[i] = edge_between(c[i], c[(i + 1) % 4]);
    fill_edges(im, e, 4, ink);
}

/* --- ellipses and rectangles -------------------------------------------------------------------------- */

/* How far (x,y) is from the curve a^2 y^2 + b^2 x^2 = a^2 b^2, in terms of that equation. */
static int64_t off_curve(int64_t a, int64_t b, int64_t x, int64_t y)
{
    return llabs(a * a * y * y + b * b * x * x - a * a * b * b);
}

/* The next point of the upper right quarter on the grid of step 2: up, up and left, or left, whichever is nearest to
 * the curve, the earlier on ties. */
static pixel next_of_quarter(int a, int b, pixel at)
{
    static const pixel steps[] = {{0, 2}, {-2, 2}, {-2, 0}};
    pixel best = {at.x, at.y + 2};
    for (int k = 1; at.x > 1 && k < 3; k++) {
        pixel p = {at.x + steps[k].x, at.y + steps[k].y};
        if (off_curve(a, b, p.x, p.y) < off_curve(a, b, best.x, best.y))
            best = p;
    }
    return best;
}

void dr_draw_ellipse(dr_image *im, dr_point from, dr_point to, const uint8_t *ink)
{
    pixel p = pixel_at(from), q = pixel_at(to);
    int a = q.x - p.x, b = q.y - p.y, row = -1;
    if (a < 0 || b < 0 || a + b == 0) /* Pillow draws no ellipse of one pixel */
        return;
    DR_ASSERT(a <= LARGEST && b <= LARGEST, "an ellipse of %dx%d", a, b);
    /* in half pixels from the middle, from the right end upwards; of each row the first point is the outermost */
    for (pixel at = {a, b % 2};; at = next_of_quarter(a, b, at)) {
        if (at.y != row) {
            fill_row(im, p.y + (b + at.y) / 2, p.x + (a - at.x) / 2, p.x + (a + at.x) / 2, ink);
            fill_row(im, p.y + (b - at.y) / 2, p.x + (a - at.x) / 2, p.x + (a + at.x) / 2, ink);
            row = at.y;
        }
        if (at.x == a % 2 && at.y == b)
            return;
    }
}

void dr_draw_rectangle(dr_image *im, dr_point from, dr_point to, const uint8_t *ink)
{
    pixel p = pixel_at(from), q = pixel_at(to);
    for (int y = p.y < 0 ? 0 : p.y; y <= q.y && y < im->height; y++)
        fill_row(im, y, p.x, q.x, ink);
}
