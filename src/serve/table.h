/* Both APIs, address by address. */
#ifndef DR_SERVE_TABLE_H
#define DR_SERVE_TABLE_H

#include "serve/http/routes.h"

/** Each ends with a path of NULL: a front's, and a worker's. */
extern const dr_route dr_routes[], dr_worker_routes[];

#endif
