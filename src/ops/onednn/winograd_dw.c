/* The gradient of a 3x3 convolution's weights by F(4x4,3x3): ops/cpu/winograd_dw.h has the arithmetic, here are the
 * loops. Tiles are transformed in blocks that stay in the last-level cache; then each thread takes units of dw, whose
 * products of 36 positions stay in its second-level one. */
#include "ops/cpu/winograd_dw.h"
#include "base/threads.h"
#include "ops/onednn/rows.h"

#include <omp.h>

#define POSITIONS DR_WINOGRAD_POSITIONS
#define BLOCK DR_WINOGRAD_BLOCK
#define SIDE DR_WINOGRAD_DW_SIDE
#define BLOCK_BYTES (48 << 20) /* transformed tiles at once */

typedef struct plan {
    const dr_conv_args *a;
    const dr_winograd_dw_kernels *k;
    const dr_winograd_kernels *input;
    int64_t across, down, tiles, most; /* tiles of a line, lines of a picture, all, of a block */
    int64_t u_step, v_step;
    float *u, *v, *m; /* m: one for each thread */
} plan;

static int64_t div_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t min_i64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Not whole pages, so that 36 lines written together do not meet in one set of the cache. */
static int64_t position_step(int64_t floats)
{
    return div_up(floats, 1024) * 1024 + BLOCK;
}

/* The pixels of a size x size tile of x[H,W,C] whose corner is at (top, left); NULL outside. */
static void tile_pixels(const float *x, int64_t H, int64_t W, int64_t C, int64_t top, int64_t left, int size,
                        const float **pixel)
{
    for (int r = 0; r < size; r++)
        for (int c = 0; c < size; c++) {
            int64_t y = top + r, z = left + c;
            bool inside = y >= 0 && y < H && z >= 0 && z < W;
            pixel[r * size + c] = inside ? x + (y * W + z) * C : NULL;
        }
}

/* Tile t as row r of a block of `count`. */
static void transform(const plan *q, int64_t t, int64_t r, int64_t count)
{
    const dr_conv_args *a = q->a;
    const float *pixel[36];
    int64_t n = t / (q->down * q->across), y = t / q->across % q->down * 4, x = t % q->across * 4;
    tile_pixels(a->x + n * a->H * a->W * a->I, a->H, a->W, a->I, y - a->geom.top, x - a->geom.left, 6, pixel);
    q->input->input(pixel, a->I, (int)count, (int)r, q->u, q->u_step, NULL, NULL);
    tile_pixels(a->dy + n * a->OH * a->OW * a->O, a->OH, a->OW, a->O, y, x, 4, pixel);
    q->k->gradient(pixel, a->O, (int)count, (int)r, q->v, q->v_step);
}

/* Unit `at` of dw over the `count` tiles that are transformed. */
static void run_unit(const plan *q, int64_t at, int64_t count)
{
    const dr_conv_args *a = q->a;
    int64_t across = div_up(a->I, SIDE), o = at / across * SIDE, i = at % across * SIDE;
    q->k->unit(&(dr_winograd_dw_unit){.u = q->u + i * count,
                                      .v = q->v + o * count,
                                      .u_step = q->u_step,
                                      .v_step = q->v_step,
                                      .tiles = count,
                                      .outputs = min_i64(a->O - o, SIDE),
                                      .inputs = min_i64(a->I - i, SIDE),
                                      .dw = a->dw + (o * a->I + i) * 9,
                                      .row = a->I * 9,
                                      .m = q->m + omp_get_thread_num() * (int64_t)(POSITIONS * SIDE * SIDE)});
}

static void run(const plan *q)
{
    int64_t units = div_up(q->a->O, SIDE) * div_up(q->a->I, SIDE);
    for (int64_t first = 0; first < q->tiles; first += q->most) {
        int64_t count = min_i64(q->most, q->tiles - first);
#pragma omp parallel for schedule(dynamic, 4)
        for (int64_t r = 0; r < count; r++)
            transform(q, first + r, r, count);
#pragma omp parallel for schedule(dynamic, 1)
        for (int64_t at = 0; at < units; at++)
            run_unit(q, at, count);
    }
}

bool dr_conv_winograd_dw_fits(const dr_conv_args *a)
{
    return dr_conv_winograd_fits(a) && dr_cpu_winograd_dw();
}

dr_status dr_conv_winograd_dw(const dr_conv_args *a)
{
    if (!dr_conv_winograd_dw_fits(a))
        return DR_EUNSUPPORTED;
    plan q = {.a = a,
              .k = dr_cpu_winograd_dw(),
              .input = dr_cpu_winograd(),
              .across = div_up(a->OW, 4),
              .down = div_up(a->OH, 4)};
    int64_t inputs = div_up(a->I, BLOCK) * BLOCK, outputs = div_up(a->O, BLOCK) * BLOCK;
    q.tiles = a->N * q.across * q.down;
    int64_t blocks = div_up(q.tiles * POSITIONS * (inputs + outputs) * (int64_t)sizeof(float), BLOCK_BYTES);
    q.most = div_up(q.tiles, blocks);
    q.u_step = position_step(q.most * inputs);
    q.v_step = position_step(q.most * outputs);
    size_t mark = dr_arena_mark(a->scratch), tile = POSITIONS * SIDE * SIDE * sizeof(float);
    q.u = dr_arena_alloc(a->scratch, (size_t)(POSITIONS * q.u_step) * sizeof *q.u);
    q.v = dr_arena_alloc(a->scratch, (size_t)(POSITIONS * q.v_step) * sizeof *q.v);
    q.m = dr_arena_alloc(a->scratch, (size_t)omp_get_max_threads() * tile);
    dr_status s = q.u && q.v && q.m ? DR_OK : DR_ENOMEM;
    if (s == DR_OK)
        run(&q);
    dr_arena_rewind(a->scratch, mark);
    return s;
}
