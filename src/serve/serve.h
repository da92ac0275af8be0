/* drape serve: the studio's page, its API, and the API of AUTOMATIC1111, on one machine.
 *
 * One thread computes, on the public API of the library (include/drape.h) alone; others speak HTTP. */
#ifndef DR_SERVE_SERVE_H
#define DR_SERVE_SERVE_H

#include "base/status.h"
#include "serve/store/store.h"

typedef struct dr_serve_options {
    const char *const *models; /* folders, NULL is the small one that comes with drape; the first is the default */
    int model_count;
    const char *const *loras; /* adapters' files */
    int lora_count;
    const char *host; /* address or name to listen at */
    int port;         /* 0: any that is free */
    const char *data; /* folder */
    const char *token, *parser;
    const char *origins; /* of other sites' pages that may ask, see dr_guard; NULL: none */
    dr_keep keep;
    int threads;
    bool (*stop)(void *user); /* asked a few times a second */
    /** Called once when it listens. */
    void (*ready)(void *user, const char *url);
    void *user;
} dr_serve_options;

/** Serves until `stop` says so. DR_EINVAL for options that cannot be, DR_EIO where the port is taken. */
dr_status dr_serve(const dr_serve_options *o);

/** "30d", "12h", "20GB", "500MB" or both with a comma. False for anything else. */
bool dr_keep_parse(const char *text, dr_keep *out);

#endif
