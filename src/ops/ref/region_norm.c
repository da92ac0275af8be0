/* Instance norm apart for the two sides of a mask. With u = m x + (1-m) mu of one side, n = sum m:
 *
 *     part = k (u - mean(u)) rstd,  k = sqrt(n / S)
 *     du = k rstd (dy - mean(dy) - h mean(dy h)), h = (u - mean(u)) rstd;  dx = m (du + sum((1-m) du) / n)
 */
#include "ops/ref/ref.h"

#include <math.h>

/* One side of one channel of one sample. */
typedef struct side {
    const float *x, *m;
    int64_t S, C;
    bool inverse;
    double n, mu, mean, rstd, k;
} side;

static double weight(const side *r, int64_t s)
{
    return r->inverse ? 1 - (double)r->m[s] : (double)r->m[s];
}

static double filled(const side *r, int64_t s)
{
    double m = weight(r, s);
    return m * (double)r->x[s * r->C] + (1 - m) * r->mu;
}

static side side_of(const dr_region_norm_args *a, int64_t n, int64_t c, bool inverse)
{
    side r = {.x = a->x + n * a->S * a->C + c, .m = a->m + n * a->S, .S = a->S, .C = a->C, .inverse = inverse};
    double squares = 0;
    for (int64_t s = 0; s < a->S; s++) {
        r.n += weight(&r, s);
        r.mu += weight(&r, s) * (double)r.x[s * a->C];
    }
    r.n = r.n == 0 ? 1 : r.n;
    r.mu /= r.n;
    for (int64_t s = 0; s < a->S; s++)
        r.mean += filled(&r, s) / (double)a->S;
    for (int64_t s = 0; s < a->S; s++)
        squares += (filled(&r, s) - r.mean) * (filled(&r, s) - r.mean);
    r.rstd = 1 / sqrt(squares / (double)a->S + (double)a->eps);
    r.k = sqrt(r.n / (double)a->S);
    return r;
}

dr_status dr_ref_region_norm(const dr_region_norm_args *a)
{
#pragma omp parallel for
    for (int64_t nc = 0; nc < a->N * a->C; nc++) {
        int64_t n = nc / a->C, c = nc % a->C;
        side in = side_of(a, n, c, false), out = side_of(a, n, c, true);
        for (int64_t s = 0; s < a->S; s++)
            a->y[(n * a->S + s) * a->C + c] =
                (float)(in.k * (filled(&in, s) - in.mean) * in.rstd + out.k * (filled(&out, s) - out.mean) * out.rstd);
    }
    return DR_OK;
}

static void side_backward(const side *r, const float *dy, float *dx)
{
    double mean1 = 0, mean2 = 0, spread = 0;
    for (int64_t s = 0; s < r->S; s++) {
        double h = (filled(r, s) - r->mean) * r->rstd, d = (double)dy[s * r->C];
        mean1 += d / (double)r->S;
        mean2 += d * h / (double)r->S;
    }
    for (int pass = 0; pass < 2; pass++)
        for (int64_t s = 0; s < r->S; s++) {
            double h = (filled(r, s) - r->mean) * r->rstd, m = weight(r, s);
            double du = r->k * r->rstd * ((double)dy[s * r->C] - mean1 - h * mean2);
            if (pass)
                dx[s * r->C] += (float)(m * (du + spread / r->n));
            else
                spread += (1 - m) * du;
        }
}

dr_status dr_ref_region_norm_bwd(const dr_region_norm_args *a)
{
#pragma omp parallel for
    for (int64_t nc = 0; nc < (a->dx ? a->N * a->C : 0); nc++) {
        int64_t n = nc / a->C, c = nc % a->C, at = n * a->S * a->C + c;
        for (int i = 0; i < 2; i++) {
            side r = side_of(a, n, c, i);
            side_backward(&r, a->dy + at, a->dx + at);
        }
    }
    return DR_OK;
}
