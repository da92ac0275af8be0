/* Attention backward: probabilities are computed again, tile by tile, from the stored log of the
 * softmax's denominator (Dao 2023, arXiv:2307.08691). With delta_i = dy_i·y_i:
 *
 *     p = exp(s - lse),  dv += pT dy,  dp = dy vT,  ds = p (dp - delta),  dk += dsT q,  dq += ds k
 *
 * A task is a head, or a range of its keys when heads are few: it owns that range's dk and dv and a dq of
 * its own; the dq of several tasks are added up in their order. Scores are in units of log 2. Where the forward took
 * pairs of bf16 (attention_pairs.h) all five products do: scores then come out as they did there, p and ds are rounded,
 * sums stay f32. */
#include "ops/cpu/simd/attention_pairs.h"
#include "ops/cpu/simd/attention_tile.h"
#include "ops/cpu/simd/rows.h"

#include <omp.h>

#define BQ (16 * MR) /* queries of a tile */
#define BK 192       /* keys of a tile: whole groups of MR rows, and whole strips */
#define LDS (BK + 16)

typedef struct plan {
    const dr_attention_args *a;
    bool pairs;                /* products in bf16 */
    int64_t NH, splits, range; /* tasks per head, keys of each */
    int64_t Dp, rows;          /* D in whole vectors, Lq in whole tiles */
    int64_t local_size;        /* floats of a thread's buffers */
    float *local, *dq;         /* dq: one [rows,Dp] per thread, or per task if heads are split */
} plan;

/* The buffers of one task. Groups and strips: see attention_tile.h. */
typedef struct work {
    int64_t n, at;                /* sample, first channel of the head */
    float *q_groups, *dy_groups;  /* [rows,D] */
    float *q_strips, *dy_strips;  /* [rows,Dp] */
    float *lse, *delta;           /* [rows], lse in units of log 2 */
    float *kt, *vt, *k, *dk, *dv; /* [BK,Dp] */
    float *p, *ds;                /* [BQ,LDS] */
    float *ds_down;               /* [BQ/2,LDS] with pairs: ds joined row by row, as p is then; else ds itself */
    float *dq;                    /* [rows,Dp] */
} work;

static void choose_splits(plan *p)
{
    int64_t threads = omp_get_max_threads(), blocks = (p->a->Lk + BK - 1) / BK;
    p->splits = 1;
    if (p->NH % threads != 0 && p->NH < 4 * threads)
        p->splits = least((4 * threads + p->NH - 1) / p->NH, blocks);
    p->range = (blocks + p->splits - 1) / p->splits * BK;
    p->splits = (p->a->Lk + p->range - 1) / p->range;
}

static dr_status plan_alloc(plan *p, const dr_attention_args *a)
{
    int64_t threads = omp_get_max_threads();
    p->a = a;
    p->pairs = attention_takes_pairs(a);
    p->NH = a->N * a->heads;
    p->Dp = round_up(a->D, VW);
    p->rows = round_up(a->Lq, BQ);
    choose_splits(p);
    int64_t per_row = 2 * a->D + 2 * p->Dp + 2;
    p->local_size = round_up(p->rows * per_row + 5 * BK * p->Dp + 5 * BQ / 2 * LDS, 64);
    p->local = dr_arena_alloc(a->scratch, (size_t)(threads * p->local_size) * sizeof(float));
    int64_t copies = p->splits > 1 ? p->NH * p->splits : threads;
    p->dq = dr_arena_alloc(a->scratch, (size_t)(copies * p->rows * p->Dp) * sizeof(float));
    return p->local && p->dq ? DR_OK : DR_ENOMEM;
}

/* How many rows n packed rows become. */
static int64_t depth(const plan *p, int64_t n)
{
    return p->pairs ? (n + 1) / 2 : n;
}

/* The product of this plan; see mul_groups. */
static void multiply(const plan *p, int64_t rows, int64_t columns, int64_t K, const float *a, int64_t step, int64_t rs,
                     int64_t ks, const float *b, const float *factor, float *c, int64_t ldc)
{
    int64_t groups = (rows + MR - 1) / MR;
#if defined(DR_ISA_avx512)
    if (p->pairs) {
        SIMD(mul_pairs)(groups, columns, depth(p, K), a, step, rs, ks, b, factor, c, ldc);
        return;
    }
#endif
    (void)p;
    mul_groups(groups, columns, K, a, step, rs, ks, b, factor, c, ldc);
}

