/* F(4x4,3x3) with products of 16-bit whole numbers, two channels to a lane (ops/cpu/winograd.h). The maps stay in f32;
 * each position is then divided by a step of its own. A NaN becomes the step, and so all that is made of it. */
#include "ops/cpu/winograd.h"

#include "ops/cpu/simd/simd.h"
#include "ops/cpu/simd/winograd_maps.h"

#if defined(DR_ISA_avx512)

#define BLOCK DR_WINOGRAD_BLOCK
#define PAIR (2 * BLOCK) /* channels of a block */
#define NR (2 * VW)
#define MR 14
#define ALWAYS_INLINE static inline __attribute__((always_inline))

extern const dr_winograd_kernels SIMD(winograd16);

/* a's values, rounded, in the lower halves of the lanes, b's in the upper */
ALWAYS_INLINE __m512i join(vf a, vf b)
{
    __m512i low = _mm512_cvtps_epi32((__m512)a), high = _mm512_cvtps_epi32((__m512)b);
    return _mm512_mask_blend_epi16(0xaaaaaaaa, low, _mm512_slli_epi32(high, 16));
}

/* The larger of |x| and top, by their bits: a NaN is larger than all. */
ALWAYS_INLINE vi larger(vi top, vf x)
{
    return (vi)_mm512_max_epi32((__m512i)top, (__m512i)((vi)x & 0x7fffffff));
}

static float unit_of(float top)
{
    return top / DR_WINOGRAD_LARGEST;
}

static float inverse(float unit)
{
    float inv = 1 / unit;
    return unit == 0 || isinf(inv) ? 0 : inv; /* steps too small for f32 are none */
}

/* --- weights ----------------------------------------------------------------------------------------- */

/* Channel k's lanes from `half` on of a panel. */
ALWAYS_INLINE void channel_weights(const dr_winograd_weights *w, int64_t panel, int64_t k, int half, vf out[36])
{
    vf g[9], t[18];
    int64_t at = (panel * w->channels + k) * 9 * NR + half;
    for (int tap = 0; tap < 9; tap++, at += NR) {
        if (w->dtype == DR_F16)
            g[tap] = vload_f16((const uint16_t *)w->data + at);
        else if (w->dtype == DR_BF16)
            g[tap] = vload_bf16((const uint16_t *)w->data + at);
        else if (w->dtype == DR_F32)
            g[tap] = vload((const float *)w->data + at);
        else
            g[tap] = vload_i8((const int8_t *)w->data + at) *
                     vload_f16(w->scale + (9 * k + tap) / 32 * w->outputs + panel * NR + half);
    }
#pragma GCC unroll 3
    for (int x = 0; x < 3; x++)
        weight_map(g + x, 3, t + x, 3);
#pragma GCC unroll 6
    for (int y = 0; y < 6; y++)
        weight_map(t + 3 * y, 1, out + 6 * y, 1);
}

ALWAYS_INLINE void weights_or_zero(const dr_winograd_weights *w, int64_t panel, int64_t k, int64_t to, int half,
                                   vf out[36])
{
    if (k < to)
        channel_weights(w, panel, k, half, out);
    else
        memset(out, 0, 36 * sizeof *out);
}

#define AHEAD 6 /* channels: the processor's own prefetcher starts anew at each page */
static void prefetch(const dr_winograd_weights *w, int64_t panel, int64_t k)
{
    int size = w->dtype == DR_F32 ? 4 : w->dtype == DR_Q8_0 ? 1 : 2;
    const char *p = (const char *)w->data + (panel * w->channels + k) * 9 * NR * size;
    for (int line = 0; line < 9 * NR * size; line += 64)
        __builtin_prefetch(p + line);
}

static void units(const dr_winograd_weights *w, int64_t panel, float *unit)
{
    for (int half = 0; half < NR; half += VW) {
        vi top[36] = {0};
        for (int64_t k = 0; k < w->channels; k++) {
            vf out[36];
            channel_weights(w, panel, k, half, out);
            for (int p = 0; p < 36; p++)
                top[p] = larger(top[p], out[p]);
        }
        for (int p = 0; p < 36; p++)
            vstore(unit + p * NR + half, (vf)top[p] * unit_of(1));
    }
}

static void weights(const dr_winograd_weights *w, int64_t panel, int64_t from, int64_t to, float *u, int64_t step)
{
    float inv[36 * NR];
    for (int i = 0; i < 36 * NR; i++)
        inv[i] = inverse(w->unit[panel * 36 * NR + i]);
    for (int64_t block = from; block < to; block += PAIR)
        for (int64_t k = block; k < block + BLOCK; k++) {
            prefetch(w, panel, k + AHEAD);
            prefetch(w, panel, k + BLOCK + AHEAD);
            for (int half = 0; half < NR; half += VW, u += VW) {
                vf a[36], b[36];
                weights_or_zero(w, panel, k, to, half, a);
                weights_or_zero(w, panel, k + BLOCK, to, half, b);
                for (int p = 0; p < 36; p++) {
                    vf by = vload(inv + p * NR + half);
                    vstore(u + p * step, (vf)join(a[p] * by, b[p] * by));
                }
            }
        }
}

