/* Which request goes to which function. */
#ifndef DR_SERVE_HTTP_ROUTES_H
#define DR_SERVE_HTTP_ROUTES_H

#include "serve/http/answer.h"

enum {
    DR_ROUTE_SLOW = 1,   /* decodes or reckons: not on a thread that serves connections */
    DR_ROUTE_STREAM = 2, /* events; the handler only checks */
    DR_ROUTE_OPEN = 4,   /* for everybody who reaches the server, without a token */
    DR_ROUTE_NUMBERS = 8 /* also for tokens whose right is "metrics" */
};

typedef void dr_handler(dr_studio *s, dr_request *r);

typedef struct dr_route {
    const char *method, *path; /* "/api/v1/jobs/{id}"; NULL ends a table */
    dr_handler *handle;
    unsigned flags;
    size_t max_body;
} dr_route;

/** The route of a request and what stands for {id}, or NULL with the answer set: a file of the page, where there is one
 *  (`page`), 404, 405. */
const dr_route *dr_route_find(const dr_route *routes, bool page, dr_request *r);

/** True for the address of a route that is open. */
bool dr_route_is_open(const dr_route *routes, const char *path);

#endif
