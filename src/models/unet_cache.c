#include "models/unet_cache.h"

#include <stdlib.h>

void dr_unet_cache_clear(dr_unet_cache *c)
{
    free(c->kept);
    *c = (dr_unet_cache){.branch = c->branch, .reuse = c->reuse};
}

bool dr_unet_cache_serves(const dr_unet_cache *c, int64_t N, int64_t h, int64_t w)
{
    return c->kept && c->dim[0] >= N && c->h == h && c->w == w;
}

static size_t values(const int64_t dim[4])
{
    return (size_t)dim[0] * (size_t)dim[1] * (size_t)dim[2] * (size_t)dim[3];
}

void dr_unet_cache_keep(dr_tape *g, dr_unet_cache *c, const dr_tensor *x, int64_t h, int64_t w)
{
    if (dr_tape_stopped(g))
        return;
    DR_ASSERT(x->rank == 4, "%d axes to keep, expected 4", x->rank);
    size_t n = values(x->dim);
    if (n > c->room) {
        dr_unet_cache_clear(c);
        c->kept = malloc(n * sizeof *c->kept);
        if (!c->kept) {
            dr_tape_fail(g, dr_fail(DR_ENOMEM, "out of memory"));
            return;
        }
        c->room = n;
    }
    dr_tensor_get(g, x, c->kept);
    for (int i = 0; i < 4; i++)
        c->dim[i] = x->dim[i];
    c->h = h;
    c->w = w;
}

dr_tensor *dr_unet_cache_take(dr_tape *g, const dr_unet_cache *c, int64_t N)
{
    int64_t dim[4] = {N, c->dim[1], c->dim[2], c->dim[3]};
    return dr_input(g, c->kept + (values(c->dim) - values(dim)), 4, dim);
}
