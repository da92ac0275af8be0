/* What a file is that holds no tensors, as far as its first bytes tell. */
#ifndef DR_IO_FOREIGN_H
#define DR_IO_FOREIGN_H

#include "base/status.h"

#include <stddef.h>

/** DR_OK if the n bytes of file `path` begin as nothing that is known; else DR_EINVAL, or DR_EUNSUPPORTED for tensors
 * in a form that is not read, with a sentence about what it is and what to do. */
dr_status dr_check_foreign(const void *data, size_t n, const char *path);

#endif
