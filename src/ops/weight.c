#include "ops/ops.h"

void dr_weight_unpack(dr_tensor *w)
{
    if (w->pack && w->pack_free)
        w->pack_free(w->pack);
    w->pack = NULL;
    w->pack_free = NULL;
}
