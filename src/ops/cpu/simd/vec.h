/* A vector of f32 lanes and the few operations that the rows are written in.
 *
 * vf has VW lanes: 16 with AVX-512, 8 with AVX2, 4 with SSE2 or NEON or in plain GNU C. The operators
 * + - * / work on it as they are. Everything here is static inline: see simd.h for why.
 * vmax and vmin give their second argument when either is a NaN (NEON: the NaN), so that
 * vmax(bound, x) keeps a NaN in x. */
#ifndef DR_OPS_CPU_SIMD_VEC_H
#define DR_OPS_CPU_SIMD_VEC_H

#include "tensor/tensor.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#if defined(DR_ISA_avx512)
#define VW 16
#elif defined(DR_ISA_avx2)
#define VW 8
#else
#define VW 4
#endif

typedef float vf __attribute__((vector_size(VW * 4)));
typedef int32_t vi __attribute__((vector_size(VW * 4)));
typedef uint32_t vu __attribute__((vector_size(VW * 4)));
typedef uint16_t vh __attribute__((vector_size(VW * 2)));
typedef int8_t vc __attribute__((vector_size(VW)));

static inline vf vload(const float *p)
{
    vf v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void vstore(float *p, vf v)
{
    memcpy(p, &v, sizeof v);
}

static inline vf vset1(float x)
{
    return x - (vf){0};
}

static inline vf vzero(void)
{
    return (vf){0};
}

/* --- what differs between instruction sets ---------------------------------------------------- */

#if defined(DR_ISA_avx512)

/* a*b + c */
static inline vf vfma(vf a, vf b, vf c)
{
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
static inline vf vmax(vf a, vf b)
{
    return (vf)_mm512_max_ps((__m512)a, (__m512)b);
}
static inline vf vmin(vf a, vf b)
{
    return (vf)_mm512_min_ps((__m512)a, (__m512)b);
}
static inline vf vsqrt(vf a)
{
    return (vf)_mm512_sqrt_ps((__m512)a);
}
static inline float vsum(vf a)
{
    return _mm512_reduce_add_ps((__m512)a);
}
static inline float vmaxlane(vf a)
{
    return _mm512_reduce_max_ps((__m512)a);
}
/* p[0..n) and zeros, 0 <= n <= VW; nothing behind p[n-1] is touched */
static inline vf vload_n(const float *p, int64_t n)
{
    return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
}
static inline void vstore_n(float *p, vf v, int64_t n)
{
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
}
/* x * 2^n for whole n, right down into the subnormals */
static inline vf vscale2(vf x, vf n)
{
    return (vf)_mm512_scalef_ps((__m512)x, (__m512)n);
}
static inline vf vload_f16(const uint16_t *p)
{
    return (vf)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

#else

#if defined(DR_ISA_avx2)

static inline vf vfma(vf a, vf b, vf c)
{
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
static inline vf vmax(vf a, vf b)
{
    return (vf)_mm256_max_ps((__m256)a, (__m256)b);
}
static inline vf vmin(vf a, vf b)
{
    return (vf)_mm256_min_ps((__m256)a, (__m256)b);
}
static inline vf vsqrt(vf a)
{
    return (vf)_mm256_sqrt_ps((__m256)a);
}
static inline vf vload_f16(const uint16_t *p)
{
    return (vf)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}

#elif defined(__x86_64__)

static inline vf vfma(vf a, vf b, vf c)
{
    return a * b + c;
}
static inline vf vmax(vf a, vf b)
{
    return (vf)_mm_max_ps((__m128)a, (__m128)b);
}
static inline vf vmin(vf a, vf b)
{
    return (vf)_mm_min_ps((__m128)a, (__m128)b);
}
static inline vf vsqrt(vf a)
{
    return (vf)_mm_sqrt_ps((__m128)a);
}

#elif defined(__ARM_NEON) && defined(__aarch64__)

static inline vf vfma(vf a, vf b, vf c)
{
    return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
static inline vf vmax(vf a, vf b)
{
    return (vf)vmaxq_f32((float32x4_t)a, (float32x4_t)b);
}
static inline vf vmin(vf a, vf b)
{
    return (vf)vminq_f32((float32x4_t)a, (float32x4_t)b);
}
static inline vf vsqrt(vf a)
{
    return (vf)vsqrtq_f32((float32x4_t)a);
}

#else

static inline vf vfma(vf a, vf b, vf c)
{
    return a * b + c;
}
static inline vf vmax(vf a, vf b)
{
    vi m = a > b;
    return (vf)((m & (vi)a) | (~m & (vi)b));
}
static inline vf vmin(vf a, vf b)
{
    vi m = a < b;
    return (vf)((m & (vi)a) | (~m & (vi)b));
}
static inline vf vsqrt(vf a)
{
    for (int i = 0; i < VW; i++)
        a[i] = sqrtf(a[i]);
    return a;
}

#endif

#if VW == 4
/* Exponent and mantissa moved into place, the bias put right by a multiplication (which also
 * normalises subnormals); infinities and NaNs get f32's exponent. */
static inline vf vload_f16(const uint16_t *p)
{
    vh half;
    memcpy(&half, p, sizeof half);
    vu h = __builtin_convertvector(half, vu);
    vu bits = (h & 0x7fff) << 13;
    vf scaled = (vf)bits * 0x1p112f;
    vu special = (vu)((h & 0x7c00) == 0x7c00) & 0x7f800000;
    return (vf)((vu)scaled | special | ((h & 0x8000) << 16));
}
#endif

static inline float vsum(vf a)
{
    float lane[VW];
    vstore(lane, a);
    for (int w = VW / 2; w > 0; w /= 2)
        for (int i = 0; i < w; i++)
            lane[i] += lane[i + w];
    return lane[0];
}
static inline float vmaxlane(vf a)
{
    float lane[VW];
    vstore(lane, a);
    for (int w = VW / 2; w > 0; w /= 2)
        for (int i = 0; i < w; i++)
            lane[i] = lane[i] > lane[i + w] ? lane[i] : lane[i + w];
    return lane[0];
}
static inline vf vload_n(const float *p, int64_t n)
{
    if (n >= VW) /* nearly always; a masked store is slow on some AVX2 machines */
        return vload(p);
    float lane[VW] = {0};
    for (int64_t i = 0; i < n; i++)
        lane[i] = p[i];
    return vload(lane);
}
static inline void vstore_n(float *p, vf v, int64_t n)
{
    if (n >= VW) {
        vstore(p, v);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        p[i] = v[i];
}
/* 2^n in two factors, so that neither leaves the normal range; |n| <= 252 */
static inline vf vscale2(vf x, vf n)
{
    vi whole = __builtin_convertvector(n, vi);
    vi half = whole >> 1;
    vf a = (vf)((half + 127) << 23), b = (vf)((whole - half + 127) << 23);
    return x * a * b;
}

#endif

/* --- the same everywhere ------------------------------------------------------------------------ */

/* a where the mask's lanes are all ones, else b */
static inline vf vselect(vi mask, vf a, vf b)
{
    return (vf)((mask & (vi)a) | (~mask & (vi)b));
}

static inline vf vabs(vf a)
{
    return (vf)((vi)a & 0x7fffffff);
}

static inline vf vload_bf16(const uint16_t *p)
{
    vh half;
    memcpy(&half, p, sizeof half);
    return (vf)(__builtin_convertvector(half, vu) << 16);
}

static inline vf vload_i8(const int8_t *p)
{
    vc small;
    memcpy(&small, p, sizeof small);
    return __builtin_convertvector(__builtin_convertvector(small, vi), vf);
}

/* The upper halves of the lanes rounded to nearest even, in the lower halves; a NaN stays one. */
static inline vu bf16_bits(vf v)
{
    vu bits = (vu)v;
    vu rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    vu nan = (vu)(v != v);
    return (nan & ((bits >> 16) | 0x40)) | (~nan & rounded);
}

static inline void vstore_bf16(uint16_t *p, vf v)
{
    vh half = __builtin_convertvector(bf16_bits(v), vh);
    memcpy(p, &half, sizeof half);
}

/* e^x within 1 ulp or so; 0 below -104, infinity above 88.73, NaN for NaN. x = n ln2 + r with ln2 in two
 * parts (Cody & Waite 1980), then e^r by its polynomial on |r| <= ln2/2 (minimax, from Cephes expf). */
static inline vf vexp(vf x)
{
    x = vmin(vset1(89.0f), vmax(vset1(-104.0f), x));
    const vf shift = vset1(0x1.8p23f); /* adding it rounds to a whole number */
    vf n = vfma(x, vset1(1.44269504f), shift) - shift;
    vf r = vfma(n, vset1(-0.693359375f), x);
    r = vfma(n, vset1(2.12194440e-4f), r);
    vf p = vset1(1.9875691500e-4f);
    p = vfma(p, r, vset1(1.3981999507e-3f));
    p = vfma(p, r, vset1(8.3334519073e-3f));
    p = vfma(p, r, vset1(4.1665795894e-2f));
    p = vfma(p, r, vset1(1.6666665459e-1f));
    p = vfma(p, r, vset1(5.0000001201e-1f));
    p = vfma(p, r * r, r + 1.0f);
    return vscale2(p, n);
}

/* 2^x for x <= 0 within 2 ulp or so; 0 below -160 (minimax polynomial from Cephes exp2f). */
static inline vf vexp2_neg(vf x)
{
    x = vmax(vset1(-160.0f), x);
    const vf shift = vset1(0x1.8p23f);
    vf n = (x + shift) - shift;
    vf r = x - n;
    vf p = vset1(1.535336188319500e-4f);
    p = vfma(p, r, vset1(1.339887440266574e-3f));
    p = vfma(p, r, vset1(9.618437357674640e-3f));
    p = vfma(p, r, vset1(5.550332471162809e-2f));
    p = vfma(p, r, vset1(2.402264791363012e-1f));
    p = vfma(p, r, vset1(6.931472028550421e-1f));
    p = vfma(p, r, vset1(1.0f));
    return vscale2(p, n);
}

static inline vf vsigmoid(vf x)
{
    return 1.0f / (1.0f + vexp(-x));
}

/* 1 - 2 / (1 + e^2x); near 0, where that loses its digits, the power series. */
static inline vf vtanh(vf x)
{
    vf far = 1.0f - 2.0f / (1.0f + vexp(2.0f * x)), s = x * x;
    vf p = vset1(2.18694885e-2f);
    p = vfma(p, s, vset1(-5.39682540e-2f));
    p = vfma(p, s, vset1(1.33333333e-1f));
    p = vfma(p, s, vset1(-3.33333333e-1f));
    return vselect(vabs(x) < 0.3f, vfma(p * s, x, x), far);
}

/* The normal distribution's cumulative (1 + erf(x/sqrt 2))/2. erf by two polynomials as published by
 * N. Juffa (about 1 ulp): x + x P(x^2) near 0, 1 - exp(Q(|x|)) beyond. Below 0 the second gives
 * erfc = exp(Q) without the cancellation of 1 + erf. */
static inline vf vnormcdf(vf x)
{
    vf a = x * 0.707106781f, t = vabs(a), s = a * a;
    vf p = vset1(-5.96761703e-4f);
    p = vfma(p, s, vset1(4.99119423e-3f));
    p = vfma(p, s, vset1(-2.67681349e-2f));
    p = vfma(p, s, vset1(1.12819925e-1f));
    p = vfma(p, s, vset1(-3.76125336e-1f));
    p = vfma(p, s, vset1(1.28379166e-1f));
    vf near = 0.5f + 0.5f * vfma(p, a, a);
    t = vmin(vset1(12.0f), t);
    s = t * t;
    vf q = vfma(vset1(-1.72853470e-5f), t, vset1(3.83197126e-4f));
    vf u = vfma(vset1(-3.88396438e-3f), t, vset1(2.42546219e-2f));
    q = vfma(q, s, u);
    q = vfma(q, t, vset1(-1.06777877e-1f));
    q = vfma(q, t, vset1(-6.34846687e-1f));
    q = vfma(q, t, vset1(-1.28717512e-1f));
    q = vfma(q, t, -t);
    vf tail = 0.5f * vexp(q);
    vf far = vselect(x < 0.0f, tail, 1.0f - tail);
    return vselect(vabs(a) > 0.927734375f, far, near);
}

#endif
