/* What happens to jobs: they come in, are stopped, and are forgotten some day. */
#ifndef DR_SERVE_JOBS_SUBMIT_H
#define DR_SERVE_JOBS_SUBMIT_H

#include "serve/jobs/studio.h"

/** Completes settings that dr_fields_read() has passed, queues the job, tells. `field` gets the field at fault. */
dr_status dr_studio_submit(dr_studio *s, json_t *settings, char *field, int64_t *id);

/** Stops a job: one that waits at once, one that runs at its next step. DR_EINVAL if it is over. */
dr_status dr_studio_cancel(dr_studio *s, int64_t id);

/** True for a job that neither waits nor runs, or is not there. */
bool dr_studio_is_over(dr_studio *s, int64_t id);

/** Retention once, with events for what went. */
void dr_studio_sweep(dr_studio *s);

#endif