/* c += the product; `rows` are those of c. */
static void add_product(const plan *p, int64_t rows, int64_t columns, int64_t K, const float *a, int64_t step,
                        int64_t rs, int64_t ks, const float *b, float *c, int64_t ldc)
{
    static const float ones[MR] = {1, 1, 1, 1, 1, 1};
    for (int64_t i = 0; i < rows; i += MR, a += step, c += MR * ldc)
        multiply(p, 1, columns, K, a, step, rs, ks, b, ones, c, ldc);
}

static float *take(float **from, int64_t n)
{
    float *p = *from;
    *from += n;
    return p;
}

static void work_start(const plan *p, work *w, int64_t task)
{
    const dr_attention_args *a = p->a;
    int64_t nh = task / p->splits, thread = omp_get_thread_num();
    float *local = p->local + thread * p->local_size;
    w->n = nh / a->heads;
    w->at = nh % a->heads * a->D;
    w->kt = take(&local, BK * p->Dp);
    w->vt = take(&local, BK * p->Dp);
    w->k = take(&local, BK * p->Dp);
    w->dk = take(&local, BK * p->Dp);
    w->dv = take(&local, BK * p->Dp);
    w->p = take(&local, BQ * LDS);
    w->ds = take(&local, BQ * LDS);
    w->ds_down = p->pairs ? take(&local, BQ / 2 * LDS) : w->ds;
    w->q_strips = take(&local, p->rows * p->Dp);
    w->dy_strips = take(&local, p->rows * p->Dp);
    w->q_groups = take(&local, p->rows * a->D);
    w->dy_groups = take(&local, p->rows * a->D);
    w->lse = take(&local, p->rows);
    w->delta = take(&local, p->rows);
    w->dq = p->dq + (p->splits > 1 ? task : thread) * p->rows * p->Dp;
    memset(w->dq, 0, (size_t)(p->rows * p->Dp) * sizeof(float));
}

/* dy·y. With pairs of dy as dp sees it: where dp and delta should be the same, ds is then nothing and no rounding. */
static float dot_dy(const plan *p, const float *y, const float *dy)
{
    vf sum = vzero();
    for (int64_t i = 0, n = p->a->D; i < n; i += VW) {
        vf d = vload_n(dy + i, least(n - i, VW));
        d = p->pairs ? (vf)(bf16_bits(d) << 16) : d;
        sum = vfma(vload_n(y + i, least(n - i, VW)), d, sum);
    }
    return vsum(sum);
}

/* Groups of rows[L,D], and strips of them of p->rows rows, in pairs. */
static void pair_queries(const plan *p, float *groups, float *strips)
{
    const dr_attention_args *a = p->a;
    for (int64_t i = 0; i < a->Lq; i += MR)
        pair_rows(a->D, MR, groups + i * a->D);
    for (int64_t c = 0; c < p->Dp; c += STRIP)
        pair_rows(p->rows, least(p->Dp - c, STRIP), strips + c * p->rows);
}

static void pack_queries(const plan *p, const work *w)
{
    const dr_attention_args *a = p->a;
    int64_t ldy = (int64_t)a->heads * a->D, nh = w->n * a->heads + w->at / a->D;
    const float *q = a->q + w->n * a->Lq * a->ldq + w->at;
    const float *y = a->y + w->n * a->Lq * ldy + w->at, *dy = a->dy + w->n * a->Lq * ldy + w->at;
    float scale = (float)(LOG2E / sqrt((double)a->D));
    pack_groups(a->Lq, a->D, q, a->ldq, scale, w->q_groups);
    pack_groups(a->Lq, a->D, dy, ldy, 1.0f, w->dy_groups);
    pack_strips(a->Lq, p->rows, a->D, q, a->ldq, scale, w->q_strips);
    pack_strips(a->Lq, p->rows, a->D, dy, ldy, 1.0f, w->dy_strips);
    if (p->pairs) {
        pair_queries(p, w->q_groups, w->q_strips);
        pair_queries(p, w->dy_groups, w->dy_strips);
    }
    for (int64_t i = 0; i < p->rows; i++) { /* an infinite lse gives the padding probability 0 */
        w->lse[i] = i < a->Lq ? (float)LOG2E * a->lse[nh * a->Lq + i] : INFINITY;
        w->delta[i] = i < a->Lq ? dot_dy(p, y + i * ldy, dy + i * ldy) : 0.0f;
    }
}

