/* Where the models lie that come with drape.
 *
 * Each is looked for beside the running program (BIN/../share/drape/models/...), beside the shared library, below the
 * prefix drape was configured for, and, unless this is a package's build, in the source tree. An environment variable,
 * where it is set, is taken instead, unlooked at: whoever sets it wants to hear when it is wrong. */
#ifndef DR_PIPELINE_SHIPPED_H
#define DR_PIPELINE_SHIPPED_H

#include "base/status.h"

#include <stddef.h>

/** The clothes parser, or $DRAPE_PARSER. DR_ENOENT naming all places. */
dr_status dr_parser_find(char *out, size_t n);
/** The small pipeline, or $DRAPE_MODEL. DR_ENOENT naming all places. */
dr_status dr_small_model_find(char *out, size_t n);

#endif
