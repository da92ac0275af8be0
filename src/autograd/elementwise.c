/* Elementwise functions, joins, views, resizing and the loss. */
#include "autograd/functions.h"
#include "autograd/shapes.h"

#include <string.h>

void dr_assert_last(const dr_tensor *x, int64_t C, const char *what)
{
    char shape[80];
    DR_ASSERT(x->dim[x->rank - 1] == C, "'%s' takes %lld channels, input is %s", what ? what : "?", (long long)C,
              dr_shape_str(x, shape, sizeof shape));
}

void dr_assert_same(const dr_tensor *a, const dr_tensor *b, const char *what)
{
    char sa[80], sb[80];
    DR_ASSERT(dr_same_shape(a, b), "%s: %s against %s", what, dr_shape_str(a, sa, sizeof sa),
              dr_shape_str(b, sb, sizeof sb));
}

void *dr_save(dr_tape *g, const void *data, size_t size)
{
    void *p = dr_arena_alloc(&g->arena, size);
    if (!p) {
        dr_tape_fail(g, DR_ENOMEM);
        return NULL;
    }
    return memcpy(p, data, size);
}

void dr_pass_grad(dr_tape *g, dr_tensor *t, float *dy)
{
    if (!t || !t->needs_grad || g->status)
        return;
    if (t->grad)
        g->ops->axpy(dr_numel(t), 1, dy, t->grad);
    else
        t->grad = dy;
}

static void activation_backward(dr_tape *g, dr_node *n)
{
    float *dx = dr_grad(g, n->in[0]);
    if (dx)
        g->ops->act_bwd(*(dr_act *)n->saved, dr_numel(n->y), dr_f32(n->in[0]), n->y->grad, dx);
}

dr_tensor *dr_activation(dr_tape *g, dr_tensor *x, dr_act kind)
{
    dr_tensor *y = dr_tape_stopped(g) ? &g->dummy : dr_new_like(g, x);
    if (g->status)
        return y;
    g->ops->act(kind, dr_numel(x), dr_f32(x), dr_f32(y));
    dr_node *n = dr_record(g, activation_backward, y, x, NULL, NULL, NULL);
    if (n)
        n->saved = dr_save(g, &kind, sizeof kind);
    return y;
}

dr_tensor *dr_activation_over(dr_tape *g, dr_tensor *x, dr_act kind)
{
    if (g->recording || dr_tape_stopped(g))
        return dr_activation(g, x, kind);
    g->ops->act(kind, dr_numel(x), dr_f32(x), dr_f32(x));
    return x;
}

static void softmax_backward(dr_tape *g, dr_node *n)
{
    int64_t C = n->y->dim[n->y->rank - 1];
    float *dx = dr_grad(g, n->in[0]);
    if (dx)
        g->ops->softmax_bwd(dr_numel(n->y) / C, C, dr_f32(n->y), n->y->grad, dx);
}

dr_tensor *dr_softmax(dr_tape *g, dr_tensor *x)
{
    dr_tensor *y = dr_tape_stopped(g) ? &g->dummy : dr_new_like(g, x);
    if (g->status)
        return y;
    int64_t C = x->dim[x->rank - 1];
    g->ops->softmax(dr_numel(x) / C, C, dr_f32(x), dr_f32(y));
    dr_record(g, softmax_backward, y, x, NULL, NULL, NULL);
    return y;
}

static void geglu_backward(dr_tape *g, dr_node *n)
{
    int64_t C = n->y->dim[n->y->rank - 1];
    float *dx = dr_grad(g, n->in[0]);
    if (dx)
        g->ops->geglu_bwd(dr_numel(n->y) / C, C, dr_f32(n->in[0]), n->y->grad, dx);
}

dr_tensor *dr_geglu(dr_tape *g, dr_tensor *x)
{
    if (dr_tape_stopped(g))
        return &g->dummy;
    int64_t C = x->dim[x->rank - 1] / 2, dim[4];
    memcpy(dim, x->dim, sizeof dim);
    dim[x->rank - 1] = C;
    dr_tensor *y = dr_new(g, x->rank, dim);
    if (g->status)
        return y;
    g->ops->geglu(dr_numel(y) / C, C, dr_f32(x), dr_f32(y));
    dr_record(g, geglu_backward, y, x, NULL, NULL, NULL);
    return y;
}

