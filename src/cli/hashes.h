/* The tensors of a file with the SHA-256 of their elements. */
#ifndef DR_CLI_HASHES_H
#define DR_CLI_HASHES_H

#include "base/status.h"

#include <stdbool.h>

/** Prints name, shape, type (as PyTorch and NumPy call it) and SHA-256 of the contiguous little-endian bytes of every
 *  tensor, in the order of their names; or nothing, and fails. */
dr_status dr_print_hashes(const char *path, bool json);

#endif
