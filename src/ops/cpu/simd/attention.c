/* Attention forward: tiles of scores with a running softmax (Dao 2022, arXiv:2205.14135).
 *
 * Keys and values are packed once per head; a task is a block of queries, which walks over tiles of keys:
 * scores of the tile, their softmax in place against the largest score so far, and the tile's share of y.
 * Scores are in units of log 2: q is packed times log2(e)/sqrt(D). Where bf16 is allowed and fast and no backward
 * follows, both products take pairs of bf16 (attention_pairs.h); softmax and sums stay f32. */
#include "ops/cpu/isa.h"
#include "ops/cpu/simd/attention_pairs.h"
#include "ops/cpu/simd/attention_tile.h"
#include "ops/cpu/simd/rows.h"

#include <omp.h>

typedef struct plan {
    const dr_attention_args *a;
    bool pairs;             /* products in bf16 */
    int64_t NH, Dp;         /* heads of all samples; D rounded up to whole vectors */
    int64_t BQ, BK, lds;    /* queries of a task, keys of a tile, row distance of its scores */
    int64_t k_size, v_size; /* floats per packed head */
    float *k, *v;           /* [NH] strips of transposed keys; strips of values' columns */
    float *local;           /* per thread: */
    int64_t local_size;     /* q [BQ,D], scores [BQ,lds], y [BQ,Dp], sum [BQ,VW], max and factor [BQ] */
} plan;

/* The buffers of one task. */
typedef struct block {
    int64_t first, count, groups; /* queries, and groups of MR of them */
    float *q, *s, *y, *sum, *max, *factor;
} block;

static void choose_tile(plan *p)
{
    int64_t D = p->a->D;
    p->BQ = MR * (D <= 160 ? 16 : 8);
    p->BK = D <= 80 ? 256 : D <= 256 ? 128 : 64; /* keys and values of a tile in the second-level cache */
    p->lds = p->BK + 16;                         /* not a power of two: rows fall into different cache sets */
}

static dr_status plan_alloc(plan *p, const dr_attention_args *a)
{
    p->a = a;
    /* an lse is asked for where a backward follows, which works in f32 and needs the y and lse of f32 scores */
    p->pairs = VW == 16 && !a->lse && dr_precision_rounds(a->precision) && dr_cpu_has_bf16();
    p->NH = a->N * a->heads;
    p->Dp = round_up(a->D, VW);
    choose_tile(p);
    p->k_size = round_up(a->Lk, VW) * a->D;
    p->v_size = a->Lk * p->Dp;
    p->local_size = round_up(p->BQ * (a->D + p->lds + p->Dp + VW + 2), 64);
    p->k = dr_arena_alloc(a->scratch, (size_t)(p->NH * p->k_size) * sizeof(float));
    p->v = dr_arena_alloc(a->scratch, (size_t)(p->NH * p->v_size) * sizeof(float));
    p->local = dr_arena_alloc(a->scratch, (size_t)(omp_get_max_threads() * p->local_size) * sizeof(float));
    return p->k && p->v && p->local ? DR_OK : DR_ENOMEM;
}

/* How many rows n packed rows become. */
static int64_t depth(const plan *p, int64_t n)
{
    return p->pairs ? (n + 1) / 2 : n;
}

/* The product of this plan; see mul_groups. */
static void multiply(const plan *p, int64_t groups, int64_t columns, int64_t K, const float *a, int64_t step,
                     int64_t rs, int64_t ks, const float *b, const float *factor, float *c, int64_t ldc)
{
#if defined(DR_ISA_avx512)
    if (p->pairs) {
        SIMD(mul_pairs)(groups, columns, depth(p, K), a, step, rs, ks, b, factor, c, ldc);
        return;
    }
#endif
    (void)p;
    mul_groups(groups, columns, K, a, step, rs, ks, b, factor, c, ldc);
}

