#include "pipeline/host_matrix.h"

#include "ops/ops.h"

#include <string.h>

dr_status dr_host_product(int64_t m, int64_t k, int64_t n, const float *a, const float *b, float *c)
{
    const dr_ops *ops = dr_ops_get();
    size_t na = (size_t)(m * k), nb = (size_t)(k * n), nc = (size_t)(m * n), bytes = (na + nb + nc) * sizeof *c;
    float *all = ops->take(bytes, false);
    if (!all)
        return dr_fail(DR_ENOMEM, "out of memory multiplying matrices");
    memset(c, 0, nc * sizeof *c);
    ops->put(all, a, na * sizeof *a);
    ops->put(all + na, b, nb * sizeof *b);
    ops->put(all + na + nb, c, nc * sizeof *c);
    dr_status st = ops->add_product(m, k, n, 1, all, all + na, all + na + nb);
    if (!st)
        ops->get(c, all + na + nb, nc * sizeof *c);
    ops->give(all, bytes);
    return st;
}

void dr_host_transpose(const float *a, int64_t rows, int64_t columns, float *out)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            out[j * rows + i] = a[i * columns + j];
}
