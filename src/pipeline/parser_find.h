/* Where the clothes parser lies that comes with drape. */
#ifndef DR_PIPELINE_PARSER_FIND_H
#define DR_PIPELINE_PARSER_FIND_H

#include "base/status.h"

#include <stddef.h>

/**
 * The first of these that has a config.json: beside the running program (BIN/../share/drape/models/mini/parser), below
 * the prefix drape was configured for, in the source tree. $DRAPE_PARSER, where it is set, is taken instead, unlooked
 * at: whoever sets it wants to hear when it is wrong.
 *
 * @return DR_ENOENT naming all places
 */
dr_status dr_parser_find(char *out, size_t n);

#endif
