#include "ops/cpu/winograd.h"

#include "ops/cpu/simd/simd.h"
#include "ops/cpu/simd/winograd_maps.h"

#include <stddef.h>

#define BLOCK DR_WINOGRAD_BLOCK
#define NR (2 * VW) /* outputs of a panel: two vectors */

/* Accumulators (two a tile), the panel's two vectors and one broadcast must fit the registers. */
#if defined(DR_ISA_avx512)
#define MR 14
#elif defined(__aarch64__)
#define MR 12
#else
#define MR 6
#endif

extern const dr_winograd_kernels SIMD(winograd);

/* --- weights ---------------------------------------------------------------------------------------- */

static inline __attribute__((always_inline)) vf load_weights(const void *data, dr_dtype dtype, int64_t at)
{
    if (dtype == DR_F32)
        return vload((const float *)data + at);
    const uint16_t *p = (const uint16_t *)data + at;
    return dtype == DR_F16 ? vload_f16(p) : vload_bf16(p);
}

/* A channel's weights are a few lines that come from memory once: the processor's own prefetcher starts anew at each
 * page. */
#define AHEAD 6 /* channels */
static inline __attribute__((always_inline)) void prefetch_weights(const void *data, dr_dtype dtype, int64_t at)
{
    const char *p = (const char *)data + at * (dtype == DR_F32 ? 4 : 2);
    for (int line = 0; line < 9 * NR * (dtype == DR_F32 ? 4 : 2); line += 64)
        __builtin_prefetch(p + line);
}

/* Channels from element `at` of the weights on. */
static inline __attribute__((always_inline)) void weights_of(const dr_winograd_weights *w, dr_dtype dtype, int64_t at,
                                                             int64_t channels, float *u, int64_t step)
{
    int64_t first = w->flip ? 8 * NR : 0, next = w->flip ? -NR : NR;
    for (int64_t k = 0; k < channels; k++, at += 9 * NR) {
        prefetch_weights(w->data, dtype, at + AHEAD * 9 * NR);
        for (int half = 0; half < NR; half += VW, u += VW) {
            vf g[9], t[18], out[6];
#pragma GCC unroll 9
            for (int tap = 0; tap < 9; tap++)
                g[tap] = load_weights(w->data, dtype, at + first + tap * next + half);
#pragma GCC unroll 3
            for (int x = 0; x < 3; x++)
                weight_map(g + x, 3, t + x, 3);
#pragma GCC unroll 6
            for (int y = 0; y < 6; y++) {
                weight_map(t + 3 * y, 1, out, 1);
#pragma GCC unroll 6
                for (int x = 0; x < 6; x++)
                    vstore(u + (6 * y + x) * step, out[x]);
            }
        }
    }
}

/* The same from codes: a block's scales are those of 32 taps that follow each other. */
static void weights_q8(const dr_winograd_weights *w, int64_t panel, int64_t from, int64_t channels, float *u,
                       int64_t step)
{
    const int8_t *code = (const int8_t *)w->data + (panel * w->channels + from) * 9 * NR;
    for (int64_t k = from; k < from + channels; k++, code += 9 * NR) {
        for (int line = 0; line < 9 * NR; line += 64)
            __builtin_prefetch(code + AHEAD * 9 * NR + line);
        for (int half = 0; half < NR; half += VW, u += VW) {
            vf g[9], t[18], out[6];
#pragma GCC unroll 9
            for (int tap = 0; tap < 9; tap++)
                g[tap] = vload_i8(code + tap * NR + half) *
                         vload_f16(w->scale + (9 * k + tap) / 32 * w->outputs + panel * NR + half);
#pragma GCC unroll 3
            for (int x = 0; x < 3; x++)
                weight_map(g + x, 3, t + x, 3);
#pragma GCC unroll 6
            for (int y = 0; y < 6; y++) {
                weight_map(t + 3 * y, 1, out, 1);
#pragma GCC unroll 6
                for (int x = 0; x < 6; x++)
                    vstore(u + (6 * y + x) * step, out[x]);
            }
        }
    }
}