static void add_backward(dr_tape *g, dr_node *n)
{
    float *db = dr_grad(g, n->in[1]);
    if (db)
        g->ops->axpy(dr_numel(n->y), 1, n->y->grad, db);
    dr_pass_grad(g, n->in[0], n->y->grad);
}

dr_tensor *dr_add(dr_tape *g, dr_tensor *a, dr_tensor *b)
{
    dr_tensor *y = dr_tape_stopped(g) ? &g->dummy : dr_new_like(g, a);
    if (g->status)
        return y;
    dr_assert_same(a, b, "add");
    g->ops->add(dr_numel(y), dr_f32(a), dr_f32(b), dr_f32(y));
    dr_record(g, add_backward, y, a, b, NULL, NULL);
    return y;
}

static void mul_backward(dr_tape *g, dr_node *n)
{
    int64_t count = dr_numel(n->y);
    for (int i = 0; i < 2; i++) {
        float *d = dr_grad(g, n->in[i]);
        size_t mark = dr_arena_mark(&g->values);
        float *t = d ? dr_arena_alloc(&g->values, (size_t)count * sizeof *t) : NULL;
        if (t) {
            g->ops->mul(count, n->y->grad, dr_f32(n->in[1 - i]), t);
            g->ops->axpy(count, 1, t, d);
        } else if (d) {
            dr_tape_fail(g, DR_ENOMEM);
        }
        dr_arena_rewind(&g->values, mark);
    }
}

dr_tensor *dr_mul(dr_tape *g, dr_tensor *a, dr_tensor *b)
{
    dr_tensor *y = dr_tape_stopped(g) ? &g->dummy : dr_new_like(g, a);
    if (g->status)
        return y;
    dr_assert_same(a, b, "mul");
    g->ops->mul(dr_numel(y), dr_f32(a), dr_f32(b), dr_f32(y));
    dr_record(g, mul_backward, y, a, b, NULL, NULL);
    return y;
}

static void scale_backward(dr_tape *g, dr_node *n)
{
    float *dx = dr_grad(g, n->in[0]);
    if (dx)
        g->ops->axpy(dr_numel(n->y), *(float *)n->saved, n->y->grad, dx);
}

dr_tensor *dr_scale(dr_tape *g, dr_tensor *x, float s)
{
    dr_tensor *y = dr_tape_stopped(g) ? &g->dummy : dr_new_like(g, x);
    if (g->status)
        return y;
    g->ops->scale(dr_numel(y), s, dr_f32(x), dr_f32(y));
    dr_node *n = dr_record(g, scale_backward, y, x, NULL, NULL, NULL);
    if (n)
        n->saved = dr_save(g, &s, sizeof s);
    return y;
}

/* One row for all samples is the same as one sample with all the places. */
static int64_t row_samples(const dr_tensor *x, const dr_tensor *e)
{
    return e->dim[0] == 1 ? 1 : x->dim[0];
}

static void add_rows_backward(dr_tape *g, dr_node *n)
{
    dr_tensor *x = n->in[0], *e = n->in[1];
    float *dx = dr_grad(g, x), *de = dr_grad(g, e);
    int64_t C = e->dim[1], N = row_samples(x, e);
    if (dx)
        g->ops->axpy(dr_numel(x), 1, n->y->grad, dx);
    if (de)
        g->ops->sum_rows(N, dr_numel(x) / (N * C), C, n->y->grad, de);
}

dr_tensor *dr_add_rows(dr_tape *g, dr_tensor *x, dr_tensor *e)
{
    dr_tensor *y = dr_tape_stopped(g) ? &g->dummy : dr_new_like(g, x);
    if (g->status)
        return y;
    int64_t C = e->dim[1], N = row_samples(x, e);
    dr_assert_last(x, C, "add_rows");
    DR_ASSERT(e->rank == 2 && e->dim[0] == N, "add_rows: %lld rows for %lld samples", (long long)e->dim[0],
              (long long)x->dim[0]);
    g->ops->add_rows(N, dr_numel(x) / (N * C), C, dr_f32(x), dr_f32(e), dr_f32(y));
    dr_record(g, add_rows_backward, y, x, e, NULL, NULL);
    return y;
}

