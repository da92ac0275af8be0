/* Features of pictures, kept in a file so that a run that was interrupted goes on where it was.
 *
 * One file holds vectors of one kind (`what`: which network, which weights, how the picture came to its size). A
 * picture is known by its file's bytes, so that renaming costs nothing and a changed picture is computed anew. Vectors
 * are written as they come; one that was cut off, or damaged, is left out at the next opening. A file of another kind
 * is begun anew. */
#ifndef DR_EVAL_FEATURES_H
#define DR_EVAL_FEATURES_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DR_FEATURES_WHAT 64

/* A picture's file by its content. */
typedef struct dr_features_key {
    uint64_t hash, size;
} dr_features_key;
dr_features_key dr_features_key_of(const void *bytes, size_t size);

typedef struct dr_features dr_features;

/** Vectors of `dim` values in the file at `path`, which is made if it is not there. DR_EINVAL for a file that is
 * something else. */
dr_status dr_features_open(dr_features **out, const char *path, const char what[DR_FEATURES_WHAT], int dim);
/** Safe on NULL. */
void dr_features_close(dr_features *f);

/** False if there is none, or if it cannot be read. */
bool dr_features_find(dr_features *f, dr_features_key key, float *out);
dr_status dr_features_add(dr_features *f, dr_features_key key, const float *values);
/** How many vectors it holds. */
int64_t dr_features_count(const dr_features *f);

#endif
