/* What goes back to a client, and what came from it. No type of the HTTP library is in here, so that handlers can be
 * tested and fuzzed without one. */
#ifndef DR_SERVE_HTTP_ANSWER_H
#define DR_SERVE_HTTP_ANSWER_H

#include "base/status.h"
#include "serve/http/guard.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct dr_studio
    dr_studio; /* what requests are about (serve/jobs/studio.h); nothing in this room looks inside */

typedef struct dr_answer {
    int status;        /* 0: none yet */
    const char *type;  /* static */
    const void *bytes; /* static; else data */
    void *data;        /* malloc'ed */
    size_t size;
    char *path;    /* malloc'ed; a file of ours in place of data */
    bool for_ever; /* may be cached: its content never changes */
    char etag[72];
    char download[128]; /* file name; "": shown */
    char cookie[200], location[64];
    char allow[32]; /* with 405: the methods that are possible */
} dr_answer;

void dr_answer_clear(dr_answer *a);

/** Takes `j`; NULL is out of memory. */
void dr_answer_json(dr_answer *a, int status, json_t *j);

/** {"error": {code, message, field?}}. `field` may be NULL or "". */
void dr_answer_error(dr_answer *a, int status, const char *code, const char *field, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/** The library's last failure as a client's fault where it is one, else as ours: 400, 404, 503, 500. */
void dr_answer_failure(dr_answer *a, dr_status st, const char *field);

/** The same for what is well said, and only does not go with what is here: 409 in place of 400. */
void dr_answer_conflict(dr_answer *a, dr_status st, const char *field);

enum { DR_MAX_ARGS = 12 };

typedef struct dr_request {
    const char *method, *path;
    struct {
        const char *name, *value;
    } arg[DR_MAX_ARGS]; /* of the query */
    int arg_count;
    const char *cut_arg;                      /* name of one with a NUL character in it; NULL: none */
    const char *content_type, *last_event_id; /* may be NULL */
    char client[64];                          /* address */
    dr_caller who;
    const char *origin; /* of another site's page that may read the answer; NULL: none */
    const char *body;
    size_t size;
    char param[80]; /* what stood for {id} in the route */
    dr_answer answer;
    int64_t wait_for;                                   /* the answer comes when this job is over; 0: it is here */
    void (*finish)(dr_studio *s, struct dr_request *r); /* then, on a thread of ours */
    json_t *kept;                                       /* what `finish` needs */
} dr_request;

/** The value of a query's argument, or NULL. */
const char *dr_request_arg(const dr_request *r, const char *name);

/** The body as a JSON object; on failure the answer is set. */
dr_status dr_request_json(dr_request *r, json_t **out);

#endif
