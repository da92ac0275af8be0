/* Rows and columns of weights, and sums of low rank onto them. */
#include "ops/ref/ref.h"

#include <stdlib.h>
#include <string.h>

void dr_ref_embedding(const dr_pick_args *a)
{
    const char *rows = a->x->data;
    int64_t C = dr_numel(a->x) / a->x->dim[0];
    size_t width = dr_dtype_bytes(a->x->dtype, (size_t)C);
    for (int64_t i = 0; i < a->n; i++)
        dr_to_f32(rows + (size_t)a->id[i] * width, a->x->dtype, a->y + i * C, (size_t)C);
}

void dr_ref_embedding_bwd(const dr_pick_args *a)
{
    int64_t C = dr_numel(a->x) / a->x->dim[0];
    for (int64_t i = 0; a->dx && i < a->n; i++) /* in order: two equal ids add to one row */
        for (int64_t c = 0; c < C; c++)
            a->dx[a->id[i] * C + c] += a->dy[i * C + c];
}

dr_status dr_ref_transpose_weight(const dr_pick_args *a)
{
    int64_t V = a->x->dim[0], K = dr_numel(a->x) / V, block = (int64_t)dr_dtype_block(a->x->dtype);
    int64_t from = a->from / block * block, n = (a->from + a->n + block - 1) / block * block - from; /* whole blocks */
    size_t mark = dr_arena_mark(a->scratch);
    float *row = dr_arena_alloc(a->scratch, (size_t)n * sizeof *row);
    if (!row)
        return DR_ENOMEM;
    for (int64_t r = 0; r < V; r++) {
        dr_to_f32((const char *)a->x->data + dr_dtype_bytes(a->x->dtype, (size_t)(r * K + from)), a->x->dtype, row,
                  (size_t)n);
        for (int64_t c = 0; c < a->n; c++)
            a->y[c * V + r] = row[a->from - from + c];
    }
    dr_arena_rewind(a->scratch, mark);
    return DR_OK;
}

void dr_ref_transpose_weight_bwd(const dr_pick_args *a)
{
    int64_t V = a->x->dim[0], K = dr_numel(a->x) / V;
#pragma omp parallel for schedule(static)
    for (int64_t r = 0; r < (a->dx ? V : 0); r++)
        for (int64_t c = 0; c < a->n; c++)
            a->dx[r * K + a->from + c] += a->dy[c * V + r];
}

dr_status dr_ref_add_product(int64_t out, int64_t rank, int64_t in, float s, const float *up, const float *down,
                             float *w)
{
    int failed = 0;
#pragma omp parallel reduction(| : failed)
    {
        float *row = malloc((size_t)in * sizeof *row + 1);
        failed = !row;
#pragma omp for schedule(static)
        for (int64_t o = 0; o < out; o++) {
            if (!row)
                continue;
            memset(row, 0, (size_t)in * sizeof *row);
            for (int64_t j = 0; j < rank; j++)
                dr_ref_axpy(in, up[o * rank + j], down + j * in, row);
            dr_ref_axpy(in, s, row, w + o * in);
        }
        free(row);
    }
    return failed ? dr_fail(DR_ENOMEM, "out of memory merging a LoRA") : DR_OK;
}
