#include "models/block.h"

dr_tensor *dr_block_gave(dr_tape *g, dr_tensor *y, const char *name, int rank, const int64_t *dim)
{
    if (g->status)
        return y;
    DR_ASSERT(y->rank == rank, "block %s gave %d axes, expected %d", name, y->rank, rank);
    for (int i = 0; i < rank; i++)
        DR_ASSERT(y->dim[i] == dim[i], "block %s gave %lld on axis %d, expected %lld", name, (long long)y->dim[i], i,
                  (long long)dim[i]);
    if (g->watch)
        g->watch(g->watcher, name, y);
    return y;
}

dr_tensor *dr_block_gave4(dr_tape *g, dr_tensor *y, const char *name, int64_t N, int64_t H, int64_t W, int64_t C)
{
    return dr_block_gave(g, y, name, 4, (int64_t[]){N, H, W, C});
}
