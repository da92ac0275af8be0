/* Depthwise convolution of stride 1: every channel has its own window. Channels are the lanes; other convolutions
 * go to plain C (oneDNN overwrites the row for them). */
#include "ops/cpu/simd/rows.h"
#include "ops/cpu/simd/vec.h"
#include "ops/ref/ref.h"

#define RUN 8    /* neighbouring output cells that share each load of a weight */
#define TAPS 128 /* largest window */
#define WIDE 16  /* widest window whose gradient is summed here */

static bool served(const dr_conv_args *a)
{
    return a->geom.groups > 1 && a->geom.groups == a->I && a->I == a->O && a->geom.stride == 1 &&
           a->geom.kh * a->geom.kw <= TAPS && a->geom.kw <= WIDE;
}

/* w [C,T] in any dtype as f32 [T,C], the window turned by 180 degrees if asked. */
static float *taps_of(const dr_conv_args *a, bool turned)
{
    int64_t T = a->geom.kh * a->geom.kw, C = a->I;
    float *flat = dr_arena_alloc(a->scratch, (size_t)(T * C) * sizeof *flat);
    float *w = flat ? dr_arena_alloc(a->scratch, (size_t)(T * C) * sizeof *w) : NULL;
    if (!w)
        return NULL;
    DR_ASSERT(!a->w->yielded, "the values of '%s' were given up", a->w->name);
    dr_to_f32(a->w->data, a->w->dtype, flat, (size_t)(T * C));
    for (int64_t t = 0; t < T; t++)
        for (int64_t c = 0; c < C; c++)
            w[t * C + c] = flat[c * T + (turned ? T - 1 - t : t)];
    return w;
}

/* A correlation of x [H,W,C] with the window, as forward and input gradient both are. */
typedef struct window {
    int64_t H, W, C, OH, OW;
    int kh, kw, top, left;
    const float *x, *w, *bias, *add; /* bias [C] or NULL; add [OH,OW,C] or NULL */
    float *y;
} window;

/* One vector of channels of `n` <= RUN cells from (oh,ow) on, for kernel columns that all of them see. */
static void run_of_cells(const window *k, int64_t oh, int64_t ow, int64_t c, int64_t lanes, int n)
{
    vf acc[RUN], start = k->bias ? vload_n(k->bias + c, lanes) : vzero();
    for (int j = 0; j < RUN; j++)
        acc[j] = start;
    for (int i = 0; i < k->kh; i++) {
        int64_t h = oh + i - k->top;
        if (h < 0 || h >= k->H)
            continue;
        const float *row = k->x + h * k->W * k->C + c;
        for (int t = 0; t < k->kw; t++) {
            vf w = vload_n(k->w + (i * k->kw + t) * k->C + c, lanes);
            int64_t at = ow + t - k->left;
            if (n == RUN && at >= 0 && at + RUN <= k->W && lanes == VW) {
                for (int j = 0; j < RUN; j++)
                    acc[j] = vfma(vload(row + (at + j) * k->C), w, acc[j]);
                continue;
            }
            for (int j = 0; j < n; j++)
                if (at + j >= 0 && at + j < k->W)
                    acc[j] = vfma(vload_n(row + (at + j) * k->C, lanes), w, acc[j]);
        }
    }
    for (int j = 0; j < n; j++) {
        int64_t to = (oh * k->OW + ow + j) * k->C + c;
        vstore_n(k->y + to, k->add ? acc[j] + vload_n(k->add + to, lanes) : acc[j], lanes);
    }
}

static void correlate_row(const window *k, int64_t oh)
{
    for (int64_t ow = 0; ow < k->OW; ow += RUN) {
        int n = k->OW - ow < RUN ? (int)(k->OW - ow) : RUN;
        for (int64_t c = 0; c < k->C; c += VW)
            run_of_cells(k, oh, ow, c, k->C - c < VW ? k->C - c : VW, n);
    }
}

static void correlate(const window *k, int64_t N)
{
    int64_t in = k->H * k->W * k->C, out = k->OH * k->OW * k->C;
#pragma omp parallel for schedule(static) if (N * out * k->kh * k->kw > 65536)
    for (int64_t r = 0; r < N * k->OH; r++) {
        window one = *k;
        one.x += r / k->OH * in;
        one.y += r / k->OH * out;
        one.add = k->add ? k->add + r / k->OH * out : NULL;
        correlate_row(&one, r % k->OH);
    }
}