static void concat_backward(dr_tape *g, dr_node *n)
{
    int64_t C = n->y->dim[n->y->rank - 1], R = dr_numel(n->y) / C, at = 0;
    for (int i = 0; i < 2; i++) {
        int64_t c = n->in[i]->dim[n->y->rank - 1];
        float *d = dr_grad(g, n->in[i]);
        if (d)
            g->ops->copy2d(R, c, n->y->grad + at, C, d, c, true);
        at += c;
    }
}

dr_tensor *dr_concat(dr_tape *g, dr_tensor *a, dr_tensor *b)
{
    if (dr_tape_stopped(g))
        return &g->dummy;
    int last = a->rank - 1;
    int64_t ca = a->dim[last], cb = b->dim[last], R = dr_numel(a) / ca, dim[4];
    DR_ASSERT(a->rank == b->rank && dr_numel(b) / cb == R, "concat of %lld and %lld places", (long long)R,
              (long long)(dr_numel(b) / cb));
    memcpy(dim, a->dim, sizeof dim);
    dim[last] = ca + cb;
    dr_tensor *y = dr_new(g, a->rank, dim);
    if (g->status)
        return y;
    g->ops->copy2d(R, ca, dr_f32(a), ca, dr_f32(y), ca + cb, false);
    g->ops->copy2d(R, cb, dr_f32(b), cb, dr_f32(y) + ca, ca + cb, false);
    dr_record(g, concat_backward, y, a, b, NULL, NULL);
    return y;
}

static void slice_backward(dr_tape *g, dr_node *n)
{
    int64_t C = n->in[0]->dim[n->y->rank - 1], c = n->y->dim[n->y->rank - 1];
    float *dx = dr_grad(g, n->in[0]);
    if (dx)
        g->ops->copy2d(dr_numel(n->y) / c, c, n->y->grad, c, dx + *(int64_t *)n->saved, C, true);
}

dr_tensor *dr_slice(dr_tape *g, dr_tensor *x, int64_t from, int64_t count)
{
    if (dr_tape_stopped(g))
        return &g->dummy;
    int64_t C = x->dim[x->rank - 1], dim[4];
    DR_ASSERT(from >= 0 && count > 0 && from + count <= C, "slice %lld+%lld of %lld", (long long)from, (long long)count,
              (long long)C);
    memcpy(dim, x->dim, sizeof dim);
    dim[x->rank - 1] = count;
    dr_tensor *y = dr_new(g, x->rank, dim);
    if (g->status)
        return y;
    g->ops->copy2d(dr_numel(y) / count, count, dr_f32(x) + from, C, dr_f32(y), count, false);
    dr_node *n = dr_record(g, slice_backward, y, x, NULL, NULL, NULL);
    if (n)
        n->saved = dr_save(g, &from, sizeof from);
    return y;
}

static void repeat_backward(dr_tape *g, dr_node *n)
{
    int64_t count = dr_numel(n->in[0]);
    float *dx = dr_grad(g, n->in[0]);
    for (int64_t i = 0; dx && i < n->y->dim[0]; i++)
        g->ops->axpy(count, 1, n->y->grad + i * count, dx);
}

dr_tensor *dr_repeat(dr_tape *g, dr_tensor *x, int64_t n)
{
    if (dr_tape_stopped(g))
        return &g->dummy;
    int64_t count = dr_numel(x), C = x->dim[x->rank - 1], dim[4];
    DR_ASSERT(x->dim[0] == 1 && n > 0, "repeat of %lld samples, %lld times", (long long)x->dim[0], (long long)n);
    memcpy(dim, x->dim, sizeof dim);
    dim[0] = n;
    dr_tensor *y = dr_new(g, x->rank, dim);
    for (int64_t i = 0; !g->status && i < n; i++)
        g->ops->copy2d(count / C, C, dr_f32(x), C, dr_f32(y) + i * count, C, false);
    dr_record(g, repeat_backward, y, x, NULL, NULL, NULL);
    return y;
}

