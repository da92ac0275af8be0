/* A list of pairs, as VITON-HD's test_pairs.txt: on each line the name of a person's picture and of a cloth's. */
#ifndef DR_WARP_PAIRS_H
#define DR_WARP_PAIRS_H

#include "base/status.h"

#include <stddef.h>

typedef struct dr_pair {
    const char *person, *cloth; /* file names, without a folder */
    int line;                   /* from 1 */
} dr_pair;

typedef struct dr_pairs {
    dr_pair *pair; /* in the file's order, none twice */
    int count;
    char *text; /* the names lie in it */
} dr_pairs;

/** DR_EINVAL, with the line, for one that has not two names, a name that leads out of its folder, or two pairs whose
 *  results would have one name; and for a list of nothing. */
dr_status dr_pairs_read(dr_pairs *out, const char *path);
/** The same from a file's text; `where` stands in messages. */
dr_status dr_pairs_parse(dr_pairs *out, const char *text, size_t size, const char *where);
void dr_pairs_clear(dr_pairs *p);

/** "PERSON_CLOTH", without extensions: what the result of a pair is called. malloc'ed; NULL when out of memory. */
char *dr_pair_name(const char *person, const char *cloth);

#endif
