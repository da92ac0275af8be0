#include "autograd/gaussian.h"

#include "autograd/shapes.h"

#include <math.h>
#include <string.h>

static float clamped(float logvar)
{
    return fminf(fmaxf(logvar, DR_LOGVAR_MIN), DR_LOGVAR_MAX);
}

static bool inside(float logvar)
{
    return logvar >= DR_LOGVAR_MIN && logvar <= DR_LOGVAR_MAX;
}

static void sample_backward(dr_tape *g, dr_node *n)
{
    const float *noise = *(const float **)n->saved, *x = dr_f32(n->in[0]), *dy = n->y->grad;
    int64_t C = n->y->dim[n->y->rank - 1], rows = dr_numel(n->y) / C;
    float *dx = dr_grad(g, n->in[0]);
    for (int64_t i = 0; dx && i < rows; i++, x += 2 * C, dx += 2 * C, dy += C, noise += C)
        for (int64_t c = 0; c < C; c++) {
            dx[c] += dy[c];
            if (inside(x[C + c]))
                dx[C + c] += dy[c] * noise[c] * 0.5f * expf(0.5f * x[C + c]);
        }
}

dr_tensor *dr_gaussian_sample(dr_tape *g, dr_tensor *moments, const dr_tensor *noise)
{
    if (dr_tape_stopped(g))
        return &g->dummy;
    int64_t dim[4], C = moments->dim[moments->rank - 1] / 2;
    dr_assert_last(moments, 2 * C, "gaussian moments");
    memcpy(dim, moments->dim, sizeof dim);
    dim[moments->rank - 1] = C;
    dr_tensor *y = dr_new(g, moments->rank, dim);
    if (g->status)
        return y;
    dr_assert_same(noise, y, "gaussian noise");
    const float *x = dr_f32(moments), *e = dr_f32(noise);
    float *z = dr_f32(y);
    for (int64_t i = 0, rows = dr_numel(y) / C; i < rows; i++, x += 2 * C, z += C, e += C)
        for (int64_t c = 0; c < C; c++)
            z[c] = x[c] + expf(0.5f * clamped(x[C + c])) * e[c];
    const float *kept = dr_f32(noise);
    dr_node *n = dr_record(g, sample_backward, y, moments, NULL, NULL, NULL);
    if (n)
        n->saved = dr_save(g, &kept, sizeof kept);
    return y;
}

static void kl_backward(dr_tape *g, dr_node *n)
{
    const float *x = dr_f32(n->in[0]);
    int64_t C = n->in[0]->dim[n->in[0]->rank - 1] / 2, rows = dr_numel(n->in[0]) / (2 * C);
    float *dx = dr_grad(g, n->in[0]), k = n->y->grad[0] / (float)(rows * C);
    for (int64_t i = 0; dx && i < rows; i++, x += 2 * C, dx += 2 * C)
        for (int64_t c = 0; c < C; c++) {
            dx[c] += k * x[c];
            if (inside(x[C + c]))
                dx[C + c] += k * 0.5f * (expf(x[C + c]) - 1);
        }
}

dr_tensor *dr_gaussian_kl(dr_tape *g, dr_tensor *moments)
{
    dr_tensor *y = dr_tape_stopped(g) ? &g->dummy : dr_new(g, 1, (int64_t[]){1});
    if (g->status)
        return y;
    int64_t C = moments->dim[moments->rank - 1] / 2, rows = dr_numel(moments) / (2 * C);
    dr_assert_last(moments, 2 * C, "gaussian moments");
    const float *x = dr_f32(moments);
    double sum = 0;
    for (int64_t i = 0; i < rows; i++, x += 2 * C)
        for (int64_t c = 0; c < C; c++) {
            double mean = (double)x[c], logvar = (double)clamped(x[C + c]);
            sum += mean * mean + exp(logvar) - 1 - logvar;
        }
    dr_f32(y)[0] = (float)(0.5 * sum / (double)(rows * C));
    dr_record(g, kl_backward, y, moments, NULL, NULL, NULL);
    return y;
}
