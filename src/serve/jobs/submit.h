/* What happens to jobs: they come in, are stopped, and are forgotten some day. */
#ifndef DR_SERVE_JOBS_SUBMIT_H
#define DR_SERVE_JOBS_SUBMIT_H

#include "serve/http/answer.h"
#include "serve/jobs/studio.h"

/** Completes settings that dr_fields_read() has passed and queues the job, for whoever sent the request. `field` gets
 *  the field at fault. */
dr_status dr_studio_submit(dr_studio *s, const dr_request *r, json_t *settings, char *field, int64_t *id);

/** Stops a job: one that waits at once, one that runs at its next step. DR_EINVAL if it is over. */
dr_status dr_studio_cancel(dr_studio *s, int64_t id);

/** A job that runs, the newest of a type (NULL: any) and of a client ("": all); 0: none. */
int64_t dr_studio_running(dr_studio *s, const char *type, const char *client);

/** True for a job that neither waits nor runs, or is not there. */
bool dr_studio_is_over(dr_studio *s, int64_t id);

/** Retention once. */
void dr_studio_sweep(dr_studio *s);

#endif
