/* What one client may have at once, so that it leaves room for others. */
#ifndef DR_SERVE_HTTP_LIMITS_H
#define DR_SERVE_HTTP_LIMITS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum dr_limited { DR_LIMIT_POST, DR_LIMIT_STREAM, DR_LIMITS_KINDS } dr_limited;

enum {
    DR_LIMIT_CLIENTS = 256, /* that are remembered */
    DR_LIMIT_POSTS = 64,    /* requests with a body at once */
    DR_LIMIT_STREAMS = 64,  /* streams of events at once; this machine itself may have more */
    DR_LIMIT_STREAMS_HERE = 1200,
    DR_LIMIT_POSTS_A_MINUTE = 1200,
    DR_LIMIT_FAILURES_A_MINUTE = 20 /* wrong tokens */
};

typedef struct dr_client {
    char address[64];
    int now[DR_LIMITS_KINDS];
    double minute; /* when the counts below began */
    int posts, failures;
    double seen;
} dr_client;

typedef struct dr_limits {
    pthread_mutex_t mutex;
    dr_client client[DR_LIMIT_CLIENTS];
    size_t body_bytes, max_body_bytes; /* of all clients */
} dr_limits;

void dr_limits_init(dr_limits *l, size_t max_body_bytes);

/** False when the client has too many. Each success is ended by dr_limits_leave(). `now` in seconds, any origin. */
bool dr_limits_enter(dr_limits *l, const char *address, dr_limited kind, double now);
void dr_limits_leave(dr_limits *l, const char *address, dr_limited kind);

/** Counts a wrong token. */
void dr_limits_fail(dr_limits *l, const char *address, double now);
/** True when there were too many of them lately. */
bool dr_limits_failed(dr_limits *l, const char *address, double now);

/** Room for bytes of bodies in memory; false when there is none. */
bool dr_limits_take(dr_limits *l, size_t bytes);
void dr_limits_give(dr_limits *l, size_t bytes);

#endif
