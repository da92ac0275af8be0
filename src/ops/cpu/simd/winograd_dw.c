#include "ops/cpu/winograd_dw.h"

#include "ops/cpu/simd/simd.h"
#include "ops/cpu/simd/vec.h"

#if defined(DR_ISA_avx512)

#define BLOCK DR_WINOGRAD_BLOCK
#define SIDE DR_WINOGRAD_DW_SIDE
#define POSITIONS DR_WINOGRAD_POSITIONS
#define MR 8 /* outputs of one product: two vectors each, 16 sums */
_Static_assert(VW == BLOCK, "a block of channels is a vector");

extern const dr_winograd_dw_kernels SIMD(winograd_dw);

/* winograd.c has what these are made of. */
#define A 0.625f
#define B 1.5f
#define A2 (A * A)
#define B2 (B * B)
#define NA (1.0f / (2 * A2 * (A2 - B2)))
#define NB (1.0f / (2 * B2 * (B2 - A2)))

/* The output map turned: d[0..3], `s` apart, to six. */
static inline void gradient_map(const vf *d, int s, vf *out, int so)
{
    vf d0 = d[0], d1 = d[s], d2 = d[2 * s], d3 = d[3 * s];
    vf a_even = vfma(vset1(A2), d2, d0), a_odd = A * vfma(vset1(A2), d3, d1);
    vf b_even = vfma(vset1(B2), d2, d0), b_odd = B * vfma(vset1(B2), d3, d1);
    out[0] = d0;
    out[so] = a_even + a_odd;
    out[2 * so] = a_even - a_odd;
    out[3 * so] = b_even + b_odd;
    out[4 * so] = b_even - b_odd;
    out[5 * so] = d3;
}

/* The weights' map turned: m[0..5], `s` apart, to three. */
static inline void taps_map(const vf *m, int s, vf *out, int so)
{
    vf a_sum = NA * (m[s] + m[2 * s]), a_diff = (NA * A) * (m[s] - m[2 * s]);
    vf b_sum = NB * (m[3 * s] + m[4 * s]), b_diff = (NB * B) * (m[3 * s] - m[4 * s]);
    out[0] = vfma(vset1(1.0f / (A2 * B2)), m[0], a_sum + b_sum);
    out[so] = a_diff + b_diff;
    out[2 * so] = vfma(vset1(A2), a_sum, vfma(vset1(B2), b_sum, m[5 * s]));
}

static void gradient(const float *const pixel[16], int64_t channels, int tiles, int r, float *v, int64_t step)
{
    v += r * BLOCK;
    for (int64_t c = 0; c < channels; c += BLOCK, v += tiles * BLOCK) {
        int64_t n = channels - c;
        vf d[16], t[24], out[6];
        for (int p = 0; p < 16; p++)
            d[p] = !pixel[p] ? vzero() : n >= VW ? vload(pixel[p] + c) : vload_n(pixel[p] + c, n);
#pragma GCC unroll 4
        for (int x = 0; x < 4; x++)
            gradient_map(d + x, 4, t + x, 4);
#pragma GCC unroll 6
        for (int y = 0; y < 6; y++) {
            gradient_map(t + 4 * y, 1, out, 1);
#pragma GCC unroll 6
            for (int x = 0; x < 6; x++)
                vstore(v + (6 * y + x) * step, out[x]);
        }
    }
}

/* m[MR][2 vectors] = the sum over tiles of v's MR lanes times u0 and u1 */
static inline void product(int64_t tiles, const float *v, const float *u0, const float *u1, float *m)
{
    vf sum[MR][2];
#pragma GCC unroll 8
    for (int r = 0; r < MR; r++)
        sum[r][0] = sum[r][1] = vzero();
    for (int64_t t = 0; t < tiles; t++, v += BLOCK, u0 += BLOCK, u1 += BLOCK) {
        vf a = vload(u0), b = vload(u1);
#pragma GCC unroll 8
        for (int r = 0; r < MR; r++) {
            vf x = vset1(v[r]);
            sum[r][0] = vfma(x, a, sum[r][0]);
            sum[r][1] = vfma(x, b, sum[r][1]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < MR; r++) {
        vstore(m + r * SIDE, sum[r][0]);
        vstore(m + r * SIDE + VW, sum[r][1]);
    }
}

/* A position's product of all the unit's channels; an odd last block of inputs is computed twice. */
static void multiply(const dr_winograd_dw_unit *p, int pos)
{
    int64_t block = p->tiles * BLOCK;
    const float *u = p->u + pos * p->u_step, *v = p->v + pos * p->v_step;
    float *m = p->m + pos * SIDE * SIDE;
    for (int64_t i = 0; i < p->inputs; i += 2 * BLOCK) {
        const float *u0 = u + i / BLOCK * block, *u1 = i + BLOCK < p->inputs ? u0 + block : u0;
        for (int64_t o = 0; o < p->outputs; o += MR)
            product(p->tiles, v + o / BLOCK * block + o % BLOCK, u0, u1, m + o * SIDE + i);
    }
}

/* dw of one output and up to 16 inputs. */
static void add_taps(const float *m, int64_t inputs, float *dw)
{
    vf d[POSITIONS], half[18], taps[9];
    float tap[9][VW];
    for (int p = 0; p < POSITIONS; p++)
        d[p] = vload(m + p * SIDE * SIDE);
#pragma GCC unroll 6
    for (int x = 0; x < 6; x++)
        taps_map(d + x, 6, half + x, 6);
#pragma GCC unroll 3
    for (int y = 0; y < 3; y++)
        taps_map(half + 6 * y, 1, taps + 3 * y, 1);
    for (int t = 0; t < 9; t++)
        vstore(tap[t], taps[t]);
    for (int64_t i = 0; i < inputs; i++)
        for (int t = 0; t < 9; t++)
            dw[9 * i + t] += tap[t][i];
}

static void unit(const dr_winograd_dw_unit *p)
{
    for (int pos = 0; pos < POSITIONS; pos++)
        multiply(p, pos);
    for (int64_t o = 0; o < p->outputs; o++)
        for (int64_t i = 0; i < p->inputs; i += BLOCK)
            add_taps(p->m + o * SIDE + i, p->inputs - i < BLOCK ? p->inputs - i : BLOCK, p->dw + o * p->row + 9 * i);
}

const dr_winograd_dw_kernels SIMD(winograd_dw) = {gradient, unit};

#else
typedef int winograd_dw_unused; /* a source may not be empty */
#endif
