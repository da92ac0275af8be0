/* 3x3 convolutions of stride 1 by F(4x4,3x3); ops/cpu/winograd.h has the arithmetic.
 *
 * The image's tiles are worked on in blocks whose transformed inputs stay in the last-level cache. For each
 * block, a panel of outputs at a time: transform the panel's weights into a buffer that stays near the core, multiply,
 * transform back. The transformed weights (four times the plain ones) therefore never exist as a whole. */
#include "ops/cpu/winograd.h"
#include "base/threads.h"
#include "ops/onednn/pack.h"
#include "ops/onednn/rows.h"

#include <omp.h>

#define POSITIONS DR_WINOGRAD_POSITIONS
#define BLOCK DR_WINOGRAD_BLOCK
#define HWIO_LAYOUT 1 /* the name of our own weight layout among dr_pack's */

#define INPUT_BYTES (10 << 20) /* transformed inputs of one block of tiles: a third of a usual last-level cache */
#define PANEL_CHANNELS 512     /* most input channels whose weights are transformed at once */
#define PRODUCT_TILES 112      /* tiles whose products wait for the way back: half a usual second-level cache */
#define SUM_CHANNELS 128 /* length of one chain of additions; such a part of a panel is half a first-level cache */
#define UNITS_PER_THREAD 4

typedef struct plan {
    const dr_winograd_kernels *k;
    dr_winograd_weights w;
    int64_t N, H, W, I, O, OH, OW;
    int top, left;
    const float *x, *b, *residual;
    float *y;

    int64_t across, down, tiles;    /* tiles of a line, lines of an image, all tiles */
    int64_t block_tiles, groups;    /* tiles of a block, in groups of `rows` */
    int rows;                       /* tiles of one product */
    int64_t chunk, chunks;          /* input channels transformed at once, a multiple of BLOCK, and their count */
    int64_t blocks, panels, parts;  /* blocks of channels; panels of outputs; parts of a block's groups */
    int64_t part_groups;            /* groups whose products wait at once */
    float *v;                       /* [36][groups][blocks][rows][16] */
    int64_t v_step, u_step, m_step; /* floats from one position to the next */
} plan;

static int64_t div_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t min_i64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Distance of two positions' arrays: their 36 lines, written together, must not meet in one set of the first-level
 * cache, which is what whole pages apart would do. */
static int64_t position_step(int64_t floats)
{
    return div_up(floats, 1024) * 1024 + BLOCK;
}

static void plan_sizes(plan *p)
{
    p->across = div_up(p->OW, 4);
    p->down = div_up(p->OH, 4);
    p->tiles = p->N * p->across * p->down;
    p->blocks = div_up(p->I, BLOCK);
    p->chunks = div_up(p->blocks * BLOCK, PANEL_CHANNELS);
    p->chunk = div_up(p->blocks, p->chunks) * BLOCK;
    p->panels = div_up(p->O, p->k->outputs);

    int64_t most = INPUT_BYTES / (POSITIONS * p->blocks * BLOCK * (int64_t)sizeof(float));
    most = most < p->k->tiles ? p->k->tiles : most;
    p->block_tiles = div_up(p->tiles, div_up(p->tiles, most));
    p->groups = div_up(p->block_tiles, p->k->tiles);
    p->rows = (int)div_up(p->block_tiles, p->groups);
    p->v_step = position_step(p->groups * p->rows * p->blocks * BLOCK);

    /* enough units of work to keep all threads busy to the end, each with some groups to share a panel's weights */
    int64_t want = div_up((int64_t)UNITS_PER_THREAD * dr_threads(), p->panels);
    p->parts = p->panels % dr_threads() == 0 ? 1 : min_i64(want, div_up(p->groups, 4));
    p->part_groups = min_i64(div_up(p->groups, p->parts), div_up(PRODUCT_TILES, p->rows));
    p->u_step = position_step(p->chunk * p->k->outputs);
    p->m_step = position_step(p->part_groups * p->rows * p->k->outputs);
}

