/* Cross entropy of logits with labels. */
#include "autograd/functions.h"
#include "autograd/shapes.h"

#include <math.h>

typedef struct entropy_saved {
    float *probability; /* [places,C]: the softmax */
    const uint8_t *labels;
    const float *weight;
    int ignore;
    double total; /* weights of the places that count */
} entropy_saved;

static float weight_of(const entropy_saved *s, int64_t place)
{
    int label = s->labels[place];
    if (label == s->ignore)
        return 0;
    return s->weight ? s->weight[label] : 1;
}

static void backward(dr_tape *g, dr_node *n)
{
    const entropy_saved *s = n->saved;
    int64_t C = n->in[0]->dim[n->in[0]->rank - 1], places = dr_numel(n->in[0]) / C;
    float *dx = dr_grad(g, n->in[0]);
    if (!dx || s->total <= 0)
        return;
    float scale = n->y->grad[0] / (float)s->total;
#pragma omp parallel for
    for (int64_t p = 0; p < places; p++) {
        float k = weight_of(s, p) * scale;
        if (k == 0)
            continue;
        for (int64_t c = 0; c < C; c++)
            dx[p * C + c] += k * s->probability[p * C + c];
        dx[p * C + s->labels[p]] -= k;
    }
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

dr_tensor *dr_cross_entropy(dr_tape *g, dr_tensor *logits, const uint8_t *labels, int ignore, const float *weight)
{
    dr_tensor *y = dr_tape_stopped(g) ? &g->dummy : dr_new(g, 1, (int64_t[]){1});
    dr_tensor *probability = dr_new_like(g, logits);
    if (g->status)
        return y;
    int64_t C = logits->dim[logits->rank - 1], places = dr_numel(logits) / C;
    entropy_saved s = {dr_f32(probability), labels, weight, ignore, 0};
    double sum = 0, total = 0;
#pragma omp parallel for reduction(+ : sum, total)
    for (int64_t p = 0; p < places; p++) {
        DR_ASSERT(labels[p] < C || labels[p] == ignore, "label %d of %lld classes", labels[p], (long long)C);
        double w = (double)weight_of(&s, p);
        double loss = softmax_loss(dr_f32(logits) + p * C, C, w > 0 ? labels[p] : 0, s.probability + p * C);
        sum += w > 0 ? w * loss : 0;
        total += w;
    }
    s.total = total;
    dr_f32(y)[0] = total > 0 ? (float)(sum / total) : 0;
    dr_node *n = dr_record(g, backward, y, logits, NULL, NULL, NULL);
    if (n)
        n->saved = dr_save(g, &s, sizeof s);
    return y;
}
