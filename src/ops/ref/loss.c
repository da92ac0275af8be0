/* Losses: sums over values in double, in the order of memory. */
#include "ops/ref/ref.h"

#include <math.h>

static float length(float d, float eps)
{
    return sqrtf(d * d + eps * eps);
}

/* --- one term a value -------------------------------------------------------------------------------------- */

static double term(const dr_loss_args *l, int64_t i)
{
    switch (l->term) {
    case DR_TERM_SQUARE: {
        double d = (double)l->a[i] - (double)l->b[i];
        return d * d * (l->w ? (double)l->w[i] : 1.0);
    }
    case DR_TERM_CHARBONNIER:
        return (double)length(l->a[i] - l->b[i], l->s);
    case DR_TERM_HINGE: {
        float short_of = 1 - l->s * l->a[i];
        return short_of > 0 ? (double)short_of : 0;
    }
    case DR_TERM_VALUE:
        return (double)l->a[i];
    case DR_TERM_PRODUCT:
        return (double)l->a[i] * (double)l->w[i];
    }
    DR_ASSERT(0, "no term %d", (int)l->term);
}

void dr_ref_loss(const dr_loss_args *l)
{
    double sum = 0;
    for (int64_t i = 0; i < l->n; i++)
        sum += term(l, i);
    l->y[0] = (float)(sum / l->of);
}

/* k times the slope of term i. */
static float slope(const dr_loss_args *l, int64_t i, float k)
{
    float d;
    switch (l->term) {
    case DR_TERM_SQUARE:
        return 2.0f * k * (l->a[i] - l->b[i]) * (l->w ? l->w[i] : 1.0f);
    case DR_TERM_CHARBONNIER:
        d = l->a[i] - l->b[i];
        return k * d / length(d, l->s);
    case DR_TERM_HINGE:
        return l->s * l->a[i] < 1 ? -k * l->s : 0;
    case DR_TERM_VALUE:
        return k;
    case DR_TERM_PRODUCT:
        return k * l->w[i];
    }
    DR_ASSERT(0, "no term %d", (int)l->term);
}

void dr_ref_loss_bwd(const dr_loss_args *l)
{
    float k = l->dy[0] / (float)l->of;
    for (int64_t i = 0; l->da && i < l->n; i++)
        l->da[i] += slope(l, i, k);
}

/* --- neighbours -------------------------------------------------------------------------------------------- */

static int64_t pairs(const dr_edge_args *e)
{
    return e->N * e->C * (e->H * (e->W - 1) + (e->H - 1) * e->W);
}

/* The sum over the pairs of values i and i + step, for i in [from, to). With `da` also its gradient times k. */
static double edge_run(const dr_edge_args *e, int64_t from, int64_t to, int64_t step, float k, float *da)
{
    const float *a = e->a, *b = e->b;
    double sum = 0;
    for (int64_t i = from; i < to; i++) {
        float d = (a[i + step] - a[i]) - (b[i + step] - b[i]), len = length(d, e->s);
        sum += (double)len;
        if (da) {
            da[i + step] += k * d / len;
            da[i] -= k * d / len;
        }
    }
    return sum;
}

static double edge_sum(const dr_edge_args *e, float k, float *da)
{
    int64_t row = e->W * e->C;
    double sum = 0;
    for (int64_t n = 0; n < e->N; n++)
        for (int64_t y = 0, at = n * e->H * row; y < e->H; y++, at += row) {
            sum += edge_run(e, at, at + row - e->C, e->C, k, da);
            if (y + 1 < e->H)
                sum += edge_run(e, at, at + row, row, k, da);
        }
    return sum;
}

void dr_ref_edge_loss(const dr_edge_args *e)
{
    e->y[0] = (float)(edge_sum(e, 0, NULL) / (double)pairs(e));
}

void dr_ref_edge_loss_bwd(const dr_edge_args *e)
{
    if (e->da)
        edge_sum(e, e->dy[0] / (float)pairs(e), e->da);
}

/* --- labels ------------------------------------------------------------------------------------------------ */

static float weight_of(const dr_entropy_args *e, int64_t place)
{
    int label = e->label[place];
    if (label == e->ignore)
        return 0;
    return e->w ? e->w[label] : 1;
}

/* The softmax of one place into `probability`; returns -log of the label's. */
static double softmax_loss(const float *x, int64_t C, int label, float *probability)
{
    float top = x[0];
    for (int64_t c = 1; c < C; c++)
        top = x[c] > top ? x[c] : top;
    float sum = 0;
    for (int64_t c = 0; c < C; c++) {
        probability[c] = expf(x[c] - top);
        sum += probability[c];
    }
    for (int64_t c = 0; c < C; c++)
        probability[c] /= sum;
    return log((double)sum) - (double)(x[label] - top);
}

void dr_ref_cross_entropy(const dr_entropy_args *e)
{
    int64_t C = e->C;
    double sum = 0, total = 0;
#pragma omp parallel for reduction(+ : sum, total)
    for (int64_t p = 0; p < e->places; p++) {
        double w = (double)weight_of(e, p);
        double loss = softmax_loss(e->x + p * C, C, w > 0 ? e->label[p] : 0, e->probability + p * C);
        sum += w > 0 ? w * loss : 0;
        total += w;
    }
    e->total[0] = total;
    e->y[0] = total > 0 ? (float)(sum / total) : 0;
}

void dr_ref_cross_entropy_bwd(const dr_entropy_args *e)
{
    int64_t C = e->C;
    if (!e->dx || e->total[0] <= 0)
        return;
    float scale = e->dy[0] / (float)e->total[0];
#pragma omp parallel for
    for (int64_t p = 0; p < e->places; p++) {
        float k = weight_of(e, p) * scale;
        if (k == 0)
            continue;
        for (int64_t c = 0; c < C; c++)
            e->dx[p * C + c] += k * e->probability[p * C + c];
        e->dx[p * C + e->label[p]] -= k;
    }
}
