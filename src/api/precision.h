/* The public name of how to compute, and the rows'. */
#ifndef DR_API_PRECISION_H
#define DR_API_PRECISION_H

#include "drape.h"
#include "ops/ops.h"

static inline dr_precision dr_precision_of(drape_precision p)
{
    return p == DRAPE_FAST ? DR_PRECISION_FAST : p == DRAPE_AUTO ? DR_PRECISION_AUTO : DR_PRECISION_EXACT;
}

#endif
