/* The kinds of jobs: one row has all that is different between them. */
#ifndef DR_SERVE_JOBS_KINDS_H
#define DR_SERVE_JOBS_KINDS_H

#include "serve/jobs/fields.h"
#include "serve/jobs/work.h"

typedef struct dr_kind {
    const char *name;       /* a job's type */
    const dr_field *fields; /* of its settings */
    bool quick;             /* waits for none but others of its kind */
    bool teaches;           /* has losses, and what it makes is a garment */
    dr_status (*complete)(dr_studio *s, json_t *settings, char *field);
    dr_status (*run)(dr_work *w);
    void (*done)(dr_studio *s, const dr_work *w); /* once it is written down as done; NULL: nothing more */
} dr_kind;

enum { DR_KIND_TRYON, DR_KIND_MASK, DR_KIND_TRAIN, DR_KINDS };
extern const dr_kind dr_kinds[DR_KINDS];

/** NULL for a word that is no kind, and for NULL. */
const dr_kind *dr_kind_of(const char *type);

/** False for what is no kind. */
bool dr_kind_teaches(const char *type);

/** "tryon|mask|train". */
void dr_kind_names(char *out, size_t n);

#endif
