/* The three linear maps of F(4x4,3x3) in one dimension, on vectors: ops/cpu/winograd.h. */
#ifndef DR_OPS_CPU_SIMD_WINOGRAD_MAPS_H
#define DR_OPS_CPU_SIMD_WINOGRAD_MAPS_H

#include "ops/cpu/simd/vec.h"
#include "ops/cpu/winograd.h"

/* The interpolation points ±A and ±B, and what the three maps are made of. */
#define A 0.625f
#define B 1.5f
#define A2 (A * A)
#define B2 (B * B)
#define NA (1.0f / (2 * A2 * (A2 - B2)))
#define NB (1.0f / (2 * B2 * (B2 - A2)))

/* d[0..5], `s` apart, times the input map */
static inline void input_map(const vf *d, int s, vf *out, int so)
{
    vf d0 = d[0], d1 = d[s], d2 = d[2 * s], d3 = d[3 * s], d4 = d[4 * s], d5 = d[5 * s];
    vf a_even = vfma(vset1(-B2), d2, d4), a_odd = A * vfma(vset1(-B2), d1, d3);
    vf b_even = vfma(vset1(-A2), d2, d4), b_odd = B * vfma(vset1(-A2), d1, d3);
    out[0] = vfma(vset1(A2 * B2), d0, vfma(vset1(-(A2 + B2)), d2, d4));
    out[so] = a_even + a_odd;
    out[2 * so] = a_even - a_odd;
    out[3 * so] = b_even + b_odd;
    out[4 * so] = b_even - b_odd;
    out[5 * so] = vfma(vset1(A2 * B2), d1, vfma(vset1(-(A2 + B2)), d3, d5));
}

static inline void weight_map(const vf *g, int s, vf *out, int so)
{
    vf g0 = g[0], g1 = g[s], g2 = g[2 * s];
    vf a_even = NA * vfma(vset1(A2), g2, g0), a_odd = (NA * A) * g1;
    vf b_even = NB * vfma(vset1(B2), g2, g0), b_odd = (NB * B) * g1;
    out[0] = (1.0f / (A2 * B2)) * g0;
    out[so] = a_even + a_odd;
    out[2 * so] = a_even - a_odd;
    out[3 * so] = b_even + b_odd;
    out[4 * so] = b_even - b_odd;
    out[5 * so] = g2;
}

static inline void output_map(const vf *m, int s, vf *out, int so)
{
    vf a_sum = m[s] + m[2 * s], a_diff = m[s] - m[2 * s];
    vf b_sum = m[3 * s] + m[4 * s], b_diff = m[3 * s] - m[4 * s];
    out[0] = m[0] + (a_sum + b_sum);
    out[so] = vfma(vset1(A), a_diff, B * b_diff);
    out[2 * so] = vfma(vset1(A2), a_sum, B2 * b_sum);
    out[3 * so] = vfma(vset1(A2 * A), a_diff, vfma(vset1(B2 * B), b_diff, m[5 * s]));
}

/* The outputs of VW lanes, the first of which is o, from their products d. */
static inline __attribute__((always_inline)) void output_lanes(const vf d[36], int64_t o, const dr_winograd_tile *t)
{
    int64_t n = t->outputs - o < VW ? t->outputs - o : VW;
    vf half[24], y[16];
    for (int x = 0; x < 6; x++)
        output_map(d + x, 6, half + x, 6);
    for (int r = 0; r < 4; r++)
        output_map(half + 6 * r, 1, y + 4 * r, 1);
    vf bias = t->bias ? vload_n(t->bias + o, n) : vzero();
    for (int r = 0; r < t->rows; r++) {
        for (int c = 0; c < t->cols; c++) {
            int64_t at = r * t->line + c * t->pixel + o;
            vf out = y[4 * r + c] + bias;
            if (n == VW) {
                vstore(t->y + at, t->residual ? out + vload(t->residual + at) : out);
            } else {
                vstore_n(t->y + at, t->residual ? out + vload_n(t->residual + at, n) : out, n);
            }
        }
    }
}

#endif
