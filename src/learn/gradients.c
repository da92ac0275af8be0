#include "learn/gradients.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static dr_status list(dr_gradients *g, dr_params *const *table, int n)
{
    for (int i = 0; i < n; i++)
        g->count += table[i]->count;
    g->param = calloc(g->count + 1, sizeof(dr_tensor *));
    if (!g->param)
        return dr_fail(DR_ENOMEM, "out of memory");
    size_t k = 0;
    for (int i = 0; i < n; i++)
        for (dr_param *q = table[i]->first; q; q = q->next) {
            g->param[k++] = &q->t;
            g->values += (size_t)dr_numel(&q->t);
        }
    return DR_OK;
}

static dr_status lay_out(dr_gradients *g)
{
    size_t size = g->values * sizeof *g->flat;
    void *p = mmap(NULL, size ? size : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return dr_fail(DR_ENOMEM, "out of memory: %zu MiB for gradients", size >> 20);
    float *at = g->flat = p;
    for (size_t i = 0; i < g->count; i++) {
        g->param[i]->grad = at;
        at += dr_numel(g->param[i]);
    }
    return DR_OK;
}

dr_status dr_gradients_init(dr_gradients *g, dr_params *const *table, int n, bool flat)
{
    *g = (dr_gradients){0};
    dr_status st = list(g, table, n);
    if (!st && flat)
        st = lay_out(g);
    if (st)
        dr_gradients_clear(g);
    return st;
}

void dr_gradients_clear(dr_gradients *g)
{
    for (size_t i = 0; i < g->count && g->param; i++)
        g->param[i]->grad = NULL;
    if (g->flat)
        munmap(g->flat, g->values ? g->values * sizeof *g->flat : 1);
    free(g->param);
    *g = (dr_gradients){0};
}

void dr_gradients_zero(dr_gradients *g)
{
    if (g->flat)
        memset(g->flat, 0, g->values * sizeof *g->flat);
}
