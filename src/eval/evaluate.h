/* drape_eval(): folders of results, judged one by one and together. */
#ifndef DR_EVAL_EVALUATE_H
#define DR_EVAL_EVALUATE_H

#include "base/status.h"
#include "drape.h"

#include <jansson.h>

/** Options that are checked already; the report is the caller's, NULL on failure. */
dr_status dr_evaluate(const drape_eval_options *o, json_t **report);

#endif
