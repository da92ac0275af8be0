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
