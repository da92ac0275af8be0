/* AdamW with 8-bit moments, block by block: a block's moments live in the first-level cache as floats.
 *
 * The operations are those of the plain row in its order, none fused, so that both give the same bits: a code that
 * tips over at a rounding error would be a visible difference. */
#include "ops/cpu/simd/rows.h"
#include "ops/cpu/simd/vec.h"
#include "ops/quant8.h"

#define BLOCK DR_QUANT8_BLOCK

typedef struct adam8 {
    float scale, keep, beta1, beta2, rest1, rest2, eps, step, root;
    const dr_quant8 *qm, *qv;
} adam8;

typedef uint8_t vb __attribute__((vector_size(VW)));

/* table[at] for every lane */
static inline vu lookup(const void *table, vi at)
{
#if defined(DR_ISA_avx512)
    return (vu)_mm512_i32gather_epi32((__m512i)at, table, 4);
#elif defined(DR_ISA_avx2)
    return (vu)_mm256_i32gather_epi32(table, (__m256i)at, 4);
#else
    vu v;
    for (int i = 0; i < VW; i++)
        v[i] = ((const uint32_t *)table)[at[i]];
    return v;
#endif
}

static inline vi vbetween(vi x, int32_t low, int32_t high)
{
    vi below = x<low, above = x> high;
    x = (below & low) | (~below & x);
    return (above & high) | (~above & x);
}

static inline vf decode(const uint8_t *code, const float *map)
{
    vb b;
    memcpy(&b, code, sizeof b);
    return (vf)lookup(map, __builtin_convertvector(b, vi));
}

/* dr_quant8_steps() of every lane. */
static inline vi steps_of(const dr_quant8 *q, vu bits)
{
    vi at = vbetween((vi)(bits >> 16) - DR_QUANT8_FIRST, 0, DR_QUANT8_CELLS - 1);
    return (vi)((lookup(q->cell, at) + (bits & 0xffff)) >> 16);
}

static inline void store_codes(uint8_t *code, vi x)
{
    vb b = __builtin_convertvector(x, vb);
    memcpy(code, &b, sizeof b);
}

/* Whole blocks of 256 codes for x / scale. */
static void encode_signed(const dr_quant8 *q, const float *x, float scale, uint8_t *code)
{
    vf d = vset1(scale > 0 ? scale : 1);
    for (int i = 0; i < BLOCK; i += VW) {
        vu bits = (vu)(vload(x + i) / d);
        vi steps = steps_of(q, bits & 0x7fffffff), down = vbetween(steps, 0, 127);
        vi negative = (vi)bits < 0;
        store_codes(code + i, 127 + ((negative & -down) | (~negative & steps)));
    }
}

static void encode_unsigned(const dr_quant8 *q, const float *x, float scale, uint8_t *code)
{
    vf d = vset1(scale > 0 ? scale : 1);
    for (int i = 0; i < BLOCK; i += VW) {
        vu bits = (vu)(vload(x + i) / d);
        vi steps = steps_of(q, bits);
        store_codes(code + i, steps - ((steps == 0) & (vi)(bits != 0)));
    }
}

/* Whole vectors of one block. The largest |m| and v go to `top`. */
static void update(const adam8 *k, float *p, const float *g, const uint8_t *m8, const uint8_t *v8, const float scale[2],
                   float *m, float *v, float top[2])
{
    vf most_m = vzero(), most_v = vzero();
    for (int i = 0; i < BLOCK; i += VW) {
        vf gi = vload(g + i) * k->scale;
        vf mi = decode(m8 + i, k->qm->code) * scale[0] * k->beta1 + gi * k->rest1;
        vf vi_ = decode(v8 + i, k->qv->code) * scale[1] * k->beta2 + gi * gi * k->rest2;
        vf denominator = vsqrt(vi_) / k->root + k->eps;
        vstore(p + i, vload(p + i) * k->keep - k->step * (mi / denominator));
        vstore(m + i, mi);
        vstore(v + i, vi_);
        most_m = vmax(vabs(mi), most_m);
        most_v = vmax(vi_, most_v);
    }
    top[0] = vmaxlane(most_m);
    top[1] = vmaxlane(most_v);
}

static void whole_block(const adam8 *k, float *p, const float *g, uint8_t *m8, uint8_t *v8, float *m_scale,
                        float *v_scale)
{
    float m[BLOCK], v[BLOCK], scale[2] = {*m_scale, *v_scale}, top[2];
    update(k, p, g, m8, v8, scale, m, v, top);
    encode_signed(k->qm, m, top[0], m8);
    encode_unsigned(k->qv, v, top[1], v8);
    *m_scale = top[0];
    *v_scale = top[1];
}

/* The end of a tensor: copied into a whole block whose other values are zero, and stay it. */
static void part_block(const adam8 *k, const dr_adamw8_args *a, int64_t b)
{
    size_t at = (size_t)(b * BLOCK), n = (size_t)a->n - at;
    float p[BLOCK] = {0}, g[BLOCK] = {0};
    uint8_t m8[BLOCK], v8[BLOCK] = {0};
    memset(m8, k->qm->zero, sizeof m8);
    memcpy(p, a->p + at, n * sizeof *p);
    memcpy(g, a->g + at, n * sizeof *g);
    memcpy(m8, a->m + at, n);
    memcpy(v8, a->v + at, n);
    whole_block(k, p, g, m8, v8, &a->m_scale[b], &a->v_scale[b]);
    memcpy(a->p + at, p, n * sizeof *p);
    memcpy(a->m + at, m8, n);
    memcpy(a->v + at, v8, n);
}

void SIMD(adamw8)(const dr_adamw8_args *a)
{
    const adam8 k = {.scale = a->scale,
                     .keep = (float)(1 - (double)a->lr * a->weight_decay),
                     .beta1 = (float)a->beta1,
                     .beta2 = (float)a->beta2,
                     .rest1 = (float)(1 - a->beta1),
                     .rest2 = (float)(1 - a->beta2),
                     .eps = (float)a->eps,
                     .step = (float)((double)a->lr / a->bc1),
                     .root = (float)sqrt(a->bc2),
                     .qm = dr_quant8_signed(),
                     .qv = dr_quant8_unsigned()};
    int64_t blocks = dr_quant8_blocks(a->n);
#pragma omp parallel for schedule(static) if (blocks > 128)
    for (int64_t b = 0; b < blocks; b++) {
        int64_t at = b * BLOCK;
        if (a->n - at >= BLOCK)
            whole_block(&k, a->p + at, a->g + at, a->m + at, a->v + at, &a->m_scale[b], &a->v_scale[b]);
        else
            part_block(&k, a, b);
    }
}