/* Keys [j, j+keys) of the head, and their gradients set to zero. */
static void pack_keys(const plan *p, const work *w, int64_t j, int64_t keys)
{
    const dr_attention_args *a = p->a;
    const float *k = a->k + (w->n * a->Lk + j) * a->ldk + w->at;
    const float *v = a->v + (w->n * a->Lk + j) * a->ldv + w->at;
    for (int64_t s = 0; s < keys; s += STRIP) {
        int64_t rows = least(keys - s, STRIP), width = round_up(rows, VW);
        pack_transposed(rows, width, a->D, k + s * a->ldk, a->ldk, w->kt + s * a->D);
        pack_transposed(rows, width, a->D, v + s * a->ldv, a->ldv, w->vt + s * a->D);
        if (p->pairs) {
            pair_rows(a->D, width, w->kt + s * a->D);
            pair_rows(a->D, width, w->vt + s * a->D);
        }
    }
    pack_strips(keys, keys, a->D, k, a->ldk, 1.0f, w->k);
    for (int64_t c = 0; p->pairs && c < p->Dp; c += STRIP)
        pair_rows(keys, least(p->Dp - c, STRIP), w->k + c * keys);
    memset(w->dk, 0, (size_t)(BK * p->Dp) * sizeof(float));
    memset(w->dv, 0, (size_t)(BK * p->Dp) * sizeof(float));
}

/* out[rows,LDS] = the groups' rows times the transposed keys (or values) */
static void tile_product(const plan *p, int64_t rows, int64_t keys, const float *groups, const float *transposed,
                         float *out)
{
    int64_t D = p->a->D;
    for (int64_t j = 0; j < keys; j += STRIP) {
        int64_t columns = least(round_up(keys - j, VW), STRIP);
        multiply(p, rows, columns, D, groups, MR * D, 1, MR, transposed + j * D, NULL, out + j, LDS);
    }
}

/* Scores in p and dy·v in ds become probabilities and the scores' gradients; those of keys from `seen` to
 * the end of the last group become 0. */
static void softmax_bwd_row(float *p, float *ds, int64_t seen, int64_t keys, float lse, float delta)
{
    int64_t end = round_up(round_up(keys, MR), VW);
    for (int64_t j = 0; j < seen; j += VW) {
        vf e = vexp2_neg(vload(p + j) - lse);
        vstore(p + j, e);
        vstore(ds + j, e * (vload(ds + j) - delta));
    }
    for (int64_t j = seen; j < end; j++)
        p[j] = ds[j] = 0.0f;
}

/* The tile's rows; with pairs p becomes [rows/2,LDS], and ds has its columns joined in its own rows. */
static void tile_softmax_bwd(const plan *p, const work *w, int64_t j, int64_t keys, int64_t i, int64_t rows)
{
    int64_t seen[BQ];
    for (int64_t r = 0; r < rows; r++) {
        int64_t n = p->a->causal ? i + r + 1 - j : keys;
        seen[r] = n < 0 ? 0 : least(n, keys);
    }
#if defined(DR_ISA_avx512)
    for (int64_t r = 0; p->pairs && r < rows; r += 2)
        SIMD(softmax_bwd_pairs)
    (round_up(round_up(keys, MR), VW), LDS, seen + r, w->lse + i + r, w->delta + i + r, w->p + r * LDS, w->ds + r * LDS,
     w->p + r / 2 * LDS, w->ds_down + r / 2 * LDS);
#endif
    for (int64_t r = 0; !p->pairs && r < rows; r++)
        softmax_bwd_row(w->p + r * LDS, w->ds + r * LDS, seen[r], keys, w->lse[i + r], w->delta[i + r]);
}

/* out[keys,Dp] += tileT strips: rows of `out` are columns of the tile. The strips' height is p->rows. */
static void add_transposed(const plan *p, int64_t keys, int64_t rows, const float *tile, const float *strips,
                           int64_t first, float *out)
{
    for (int64_t c = 0; c < p->Dp; c += STRIP) {
        int64_t columns = least(p->Dp - c, STRIP);
        const float *b = strips + c * p->rows + depth(p, first) * columns;
        add_product(p, keys, columns, rows, tile, MR, 1, LDS, b, out + c, p->Dp);
    }
}

