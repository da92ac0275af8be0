/* train.jsonl: one JSON object per line and step, appended and flushed. */
#ifndef DR_TRAIN_JSONL_H
#define DR_TRAIN_JSONL_H

#include "base/json.h"

#include <stdio.h>

typedef struct dr_jsonl {
    FILE *f;
    char *path;
} dr_jsonl;

/** Opens for appending. Lines whose "step" is above `step` (of a run that went on after the checkpoint now resumed from),
 *  and a last line that is cut, are dropped first, atomically; with step 0 the file starts anew. */
dr_status dr_jsonl_open(dr_jsonl *l, const char *path, int step);
dr_status dr_jsonl_write(dr_jsonl *l, const json_t *line);
/** Safe on a zeroed struct. */
void dr_jsonl_close(dr_jsonl *l);

#endif
