/* What the HTTP side has done, for whoever watches the server. */
#ifndef DR_SERVE_HTTP_COUNTS_H
#define DR_SERVE_HTTP_COUNTS_H

#include <stdatomic.h>

typedef struct dr_http_counts {
    atomic_ullong answers[6];        /* by the status' first digit */
    atomic_int connections, streams; /* that are open */
} dr_http_counts;

#endif
