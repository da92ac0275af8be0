#include "ops/ref/ref.h"

/* Short runs in f32, which the compiler turns into vector code, added up in double: the error stays near that of
 * one f32 rounding whatever n is. */
#define RUN 128

double dr_ref_dot(int64_t n, const float *a, const float *b)
{
    double sum = 0;
    for (int64_t from = 0; from < n; from += RUN) {
        int64_t to = from + RUN < n ? from + RUN : n;
        float part = 0;
#pragma omp simd reduction(+ : part)
        for (int64_t i = from; i < to; i++)
            part += a[i] * b[i];
        sum += (double)part;
    }
    return sum;
}

void dr_ref_matmul(int64_t R, int64_t C, int64_t K, const float *a, const float *b, float *c, int64_t ldc, bool add)
{
    for (int64_t j = 0; j < C; j++) /* b is the large one: read it once */
        for (int64_t i = 0; i < R; i++) {
            float v = (float)dr_ref_dot(K, a + i * K, b + j * K);
            c[i * ldc + j] = add ? c[i * ldc + j] + v : v;
        }
}

void dr_ref_transpose(int64_t R, int64_t C, const float *src, float *dst)
{
#pragma omp parallel for
    for (int64_t c = 0; c < C; c++)
        for (int64_t r = 0; r < R; r++)
            dst[c * R + r] = src[r * C + c];
}

const float *dr_ref_weight(dr_arena *scratch, const dr_tensor *w)
{
    DR_ASSERT(!w->yielded, "the values of '%s' were given up for a packed copy", w->name ? w->name : "a weight");
    if (w->dtype == DR_F32)
        return w->data;
    float *f = dr_arena_alloc(scratch, (size_t)dr_numel(w) * sizeof *f);
    if (f)
        dr_to_f32(w->data, w->dtype, f, (size_t)dr_numel(w));
    return f;
}
