/* Two orders of work, by the size of the transformed weights (four times the plain ones):
 *
 * - They fit the last-level cache: all are transformed first, then each thread takes blocks of tiles, whose
 *   transformed inputs stay in its own second-level cache, past all the weights.
 * - They do not: all threads share one large block of tiles in the last-level cache, and each takes panels of
 *   outputs: transforms a panel's weights into a buffer near the core, and takes them past all the tiles.
 *
 * Either way the transformed weights of a large layer never exist as a whole, and what waits is small. */
#include "ops/onednn/winograd_run.h"

#include "base/threads.h"

#include <omp.h>

#define POSITIONS DR_WINOGRAD_POSITIONS
#define BLOCK DR_WINOGRAD_BLOCK

#define WEIGHT_BYTES (20 << 20) /* transformed weights that are kept for a call: most of a usual last-level cache */
#define SHARED_BYTES (10 << 20) /* transformed inputs that threads share */
#define OWN_BYTES (3 << 19)     /* transformed inputs of a thread of its own */
#define OWN_TILES 64            /* fewer tiles per thread are better shared */
#define CHUNK_WORDS 128         /* most words of input channels whose weights are transformed at once */
#define SUM_CHANNELS                                                                                                   \
    DR_WINOGRAD_CHAIN     /* of one chain of additions; that part of a panel is half a first-level cache               \
                           */
#define PRODUCT_TILES 112 /* tiles whose products wait for the way back: half a usual second-level cache */
#define UNITS_PER_THREAD 4

typedef struct plan {
    dr_winograd p;
    int64_t across, down, tiles; /* tiles of a line, lines of an image, all tiles */
    int64_t blocks;              /* blocks of input channels, of `wide` channels each */
    int64_t wide;
    int64_t panels;                 /* panels of outputs */
    int64_t chunk, chunks;          /* input channels transformed at once, whole blocks, and their count */
    bool keep;                      /* all transformed weights are kept */
    int64_t block_tiles, groups;    /* tiles of a block, in groups of `rows` */
    int rows;                       /* tiles of one product */
    int64_t parts;                  /* units of work into which a shared block's groups are split */
    int64_t wait_groups;            /* groups whose products wait at once */
    int64_t v_step, u_step, m_step; /* words from one position to the next */
    float *kept;                    /* [panels][chunks][36][u_step] */
} plan;

/* v [36][groups][blocks][rows][16], u [36][chunk words][outputs], m [36][groups][rows][outputs]; of whole numbers
 * unit [tiles of a block][36] and workspace */
typedef struct buffers {
    float *v, *u, *m, *unit, *work;
} buffers;

static int64_t div_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t min_i64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t max_i64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* --- sizes -------------------------------------------------------------------------------------------- */

/* Distance of two positions' arrays: their 36 lines, written together, must not meet in one set of the first-level
 * cache, which is what whole pages apart would do. */
static int64_t position_step(int64_t floats)
{
    return div_up(floats, 1024) * 1024 + BLOCK;
}

static int64_t u_floats(const plan *q)
{
    return POSITIONS * q->u_step;
}

static void plan_make(plan *q)
{
    const dr_winograd *p = &q->p;
    int64_t threads = dr_threads(), nr = p->k->outputs, size = (int64_t)sizeof(float);
    q->across = div_up(p->OW, 4);
    q->down = div_up(p->OH, 4);
    q->tiles = p->N * q->across * q->down;
    q->wide = BLOCK * p->k->per;
    q->blocks = div_up(p->I, q->wide);
    q->panels = div_up(p->O, nr);
    q->chunks = div_up(q->blocks * BLOCK, CHUNK_WORDS);
    q->chunk = div_up(q->blocks, q->chunks) * q->wide;
    q->u_step = position_step(q->chunk / p->k->per * nr);
    q->keep = q->panels * q->chunks * u_floats(q) * size <= WEIGHT_BYTES && q->tiles >= OWN_TILES * threads;

    int64_t most = (q->keep ? OWN_BYTES : SHARED_BYTES) / (POSITIONS * q->blocks * BLOCK * size);
    int64_t count = div_up(q->tiles, max_i64(most, p->k->tiles));
    count = q->keep ? div_up(count, threads) * threads : count;
    q->groups = div_up(div_up(q->tiles, count), p->k->tiles);
    q->rows = (int)div_up(div_up(q->tiles, count), q->groups);
    q->block_tiles = q->groups * q->rows;
    q->v_step = position_step(q->block_tiles * q->blocks * BLOCK);

    /* enough units to keep all threads busy to the end, each with some groups to share a panel's weights */
    int64_t want = div_up(UNITS_PER_THREAD * threads, q->panels);
    q->parts = q->keep || q->panels % threads == 0 ? 1 : max_i64(1, min_i64(want, q->groups / 4));
    q->wait_groups = min_i64(div_up(q->groups, q->parts), div_up(PRODUCT_TILES, q->rows));
    q->m_step = position_step(q->wait_groups * q->rows * nr);
}

