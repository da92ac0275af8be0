/* Nearest and bilinear resizing of [N,H,W,C]: each output pixel is a run of C floats. */
#include "ops/cpu/simd/rows.h"
#include "ops/cpu/simd/vec.h"

#define BLOCK 64 /* channels that one task of the bilinear backward owns */

static void add_run(int64_t C, const float *src, float *dst)
{
    int64_t c = 0;
    for (; c + VW <= C; c += VW)
        vstore(dst + c, vload(dst + c) + vload(src + c));
    for (; c < C; c++)
        dst[c] += src[c];
}

void SIMD(resize_nearest)(int64_t N, int64_t H, int64_t W, int64_t C, int64_t OH, int64_t OW, const float *x, float *y)
{
#pragma omp parallel for schedule(static) if (N * OH * OW * C > 32768)
    for (int64_t r = 0; r < N * OH; r++) {
        int64_t n = r / OH, h = r % OH * H / OH;
        const float *from = x + (n * H + h) * W * C;
        float *to = y + r * OW * C;
        for (int64_t o = 0; o < OW; o++)
            memcpy(to + o * C, from + o * W / OW * C, (size_t)C * sizeof *y);
    }
}

/* The output rows that read source row h are those o with floor(o*H/OH) = h: a range, so that each
 * task owns a row of dx. */
void SIMD(resize_nearest_bwd)(int64_t N, int64_t H, int64_t W, int64_t C, int64_t OH, int64_t OW, const float *dy,
                              float *dx)
{
#pragma omp parallel for schedule(static) if (N * OH * OW * C > 32768)
    for (int64_t r = 0; r < N * H; r++) {
        int64_t n = r / H, h = r % H;
        int64_t first = (h * OH + H - 1) / H, last = ((h + 1) * OH + H - 1) / H;
        for (int64_t oh = first; oh < last; oh++)
            for (int64_t ow = 0; ow < OW; ow++)
                add_run(C, dy + ((n * OH + oh) * OW + ow) * C, dx + (r * W + ow * W / OW) * C);
    }
}

/* Where output cell o of O lies between source cells a and b of size I: (1-t) a + t b. */
typedef struct tap {
    int64_t a, b;
    float t;
} tap;

static tap tap_at(int64_t o, int64_t I, int64_t O)
{
    float s = ((float)o + 0.5f) * ((float)I / (float)O) - 0.5f;
    s = s > 0 ? s : 0;
    tap p;
    p.a = (int64_t)s < I - 1 ? (int64_t)s : I - 1;
    p.b = p.a < I - 1 ? p.a + 1 : p.a;
    p.t = s - (float)p.a;
    return p;
}

/* y[c] = (1-th) ((1-tw) aa + tw ab) + th ((1-tw) ba + tw bb) */
static void blend_run(int64_t C, const float *top, const float *bottom, tap w, int64_t stride, float th, float *y)
{
    const float *aa = top + w.a * stride, *ab = top + w.b * stride;
    const float *ba = bottom + w.a * stride, *bb = bottom + w.b * stride;
    vf u = vset1(1 - w.t), v = vset1(w.t), s = vset1(1 - th), t = vset1(th);
    for (int64_t c = 0; c < C; c += VW) {
        int64_t n = C - c < VW ? C - c : VW;
        vf upper = vfma(u, vload_n(aa + c, n), v * vload_n(ab + c, n));
        vf lower = vfma(u, vload_n(ba + c, n), v * vload_n(bb + c, n));
        vstore_n(y + c, vfma(s, upper, t * lower), n);
    }
}

void SIMD(resize_bilinear)(int64_t N, int64_t H, int64_t W, int64_t C, int64_t OH, int64_t OW, const float *x, float *y)
{
#pragma omp parallel for schedule(static) if (N * OH * OW * C > 32768)
    for (int64_t r = 0; r < N * OH; r++) {
        tap h = tap_at(r % OH, H, OH);
        const float *image = x + r / OH * H * W * C;
        for (int64_t o = 0; o < OW; o++)
            blend_run(C, image + h.a * W * C, image + h.b * W * C, tap_at(o, W, OW), C, h.t, y + (r * OW + o) * C);
    }
}

static void add_scaled(int64_t C, float s, const float *src, float *dst)
{
    for (int64_t c = 0; c < C; c++)
        dst[c] += s * src[c];
}

/* Spreads `w` channels of one sample's gradient over the four cells that each output cell read. */
static void spread_block(int64_t H, int64_t W, int64_t C, int64_t w, int64_t OH, int64_t OW, const float *dy, float *dx)
{
    for (int64_t oh = 0; oh < OH; oh++) {
        tap h = tap_at(oh, H, OH);
        float *top = dx + h.a * W * C, *bottom = dx + h.b * W * C;
        for (int64_t ow = 0; ow < OW; ow++) {
            tap k = tap_at(ow, W, OW);
            const float *g = dy + (oh * OW + ow) * C;
            add_scaled(w, (1 - h.t) * (1 - k.t), g, top + k.a * C);
            add_scaled(w, (1 - h.t) * k.t, g, top + k.b * C);
            add_scaled(w, h.t * (1 - k.t), g, bottom + k.a * C);
            add_scaled(w, h.t * k.t, g, bottom + k.b * C);
        }
    }
}

void SIMD(resize_bilinear_bwd)(int64_t N, int64_t H, int64_t W, int64_t C, int64_t OH, int64_t OW, const float *dy,
                               float *dx)
{
    int64_t blocks = (C + BLOCK - 1) / BLOCK;
#pragma omp parallel for schedule(static) if (N * OH * OW * C > 32768)
    for (int64_t t = 0; t < N * blocks; t++) {
        int64_t n = t / blocks, c = t % blocks * BLOCK;
        int64_t w = C - c < BLOCK ? C - c : BLOCK;
        spread_block(H, W, C, w, OH, OW, dy + n * OH * OW * C + c, dx + n * H * W * C + c);
    }
}