/* dq[rows,Dp] += ds k */
static void add_dq(const plan *p, int64_t rows, int64_t keys, const float *ds, const float *k, float *dq)
{
    for (int64_t c = 0; c < p->Dp; c += STRIP) {
        int64_t columns = least(p->Dp - c, STRIP);
        add_product(p, rows, columns, keys, ds, MR * LDS, LDS, 1, k + c * keys, dq + c, p->Dp);
    }
}

/* Keys [j, j+keys) with queries [i, i+BQ). */
static void run_tile(const plan *p, const work *w, int64_t j, int64_t keys, int64_t i)
{
    const dr_attention_args *a = p->a;
    int64_t rows = least(round_up(a->Lq - i, MR), BQ);
    tile_product(p, rows, keys, w->q_groups + i * a->D, w->kt, w->p);
    tile_product(p, rows, keys, w->dy_groups + i * a->D, w->vt, w->ds);
    tile_softmax_bwd(p, w, j, keys, i, rows);
    if (a->dv)
        add_transposed(p, keys, rows, w->p, w->dy_strips, i, w->dv);
    if (a->dk)
        add_transposed(p, keys, rows, w->ds_down, w->q_strips, i, w->dk);
    if (a->dq)
        add_dq(p, rows, keys, w->ds, w->k, w->dq + i * p->Dp);
}

/* to[L,D] (ld apart) += from[L,Dp] * scale */
static void add_out(int64_t L, int64_t D, int64_t Dp, const float *from, float scale, float *to, int64_t ld)
{
    for (int64_t l = 0; l < L; l++)
        for (int64_t d = 0; d < D; d += VW) {
            int64_t w = least(D - d, VW);
            float *out = to + l * ld + d;
            vstore_n(out, vfma(vload(from + l * Dp + d), vset1(scale), vload_n(out, w)), w);
        }
}

static void add_out_dq(const plan *p, const work *w, const float *dq)
{
    const dr_attention_args *a = p->a;
    int64_t ld = (int64_t)a->heads * a->D;
    float scale = (float)(1 / sqrt((double)a->D));
    add_out(a->Lq, a->D, p->Dp, dq, scale, a->dq + w->n * a->Lq * ld + w->at, ld);
}

static void run_task(const plan *p, int64_t task)
{
    const dr_attention_args *a = p->a;
    int64_t ld = (int64_t)a->heads * a->D, start = task % p->splits * p->range;
    int64_t stop = least(start + p->range, a->Lk);
    work w;
    work_start(p, &w, task);
    pack_queries(p, &w);
    for (int64_t j = start; j < stop; j += BK) {
        int64_t keys = least(stop - j, BK), out = (w.n * a->Lk + j) * ld + w.at;
        pack_keys(p, &w, j, keys);
        for (int64_t i = a->causal ? j / BQ * BQ : 0; i < a->Lq; i += BQ) /* earlier queries see none of these */
            run_tile(p, &w, j, keys, i);
        if (a->dk) /* q was packed times log2(e)/sqrt(D) */
            add_out(keys, a->D, p->Dp, w.dk, (float)LN2, a->dk + out, ld);
        if (a->dv)
            add_out(keys, a->D, p->Dp, w.dv, 1.0f, a->dv + out, ld);
    }
    if (a->dq && p->splits == 1)
        add_out_dq(p, &w, w.dq);
}

/* The tasks' shares of one head's dq, in order. */
static void gather_dq(const plan *p, int64_t nh)
{
    work w = {.n = nh / p->a->heads, .at = nh % p->a->heads * p->a->D};
    for (int64_t s = 0; s < p->splits; s++)
        add_out_dq(p, &w, p->dq + (nh * p->splits + s) * p->rows * p->Dp);
}

dr_status SIMD(attention_bwd)(const dr_attention_args *a)
{
    size_t mark = dr_arena_mark(a->scratch);
    plan p;
    dr_status status = plan_alloc(&p, a);
    if (status == DR_OK) {
#pragma omp parallel for schedule(dynamic, 1)
        for (int64_t t = 0; t < p.NH * p.splits; t++)
            run_task(&p, t);
        if (a->dq && p.splits > 1) {
#pragma omp parallel for schedule(static)
            for (int64_t nh = 0; nh < p.NH; nh++)
                gather_dq(&p, nh);
        }
    }
    dr_arena_rewind(a->scratch, mark);
    return status;
}