/* --- tiles -------------------------------------------------------------------------------------------- */

/* Tile t of the block that starts at tile `first`; tiles behind the last one are zero. */
static void input_tile(const plan *q, int64_t first, int64_t t, const buffers *b)
{
    const dr_winograd *p = &q->p;
    const float *pixel[36] = {0};
    int64_t all = first + t;
    if (all < q->tiles) {
        int64_t n = all / (q->down * q->across), ty = all / q->across % q->down, tx = all % q->across;
        for (int r = 0; r < 6; r++) {
            int64_t y = 4 * ty + r - p->top;
            for (int c = 0; c < 6; c++) {
                int64_t x = 4 * tx + c - p->left;
                if (y >= 0 && y < p->H && x >= 0 && x < p->W)
                    pixel[6 * r + c] = p->x + ((n * p->H + y) * p->W + x) * p->I;
            }
        }
    }
    p->k->input(pixel, p->I, q->rows, (int)(t % q->rows), b->v + t / q->rows * q->rows * q->blocks * BLOCK, q->v_step,
                b->work, b->unit + t * POSITIONS);
}

static void output_tile(const plan *q, int64_t all, int64_t o, const float *m, const float *unit)
{
    const dr_winograd *p = &q->p;
    int64_t n = all / (q->down * q->across), ty = all / q->across % q->down, tx = all % q->across;
    int64_t at = ((n * p->OH + 4 * ty) * p->OW + 4 * tx) * p->O + o;
    dr_winograd_tile tile = {.y = p->y + at,
                             .bias = p->b ? p->b + o : NULL,
                             .residual = p->residual ? p->residual + at : NULL,
                             .unit = unit,
                             .weight_unit = p->w.unit ? p->w.unit + o * POSITIONS : NULL,
                             .line = p->OW * p->O,
                             .pixel = p->O,
                             .outputs = p->O - o,
                             .rows = (int)min_i64(4, p->OH - 4 * ty),
                             .cols = (int)min_i64(4, p->OW - 4 * tx)};
    p->k->output(m, q->m_step, &tile);
}

/* --- products ------------------------------------------------------------------------------------------ */

static void transform_weights(const plan *q, int64_t panel, int64_t c, float *u)
{
    q->p.k->weights(&q->p.w, panel, c * q->chunk, min_i64(q->p.I, (c + 1) * q->chunk), u, q->u_step);
}

/* Products of the groups [g0, g1) with chunk c of a panel, onto m: for each position a part of the panel that fits the
 * first-level cache meets all groups. */
static void multiply(const plan *q, int64_t g0, int64_t g1, int64_t c, const float *v, const float *u, float *m)
{
    int64_t nr = q->p.k->outputs, per = q->p.k->per, group = q->rows * q->blocks * BLOCK;
    int64_t k0 = c * q->chunk, k1 = min_i64(q->p.I, k0 + q->chunk);
    for (int pos = 0; pos < POSITIONS; pos++)
        for (int64_t k = k0; k < k1; k += SUM_CHANNELS)
            for (int64_t g = g0; g < g1; g++)
                q->p.k->product(q->rows, div_up(min_i64(k1 - k, SUM_CHANNELS), q->wide),
                                v + pos * q->v_step + g * group + k / per * q->rows,
                                u + pos * q->u_step + (k - k0) / per * nr,
                                m + pos * q->m_step + (g - g0) * q->rows * nr, k > 0);
}

