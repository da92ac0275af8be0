/* Rows that treat every value alone: activations, sums, products, and the optimiser's step.
 *
 * Each is a static function over a piece [i, end) of the arrays; pieces are shared out to threads.
 * A value's result does not depend on where the pieces end. */
#include "ops/cpu/simd/rows.h"
#include "ops/cpu/simd/vec.h"

#include <stdlib.h>

#define PIECE 16384 /* values: 64 KiB of each array, a few microseconds of work */

/* Runs `body` for pieces [i, end) of [0, n). */
#define FOR_PIECES(n, body)                                                                                            \
    do {                                                                                                               \
        int64_t pieces_ = ((n) + PIECE - 1) / PIECE;                                                                   \
        _Pragma("omp parallel for schedule(static) if (pieces_ > 2)") for (int64_t p_ = 0; p_ < pieces_; p_++)         \
        {                                                                                                              \
            int64_t i = p_ * PIECE, end = i + PIECE < (n) ? i + PIECE : (n);                                           \
            body;                                                                                                      \
        }                                                                                                              \
    } while (0)

/* Runs `expr`, which uses i and the lanes' count `w`, over [i, end): whole vectors, then the rest. */
#define FOR_VECTORS(full, rest)                                                                                        \
    do {                                                                                                               \
        for (; i + VW <= end; i += VW)                                                                                 \
            full;                                                                                                      \
        if (i < end) {                                                                                                 \
            int64_t w = end - i;                                                                                       \
            rest;                                                                                                      \
        }                                                                                                              \
    } while (0)

/* --- activations -------------------------------------------------------------------------------- */

static inline vf act_value(dr_act kind, vf x)
{
    switch (kind) {
    case DR_ACT_SILU:
        return x * vsigmoid(x);
    case DR_ACT_GELU:
        return x * vnormcdf(x);
    case DR_ACT_QUICK_GELU:
        return x * vsigmoid(1.702f * x);
    case DR_ACT_RELU:
        return vmax(vzero(), x);
    case DR_ACT_LEAKY_RELU:
        return vselect(x > 0.0f, x, DR_LEAKY_SLOPE * x);
    case DR_ACT_TANH:
        return vtanh(x);
    default:
        return x;
    }
}

/* x times the normal density: what differs between the derivative of gelu and its cumulative. */
static inline vf x_density(vf x)
{
    return x * 0.398942280f * vexp(-0.5f * x * x);
}

static inline vf act_slope(dr_act kind, vf x)
{
    vf s;
    switch (kind) {
    case DR_ACT_SILU:
        s = vsigmoid(x);
        return s * vfma(x, 1.0f - s, vset1(1.0f));
    case DR_ACT_GELU:
        return vnormcdf(x) + x_density(x);
    case DR_ACT_QUICK_GELU:
        s = vsigmoid(1.702f * x);
        return s * vfma(1.702f * x, 1.0f - s, vset1(1.0f));
    case DR_ACT_RELU:
        return vselect(x > 0.0f, vset1(1.0f), vzero());
    case DR_ACT_LEAKY_RELU:
        return vselect(x > 0.0f, vset1(1.0f), vset1(DR_LEAKY_SLOPE));
    case DR_ACT_TANH:
        s = vtanh(x);
        return vfma(-s, s, vset1(1.0f));
    default:
        return vset1(1.0f);
    }
}

static inline __attribute__((always_inline)) void act_piece(dr_act kind, int64_t i, int64_t end, const float *x,
                                                            float *y)
{
    FOR_VECTORS(vstore(y + i, act_value(kind, vload(x + i))), vstore_n(y + i, act_value(kind, vload_n(x + i, w)), w));
}

static inline __attribute__((always_inline)) void act_bwd_piece(dr_act kind, int64_t i, int64_t end, const float *x,
                                                                const float *dy, float *dx)
{
    FOR_VECTORS(vstore(dx + i, vfma(vload(dy + i), act_slope(kind, vload(x + i)), vload(dx + i))),
                vstore_n(dx + i, vfma(vload_n(dy + i, w), act_slope(kind, vload_n(x + i, w)), vload_n(dx + i, w)), w));
}

/* The kind is a constant in each case, so that each gets its own loop. */
void SIMD(act)(dr_act kind, int64_t n, const float *x, float *y)
{
    switch (kind) {
    case DR_ACT_SILU:
        FOR_PIECES(n, act_piece(DR_ACT_SILU, i, end, x, y));
        break;
    case DR_ACT_GELU:
        FOR_PIECES(n, act_piece(DR_ACT_GELU, i, end, x, y));
        break;
    case DR_ACT_QUICK_GELU:
        FOR_PIECES(n, act_piece(DR_ACT_QUICK_GELU, i, end, x, y));
        break;
    case DR_ACT_RELU:
        FOR_PIECES(n, act_piece(DR_ACT_RELU, i, end, x, y));
        break;
    case DR_ACT_LEAKY_RELU:
        FOR_PIECES(n, act_piece(DR_ACT_LEAKY_RELU, i, end, x, y));
        break;
    case DR_ACT_TANH:
        FOR_PIECES(n, act_piece(DR_ACT_TANH, i, end, x, y));
        break;
    default:
        FOR_PIECES(n, act_piece(DR_ACT_NONE, i, end, x, y));
    }
}

