/* Rows that compute nothing: what a forward and its backward take in memory, without either.
 *
 * A tape over this table allocates as it would otherwise, in addresses that are never touched; the marks of its arenas
 * say what it would have held. Rows that need workspace take it and give it back, as those of oneDNN do. What is read
 * from values is zero. */
#ifndef DR_OPS_DRY_DRY_H
#define DR_OPS_DRY_DRY_H

#include "ops/ops.h"

const dr_ops *dr_ops_dry(void);

#endif
