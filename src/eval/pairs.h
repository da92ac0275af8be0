/* Which result belongs to which reference, mask and garment: by names without the ending. */
#ifndef DR_EVAL_PAIRS_H
#define DR_EVAL_PAIRS_H

#include "base/listing.h"
#include "drape.h"

#include <jansson.h>

/* Paths; mask and garment may be NULL. */
typedef struct dr_pair {
    char *name; /* the stem */
    char *result, *reference, *mask, *garment;
} dr_pair;

typedef struct dr_pairs {
    dr_pair *item; /* by name */
    int count;
    json_t *missing; /* [{"name", "missing": "reference" and so on}] */
} dr_pairs;

/**
 * Lists the folders of the options. What has no partner, and the second of two pictures of one name, goes to `missing`.
 *
 * @return DR_EINVAL where results and references are one folder, or no two pictures belong together; DR_ENOENT where
 *         there is no folder, or no picture in it
 */
dr_status dr_pairs_open(dr_pairs *p, const drape_eval_options *o);
void dr_pairs_close(dr_pairs *p);

#endif
