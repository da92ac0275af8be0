/* train.jsonl: what happened, one JSON object per line, for scripts and plots. */
#ifndef DR_LEARN_JSONL_H
#define DR_LEARN_JSONL_H

#include "base/json.h"

#include <sys/types.h>

typedef struct dr_jsonl {
    int fd;
    char *path;
    off_t end; /* behind the last whole line */
} dr_jsonl;

/**
 * Opens a log to go on behind `step`: lines whose "step" is larger are dropped, and lines that are no JSON object (cut
 * short when a run was killed); the file is then rewritten, atomically. Lines without a step stay.
 *
 * @param step  steps done; below 0 begins anew
 */
dr_status dr_jsonl_open(dr_jsonl *j, const char *path, int64_t step);

/** Appends one line and hands it to the system at once: a killed run loses none. When the disk is full, no half line
 *  stays. NULL (json_pack failed) is DR_ENOMEM. */
dr_status dr_jsonl_write(dr_jsonl *j, const json_t *object);

/** A number, or null where JSON has none (NaN, infinity). */
json_t *dr_jsonl_number(double v);

/** Safe on a zeroed struct. */
void dr_jsonl_close(dr_jsonl *j);

#endif