void SIMD(act_bwd)(dr_act kind, int64_t n, const float *x, const float *dy, float *dx)
{
    switch (kind) {
    case DR_ACT_SILU:
        FOR_PIECES(n, act_bwd_piece(DR_ACT_SILU, i, end, x, dy, dx));
        break;
    case DR_ACT_GELU:
        FOR_PIECES(n, act_bwd_piece(DR_ACT_GELU, i, end, x, dy, dx));
        break;
    case DR_ACT_QUICK_GELU:
        FOR_PIECES(n, act_bwd_piece(DR_ACT_QUICK_GELU, i, end, x, dy, dx));
        break;
    case DR_ACT_RELU:
        FOR_PIECES(n, act_bwd_piece(DR_ACT_RELU, i, end, x, dy, dx));
        break;
    case DR_ACT_LEAKY_RELU:
        FOR_PIECES(n, act_bwd_piece(DR_ACT_LEAKY_RELU, i, end, x, dy, dx));
        break;
    case DR_ACT_TANH:
        FOR_PIECES(n, act_bwd_piece(DR_ACT_TANH, i, end, x, dy, dx));
        break;
    default:
        FOR_PIECES(n, act_bwd_piece(DR_ACT_NONE, i, end, x, dy, dx));
    }
}

/* --- sums and products ------------------------------------------------------------------------------ */

static void add_piece(int64_t i, int64_t end, const float *a, const float *b, float *y)
{
    FOR_VECTORS(vstore(y + i, vload(a + i) + vload(b + i)), vstore_n(y + i, vload_n(a + i, w) + vload_n(b + i, w), w));
}

static void mul_piece(int64_t i, int64_t end, const float *a, const float *b, float *y)
{
    FOR_VECTORS(vstore(y + i, vload(a + i) * vload(b + i)), vstore_n(y + i, vload_n(a + i, w) * vload_n(b + i, w), w));
}

static void axpy_piece(int64_t i, int64_t end, float s, const float *x, float *y)
{
    vf k = vset1(s);
    FOR_VECTORS(vstore(y + i, vfma(k, vload(x + i), vload(y + i))),
                vstore_n(y + i, vfma(k, vload_n(x + i, w), vload_n(y + i, w)), w));
}

static void scale_piece(int64_t i, int64_t end, float s, const float *x, float *y)
{
    FOR_VECTORS(vstore(y + i, s * vload(x + i)), vstore_n(y + i, s * vload_n(x + i, w), w));
}

void SIMD(add)(int64_t n, const float *a, const float *b, float *y)
{
    FOR_PIECES(n, add_piece(i, end, a, b, y));
}

void SIMD(mul)(int64_t n, const float *a, const float *b, float *y)
{
    FOR_PIECES(n, mul_piece(i, end, a, b, y));
}

void SIMD(axpy)(int64_t n, float s, const float *x, float *y)
{
    FOR_PIECES(n, axpy_piece(i, end, s, x, y));
}

void SIMD(scale)(int64_t n, float s, const float *x, float *y)
{
    FOR_PIECES(n, scale_piece(i, end, s, x, y));
}

/* --- geglu -------------------------------------------------------------------------------------------- */

static void geglu_row(int64_t C, const float *x, float *y)
{
    const float *g = x + C;
    int64_t i = 0, end = C;
    FOR_VECTORS(vstore(y + i, vload(x + i) * act_value(DR_ACT_GELU, vload(g + i))),
                vstore_n(y + i, vload_n(x + i, w) * act_value(DR_ACT_GELU, vload_n(g + i, w)), w));
}

static inline void geglu_bwd_vector(vf x, vf g, vf dy, vf *dx, vf *dg)
{
    vf cdf = vnormcdf(g);
    *dx = vfma(dy, g * cdf, *dx);
    *dg = vfma(dy * x, cdf + x_density(g), *dg);
}

static void geglu_bwd_row(int64_t C, const float *x, const float *dy, float *dx)
{
    const float *g = x + C;
    float *dg = dx + C;
    int64_t i = 0;
    for (; i + VW <= C; i += VW) {
        vf a = vload(dx + i), b = vload(dg + i);
        geglu_bwd_vector(vload(x + i), vload(g + i), vload(dy + i), &a, &b);
        vstore(dx + i, a);
        vstore(dg + i, b);
    }
    if (i < C) {
        int64_t w = C - i;
        vf a = vload_n(dx + i, w), b = vload_n(dg + i, w);
        geglu_bwd_vector(vload_n(x + i, w), vload_n(g + i, w), vload_n(dy + i, w), &a, &b);
        vstore_n(dx + i, a, w);
        vstore_n(dg + i, b, w);
    }
}

