/* A safetensors file of training state: a list of names, shapes and buffers, written as it is and read back into the
 * same buffers once every name, dtype and shape has been compared. */
#ifndef DR_LEARN_STATE_FILE_H
#define DR_LEARN_STATE_FILE_H

#include "io/safetensors.h"
#include "learn/exchange.h"

/* What of a parameter's state is in the buffer: the values that are this rank's, or one number for each block of them.
 */
typedef struct dr_state_share {
    const dr_tensor *param;
    size_t i;      /* its number */
    dr_span own;   /* values */
    int64_t block; /* values that one number is of */
} dr_state_share;

typedef struct dr_state_file {
    dr_arena arena; /* names and the list */
    dr_st_entry *entry;
    void **data; /* the buffer of each entry */
    dr_state_share *share;
    size_t count, room;
    dr_status status; /* out of memory while adding is sticky */
} dr_state_file;

/** Room for that many entries. */
dr_status dr_state_file_init(dr_state_file *s, size_t room);
void dr_state_file_clear(dr_state_file *s);

/** Adds `kind`/`prefix``name` of one dtype over a buffer of the caller's. */
void dr_state_file_add(dr_state_file *s, void *data, dr_dtype dtype, int rank, const int64_t *dim, const char *kind,
                       const char *prefix, const char *name);

/** The same with a buffer of a share; dtype and shape are those of all of it. */
void dr_state_file_add_share(dr_state_file *s, void *data, dr_dtype dtype, int rank, const int64_t *dim,
                             const char *kind, const char *prefix, const dr_state_share *share);

/** Writes all entries; the file appears complete or not at all. */
dr_status dr_state_file_save(const dr_state_file *s, const char *path);
/** On all ranks: rank 0 writes, the others hand it their shares. `x` NULL: there is one. */
dr_status dr_state_file_save_shares(const dr_state_file *s, const char *path, const dr_exchange *x);

/** Fills the buffers, shares with theirs. DR_EINVAL when the file has other tensors than the list, of another dtype or
 * shape (the buffers are as before), or one with NaN or infinity (they are undefined). */
dr_status dr_state_file_load(const dr_state_file *s, const char *path);

#endif
