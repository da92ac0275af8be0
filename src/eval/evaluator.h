/* All numbers of one result. */
#ifndef DR_EVAL_EVALUATOR_H
#define DR_EVAL_EVALUATOR_H

#include "eval/columns.h"
#include "eval/networks.h"
#include "eval/own.h"
#include "pipeline/parser.h"

#include <limits.h>

/* Zero-initialised means not open. */
typedef struct dr_evaluator {
    bool wanted[DRAPE_EVAL_METRICS];
    int mask_grow;
    uint32_t asked; /* bits of the labels that the garment may have; 0: those of the reference */
    drape_eval_callbacks callbacks;
    char parser_dir[PATH_MAX];
    dr_parser parser;
    dr_networks networks;
    bool at_fault; /* the parser or a network cannot be loaded, for no picture */
} dr_evaluator;

/** `options` are checked already. What is read for a metric is read when it is first needed, but a parser that is not
 *  there is told here. */
dr_status dr_evaluator_open(dr_evaluator *e, const drape_eval_options *options);
void dr_evaluator_close(dr_evaluator *e);

/** As drape_eval_pair(), of pictures that are checked already. */
dr_status dr_evaluator_pair(dr_evaluator *e, const drape_eval_input *in, drape_eval_numbers *out);

#endif
