/* mini_mean: the mean of two files of weights.
 *
 *     mini_mean A.safetensors B.safetensors OUT.safetensors
 *
 * Of one net at two times of a training the mean is often better than either (Wortsman et al. 2022, arXiv:2203.05482).
 * Names, shapes, types and metadata are those of A. */
#include "base/status.h"
#include "io/safetensors.h"
#include "tensor/tensor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static dr_status put_mean(dr_st_writer *w, const dr_st_entry *a, const dr_safetensors *other, const char *name)
{
    const dr_st_entry *b = dr_st_find(other, a->name);
    if (!b || b->dtype != a->dtype || b->rank != a->rank ||
        memcmp(a->dim, b->dim, (size_t)a->rank * sizeof *a->dim) != 0)
        return dr_fail(DR_EINVAL, "'%s' has no '%s' of the same shape and type", name, a->name);
    size_t n = a->size / dr_dtype_size(a->dtype);
    float *x = malloc(2 * n * sizeof *x), *y = x ? x + n : NULL;
    void *out = malloc(a->size);
    dr_status st = x && out ? DR_OK : dr_fail(DR_ENOMEM, "out of memory");
    if (!st) {
        dr_to_f32(a->data, a->dtype, x, n);
        dr_to_f32(b->data, b->dtype, y, n);
        for (size_t i = 0; i < n; i++)
            x[i] = 0.5f * (x[i] + y[i]);
        dr_from_f32(x, out, a->dtype, n);
        st = dr_st_put(w, out, a->size);
    }
    free(x);
    free(out);
    return st;
}

static dr_status mean(const char *first, const char *second, const char *path)
{
    dr_safetensors a, b;
    dr_st_writer w;
    dr_status st = dr_st_open(&a, first);
    if (st)
        return st;
    st = dr_st_open(&b, second);
    if (st) {
        dr_st_close(&a);
        return st;
    }
    st = dr_st_create(&w, path, a.entry, a.count, a.meta, a.meta_count);
    bool open = !st;
    for (size_t i = 0; !st && i < a.count; i++)
        st = put_mean(&w, &a.entry[i], &b, second);
    if (!st)
        st = dr_st_commit(&w);
    else if (open)
        dr_st_abort(&w);
    dr_st_close(&a);
    dr_st_close(&b);
    return st;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: mini_mean A.safetensors B.safetensors OUT.safetensors\n");
        return 2;
    }
    if (mean(argv[1], argv[2], argv[3])) {
        fprintf(stderr, "mini_mean: %s\n", dr_error());
        return 1;
    }
    return 0;
}
