/* Pooling. */
#include "autograd/functions.h"
#include "autograd/shapes.h"

static void backward(dr_tape *g, dr_node *n)
{
    dr_pool_args *a = n->saved;
    a->dy = n->y->grad;
    a->dx = dr_grad(g, n->in[0]);
    if (!g->status)
        g->ops->pool2d_bwd(a);
}

/* How many windows fit along an axis. */
static int64_t windows(int64_t size, int64_t before, int64_t after, int kernel, int stride, bool ceil)
{
    int64_t room = size + before + after - kernel;
    int64_t n = (room + (ceil ? stride - 1 : 0)) / stride + 1;
    if (ceil && (n - 1) * stride >= size + before)
        n--; /* the last would begin in the padding */
    return n;
}

dr_tensor *dr_pool2d(dr_tape *g, dr_tensor *x, dr_pool kind, dr_conv_geom geom, bool ceil)
{
    if (dr_tape_stopped(g))
        return &g->dummy;
    int64_t H = x->dim[1], W = x->dim[2];
    int64_t OH = windows(H, geom.top, geom.bottom, geom.kh, geom.stride, ceil);
    int64_t OW = windows(W, geom.left, geom.right, geom.kw, geom.stride, ceil);
    DR_ASSERT(x->rank == 4 && H + geom.top + geom.bottom >= geom.kh && W + geom.left + geom.right >= geom.kw &&
                  2 * geom.top <= geom.kh && 2 * geom.left <= geom.kw,
              "pooling of %lldx%lld in windows of %dx%d", (long long)H, (long long)W, geom.kh, geom.kw);
    dr_tensor *y = dr_new4(g, x->dim[0], OH, OW, x->dim[3]);
    if (g->status)
        return y;
    dr_pool_args a = {.kind = kind,
                      .N = x->dim[0],
                      .H = H,
                      .W = W,
                      .C = x->dim[3],
                      .OH = OH,
                      .OW = OW,
                      .geom = geom,
                      .x = dr_f32(x),
                      .y = dr_f32(y)};
    g->ops->pool2d(&a);
    dr_node *n = dr_record(g, backward, y, x, NULL, NULL, NULL);
    if (n)
        n->saved = dr_save(g, &a, sizeof a);
    return y;
}

dr_tensor *dr_mean_places(dr_tape *g, dr_tensor *x)
{
    dr_conv_geom all = {.kh = (int)x->dim[1], .kw = (int)x->dim[2], .stride = 1};
    return dr_tape_stopped(g) ? &g->dummy : dr_pool2d(g, x, DR_POOL_MEAN, all, false);
}
