/* Where lies what a training made. An adapter is a file in the store, and any worker has it. A whole model stays in a
 * folder: of the machine that made it, or, where a folder of models is shared (--models with a file .drape-shared in
 * it), in that one. Jobs say what they need, workers what they offer, in the same words. */
#ifndef DR_SERVE_JOBS_TAUGHT_H
#define DR_SERVE_JOBS_TAUGHT_H

#include "serve/jobs/studio.h"

#include <limits.h>

/** The folder in which training `id` works. */
void dr_training_folder(const dr_studio *s, const json_t *settings, int64_t id, char out[PATH_MAX]);

/** What dr_job.host says of a model that was taught here with these settings; "" of an adapter. */
void dr_training_home(const dr_studio *s, const json_t *settings, char out[128]);

/** The file of the adapter that job `j` taught, or the folder of its model. DR_ENOENT: it is not to be had here. */
dr_status dr_taught_path(dr_studio *s, const dr_job *j, char out[PATH_MAX]);

/** True for a training of a whole model. */
bool dr_teaches_model(const json_t *settings);

/** What is left in the shared folder of trainings that are no garments any more goes. */
void dr_taught_tidy(dr_studio *s);

/** Lines for dr_new_job.needs; malloc'ed. NULL: out of memory. */
char *dr_job_needs(dr_studio *s, const json_t *settings);

/** Lines for dr_claim.offers; malloc'ed. NULL: out of memory. */
char *dr_worker_offers(const dr_studio *s);

#endif
