#include "ops/quant8.h"
#include "ops/ref/ref.h"

#include <math.h>

double dr_ref_sumsq(int64_t n, const float *x)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)x[i] * (double)x[i];
    return sum;
}

/* The order of operations of torch.optim.AdamW: decay, moments, then the step. */
void dr_ref_adamw(int64_t n, float *p, const float *g, float *m, float *v, float scale, float lr, float beta1,
                  float beta2, float eps, float weight_decay, double bc1, double bc2)
{
    float keep = (float)(1 - (double)lr * (double)weight_decay), step = (float)((double)lr / bc1);
    float root = (float)sqrt(bc2);
#pragma omp parallel for
    for (int64_t i = 0; i < n; i++) {
        float gi = g[i] * scale;
        p[i] *= keep;
        m[i] += (1 - beta1) * (gi - m[i]);
        v[i] = beta2 * v[i] + (1 - beta2) * gi * gi;
        p[i] -= step * m[i] / (sqrtf(v[i]) / root + eps);
    }
}

/* The codes of w values under a new scale, which is the largest of them. */
static float encode(const dr_quant8 *q, int w, const float *x, uint8_t *code)
{
    float scale = 0;
    for (int i = 0; i < w; i++)
        scale = fmaxf(scale, fabsf(x[i]));
    for (int i = 0; i < w; i++)
        code[i] = dr_quant8_search(q, scale > 0 ? x[i] / scale : 0);
    return scale;
}

static void adamw8_block(const dr_adamw8_args *a, int64_t b)
{
    const dr_quant8 *qm = dr_quant8_signed(), *qv = dr_quant8_unsigned();
    float keep = (float)(1 - (double)a->lr * a->weight_decay), step = (float)((double)a->lr / a->bc1);
    float root = (float)sqrt(a->bc2), eps = (float)a->eps, beta1 = (float)a->beta1, beta2 = (float)a->beta2;
    float rest1 = (float)(1 - a->beta1), rest2 = (float)(1 - a->beta2);
    float m[DR_QUANT8_BLOCK] = {0}, v[DR_QUANT8_BLOCK] = {0}, *p = a->p + b * DR_QUANT8_BLOCK;
    int64_t at = b * DR_QUANT8_BLOCK;
    int w = a->n - at < DR_QUANT8_BLOCK ? (int)(a->n - at) : DR_QUANT8_BLOCK;
    for (int i = 0; i < w; i++) {
        float g = a->g[at + i] * a->scale;
        m[i] = qm->code[a->m[at + i]] * a->m_scale[b] * beta1 + g * rest1;
        v[i] = qv->code[a->v[at + i]] * a->v_scale[b] * beta2 + g * g * rest2;
        p[i] = p[i] * keep - step * (m[i] / (sqrtf(v[i]) / root + eps));
    }
    a->m_scale[b] = encode(qm, w, m, a->m + at);
    a->v_scale[b] = encode(qv, w, v, a->v + at);
    for (int i = 0; i < w;
         i++) /* what divides by zero here and only has a first moment left would be thrown far away */
        if (a->v[at + i] == 0 && v[i] > 0)
            a->v[at + i] = 1;
}

void dr_ref_adamw8(const dr_adamw8_args *a)
{
    int64_t blocks = dr_quant8_blocks(a->n);
#pragma omp parallel for
    for (int64_t b = 0; b < blocks; b++)
        adamw8_block(a, b);
}

#define SPAN 16384 /* values that one thread averages or exchanges in one go */

static void move_towards(float *average, const float *x, int64_t n, float part)
{
    for (int64_t i = 0; i < n; i++)
        average[i] -= part * (average[i] - x[i]);
}

void dr_ref_average(int64_t n, float part, const float *x, float *average)
{
#pragma omp parallel for schedule(static) if (n > SPAN)
    for (int64_t at = 0; at < n; at += SPAN)
        move_towards(average + at, x + at, n - at < SPAN ? n - at : SPAN, part);
}

static void exchange_span(float *a, float *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        float t = a[i];
        a[i] = b[i];
        b[i] = t;
    }
}

void dr_ref_exchange(int64_t n, float *a, float *b)
{
#pragma omp parallel for schedule(static) if (n > SPAN)
    for (int64_t at = 0; at < n; at += SPAN)
        exchange_span(a + at, b + at, n - at < SPAN ? n - at : SPAN);
}
