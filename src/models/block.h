/* What every block of a model does last: its result is looked at. */
#ifndef DR_MODELS_BLOCK_H
#define DR_MODELS_BLOCK_H

#include "autograd/tape.h"

/** Asserts that block `name`, as published files call it, gave a tensor of `rank` axes `dim`, and shows it to whoever
 *  watches the tape. Returns y. Nothing once the tape failed. */
dr_tensor *dr_block_gave(dr_tape *g, dr_tensor *y, const char *name, int rank, const int64_t *dim);

/** The same for a map [N,H,W,C]. */
dr_tensor *dr_block_gave4(dr_tape *g, dr_tensor *y, const char *name, int64_t N, int64_t H, int64_t W, int64_t C);

#endif
