/* The report of `drape eval` as a page: one file, with the pictures in it. */
#ifndef DR_CLI_EVAL_PAGE_H
#define DR_CLI_EVAL_PAGE_H

#include "base/status.h"

#include <jansson.h>

/** By which metric pairs are sorted, the worst first, where nobody says so: the report's first of those that say most.
 */
const char *dr_eval_sort_key(const json_t *report);

/** Sorts the report's pairs, the worst first by a metric's name; those without the number come last. */
void dr_eval_sort(json_t *report, const char *metric);

/** Writes the page, complete or not at all. `pairs` are in the order in which they will stand there. */
dr_status dr_eval_write_page(const json_t *report, const char *sorted_by, const char *path);

#endif