static void pack_queries(const plan *p, const block *b, const float *q)
{
    const dr_attention_args *a = p->a;
    float scale = (float)(LOG2E / sqrt((double)a->D));
#if defined(DR_ISA_avx512)
    if (p->pairs) {
        SIMD(pack_row_pairs)(b->count, b->groups * MR, a->D, q, a->ldq, scale, b->q);
        return;
    }
#endif
    pack_groups(b->count, a->D, q, a->ldq, scale, b->q);
}

/* Keys [0, rows) as one strip of `width` columns. */
static void pack_keys(const plan *p, int64_t rows, int64_t width, const float *k, float *out)
{
    const dr_attention_args *a = p->a;
#if defined(DR_ISA_avx512)
    if (p->pairs) {
        SIMD(pack_transposed_pairs)(rows, width, a->D, k, a->ldk, out);
        return;
    }
#endif
    pack_transposed(rows, width, a->D, k, a->ldk, out);
}

static void pack_values(const plan *p, const float *v, float *out)
{
    const dr_attention_args *a = p->a;
#if defined(DR_ISA_avx512)
    if (p->pairs) {
        SIMD(pack_strip_pairs)(a->Lk, a->D, v, a->ldv, out);
        return;
    }
#endif
    pack_strips(a->Lk, a->Lk, a->D, v, a->ldv, 1.0f, out);
}

static void pack_head(const plan *p, int64_t nh)
{
    const dr_attention_args *a = p->a;
    int64_t n = nh / a->heads, at = nh % a->heads * a->D;
    const float *k = a->k + n * a->Lk * a->ldk + at, *v = a->v + n * a->Lk * a->ldv + at;
    float *to = p->k + nh * p->k_size;
    for (int64_t j = 0; j < a->Lk; j += STRIP) {
        int64_t rows = least(a->Lk - j, STRIP), width = round_up(rows, VW);
        pack_keys(p, rows, width, k + j * a->ldk, to + j * a->D);
    }
    pack_values(p, v, p->v + nh * p->v_size);
}

/* s[queries, keys of the tile] = q kT for the tile that starts at key t of the packed head k. */
static void tile_scores(const plan *p, const block *b, const float *k, int64_t t, int64_t keys)
{
    int64_t D = p->a->D;
    for (int64_t j = 0; j < keys; j += STRIP) {
        int64_t columns = least(round_up(p->a->Lk - t - j, VW), STRIP);
        /* queries are packed transposed, in groups; those of pairs as rows */
        int64_t rs = p->pairs ? depth(p, D) : 1, ks = p->pairs ? 1 : MR;
        multiply(p, b->groups, columns, D, b->q, MR * depth(p, D), rs, ks, k + (t + j) * D, NULL, b->s + j, p->lds);
    }
}

/* 2^(s - top) in place; returns what the lanes add up to. */
static vf exp_all(int64_t n, float top, float *s)
{
    vf total = vzero();
    for (int64_t j = 0; j < n; j += VW) {
        vf e = vexp2_neg(vload(s + j) - top);
        vstore(s + j, e);
        total += e;
    }
    return total;
}

static vf exp_pairs(int64_t n, float top, float *s)
{
#if defined(DR_ISA_avx512)
    float total[VW];
    SIMD(exp_pairs)(n, top, s, total);
    return vload(total);
#else
    return exp_all(n, top, s);
#endif
}

/* One row of scores to probabilities over the largest so far, of which the first `seen` count. Returns the
 * factor by which everything summed up before shrinks. With pairs the probabilities become bf16 at the row's
 * start, each behind the scores still to be read. */
static float softmax_row(bool pairs, float *s, int64_t seen, int64_t keys, float *max, float *sum)
{
    int64_t end = round_up(keys, VW);
    for (int64_t j = seen; j < end; j++)
        s[j] = -INFINITY;
    vf high = vset1(*max);
    for (int64_t j = 0; j < end; j += VW)
        high = vmax(high, vload(s + j));
    float now = vmaxlane(high);
    vf total = pairs ? exp_pairs(end, now, s) : exp_all(end, now, s);
    float factor = exp2f(*max - now);
    vstore(sum, vfma(vload(sum), vset1(factor), total));
    *max = now;
    return factor;
}

