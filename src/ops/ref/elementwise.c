#include "ops/ref/ref.h"

#include <math.h>

/* Below this many values, waking threads costs more than the loop. */
#define WORTH_THREADS 16384

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* the normal distribution function */
static double phi(double x)
{
    return 0.5 * (1 + erf(x * 0.70710678118654752440));
}

static double gelu(double x)
{
    return x * phi(x);
}

static double gelu_grad(double x)
{
    return phi(x) + x * 0.39894228040143267794 * exp(-0.5 * x * x);
}

double dr_ref_act1(dr_act kind, double x)
{
    switch (kind) {
    case DR_ACT_NONE:
        return x;
    case DR_ACT_SILU:
        return x * sigmoid(x);
    case DR_ACT_GELU: /* Hendrycks & Gimpel 2016, arXiv:1606.08415, the exact form */
        return gelu(x);
    case DR_ACT_QUICK_GELU: /* OpenAI CLIP's */
        return x * sigmoid(1.702 * x);
    case DR_ACT_RELU:
        return x > 0 ? x : 0;
    case DR_ACT_LEAKY_RELU:
        return x > 0 ? x : (double)DR_LEAKY_SLOPE * x;
    case DR_ACT_TANH:
        return tanh(x);
    }
    DR_ASSERT(0, "no activation %d", (int)kind);
}

double dr_ref_act1_grad(dr_act kind, double x)
{
    double s;
    switch (kind) {
    case DR_ACT_NONE:
        return 1;
    case DR_ACT_SILU:
        s = sigmoid(x);
        return s * (1 + x * (1 - s));
    case DR_ACT_GELU:
        return gelu_grad(x);
    case DR_ACT_QUICK_GELU:
        s = sigmoid(1.702 * x);
        return s * (1 + 1.702 * x * (1 - s));
    case DR_ACT_RELU:
        return x > 0 ? 1 : 0;
    case DR_ACT_LEAKY_RELU:
        return x > 0 ? 1 : (double)DR_LEAKY_SLOPE;
    case DR_ACT_TANH:
        return 1 - tanh(x) * tanh(x);
    }
    DR_ASSERT(0, "no activation %d", (int)kind);
}

void dr_ref_act(dr_act kind, int64_t n, const float *x, float *y)
{
#pragma omp parallel for if (n > WORTH_THREADS)
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)dr_ref_act1(kind, (double)x[i]);
}

void dr_ref_act_bwd(dr_act kind, int64_t n, const float *x, const float *dy, float *dx)
{
    if (!dx)
        return;
#pragma omp parallel for if (n > WORTH_THREADS)
    for (int64_t i = 0; i < n; i++)
        dx[i] += (float)((double)dy[i] * dr_ref_act1_grad(kind, (double)x[i]));
}

void dr_ref_add(int64_t n, const float *a, const float *b, float *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = a[i] + b[i];
}

void dr_ref_mul(int64_t n, const float *a, const float *b, float *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = a[i] * b[i];
}

void dr_ref_axpy(int64_t n, float s, const float *x, float *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] += s * x[i];
}

void dr_ref_scale(int64_t n, float s, const float *x, float *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = s * x[i];
}

void dr_ref_geglu(int64_t R, int64_t C, const float *x, float *y)
{
#pragma omp parallel for if (R * C > WORTH_THREADS)
    for (int64_t r = 0; r < R; r++)
        for (int64_t c = 0; c < C; c++) {
            const float *in = x + r * 2 * C + c;
            y[r * C + c] = (float)((double)in[0] * gelu((double)in[C]));
        }
}

void dr_ref_geglu_bwd(int64_t R, int64_t C, const float *x, const float *dy, float *dx)
{
    if (!dx)
        return;
#pragma omp parallel for if (R * C > WORTH_THREADS)
    for (int64_t r = 0; r < R; r++)
        for (int64_t c = 0; c < C; c++) {
            const float *in = x + r * 2 * C + c;
            float *out = dx + r * 2 * C + c;
            double g = (double)dy[r * C + c];
            out[0] += (float)(g * gelu((double)in[C]));
            out[C] += (float)(g * (double)in[0] * gelu_grad((double)in[C]));
        }
}

void dr_ref_add_rows(int64_t N, int64_t S, int64_t C, const float *x, const float *e, float *y)
{
    for (int64_t n = 0; n < N; n++)
        for (int64_t s = 0; s < S; s++)
            for (int64_t c = 0; c < C; c++) {
                int64_t at = (n * S + s) * C + c;
                y[at] = x[at] + e[n * C + c];
            }
}

void dr_ref_sum_rows(int64_t N, int64_t S, int64_t C, const float *dy, float *de)
{
    if (!de)
        return;
#pragma omp parallel for if (N * S * C > WORTH_THREADS)
    for (int64_t nc = 0; nc < N * C; nc++) {
        const float *column = dy + nc / C * S * C + nc % C;
        double sum = 0;
        for (int64_t s = 0; s < S; s++)
            sum += (double)column[s * C];
        de[nc] += (float)sum;
    }
}

void dr_ref_copy2d(int64_t R, int64_t C, const float *src, int64_t lds, float *dst, int64_t ldd, bool add)
{
    for (int64_t r = 0; r < R; r++)
        for (int64_t c = 0; c < C; c++)
            dst[r * ldd + c] = add ? dst[r * ldd + c] + src[r * lds + c] : src[r * lds + c];
}
