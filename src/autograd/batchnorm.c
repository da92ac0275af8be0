/* Batch normalisation with the statistics of training, which are constants by now. */
#include "autograd/functions.h"
#include "autograd/shapes.h"

#include <math.h>

typedef struct batchnorm_saved {
    const float *mean;
    float *scale, *rstd; /* [C]: gamma * rstd, 1/sqrt(var + eps) */
} batchnorm_saved;

static void backward_parameters(const batchnorm_saved *s, int64_t R, int64_t C, const float *x, const float *dy,
                                float *dgamma, float *dbeta)
{
#pragma omp parallel for schedule(static)
    for (int64_t c = 0; c < C; c++) { /* in double: there may be a hundred thousand places */
        double sum = 0, along = 0;
        for (int64_t r = 0; r < R; r++) {
            sum += (double)dy[r * C + c];
            along += (double)(dy[r * C + c] * (x[r * C + c] - s->mean[c]));
        }
        if (dgamma)
            dgamma[c] += (float)along * s->rstd[c];
        if (dbeta)
            dbeta[c] += (float)sum;
    }
}

static void backward(dr_tape *g, dr_node *n)
{
    const batchnorm_saved *s = n->saved;
    const float *dy = n->y->grad;
    int64_t C = n->y->dim[n->y->rank - 1], R = dr_numel(n->y) / C;
    float *dx = dr_grad(g, n->in[0]), *dgamma = dr_grad(g, n->in[1]), *dbeta = dr_grad(g, n->in[2]);
    if (g->status)
        return;
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < (dx ? R : 0); r++)
        for (int64_t c = 0; c < C; c++)
            dx[r * C + c] += dy[r * C + c] * s->scale[c];
    backward_parameters(s, R, C, dr_f32(n->in[0]), dy, dgamma, dbeta);
}

dr_tensor *dr_batchnorm(dr_tape *g, dr_tensor *x, dr_tensor *gamma, dr_tensor *beta, const dr_tensor *mean,
                        const dr_tensor *var, float eps)
{
    if (dr_tape_stopped(g))
        return &g->dummy;
    int64_t C = dr_numel(gamma), R = dr_numel(x) / C;
    dr_assert_last(x, C, "batchnorm");
    dr_tensor *y = dr_new_like(g, x), *folded = dr_new2(g, 3, C);
    if (g->status)
        return y;
    float *scale = dr_f32(folded), *rstd = scale + C, *shift = rstd + C, *out = dr_f32(y);
    const float *in = dr_f32(x);
    for (int64_t c = 0; c < C; c++) {
        rstd[c] = 1 / sqrtf(dr_f32(var)[c] + eps);
        scale[c] = dr_f32(gamma)[c] * rstd[c];
        shift[c] = dr_f32(beta)[c] - dr_f32(mean)[c] * scale[c];
    }
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < R; r++)
        for (int64_t c = 0; c < C; c++)
            out[r * C + c] = in[r * C + c] * scale[c] + shift[c];
    batchnorm_saved s = {dr_f32(mean), scale, rstd};
    dr_node *n = dr_record(g, backward, y, x, gamma, beta, NULL);
    if (n)
        n->saved = dr_save(g, &s, sizeof s);
    return y;
}
