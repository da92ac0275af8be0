/* The gradient of a 3x3 convolution's weights, tap by tap, as matrix products.
 *
 * With zero borders stored, the pixels that a tap meets are the picture itself, some pixels further on: dw's tap is
 * dy^T [O,P] times x [P,I] at an offset, for all P pixels of a block of lines at once. dy has the same borders as x, as
 * zeros, so that lines and pictures may run into one another. A block's lines stay in the second-level cache while the
 * nine taps pass over them. */
#include "ops/onednn/pack.h"
#include "ops/onednn/rows.h"

#include <string.h>

#define BLOCK_BYTES (3 << 18) /* of x and dy together */
#define TAPS 9

typedef struct taps {
    const dr_conv_args *a;
    int64_t width, lines; /* with borders: pixels of a line, lines of a picture */
    int64_t total, block; /* lines of all pictures, of a block */
    float *x, *dy;        /* [block + 2 lines and 2 pixels, I], [block lines, O] */
    float *dw;            /* [9,O,I] */
} taps;

static int64_t min_i64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Line `at` of the pictures with borders: x lies `top` and `left` further in, dy at the upper left corner. */
static void copy_line(const taps *t, int64_t at, bool output, float *to)
{
    const dr_conv_args *a = t->a;
    int64_t n = at / t->lines, y = at % t->lines - (output ? 0 : a->geom.top);
    int64_t H = output ? a->OH : a->H, W = output ? a->OW : a->W, C = output ? a->O : a->I;
    int64_t left = output ? 0 : a->geom.left * C;
    const float *from = output ? a->dy : a->x;
    memset(to, 0, (size_t)(t->width * C) * sizeof *to);
    if (n < a->N && y >= 0 && y < H)
        memcpy(to + left, from + (n * H + y) * W * C, (size_t)(W * C) * sizeof *to);
}

static dr_status add_tap(const taps *t, int tap, int64_t pixels)
{
    const dr_conv_args *a = t->a;
    const float *x = t->x + (tap / 3 * t->width + tap % 3) * a->I;
    return dr_linear_dw_of(pixels, a->O, a->I, x, t->dy, DR_F32, t->dw + tap * a->O * a->I, a->scratch);
}

static dr_status add_block(const taps *t, int64_t from, int64_t lines)
{
    const dr_conv_args *a = t->a;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < lines + 2; i++) {
        copy_line(t, from + i, false, t->x + i * t->width * a->I);
        if (i < lines)
            copy_line(t, from + i, true, t->dy + i * t->width * a->O);
    }
    memset(t->x + (lines + 2) * t->width * a->I, 0, (size_t)(2 * a->I) * sizeof *t->x);
    dr_status s = DR_OK;
    for (int tap = 0; s == DR_OK && tap < TAPS; tap++)
        s = add_tap(t, tap, lines * t->width);
    return s;
}

static void add_to_gradient(const taps *t)
{
    int64_t n = t->a->O * t->a->I;
#pragma omp parallel for schedule(static)
    for (int64_t i = 0; i < n; i++)
        for (int tap = 0; tap < TAPS; tap++)
            t->a->dw[i * TAPS + tap] += t->dw[tap * n + i];
}

bool dr_conv_taps_fits(const dr_conv_args *a)
{
    const dr_conv_geom *g = &a->geom;
    return dr_conv_winograd_fits(a) && g->top <= 2 && g->left <= 2 && a->OH <= a->H + 2 && a->OW <= a->W + 2;
}

dr_status dr_conv_taps_dw(const dr_conv_args *a)
{
    if (!dr_conv_taps_fits(a))
        return DR_EUNSUPPORTED;
    taps t = {.a = a, .width = a->W + 2, .lines = a->H + 2};
    t.total = a->N * t.lines;
    int64_t line = t.width * (a->I + a->O) * (int64_t)sizeof(float), blocks = (t.total * line) / BLOCK_BYTES + 1;
    t.block = (t.total + blocks - 1) / blocks;
    size_t mark = dr_arena_mark(a->scratch);
    t.x = dr_arena_alloc(a->scratch, (size_t)(((t.block + 2) * t.width + 2) * a->I) * sizeof *t.x);
    t.dy = dr_arena_alloc(a->scratch, (size_t)(t.block * t.width * a->O) * sizeof *t.dy);
    t.dw = dr_arena_zalloc(a->scratch, (size_t)(TAPS * a->O * a->I) * sizeof *t.dw);
    dr_status s = t.x && t.dy && t.dw ? DR_OK : DR_ENOMEM;
    for (int64_t from = 0; s == DR_OK && from < t.total; from += t.block)
        s = add_block(&t, from, min_i64(t.block, t.total - from));
    if (s == DR_OK)
        add_to_gradient(&t);
    dr_arena_rewind(a->scratch, mark);
    return s;
}