typedef void resize_fn(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, const float *, float *);

static void resize_backward(dr_tape *g, dr_node *n)
{
    const int64_t *d = n->in[0]->dim;
    resize_fn *bwd = *(bool *)n->saved ? g->ops->resize_bilinear_bwd : g->ops->resize_nearest_bwd;
    float *dx = dr_grad(g, n->in[0]);
    if (dx)
        bwd(d[0], d[1], d[2], d[3], n->y->dim[1], n->y->dim[2], n->y->grad, dx);
}

static dr_tensor *resize(dr_tape *g, dr_tensor *x, int64_t OH, int64_t OW, bool bilinear)
{
    dr_tensor *y = dr_tape_stopped(g) ? &g->dummy : dr_new4(g, x->dim[0], OH, OW, x->dim[3]);
    if (g->status)
        return y;
    resize_fn *fwd = bilinear ? g->ops->resize_bilinear : g->ops->resize_nearest;
    fwd(x->dim[0], x->dim[1], x->dim[2], x->dim[3], OH, OW, dr_f32(x), dr_f32(y));
    dr_node *n = dr_record(g, resize_backward, y, x, NULL, NULL, NULL);
    if (n)
        n->saved = dr_save(g, &bilinear, sizeof bilinear);
    return y;
}

dr_tensor *dr_resize_nearest(dr_tape *g, dr_tensor *x, int64_t OH, int64_t OW)
{
    return resize(g, x, OH, OW, false);
}

dr_tensor *dr_resize_bilinear(dr_tape *g, dr_tensor *x, int64_t OH, int64_t OW)
{
    return resize(g, x, OH, OW, true);
}

static void view_backward(dr_tape *g, dr_node *n)
{
    dr_pass_grad(g, n->in[0], n->y->grad);
}

dr_tensor *dr_view(dr_tape *g, dr_tensor *x, int rank, const int64_t *dim)
{
    if (dr_tape_stopped(g))
        return &g->dummy;
    dr_tensor *y = dr_wrap(g, x->data, rank, dim);
    if (g->status)
        return y;
    DR_ASSERT(dr_numel(x) == dr_numel(y), "view of %lld values as %lld", (long long)dr_numel(x),
              (long long)dr_numel(y));
    dr_record(g, view_backward, y, x, NULL, NULL, NULL);
    return y;
}

dr_tensor *dr_view3(dr_tape *g, dr_tensor *x, int64_t a, int64_t b, int64_t c)
{
    return dr_view(g, x, 3, (int64_t[]){a, b, c});
}

dr_tensor *dr_view4(dr_tape *g, dr_tensor *x, int64_t a, int64_t b, int64_t c, int64_t d)
{
    return dr_view(g, x, 4, (int64_t[]){a, b, c, d});
}

static void sum_backward(dr_tape *g, dr_node *n)
{
    dr_loss_args *a = n->saved;
    a->dy = n->y->grad;
    a->da = dr_grad(g, n->in[0]);
    if (!g->status)
        g->ops->loss_bwd(a);
}

dr_tensor *dr_sum_of(dr_tape *g, dr_tensor *x, dr_loss_args a)
{
    dr_tensor *y = dr_tape_stopped(g) ? &g->dummy : dr_new(g, 1, (int64_t[]){1});
    if (g->status)
        return y;
    a.n = dr_numel(x);
    a.a = dr_f32(x);
    a.y = y->data;
    g->ops->loss(&a);
    dr_node *n = dr_record(g, sum_backward, y, x, NULL, NULL, NULL);
    if (n)
        n->saved = dr_save(g, &a, sizeof a);
    return y;
}

dr_tensor *dr_mse(dr_tape *g, dr_tensor *a, const dr_tensor *b, const dr_tensor *weight)
{
    if (dr_tape_stopped(g))
        return &g->dummy;
    dr_assert_same(a, b, "mse");
    return dr_sum_of(
        g, a,
        (dr_loss_args){
            .term = DR_TERM_SQUARE, .of = (double)dr_numel(a), .b = dr_f32(b), .w = weight ? dr_f32(weight) : NULL});
}