void SIMD(geglu)(int64_t R, int64_t C, const float *x, float *y)
{
#pragma omp parallel for schedule(static) if (R * C > PIECE)
    for (int64_t r = 0; r < R; r++)
        geglu_row(C, x + r * 2 * C, y + r * C);
}

void SIMD(geglu_bwd)(int64_t R, int64_t C, const float *x, const float *dy, float *dx)
{
#pragma omp parallel for schedule(static) if (R * C > PIECE)
    for (int64_t r = 0; r < R; r++)
        geglu_bwd_row(C, x + r * 2 * C, dy + r * C, dx + r * 2 * C);
}

/* --- rows of matrices ----------------------------------------------------------------------------------- */

void SIMD(add_rows)(int64_t N, int64_t S, int64_t C, const float *x, const float *e, float *y)
{
#pragma omp parallel for schedule(static) if (N * S * C > 2 * PIECE)
    for (int64_t r = 0; r < N * S; r++)
        add_piece(0, C, x + r * C, e + r / S * C, y + r * C);
}

void SIMD(copy2d)(int64_t R, int64_t C, const float *src, int64_t lds, float *dst, int64_t ldd, bool add)
{
#pragma omp parallel for schedule(static) if (R * C > 2 * PIECE)
    for (int64_t r = 0; r < R; r++) {
        if (add)
            add_piece(0, C, src + r * lds, dst + r * ldd, dst + r * ldd);
        else
            memcpy(dst + r * ldd, src + r * lds, (size_t)C * sizeof *dst);
    }
}

/* Each thread makes rows of the product in one of its own. */
dr_status SIMD(add_product)(int64_t out, int64_t rank, int64_t in, float s, const float *up, const float *down,
                            float *w)
{
    int failed = 0;
#pragma omp parallel reduction(| : failed)
    {
        float *row = malloc((size_t)in * sizeof *row + 1);
        failed = !row;
#pragma omp for schedule(static)
        for (int64_t o = 0; o < out; o++) {
            if (!row)
                continue;
            memset(row, 0, (size_t)in * sizeof *row);
            for (int64_t j = 0; j < rank; j++)
                axpy_piece(0, in, up[o * rank + j], down + j * in, row);
            axpy_piece(0, in, s, row, w + o * in);
        }
        free(row);
    }
    return failed ? dr_fail(DR_ENOMEM, "out of memory merging a LoRA") : DR_OK;
}

/* --- AdamW -------------------------------------------------------------------------------------------------- */

typedef struct adam {
    float scale, decay, beta1, beta2, rest1, rest2, eps, step, root2;
} adam;

/* In torch's order: p decays first; the denominator is sqrt(v)/sqrt(bc2) + eps. */
static inline void adamw_vector(const adam *k, vf g, vf *p, vf *m, vf *v)
{
    g = g * k->scale;
    *m = vfma(*m, vset1(k->beta1), g * k->rest1);
    *v = vfma(*v, vset1(k->beta2), g * g * k->rest2);
    vf denominator = vsqrt(*v) / k->root2 + k->eps;
    *p = *p * k->decay - k->step * (*m / denominator);
}

static void adamw_piece(const adam *k, int64_t i, int64_t end, float *p, const float *g, float *m, float *v)
{
    for (; i + VW <= end; i += VW) {
        vf pi = vload(p + i), mi = vload(m + i), vi_ = vload(v + i);
        adamw_vector(k, vload(g + i), &pi, &mi, &vi_);
        vstore(p + i, pi);
        vstore(m + i, mi);
        vstore(v + i, vi_);
    }
    if (i < end) {
        int64_t w = end - i;
        vf pi = vload_n(p + i, w), mi = vload_n(m + i, w), vi_ = vload_n(v + i, w);
        adamw_vector(k, vload_n(g + i, w), &pi, &mi, &vi_);
        vstore_n(p + i, pi, w);
        vstore_n(m + i, mi, w);
        vstore_n(v + i, vi_, w);
    }
}

void SIMD(adamw)(int64_t n, float *p, const float *g, float *m, float *v, float scale, float lr, float beta1,
                 float beta2, float eps, float weight_decay, double bc1, double bc2)
{
    const adam k = {.scale = scale,
                    .decay = (float)(1.0 - (double)lr * (double)weight_decay),
                    .beta1 = beta1,
                    .beta2 = beta2,
                    .rest1 = (float)(1.0 - (double)beta1),
                    .rest2 = (float)(1.0 - (double)beta2),
                    .eps = eps,
                    .step = (float)((double)lr / bc1),
                    .root2 = (float)sqrt(bc2)};
    FOR_PIECES(n, adamw_piece(&k, i, end, p, g, m, v));
}
