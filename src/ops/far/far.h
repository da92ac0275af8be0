/* The active rows over memory that nobody else can touch: a test that values are the rows' alone.
 *
 * DRAPE_BACKEND=far. Values lie in one range of addresses that is unreadable except while a row runs: host code that
 * reads or writes a tensor's values ends in a segmentation fault, as it would read rubbish beside a GPU. */
#ifndef DR_OPS_FAR_FAR_H
#define DR_OPS_FAR_FAR_H

#include "ops/ops.h"

/** Puts every row behind a door. */
void dr_ops_far_init(dr_ops *ops);

#endif
