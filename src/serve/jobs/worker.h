/* The one thread that computes, and the one that says that it is still there. */
#ifndef DR_SERVE_JOBS_WORKER_H
#define DR_SERVE_JOBS_WORKER_H

#include "serve/jobs/studio.h"

typedef struct dr_worker dr_worker;

/** Starts it. */
dr_status dr_worker_start(dr_worker **out, dr_studio *s);
/** Stops it: what runs goes back to the queue, a training with a checkpoint. */
void dr_worker_stop(dr_worker *w);

#endif
