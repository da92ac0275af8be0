/* The rows that oneDNN serves: linear layers and convolutions, forward and backward. No oneDNN type leaves
 * this folder. Builds against oneDNN 2.6 and 3.x. */
#ifndef DR_OPS_ONEDNN_ONEDNN_H
#define DR_OPS_ONEDNN_ONEDNN_H

#include "ops/ops.h"

/** Overwrites linear, linear_bwd, conv2d and conv2d_bwd. Does nothing if the library cannot start. */
void dr_ops_onednn_init(dr_ops *ops);

/** "2.6.3": the library that runs. */
void dr_onednn_version(char *out, size_t n);

/** Bytes that packed weights hold now, for memory figures. */
size_t dr_onednn_pack_bytes(void);

#endif
