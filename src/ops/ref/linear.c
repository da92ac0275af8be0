#include "ops/ref/ref.h"

/* Rows per step of the outer loop: few enough that they stay in cache while the weight streams past. */
#define ROWS 16

/* c[R,C] (= or +=) a[R,K] · b[C,K]ᵀ, shared out over rows of c */
static void matmul(int64_t R, int64_t C, int64_t K, const float *a, const float *b, float *c, bool add)
{
#pragma omp parallel for
    for (int64_t r = 0; r < R; r += ROWS)
        dr_ref_matmul(R - r < ROWS ? R - r : ROWS, C, K, a + r * K, b, c + r * C, C, add);
}

dr_status dr_ref_linear(const dr_linear_args *a)
{
    size_t mark = dr_arena_mark(a->scratch);
    const float *w = dr_ref_weight(a->scratch, a->w);
    if (!w) {
        dr_arena_rewind(a->scratch, mark);
        return DR_ENOMEM;
    }
    /* residual may be y itself, then its values are there already */
    if (a->residual && a->residual != a->y)
        dr_ref_copy2d(a->M, a->N, a->residual, a->N, a->y, a->N, false);
    matmul(a->M, a->N, a->K, a->x, w, a->y, a->residual != NULL);
    if (a->b)
        for (int64_t m = 0; m < a->M; m++)
            for (int64_t n = 0; n < a->N; n++)
                a->y[m * a->N + n] += a->b[n];
    dr_arena_rewind(a->scratch, mark);
    return DR_OK;
}

/* dx[M,K] += dy[M,N] · w[N,K] */
static dr_status grad_x(const dr_linear_args *a)
{
    const float *w = dr_ref_weight(a->scratch, a->w);
    float *wt = dr_arena_alloc(a->scratch, (size_t)(a->N * a->K) * sizeof *wt);
    if (!w || !wt)
        return DR_ENOMEM;
    dr_ref_transpose(a->N, a->K, w, wt);
    matmul(a->M, a->K, a->N, a->dy, wt, a->dx, true);
    return DR_OK;
}

/* dw[N,K] += dy[M,N]ᵀ · x[M,K] */
static dr_status grad_w(const dr_linear_args *a)
{
    float *dyt = dr_arena_alloc(a->scratch, (size_t)(a->M * a->N) * sizeof *dyt);
    float *xt = dr_arena_alloc(a->scratch, (size_t)(a->M * a->K) * sizeof *xt);
    if (!dyt || !xt)
        return DR_ENOMEM;
    dr_ref_transpose(a->M, a->N, a->dy, dyt);
    dr_ref_transpose(a->M, a->K, a->x, xt);
    matmul(a->N, a->K, a->M, dyt, xt, a->dw, true);
    return DR_OK;
}

dr_status dr_ref_linear_bwd(const dr_linear_args *a)
{
    size_t mark = dr_arena_mark(a->scratch);
    dr_status st = a->dx ? grad_x(a) : DR_OK;
    dr_arena_rewind(a->scratch, mark);
    if (st == DR_OK && a->dw)
        st = grad_w(a);
    dr_arena_rewind(a->scratch, mark);
    if (st == DR_OK && a->db)
        dr_ref_sum_rows(1, a->M, a->N, a->dy, a->db);
    return st;
}
