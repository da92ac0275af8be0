#include "autograd/adversarial.h"

#include "autograd/shapes.h"

static dr_tensor *scalar(dr_tape *g)
{
    return dr_tape_stopped(g) ? &g->dummy : dr_new(g, 1, (int64_t[]){1});
}

/* Leaves the node that remembers `saved`. */
static dr_tensor *finish(dr_tape *g, dr_backward_fn *fn, dr_tensor *y, dr_tensor *x, double value, const void *saved,
                         size_t size)
{
    dr_f32(y)[0] = (float)value;
    dr_node *n = dr_record(g, fn, y, x, NULL, NULL, NULL);
    if (n && size)
        n->saved = dr_save(g, saved, size);
    return y;
}

static void hinge_backward(dr_tape *g, dr_node *n)
{
    float *dx = dr_grad(g, n->in[0]), sign = *(const float *)n->saved;
    const float *x = dr_f32(n->in[0]);
    int64_t count = dr_numel(n->in[0]);
    float k = n->y->grad[0] / (float)count;
    for (int64_t i = 0; dx && i < count; i++)
        if (sign * x[i] < 1)
            dx[i] -= k * sign;
}

dr_tensor *dr_hinge(dr_tape *g, dr_tensor *x, float sign)
{
    dr_tensor *y = scalar(g);
    if (g->status)
        return y;
    double sum = 0;
    for (int64_t i = 0; i < dr_numel(x); i++) {
        float short_of = 1 - sign * dr_f32(x)[i];
        sum += short_of > 0 ? (double)short_of : 0;
    }
    return finish(g, hinge_backward, y, x, sum / (double)dr_numel(x), &sign, sizeof sign);
}

static void mean_backward(dr_tape *g, dr_node *n)
{
    float *dx = dr_grad(g, n->in[0]);
    int64_t count = dr_numel(n->in[0]);
    for (int64_t i = 0; dx && i < count; i++)
        dx[i] += n->y->grad[0] / (float)count;
}

dr_tensor *dr_mean(dr_tape *g, dr_tensor *x)
{
    dr_tensor *y = scalar(g);
    if (g->status)
        return y;
    double sum = 0;
    for (int64_t i = 0; i < dr_numel(x); i++)
        sum += (double)dr_f32(x)[i];
    return finish(g, mean_backward, y, x, sum / (double)dr_numel(x), NULL, 0);
}

static void inner_backward(dr_tape *g, dr_node *n)
{
    float *dx = dr_grad(g, n->in[0]);
    const float *w = *(const float *const *)n->saved;
    if (dx)
        g->ops->axpy(dr_numel(n->in[0]), n->y->grad[0], w, dx);
}

dr_tensor *dr_inner(dr_tape *g, dr_tensor *x, const float *w)
{
    dr_tensor *y = scalar(g);
    if (g->status)
        return y;
    double sum = 0;
    for (int64_t i = 0; i < dr_numel(x); i++)
        sum += (double)dr_f32(x)[i] * (double)w[i];
    return finish(g, inner_backward, y, x, sum, &w, sizeof w);
}
