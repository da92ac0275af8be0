/* What jobs can be told: the tables behind the schemas TryonSettings, MaskSettings and TrainSettings of
 * web/openapi.json. */
#ifndef DR_SERVE_JOBS_SETTINGS_H
#define DR_SERVE_JOBS_SETTINGS_H

#include "serve/jobs/fields.h"

enum {
    DR_MAX_COUNT = 16,
    DR_MAX_STEPS = 1000,
    DR_MAX_TRAIN_STEPS = 100000,
    DR_MAX_PHOTOS = 100,
};

#define DR_CATEGORIES "upper|lower|dress|outer"
#define DR_SLEEVES "keep|long|short"
#define DR_SCHEDULERS                                                                                                  \
    "pndm|ddim|ddpm|euler|euler-a|heun|lms|dpm++2m|dpm++2m-sde|unipc|lcm" /* drape_scheduler_name()                    \
                                                                           */

enum { DR_SIZE_UNIT = 8 }; /* of sides in pixels */

extern const dr_field dr_tryon_fields[], dr_mask_fields[], dr_train_fields[];

#endif
