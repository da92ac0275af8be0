/* Settings of jobs against what there is: models, pictures, garments. What is wrong is said before a job is queued.
 *
 * Each takes settings that dr_fields_read() has passed, and sets what was left open (model, seed). `field` gets the
 * field at fault. */
#ifndef DR_SERVE_JOBS_COMPLETE_H
#define DR_SERVE_JOBS_COMPLETE_H

#include "serve/jobs/studio.h"

dr_status dr_complete_tryon(dr_studio *s, json_t *settings, char *field);
dr_status dr_complete_mask(dr_studio *s, json_t *settings, char *field);
dr_status dr_complete_train(dr_studio *s, json_t *settings, char *field);

#endif