/* y = y * factor + s v over the tile's keys, whose values start at row t of the packed head v. */
static void tile_values(const plan *p, const block *b, const float *v, int64_t t, int64_t keys)
{
    for (int64_t c = 0; c < p->Dp; c += STRIP) {
        int64_t columns = least(p->Dp - c, STRIP);
        const float *strip = v + c * p->a->Lk + depth(p, t) * columns;
        multiply(p, b->groups, columns, keys, b->s, MR * p->lds, p->lds, 1, strip, b->factor, b->y + c, p->Dp);
    }
}

static void block_start(const plan *p, block *b, int64_t nh, int64_t first)
{
    const dr_attention_args *a = p->a;
    int64_t n = nh / a->heads, at = nh % a->heads * a->D;
    b->first = first;
    b->count = least(a->Lq - first, p->BQ);
    b->groups = (b->count + MR - 1) / MR;
    b->q = p->local + omp_get_thread_num() * p->local_size;
    b->s = b->q + p->BQ * a->D;
    b->y = b->s + p->BQ * p->lds;
    b->sum = b->y + p->BQ * p->Dp;
    b->max = b->sum + p->BQ * VW;
    b->factor = b->max + p->BQ;
    pack_queries(p, b, a->q + (n * a->Lq + first) * a->ldq + at);
    memset(b->y, 0, (size_t)(p->BQ * (p->Dp + VW)) * sizeof *b->y);
    for (int64_t i = 0; i < p->BQ; i++)
        b->max[i] = -INFINITY;
}

static void block_finish(const plan *p, const block *b, int64_t nh)
{
    const dr_attention_args *a = p->a;
    int64_t n = nh / a->heads, ldy = (int64_t)a->heads * a->D;
    float *y = a->y + (n * a->Lq + b->first) * ldy + nh % a->heads * a->D;
    for (int64_t i = 0; i < b->count; i++) {
        float sum = vsum(vload(b->sum + i * VW));
        for (int64_t d = 0; d < a->D; d += VW) {
            int64_t w = least(a->D - d, VW);
            vstore_n(y + i * ldy + d, vload(b->y + i * p->Dp + d) * (1.0f / sum), w);
        }
        if (a->lse)
            a->lse[nh * a->Lq + b->first + i] = (float)(LN2 * ((double)b->max[i] + log2((double)sum)));
    }
}

static void run_block(const plan *p, int64_t nh, int64_t first)
{
    const dr_attention_args *a = p->a;
    block b;
    block_start(p, &b, nh, first);
    int64_t seen_by_last = a->causal ? least(b.first + b.count, a->Lk) : a->Lk;
    for (int64_t t = 0; t < seen_by_last; t += p->BK) {
        int64_t keys = least(seen_by_last - t, p->BK);
        tile_scores(p, &b, p->k + nh * p->k_size, t, keys);
        for (int64_t i = 0; i < b.groups * MR; i++) {
            int64_t seen = a->causal ? b.first + i + 1 - t : keys;
            seen = seen < 0 ? 0 : least(seen, keys);
            b.factor[i] = softmax_row(p->pairs, b.s + i * p->lds, seen, keys, b.max + i, b.sum + i * VW);
        }
        tile_values(p, &b, p->v + nh * p->v_size, t, keys);
    }
    block_finish(p, &b, nh);
}

dr_status SIMD(attention)(const dr_attention_args *a)
{
    size_t mark = dr_arena_mark(a->scratch);
    plan p;
    dr_status status = plan_alloc(&p, a);
    if (status == DR_OK) {
        int64_t blocks = (a->Lq + p.BQ - 1) / p.BQ;
#pragma omp parallel for schedule(dynamic, 1)
        for (int64_t nh = 0; nh < p.NH; nh++)
            pack_head(&p, nh);
#pragma omp parallel for schedule(dynamic, 1)
        for (int64_t t = 0; t < p.NH * blocks; t++)
            run_block(&p, t / blocks, t % blocks * p.BQ);
    }
    dr_arena_rewind(a->scratch, mark);
    return status;
}
