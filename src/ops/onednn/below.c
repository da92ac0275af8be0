#include "ops/onednn/rows.h"

static dr_ops below;

void dr_onednn_set_below(const dr_ops *ops)
{
    below = *ops;
}

const dr_ops *dr_onednn_below(void)
{
    DR_ASSERT(below.name, "no table below: dr_ops_onednn_init comes first");
    return &below;
}