/* One panel of outputs for the groups [from, to) of the block that starts at tile `first`. */
static void run_panel(const plan *q, int64_t first, int64_t panel, int64_t from, int64_t to, const buffers *b)
{
    int64_t nr = q->p.k->outputs;
    for (int64_t g0 = from; g0 < to; g0 += q->wait_groups) {
        int64_t g1 = min_i64(to, g0 + q->wait_groups);
        for (int64_t c = 0; c < q->chunks; c++) {
            const float *u = q->keep ? q->kept + (panel * q->chunks + c) * u_floats(q) : b->u;
            if (!q->keep && (q->chunks > 1 || g0 == from))
                transform_weights(q, panel, c, b->u);
            multiply(q, g0, g1, c, b->v, u, b->m);
        }
        for (int64_t t = g0 * q->rows; t < g1 * q->rows && first + t < q->tiles; t++)
            output_tile(q, first + t, panel * nr, b->m + (t - g0 * q->rows) * nr, b->unit + t * POSITIONS);
    }
}

/* --- the two orders -------------------------------------------------------------------------------------- */

static void run_kept(const plan *q, const buffers *b)
{
#pragma omp for schedule(dynamic, 1)
    for (int64_t i = 0; i < q->panels * q->chunks; i++)
        transform_weights(q, i / q->chunks, i % q->chunks, q->kept + i * u_floats(q));
#pragma omp for schedule(dynamic, 1)
    for (int64_t first = 0; first < q->tiles; first += q->block_tiles) {
        int64_t groups = div_up(min_i64(q->block_tiles, q->tiles - first), q->rows);
        for (int64_t t = 0; t < groups * q->rows; t++)
            input_tile(q, first, t, b);
        for (int64_t panel = 0; panel < q->panels; panel++)
            run_panel(q, first, panel, 0, groups, b);
    }
}

static void run_shared(const plan *q, const buffers *b)
{
    for (int64_t first = 0; first < q->tiles; first += q->block_tiles) {
        int64_t groups = div_up(min_i64(q->block_tiles, q->tiles - first), q->rows), share = div_up(groups, q->parts);
#pragma omp for schedule(dynamic, 4)
        for (int64_t t = 0; t < groups * q->rows; t++)
            input_tile(q, first, t, b);
#pragma omp for schedule(dynamic, 1)
        for (int64_t unit = 0; unit < q->panels * q->parts; unit++) {
            int64_t from = unit % q->parts * share;
            run_panel(q, first, unit / q->parts, from, min_i64(groups, from + share), b);
        }
    }
}

dr_status dr_winograd_run(const dr_winograd *p, dr_arena *scratch)
{
    plan q = {.p = *p};
    plan_make(&q);
    int threads = dr_threads();
    size_t u_size = q.keep ? 0 : (size_t)u_floats(&q), m_size = (size_t)(POSITIONS * q.m_step);
    size_t v_size = (size_t)(POSITIONS * q.v_step), unit_size = (size_t)(POSITIONS * q.block_tiles);
    size_t work_size = p->k->per > 1 ? (size_t)(POSITIONS * q.blocks * q.wide) : 0;
    size_t kept = q.keep ? (size_t)(q.panels * q.chunks * u_floats(&q)) : 0, tiles = v_size + unit_size;
    size_t common = kept + (q.keep ? 0 : tiles), own = u_size + m_size + work_size + (q.keep ? tiles : 0);

    size_t mark = dr_arena_mark(scratch);
    float *all = dr_arena_alloc(scratch, (common + (size_t)threads * own) * sizeof *all);
    if (!all)
        return DR_ENOMEM;
    q.kept = q.keep ? all : NULL;
#pragma omp parallel num_threads(threads)
    {
        float *mine = all + common + (size_t)omp_get_thread_num() * own;
        float *v = q.keep ? mine + u_size + m_size + work_size : all;
        buffers b = {.v = v, .unit = v + v_size, .u = mine, .m = mine + u_size, .work = mine + u_size + m_size};
        if (q.keep)
            run_kept(&q, &b);
        else
            run_shared(&q, &b);
    }
    dr_arena_rewind(scratch, mark);
    return DR_OK;
}
