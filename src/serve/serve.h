/* drape serve: the studio's page, its API, and the API of AUTOMATIC1111. drape work: a machine that computes for such
 * fronts.
 *
 * One thread computes, on the public API of the library (include/drape.h) alone; others speak HTTP, and one hears from
 * the store what others do. */
#ifndef DR_SERVE_SERVE_H
#define DR_SERVE_SERVE_H

#include "serve/jobs/studio.h"

typedef struct dr_serve_options {
    dr_studio_options studio;
    const char *host; /* address or name to listen at */
    int port;         /* 0: any that is free; a worker does not listen below 0 */
    const char *token;
    const char *origins;      /* of other sites' pages that may ask, see dr_guard; NULL: none */
    const char *proxies;      /* addresses that speak for others, see dr_server_options; NULL: none */
    int workers;              /* 0: jobs are left to others; 1 */
    bool (*stop)(void *user); /* asked a few times a second */
    /** Called once when it listens; with "" when it does not. */
    void (*ready)(void *user, const char *url);
    void *user;
} dr_serve_options;

/** Serves until `stop` says so. DR_EINVAL for options that cannot be, DR_EIO where the port is taken. */
dr_status dr_serve(const dr_serve_options *o);

/** Computes for others until `stop` says so. */
dr_status dr_work(const dr_serve_options *o);

#endif
