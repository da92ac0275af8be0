/* Which database a --store means. */
#ifndef DR_SERVE_STORE_URL_H
#define DR_SERVE_STORE_URL_H

#include "base/status.h"

#include <stdbool.h>

typedef struct dr_store_url {
    bool postgresql;
    const char *folder; /* of SQLite, within the text; NULL: none is named */
} dr_store_url;

/** "postgresql://..." and "postgres://..."; "sqlite:", "sqlite:FOLDER" and "sqlite://FOLDER"; NULL is "sqlite:".
 *  DR_EINVAL for others, with a message that shows no more than the scheme: a password may follow it. */
dr_status dr_store_url_parse(const char *text, dr_store_url *out);

#endif
