/* What is wrong with a photo and its mask, gathered line by line so that everything is told at once. */
#ifndef DR_TRAIN_DATASET_LINT_H
#define DR_TRAIN_DATASET_LINT_H

#include "train/dataset.h"

/* Lines in a buffer of the caller's; what no longer fits is counted. `text` may be NULL. */
typedef struct dr_findings {
    char *text;
    size_t size, used;
    int count, unsaid;
} dr_findings;

/** Goes on behind what is in `text` already. */
void dr_findings_init(dr_findings *f, char *text, size_t size);
/** One line. */
void dr_findings_add(dr_findings *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Reads photo and mask of an example, sets its size, and adds faults and doubts. Only out of memory is a failure. */
dr_status dr_lint_example(dr_example *e, dr_findings *faults, dr_findings *doubts);

#endif
