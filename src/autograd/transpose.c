/* Matrices the other way round: for products of two weights. */
#include "autograd/functions.h"
#include "autograd/shapes.h"

static void backward(dr_tape *g, dr_node *n)
{
    int64_t from = *(int64_t *)n->saved, count = n->y->dim[0], R = n->y->dim[1], K = dr_numel(n->in[0]) / R;
    const float *dy = n->y->grad;
    float *dx = dr_grad(g, n->in[0]);
    if (!dx)
        return;
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < R; r++)
        for (int64_t c = 0; c < count; c++)
            dx[r * K + from + c] += dy[c * R + r];
}

dr_tensor *dr_transpose(dr_tape *g, dr_tensor *x, int64_t from, int64_t count)
{
    if (dr_tape_stopped(g))
        return &g->dummy;
    int64_t R = x->dim[0], K = dr_numel(x) / R;
    DR_ASSERT(from >= 0 && count > 0 && from + count <= K, "columns %lld+%lld of %lld", (long long)from,
              (long long)count, (long long)K);
    dr_tensor *y = dr_new2(g, count, R);
    size_t mark = dr_arena_mark(&g->arena), width = dr_dtype_size(x->dtype);
    float *row = g->status ? NULL : dr_arena_alloc(&g->arena, (size_t)count * sizeof *row);
    if (!row) {
        dr_tape_fail(g, DR_ENOMEM);
        return y;
    }
    for (int64_t r = 0; r < R; r++) {
        dr_to_f32((const char *)x->data + (size_t)(r * K + from) * width, x->dtype, row, (size_t)count);
        for (int64_t c = 0; c < count; c++)
            dr_f32(y)[c * R + r] = row[c];
    }
    dr_arena_rewind(&g->arena, mark);
    dr_node *n = dr_record(g, backward, y, x, NULL, NULL, NULL);
    if (n)
        n->saved = dr_save(g, &from, sizeof from);
    return y;
}
