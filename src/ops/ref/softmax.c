#include "ops/ref/ref.h"

#include <math.h>

void dr_ref_softmax(int64_t R, int64_t C, const float *x, float *y)
{
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < R; r++) {
        const float *from = x + r * C;
        float most = from[0], sum = 0;
        for (int64_t c = 1; c < C; c++)
            most = from[c] > most ? from[c] : most;
        for (int64_t c = 0; c < C; c++)
            sum += y[r * C + c] = expf(from[c] - most);
        for (int64_t c = 0; c < C; c++)
            y[r * C + c] /= sum;
    }
}

void dr_ref_softmax_bwd(int64_t R, int64_t C, const float *y, const float *dy, float *dx)
{
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < R; r++) {
        double along = 0;
        for (int64_t c = 0; c < C; c++)
            along += (double)y[r * C + c] * (double)dy[r * C + c];
        for (int64_t c = 0; c < C; c++)
            dx[r * C + c] += (float)((double)y[r * C + c] * ((double)dy[r * C + c] - along));
    }
}
