/* Attention one query at a time, with one row of scores. For query i with probabilities p = softmax(s),
 * s_j = q·k_j / sqrt(D):
 *
 *     y = sum p_j v_j
 *     dv_j += p_j dy,  ds_j = p_j (dy·v_j - sum_l p_l dy·v_l),  dq += ds_j k_j / sqrt(D),  dk_j += ds_j q / sqrt(D)
 *
 * Heads share nothing, so each is one thread's. */
#include "ops/ref/ref.h"

#include <math.h>
#include <string.h>

/* One head of one sample: pointers to its first token, and buffers. */
typedef struct head {
    const float *q, *k, *v;
    int64_t ldy;        /* between tokens of y, dy, dq, dk and dv */
    int64_t at_q, at_k; /* where the head starts in y, dy, dq; and in dk, dv */
    double scale;
    float *p; /* [Lk] */
} head;

static head head_at(const dr_attention_args *a, int64_t nh, float *p)
{
    int64_t n = nh / a->heads, h = nh % a->heads * a->D;
    head s = {.ldy = (int64_t)a->heads * a->D, .scale = 1 / sqrt((double)a->D), .p = p + nh * a->Lk};
    s.q = a->q + n * a->Lq * a->ldq + h;
    s.k = a->k + n * a->Lk * a->ldk + h;
    s.v = a->v + n * a->Lk * a->ldv + h;
    s.at_q = n * a->Lq * s.ldy + h;
    s.at_k = n * a->Lk * s.ldy + h;
    return s;
}

/* How many keys query i sees. */
static int64_t visible(const dr_attention_args *a, int64_t i)
{
    return a->causal && i + 1 < a->Lk ? i + 1 : a->Lk;
}

/* s->p[j] = score of key j */
static void scores(const dr_attention_args *a, const head *s, int64_t i)
{
    for (int64_t j = 0; j < visible(a, i); j++)
        s->p[j] = (float)(dr_ref_dot(a->D, s->q + i * a->ldq, s->k + j * a->ldk) * s->scale);
}

/* Scores to unnormalised probabilities, with the largest score taken off so that none overflows. */
static void softmax(float *p, int64_t n, double *max, double *sum)
{
    *max = (double)p[0];
    for (int64_t j = 1; j < n; j++)
        *max = fmax(*max, (double)p[j]);
    *sum = 0;
    for (int64_t j = 0; j < n; j++) {
        p[j] = expf((float)((double)p[j] - *max));
        *sum += (double)p[j];
    }
}

dr_status dr_ref_attention(const dr_attention_args *a)
{
    size_t mark = dr_arena_mark(a->scratch);
    int64_t NH = a->N * a->heads;
    float *p = dr_arena_alloc(a->scratch, (size_t)(NH * a->Lk) * sizeof *p);
    double *sums = dr_arena_alloc(a->scratch, (size_t)(NH * a->D) * sizeof *sums);
    if (!p || !sums) {
        dr_arena_rewind(a->scratch, mark);
        return DR_ENOMEM;
    }
#pragma omp parallel for
    for (int64_t nh = 0; nh < NH; nh++) {
        head s = head_at(a, nh, p);
        double *y = sums + nh * a->D, max, sum;
        for (int64_t i = 0; i < a->Lq; i++) {
            scores(a, &s, i);
            softmax(s.p, visible(a, i), &max, &sum);
            memset(y, 0, (size_t)a->D * sizeof *y);
            for (int64_t j = 0; j < visible(a, i); j++)
                for (int64_t d = 0; d < a->D; d++)
                    y[d] += (double)s.p[j] * (double)s.v[j * a->ldv + d];
            for (int64_t d = 0; d < a->D; d++)
                a->y[s.at_q + i * s.ldy + d] = (float)(y[d] / sum);
            if (a->lse)
                a->lse[nh * a->Lq + i] = (float)(max + log(sum));
        }
    }
    dr_arena_rewind(a->scratch, mark);
    return DR_OK;
}

/* Query i on the way back: adds to dk[Lk,D] and dv[Lk,D] of this head and to dq[D]. dp is a row of Lk. */
static void query_bwd(const dr_attention_args *a, const head *s, int64_t nh, int64_t i, float *dp, double *dk,
                      double *dv, double *dq)
{
    const float *q = s->q + i * a->ldq, *dy = a->dy + s->at_q + i * s->ldy;
    double lse = (double)a->lse[nh * a->Lq + i], delta = 0;
    scores(a, s, i);
    for (int64_t j = 0; j < visible(a, i); j++) {
        s->p[j] = expf((float)((double)s->p[j] - lse));
        dp[j] = (float)dr_ref_dot(a->D, dy, s->v + j * a->ldv);
        delta += (double)s->p[j] * (double)dp[j];
    }
    memset(dq, 0, (size_t)a->D * sizeof *dq);
    for (int64_t j = 0; j < visible(a, i); j++) {
        double p = (double)s->p[j], ds = p * ((double)dp[j] - delta) * s->scale;
        for (int64_t d = 0; d < a->D; d++) {
            dv[j * a->D + d] += p * (double)dy[d];
            dk[j * a->D + d] += ds * (double)q[d];
            dq[d] += ds * (double)s->k[j * a->ldk + d];
        }
    }
}

/* dst[L,D] (rows ld apart) += src[L,D] */
static void add_to(float *dst, int64_t ld, const double *src, int64_t L, int64_t D)
{
    for (int64_t l = 0; dst && l < L; l++)
        for (int64_t d = 0; d < D; d++)
            dst[l * ld + d] += (float)src[l * D + d];
}

dr_status dr_ref_attention_bwd(const dr_attention_args *a)
{
    size_t mark = dr_arena_mark(a->scratch);
    int64_t NH = a->N * a->heads, LkD = a->Lk * a->D;
    float *p = dr_arena_alloc(a->scratch, (size_t)(NH * a->Lk) * sizeof *p);
    float *dp = dr_arena_alloc(a->scratch, (size_t)(NH * a->Lk) * sizeof *dp);
    double *dk = dr_arena_zalloc(a->scratch, (size_t)(NH * LkD) * sizeof *dk);
    double *dv = dr_arena_zalloc(a->scratch, (size_t)(NH * LkD) * sizeof *dv);
    double *dq = dr_arena_alloc(a->scratch, (size_t)(NH * a->D) * sizeof *dq);
    if (!p || !dp || !dk || !dv || !dq) {
        dr_arena_rewind(a->scratch, mark);
        return DR_ENOMEM;
    }
#pragma omp parallel for
    for (int64_t nh = 0; nh < NH; nh++) {
        head s = head_at(a, nh, p);
        for (int64_t i = 0; i < a->Lq; i++) {
            query_bwd(a, &s, nh, i, dp + nh * a->Lk, dk + nh * LkD, dv + nh * LkD, dq + nh * a->D);
            add_to(a->dq ? a->dq + s.at_q + i * s.ldy : NULL, s.ldy, dq + nh * a->D, 1, a->D);
        }
        add_to(a->dk ? a->dk + s.at_k : NULL, s.ldy, dk + nh * LkD, a->Lk, a->D);
        add_to(a->dv ? a->dv + s.at_k : NULL, s.ldy, dv + nh * LkD, a->Lk, a->D);
    }
    dr_arena_rewind(a->scratch, mark);
    return DR_OK;
}