/* Tile t of a block as the block's v holds it; tiles behind the last are zero. */
static void input_tile(const plan *p, int64_t first, int64_t t)
{
    const float *pixel[36] = {0};
    int64_t all = first + t;
    if (all < p->tiles) {
        int64_t n = all / (p->down * p->across), ty = all / p->across % p->down, tx = all % p->across;
        for (int r = 0; r < 6; r++) {
            int64_t y = 4 * ty + r - p->top;
            for (int c = 0; c < 6; c++) {
                int64_t x = 4 * tx + c - p->left;
                if (y >= 0 && y < p->H && x >= 0 && x < p->W)
                    pixel[6 * r + c] = p->x + ((n * p->H + y) * p->W + x) * p->I;
            }
        }
    }
    float *v = p->v + t / p->rows * p->rows * p->blocks * BLOCK;
    p->k->input(pixel, p->I, p->rows, (int)(t % p->rows), v, p->v_step);
}

static void output_tile(const plan *p, int64_t all, int64_t o, const float *m, int64_t step)
{
    int64_t n = all / (p->down * p->across), ty = all / p->across % p->down, tx = all % p->across;
    int64_t at = ((n * p->OH + 4 * ty) * p->OW + 4 * tx) * p->O + o;
    dr_winograd_tile tile = {.y = p->y + at,
                             .bias = p->b ? p->b + o : NULL,
                             .residual = p->residual ? p->residual + at : NULL,
                             .line = p->OW * p->O,
                             .pixel = p->O,
                             .outputs = p->O - o,
                             .rows = (int)min_i64(4, p->OH - 4 * ty),
                             .cols = (int)min_i64(4, p->OW - 4 * tx)};
    p->k->output(m, step, &tile);
}

/* Products of the groups [g0, g1) with input channels [k0, k1) of a panel, onto m: for each position a part of the
 * panel that fits the first-level cache meets all groups. */
static void multiply(const plan *p, int64_t g0, int64_t g1, int64_t k0, int64_t k1, const float *u, float *m)
{
    int64_t nr = p->k->outputs, group_size = p->rows * p->blocks * BLOCK;
    for (int pos = 0; pos < POSITIONS; pos++)
        for (int64_t k = k0; k < k1; k += SUM_CHANNELS)
            for (int64_t g = g0; g < g1; g++)
                p->k->product(p->rows, div_up(min_i64(k1 - k, SUM_CHANNELS), BLOCK),
                              p->v + pos * p->v_step + g * group_size + k * p->rows,
                              u + pos * p->u_step + (k - k0) * nr, m + pos * p->m_step + (g - g0) * p->rows * nr,
                              k > 0);
}

/* One panel of outputs for the groups [from, to) of the block that starts at tile `first`. */
static void run_unit(const plan *p, int64_t first, int64_t panel, int64_t from, int64_t to, float *u, float *m)
{
    int64_t nr = p->k->outputs;
    for (int64_t g0 = from; g0 < to; g0 += p->part_groups) {
        int64_t g1 = min_i64(to, g0 + p->part_groups);
        for (int64_t c = 0; c < p->chunks; c++) {
            int64_t k0 = c * p->chunk, k1 = min_i64(p->I, k0 + p->chunk);
            if (p->chunks > 1 || g0 == from)
                p->k->weights(&p->w, k0, k1, panel * nr, u, p->u_step);
            multiply(p, g0, g1, k0, k1, u, m);
        }
        for (int64_t t = g0 * p->rows; t < g1 * p->rows && t < p->block_tiles && first + t < p->tiles; t++)
            output_tile(p, first + t, panel * nr, m + (t - g0 * p->rows) * nr, p->m_step);
    }
}

static dr_status run(plan *p, dr_arena *scratch)
{
    plan_sizes(p);
    int64_t threads = dr_threads();
    size_t u_size = (size_t)(POSITIONS * p->u_step), m_size = (size_t)(POSITIONS * p->m_step);
    p->v = dr_arena_alloc(scratch, (size_t)(POSITIONS * p->v_step) * sizeof(float));
    float *own = p->v ? dr_arena_alloc(scratch, (size_t)threads * (u_size + m_size) * sizeof(float)) : NULL;
    if (!own)
        return DR_ENOMEM;
#pragma omp parallel num_threads((int)threads)
    {
        float *u = own + (size_t)omp_get_thread_num() * (u_size + m_size), *m = u + u_size;
        for (int64_t first = 0; first < p->tiles; first += p->block_tiles) {
            int64_t here = min_i64(p->block_tiles, p->tiles - first), groups = div_up(here, p->rows);
            int64_t share = div_up(groups, p->parts);
#pragma omp for schedule(dynamic, 4)
            for (int64_t t = 0; t < groups * p->rows; t++)
                input_tile(p, first, t);
#pragma omp for schedule(dynamic, 1)
            for (int64_t unit = 0; unit < p->panels * p->parts; unit++) {
                int64_t part = unit % p->parts;
                run_unit(p, first, unit / p->parts, min_i64(groups, part * share), min_i64(groups, (part + 1) * share),
                         u, m);
            }
        }
    }
    return DR_OK;
}

