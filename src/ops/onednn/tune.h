/* Which algorithm serves a shape: measured once, remembered in a file.
 *
 * The file tune-HASH.txt lies in $DRAPE_CACHE_DIR, else $XDG_CACHE_HOME/drape, else ~/.cache/drape; HASH stands for
 * its first line, which names the CPU, instruction set, thread count and oneDNN version. A file that does not read
 * well is ignored and written anew. A choice once in the file, or once made in a process, stays: a
 * training run repeated on one machine repeats every bit. DRAPE_TUNE=off measures nothing and reads no file. */
#ifndef DR_OPS_ONEDNN_TUNE_H
#define DR_OPS_ONEDNN_TUNE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct dr_candidate {
    const char *name; /* letters, digits and '-' */
    dr_status (*run)(const void *args);
} dr_candidate;

/** False with DRAPE_TUNE=off. */
bool dr_tune_enabled(void);

/** The index of the candidate remembered for `problem`, a line of at most 120 characters without '='; -1 if none. */
int dr_tune_recall(const char *problem, const dr_candidate *c, int n);

/** Runs each candidate a few times and remembers the fastest; a candidate that fails is out. -1 if all fail. */
int dr_tune_measure(const char *problem, const dr_candidate *c, int n, const void *args);

/** Remembers a choice that something else than time decided; name as a candidate's, of at most 30 characters. */
void dr_tune_remember(const char *problem, const char *name);

/** Forgets what this process knows, and the name of the file; for tests. */
void dr_tune_reset(void);

/** The file's path in a buffer of the caller's; false if there is no place for one. */
bool dr_tune_path(char *buf, size_t n);

#endif
