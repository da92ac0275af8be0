/* Single files that are published elsewhere than on a hub, each with its size and SHA-256: fetched into one folder as a
 * pull fetches a repo's files (resume, verification, record). */
#ifndef DR_IO_HUB_PUBLISHED_H
#define DR_IO_HUB_PUBLISHED_H

#include "io/hub.h"

#include <stddef.h>

typedef struct dr_published {
    const char *base; /* "https://host/folder" */
    const char *path; /* below that, and below the folder it goes to */
    uint64_t size;
    const char *sha256;
} dr_published;

/** Brings `o->out_dir` (not NULL) to hold the files; `o->repo` is what messages and the record call them, revision,
 * variant, token and endpoint have no meaning. DR_ENET offline when one is not there as it should be; otherwise as
 * dr_hub_pull(). */
dr_status dr_hub_pull_published(const dr_published *list, size_t n, const dr_hub_options *o, dr_hub_result *r);

#endif