static void weights(const dr_winograd_weights *w, int64_t panel, int64_t from, int64_t to, float *u, int64_t step)
{
    int64_t n = to - from, rows = (n + BLOCK - 1) / BLOCK * BLOCK, at = (panel * w->channels + from) * 9 * NR;
    if (w->dtype == DR_F32)
        weights_of(w, DR_F32, at, n, u, step);
    else if (w->dtype == DR_Q8_0)
        weights_q8(w, panel, from, n, u, step);
    else if (w->dtype == DR_F16)
        weights_of(w, DR_F16, at, n, u, step);
    else
        weights_of(w, DR_BF16, at, n, u, step);
    for (int p = 0; p < 36; p++)
        memset(u + p * step + n * NR, 0, (size_t)(rows - n) * NR * sizeof *u);
}

/* --- input ------------------------------------------------------------------------------------------- */

static void input(const float *const pixel[36], int64_t channels, int tiles, int r, float *v, int64_t step, float *wide,
                  float *unit)
{
    (void)wide;
    (void)unit;
    v += r * BLOCK;
    for (int64_t c = 0; c < channels; c += BLOCK, v += tiles * BLOCK) {
        for (int part = 0; part < BLOCK; part += VW) {
            int64_t n = channels - c - part;
            vf d[36], t[36];
            for (int p = 0; p < 36; p++) {
                if (!pixel[p] || n <= 0)
                    d[p] = vzero();
                else
                    d[p] = n >= VW ? vload(pixel[p] + c + part) : vload_n(pixel[p] + c + part, n);
            }
#pragma GCC unroll 6
            for (int x = 0; x < 6; x++)
                input_map(d + x, 6, t + x, 6);
#pragma GCC unroll 6
            for (int y = 0; y < 6; y++) {
                vf out[6];
                input_map(t + 6 * y, 1, out, 1);
#pragma GCC unroll 6
                for (int x = 0; x < 6; x++)
                    vstore(v + (6 * y + x) * step + part, out[x]);
            }
        }
    }
}

/* --- products ---------------------------------------------------------------------------------------- */

static inline __attribute__((always_inline)) void product_of(const int tiles, int64_t blocks, const float *v,
                                                             const float *u, float *c, bool add)
{
    vf acc[MR][2];
#pragma GCC unroll 14
    for (int r = 0; r < tiles; r++)
        acc[r][0] = acc[r][1] = vzero();
    for (int64_t b = 0; b < blocks; b++, v += tiles * BLOCK) {
#pragma GCC unroll 1
        for (int k = 0; k < BLOCK; k++, u += NR) {
            vf u0 = vload(u), u1 = vload(u + VW);
#pragma GCC unroll 14
            for (int r = 0; r < tiles; r++) {
                vf x = vset1(v[r * BLOCK + k]);
                acc[r][0] = vfma(x, u0, acc[r][0]);
                acc[r][1] = vfma(x, u1, acc[r][1]);
            }
        }
    }
#pragma GCC unroll 14
    for (int r = 0; r < tiles; r++) {
        float *to = c + r * NR;
        vstore(to, add ? acc[r][0] + vload(to) : acc[r][0]);
        vstore(to + VW, add ? acc[r][1] + vload(to + VW) : acc[r][1]);
    }
}

static void product(int tiles, int64_t blocks, const float *v, const float *u, float *c, bool add)
{
    switch (tiles) {
#define CASE(n)                                                                                                        \
    case n:                                                                                                            \
        product_of(n, blocks, v, u, c, add);                                                                           \
        break;
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
        CASE(5)
        CASE(6)
#if MR > 6
        CASE(7)
        CASE(8)
        CASE(9)
        CASE(10)
        CASE(11)
        CASE(12)
#endif
#if MR > 12
        CASE(13)
        CASE(14)
#endif
#undef CASE
    }
}

static void output(const float *m, int64_t step, const dr_winograd_tile *t)
{
    for (int64_t o = 0; o < NR && o < t->outputs; o += VW) {
        vf d[36];
        for (int p = 0; p < 36; p++)
            d[p] = vload(m + p * step + o);
        output_lanes(d, o, t);
    }
}

const dr_winograd_kernels SIMD(winograd) = {MR, NR, 1, NULL, weights, input, product, output};