dr_status SIMD(conv2d)(const dr_conv_args *a)
{
    if (!served(a))
        return dr_ref_conv2d(a);
    size_t mark = dr_arena_mark(a->scratch);
    float *w = taps_of(a, false);
    const dr_conv_geom *g = &a->geom;
    window k = {a->H, a->W, a->I, a->OH, a->OW, g->kh, g->kw, g->top, g->left, a->x, w, a->b, a->residual, a->y};
    if (w)
        correlate(&k, a->N);
    dr_arena_rewind(a->scratch, mark);
    return w ? DR_OK : DR_ENOMEM;
}

/* dx += dy with the window turned: what cell (h,w) gave to its neighbours. */
static dr_status grad_x(const dr_conv_args *a)
{
    const dr_conv_geom *g = &a->geom;
    float *w = taps_of(a, true);
    if (!w)
        return DR_ENOMEM;
    window k = {a->OH, a->OW, a->I, a->H,  a->W, g->kh, g->kw, g->kh - 1 - g->top, g->kw - 1 - g->left,
                a->dy, w,     NULL, a->dx, a->dx};
    correlate(&k, a->N);
    return DR_OK;
}

/* The products of one row of dy with one row of x, for each kernel column; runs in f32, added in double. */
static void row_products(const dr_conv_args *a, const float *dy, const float *x, int64_t lanes, double *sums)
{
    int64_t C = a->I;
    int kw = a->geom.kw, left = a->geom.left;
    for (int t = 0; t < kw; t++) {
        int64_t from = left - t > 0 ? left - t : 0;
        int64_t to = a->W + left - t < a->OW ? a->W + left - t : a->OW;
        vf even = vzero(), odd = vzero();
        int64_t o = from;
        for (; o + 2 <= to; o += 2) {
            even = vfma(vload_n(dy + o * C, lanes), vload_n(x + (o + t - left) * C, lanes), even);
            odd = vfma(vload_n(dy + (o + 1) * C, lanes), vload_n(x + (o + 1 + t - left) * C, lanes), odd);
        }
        if (o < to)
            even = vfma(vload_n(dy + o * C, lanes), vload_n(x + (o + t - left) * C, lanes), even);
        even += odd;
        for (int64_t l = 0; l < lanes; l++)
            sums[t * C + l] += (double)even[l];
    }
}

/* One sample's and one vector of channels' share of dw, as [T,C] doubles. */
static void grad_w_block(const dr_conv_args *a, int64_t n, int64_t c, double *sums)
{
    int64_t C = a->I, lanes = C - c < VW ? C - c : VW;
    for (int64_t oh = 0; oh < a->OH; oh++)
        for (int i = 0; i < a->geom.kh; i++) {
            int64_t h = oh + i - a->geom.top;
            if (h >= 0 && h < a->H)
                row_products(a, a->dy + (n * a->OH + oh) * a->OW * C + c, a->x + (n * a->H + h) * a->W * C + c, lanes,
                             sums + i * a->geom.kw * C + c);
        }
}

static dr_status grad_w(const dr_conv_args *a)
{
    int64_t T = a->geom.kh * a->geom.kw, C = a->I, blocks = (C + VW - 1) / VW;
    double *sums = dr_arena_zalloc(a->scratch, (size_t)(a->N * T * C) * sizeof *sums);
    if (!sums)
        return DR_ENOMEM;
#pragma omp parallel for schedule(static)
    for (int64_t task = 0; task < a->N * blocks; task++)
        grad_w_block(a, task / blocks, task % blocks * VW, sums + task / blocks * T * C);
    for (int64_t c = 0; c < C; c++)
        for (int64_t t = 0; t < T; t++) {
            double sum = 0;
            for (int64_t n = 0; n < a->N; n++)
                sum += sums[(n * T + t) * C + c];
            a->dw[c * T + t] += (float)sum;
        }
    return DR_OK;
}

dr_status SIMD(conv2d_bwd)(const dr_conv_args *a)
{
    if (!served(a))
        return dr_ref_conv2d_bwd(a);
    size_t mark = dr_arena_mark(a->scratch);
    dr_status st = a->dx ? grad_x(a) : DR_OK;
    dr_arena_rewind(a->scratch, mark);
    if (st == DR_OK && a->dw)
        st = grad_w(a);
    dr_arena_rewind(a->scratch, mark);
    if (st == DR_OK && a->db)
        SIMD(sum_rows)(1, a->N * a->OH * a->OW, a->O, a->dy, a->db);
    return st;
}