/* --- input ------------------------------------------------------------------------------------------- */

/* 16 channels from c on of all positions into wide[36][16], their largest into top. */
static void map_pixels(const float *const pixel[36], int64_t c, int64_t n, float *wide, vi top[36])
{
    vf d[36], t[36];
    for (int p = 0; p < 36; p++)
        d[p] = !pixel[p] || n <= 0 ? vzero() : n >= VW ? vload(pixel[p] + c) : vload_n(pixel[p] + c, n);
#pragma GCC unroll 6
    for (int x = 0; x < 6; x++)
        input_map(d + x, 6, t + x, 6);
#pragma GCC unroll 6
    for (int y = 0; y < 6; y++) {
        vf out[6];
        input_map(t + 6 * y, 1, out, 1);
#pragma GCC unroll 6
        for (int x = 0; x < 6; x++) {
            vstore(wide + (6 * y + x) * VW, out[x]);
            top[6 * y + x] = larger(top[6 * y + x], out[x]);
        }
    }
}

static void input(const float *const pixel[36], int64_t channels, int tiles, int r, float *v, int64_t step, float *wide,
                  float *unit)
{
    vi top[36] = {0};
    float inv[36];
    int64_t blocks = (channels + PAIR - 1) / PAIR;
    for (int64_t c = 0; c < blocks * PAIR; c += VW)
        map_pixels(pixel, c, channels - c, wide + c * 36, top);
    for (int p = 0; p < 36; p++) {
        int32_t bits = _mm512_reduce_max_epi32((__m512i)top[p]);
        memcpy(unit + p, &bits, sizeof bits);
        unit[p] = unit_of(unit[p]);
        inv[p] = inverse(unit[p]);
    }
    v += r * BLOCK;
    for (int64_t b = 0; b < blocks; b++, v += tiles * BLOCK, wide += PAIR * 36)
        for (int p = 0; p < 36; p++) {
            vf low = vload(wide + p * VW) * inv[p], high = vload(wide + (36 + p) * VW) * inv[p];
            vstore(v + p * step, (vf)join(low, high));
        }
}

/* --- products ---------------------------------------------------------------------------------------- */

#define VNNI __attribute__((target("avx512vnni")))

VNNI ALWAYS_INLINE void product_of(const int tiles, int64_t blocks, const float *v, const float *u, float *c, bool add)
{
    vi acc[MR][2]; /* of this type GCC keeps them in registers */
#pragma GCC unroll 14
    for (int r = 0; r < tiles; r++)
        acc[r][0] = acc[r][1] = (vi){0};
    for (int64_t b = 0; b < blocks; b++, v += tiles * BLOCK) {
#pragma GCC unroll 1
        for (int k = 0; k < BLOCK; k++, u += NR) {
            __m512i u0 = (__m512i)vload(u), u1 = (__m512i)vload(u + VW);
#pragma GCC unroll 14
            for (int r = 0; r < tiles; r++) {
                int32_t pair;
                memcpy(&pair, v + r * BLOCK + k, sizeof pair);
                __m512i x = _mm512_set1_epi32(pair);
                acc[r][0] = (vi)_mm512_dpwssd_epi32((__m512i)acc[r][0], x, u0);
                acc[r][1] = (vi)_mm512_dpwssd_epi32((__m512i)acc[r][1], x, u1);
            }
        }
    }
#pragma GCC unroll 14
    for (int r = 0; r < tiles; r++) {
        float *to = c + r * NR;
        vf y0 = (vf)_mm512_cvtepi32_ps((__m512i)acc[r][0]), y1 = (vf)_mm512_cvtepi32_ps((__m512i)acc[r][1]);
        vstore(to, add ? y0 + vload(to) : y0);
        vstore(to + VW, add ? y1 + vload(to + VW) : y1);
    }
}

VNNI static void product(int tiles, int64_t blocks, const float *v, const float *u, float *c, bool add)
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
        CASE(7)
        CASE(8)
        CASE(9)
        CASE(10)
        CASE(11)
        CASE(12)
        CASE(13)
        CASE(14)
#undef CASE
    }
}

/* --- output ------------------------------------------------------------------------------------------ */

static void output(const float *m, int64_t step, const dr_winograd_tile *t)
{
    for (int64_t o = 0; o < NR && o < t->outputs; o += VW) {
        vf d[36];
        for (int p = 0; p < 36; p++)
            d[p] = vload(m + p * step + o) * (vload(t->weight_unit + p * NR + o) * t->unit[p]);
        output_lanes(d, o, t);
    }
}

const dr_winograd_kernels SIMD(winograd16) = {MR, NR, 2, units, weights, input, product, output};

#else
typedef int winograd16_unused; /* a source may not be empty */
#endif
