/* Both APIs, address by address. */
#ifndef DR_SERVE_TABLE_H
#define DR_SERVE_TABLE_H

#include "serve/http/routes.h"

/** Ends with a path of NULL. */
extern const dr_route dr_routes[];

#endif
