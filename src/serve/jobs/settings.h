/* What jobs can be told: the tables behind the schemas TryonSettings, MaskSettings and TrainSettings of the API's
 * description. */
#ifndef DR_SERVE_JOBS_SETTINGS_H
#define DR_SERVE_JOBS_SETTINGS_H

#include "serve/jobs/field.h"

enum {
    DR_MAX_COUNT = 16,
    DR_MAX_TRAIN_STEPS = 100000,
    DR_MAX_PHOTOS = 100,
    DR_MAX_PRIORITY = 100,
};

extern const dr_field dr_tryon_fields[], dr_mask_fields[], dr_train_fields[];
extern const dr_field dr_auto_fields[]; /* of the mask that is made for a try-on */

/* A training that is only to be looked at: it need not have a name yet. */
#define DR_LINT_FIELDS 32
const dr_field *dr_lint_fields(dr_field out[DR_LINT_FIELDS]);

/* The tables that have a name in the description; one without ends them. */
typedef struct dr_named_fields {
    const char *name;
    const dr_field *fields;
} dr_named_fields;
extern const dr_named_fields dr_named_tables[];

#endif
