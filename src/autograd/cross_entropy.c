/* Cross entropy of logits with labels. */
#include "autograd/functions.h"
#include "autograd/shapes.h"

static void backward(dr_tape *g, dr_node *n)
{
    dr_entropy_args *a = n->saved;
    a->dy = n->y->grad;
    a->dx = dr_grad(g, n->in[0]);
    if (!g->status)
        g->ops->cross_entropy_bwd(a);
}

dr_tensor *dr_cross_entropy(dr_tape *g, dr_tensor *logits, const uint8_t *labels, int ignore, const float *weight)
{
    if (dr_tape_stopped(g))
        return &g->dummy;
    int64_t C = logits->dim[logits->rank - 1], places = dr_numel(logits) / C;
    for (int64_t p = 0; p < places; p++)
        DR_ASSERT(labels[p] < C || labels[p] == ignore, "label %d of %lld classes", labels[p], (long long)C);
    dr_tensor *y = dr_new(g, 1, (int64_t[]){1}), *probability = dr_new_like(g, logits);
    dr_entropy_args a = {.places = places,
                         .C = C,
                         .label = dr_put(g, labels, (size_t)places),
                         .ignore = ignore,
                         .w = weight ? dr_put(g, weight, (size_t)C * sizeof *weight) : NULL,
                         .x = logits->data,
                         .y = y->data,
                         .probability = probability->data,
                         .total = dr_put(g, &(double){0}, sizeof(double))};
    if (g->status)
        return y;
    g->ops->cross_entropy(&a);
    dr_node *n = dr_record(g, backward, y, logits, NULL, NULL, NULL);
    if (n)
        n->saved = dr_save(g, &a, sizeof a);
    return y;
}
