/* A field of a JSON body: of which kind it is, within which bounds, and what stands in for it when it is left out.
 *
 * Fields that are options of the library's (drape_tryon_option() and its like) have all that from there: the server
 * adds no more than names of its own, other defaults, and narrower bounds. */
#ifndef DR_SERVE_JOBS_FIELD_H
#define DR_SERVE_JOBS_FIELD_H

#include "drape.h"

#include <jansson.h>
#include <stdbool.h>

typedef enum dr_field_kind {
    DR_FIELD_STRING, /* min..max characters */
    DR_FIELD_INT,    /* min..max; 30.0 counts as one */
    DR_FIELD_NUMBER, /* min..max, finite */
    DR_FIELD_BOOL,
    DR_FIELD_CHOICE, /* a string, one of `choices`, "a|b|c" */
    DR_FIELD_IMAGE,  /* 64 hexadecimal digits */
    DR_FIELD_ID,     /* a job's number as a string */
    DR_FIELD_OBJECT, /* of the table `of` */
    DR_FIELD_LIST,   /* min..max objects of the table `of` */
    DR_FIELD_OPTION  /* what the option `option` of the job `job` is */
} dr_field_kind;

/* The options of one of the library's jobs. */
typedef struct dr_job_options {
    const drape_option *(*row)(int index);
    const void *(*defaults)(void); /* its struct, when nothing is said */
} dr_job_options;

extern const dr_job_options dr_tryon_job, dr_mask_job, dr_train_job, dr_garment_job;

typedef struct dr_field {
    const char *name; /* NULL ends a table */
    dr_field_kind kind;
    const char *def; /* as JSON, also for a null; NULL: the option's, or the field is required */
    double min, max; /* of numbers, strings and lists; both 0: the option's */
    bool above;      /* min itself is too little */
    int multiple;    /* numbers are multiples of it; 0: any */
    const char *choices;
    const struct dr_field *of;
    const dr_job_options *job;
    const char *option; /* NULL: of the field's own name */
    const char *about;  /* for whoever reads the description; NULL: the option's help */
} dr_field;

/** The option of that name; there must be one. */
const drape_option *dr_job_option(const dr_job_options *job, const char *name);

/** The option that a field is; NULL for others. */
const drape_option *dr_field_option(const dr_field *f);

/** The field with its option's kind, bounds and words in their places; another one as it is. */
dr_field dr_field_plain(const dr_field *f);

/** What stands in when it is left out, new; NULL when nothing does. */
json_t *dr_field_default(const dr_field *f);

/** What the job's options struct has in an option's place, new. */
json_t *dr_field_value(const dr_field *f, const void *values);

/** Takes over into the job's options struct what the settings have of its options. Texts are borrowed. */
void dr_fields_take(const dr_field *table, const json_t *settings, const dr_job_options *job, void *values);

#endif
