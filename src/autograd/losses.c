#include "autograd/losses.h"

#include "autograd/shapes.h"

#include <math.h>

typedef struct loss_saved {
    const float *b;
    float eps;
} loss_saved;

static float length(float d, float eps)
{
    return sqrtf(d * d + eps * eps);
}

/* Remembers b and eps for the way back, and fills in the mean. */
static dr_tensor *finish(dr_tape *g, dr_backward_fn *fn, dr_tensor *y, dr_tensor *a, const dr_tensor *b, float eps,
                         double mean)
{
    loss_saved s = {dr_f32(b), eps};
    dr_f32(y)[0] = (float)mean;
    dr_node *n = dr_record(g, fn, y, a, NULL, NULL, NULL);
    if (n)
        n->saved = dr_save(g, &s, sizeof s);
    return y;
}

static void charbonnier_backward(dr_tape *g, dr_node *n)
{
    const loss_saved *s = n->saved;
    const float *a = dr_f32(n->in[0]);
    int64_t count = dr_numel(n->in[0]);
    float *da = dr_grad(g, n->in[0]), k = n->y->grad[0] / (float)count;
    for (int64_t i = 0; da && i < count; i++) {
        float d = a[i] - s->b[i];
        da[i] += k * d / length(d, s->eps);
    }
}

dr_tensor *dr_charbonnier(dr_tape *g, dr_tensor *a, const dr_tensor *b, float eps)
{
    dr_tensor *y = dr_tape_stopped(g) ? &g->dummy : dr_new(g, 1, (int64_t[]){1});
    if (g->status)
        return y;
    dr_assert_same(a, b, "charbonnier");
    const float *x = dr_f32(a), *want = dr_f32(b);
    double sum = 0;
    for (int64_t i = 0; i < dr_numel(a); i++)
        sum += (double)length(x[i] - want[i], eps);
    return finish(g, charbonnier_backward, y, a, b, eps, sum / (double)dr_numel(a));
}

/* Pairs of neighbours across and down in [N,H,W,C]. */
static int64_t pairs(const dr_tensor *t)
{
    const int64_t *d = t->dim;
    return d[0] * d[3] * (d[1] * (d[2] - 1) + (d[1] - 1) * d[2]);
}

/* The sum over the pairs of values i and i + step, for i in [from, to). With `da` also its gradient times k. */
static double edge_run(const float *a, const float *b, int64_t from, int64_t to, int64_t step, float eps, float k,
                       float *da)
{
    double sum = 0;
    for (int64_t i = from; i < to; i++) {
        float d = (a[i + step] - a[i]) - (b[i + step] - b[i]), len = length(d, eps);
        sum += (double)len;
        if (da) {
            da[i + step] += k * d / len;
            da[i] -= k * d / len;
        }
    }
    return sum;
}

static double edge_sum(const dr_tensor *t, const float *b, float eps, float k, float *da)
{
    int64_t N = t->dim[0], H = t->dim[1], row = t->dim[2] * t->dim[3], C = t->dim[3];
    const float *a = dr_f32(t);
    double sum = 0;
    for (int64_t n = 0; n < N; n++)
        for (int64_t y = 0, at = n * H * row; y < H; y++, at += row) {
            sum += edge_run(a, b, at, at + row - C, C, eps, k, da);
            if (y + 1 < H)
                sum += edge_run(a, b, at, at + row, row, eps, k, da);
        }
    return sum;
}

static void edge_backward(dr_tape *g, dr_node *n)
{
    const loss_saved *s = n->saved;
    float *da = dr_grad(g, n->in[0]);
    if (da)
        edge_sum(n->in[0], s->b, s->eps, n->y->grad[0] / (float)pairs(n->in[0]), da);
}

dr_tensor *dr_edge_charbonnier(dr_tape *g, dr_tensor *a, const dr_tensor *b, float eps)
{
    dr_tensor *y = dr_tape_stopped(g) ? &g->dummy : dr_new(g, 1, (int64_t[]){1});
    if (g->status)
        return y;
    dr_assert_same(a, b, "edge_charbonnier");
    DR_ASSERT(a->rank == 4 && a->dim[1] > 1 && a->dim[2] > 1, "edges of %lldx%lld", (long long)a->dim[1],
              (long long)a->dim[2]);
    double sum = edge_sum(a, dr_f32(b), eps, 0, NULL);
    return finish(g, edge_backward, y, a, b, eps, sum / (double)pairs(a));
}
