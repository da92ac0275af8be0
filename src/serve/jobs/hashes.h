/* SHA-256 of the single files that are served: clients of the A1111 API know models by it. Computed on a thread of its
 * own, one file after another, and remembered by the file's path, size and time of change. */
#ifndef DR_SERVE_JOBS_HASHES_H
#define DR_SERVE_JOBS_HASHES_H

#include "serve/jobs/studio.h"

typedef struct dr_hasher dr_hasher;

/** What is remembered is there at once; the thread is for the rest. */
dr_status dr_hasher_start(dr_hasher **out, dr_studio *s);
/** Safe on NULL. */
void dr_hasher_stop(dr_hasher *h);

#endif