/* The weights with the nine taps outermost. */
static dr_md taps_md(const dr_conv_args *a, int64_t output_stride, int64_t input_stride)
{
    int64_t tap = a->O * a->I;
    return dr_md_make(4, (int64_t[]){a->O, a->I, 3, 3}, dnnl_f32,
                      (int64_t[]){output_stride, input_stride, 3 * tap, tap});
}

static dr_status forward_weights(const dr_conv_args *a, dr_cmd plain, dr_cmd hwio, dr_winograd_weights *w)
{
    const dr_pack *pack = NULL;
    dr_status s = dr_pack_make(a->w, plain, hwio, HWIO_LAYOUT, DR_F32, a->scratch, &pack);
    if (s != DR_OK)
        return s;
    *w = (dr_winograd_weights){.dtype = DR_F32, .tap = a->I * a->O, .row = a->O, .outputs = a->O};
    if (!pack || pack->layout != HWIO_LAYOUT)
        return dr_weights_as(a->w, plain, hwio, a->scratch, &w->data);
    w->data = pack->data;
    w->dtype = pack->stored;
    return DR_OK;
}

bool dr_conv_winograd_fits(const dr_conv_args *a)
{
    const dr_conv_geom *g = &a->geom;
    return g->kh == 3 && g->kw == 3 && g->stride == 1 && g->groups <= 1;
}

dr_status dr_conv_winograd(const dr_conv_args *a)
{
    if (!dr_conv_winograd_fits(a))
        return DR_EUNSUPPORTED;
    size_t mark = dr_arena_mark(a->scratch);
    plan p = {.k = dr_cpu_winograd(),
              .N = a->N,
              .H = a->H,
              .W = a->W,
              .I = a->I,
              .O = a->O,
              .OH = a->OH,
              .OW = a->OW,
              .top = a->geom.top,
              .left = a->geom.left,
              .x = a->x,
              .b = a->b,
              .residual = a->residual,
              .y = a->y};
    dr_md plain = dr_conv_plain_md(a), hwio = taps_md(a, 1, a->O);
    dr_status s = plain && hwio ? forward_weights(a, plain, hwio, &p.w) : DR_EUNSUPPORTED;
    if (s == DR_OK)
        s = run(&p, a->scratch);
    dr_md_free(plain);
    dr_md_free(hwio);
    dr_arena_rewind(a->scratch, mark);
    return s;
}

bool dr_conv_winograd_dx_fits(const dr_conv_args *a)
{
    const dr_conv_geom *g = &a->geom;
    return dr_conv_winograd_fits(a) && g->top <= 2 && g->left <= 2;
}

/* dx is the convolution of dy with the weights turned by half a turn and their channels exchanged. */
dr_status dr_conv_winograd_dx(const dr_conv_args *a)
{
    if (!dr_conv_winograd_dx_fits(a))
        return DR_EUNSUPPORTED;
    size_t mark = dr_arena_mark(a->scratch);
    plan p = {.k = dr_cpu_winograd(),
              .w = {.dtype = DR_F32, .tap = a->I * a->O, .row = a->I, .outputs = a->I, .flip = true},
              .N = a->N,
              .H = a->OH,
              .W = a->OW,
              .I = a->O,
              .O = a->I,
              .OH = a->H,
              .OW = a->W,
              .top = 2 - a->geom.top,
              .left = 2 - a->geom.left,
              .x = a->dy,
              .residual = a->dx,
              .y = a->dx};
    dr_md plain = dr_conv_plain_md(a), hwoi = taps_md(a, a->I, 1);
    dr_status s = plain && hwoi ? dr_weights_as(a->w, plain, hwoi, a->scratch, &p.w.data) : DR_EUNSUPPORTED;
    if (s == DR_OK)
        s = run(&p, a->scratch);
    dr_md_free(plain);
    dr_md_free(hwoi);
    dr_arena_rewind(a->scratch, mark);
    return s;
}
