/* Reading the small part of YAML that configuration files of models use, into the same values as JSON.
 *
 * Maps and lists by indentation, lists in brackets, comments, quoted and plain words, numbers ("1.e-6"), true and True,
 * null. Anchors, tags, maps in braces, several documents and texts over several lines are refused with the line's
 * number: a wrong guess would be worse. The file is hostile: its size and depth are bounded. */
#ifndef DR_BASE_YAML_H
#define DR_BASE_YAML_H

#include "base/json.h"

#include <stddef.h>

/** A map at the top; DR_EINVAL with the line otherwise. `where` names the file in messages. Free with json_decref. */
dr_status dr_yaml_parse(const char *text, size_t n, const char *where, json_t **out);
dr_status dr_yaml_load(const char *path, json_t **out);

#endif
