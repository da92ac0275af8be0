/* Running one job: what the worker's files share. */
#ifndef DR_SERVE_JOBS_WORK_H
#define DR_SERVE_JOBS_WORK_H

#include "serve/jobs/studio.h"

#define DR_WORK_PATIENCE 900 /* seconds that a result waits for a database that is away */

/* One job while it runs, on the worker's thread. */
typedef struct dr_work {
    dr_studio *s;
    const dr_job *job;
    const dr_lease *lease;
    const json_t *settings;
    dr_live live;
    json_t *results, *warnings; /* so far */
    char adapter[65];           /* what it taught, a file in the store; "": none */
    char home[128];             /* where a folder lies that it taught (taught.h); "": nowhere */
    /* what is kept in memory from job to job */
    drape_parser **parser;
    drape_pipeline **pipeline;
    char **pipeline_key; /* which model, adapters and precision *pipeline is */
    double stage_began;
    int first_step; /* of a training: what was done before */
} dr_work;

/** Each runs a job to its end. DR_ECANCELLED when it was stopped. */
dr_status dr_work_mask(dr_work *w);
dr_status dr_work_tryon(dr_work *w);
dr_status dr_work_train(dr_work *w);

/** Once a training is written down as done: its checkpoints go, gigabytes that nobody resumes from. */
void dr_work_train_done(dr_studio *s, const dr_work *w);

/** Sets the stage and how much of it is done, and tells at most a few times a second. `fraction` and `left` below 0:
 * not known. */
void dr_work_progress(dr_work *w, dr_work_stage stage, int done, int total, double fraction, double left);

/** Tells now how far it is. */
void dr_work_tell(dr_work *w);

/** Adds a result, in memory and in the store, and tells. Takes `result`. */
dr_status dr_work_result(dr_work *w, json_t *result);
json_t *dr_result_json(const dr_blob *b, const char *kind);

/** Adds a doubt that the client is to see. */
void dr_work_warn(dr_work *w, const char *text);

/** True when the job is to stop; for callbacks. */
bool dr_work_cancelled(void *work);

/** The parser, loaded when first needed. */
dr_status dr_work_parser(dr_work *w);

/** The masks that drape_mask() makes for these settings' fields. */
drape_mask_options dr_work_mask_options(dr_work *w, const json_t *o);

#endif
