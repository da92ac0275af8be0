/* Safetensors files: 8 bytes of header length, a JSON header, then the tensors' bytes.
 * https://github.com/huggingface/safetensors#format
 *
 * The file is hostile until checked: header length, dtypes, shapes, and that offsets lie inside the
 * file, agree with shape times dtype, and neither overlap nor leave gaps. Every fault is DR_EINVAL with one
 * sentence; a dtype of the format that we do not compute with (F8_E4M3, ...) is DR_EUNSUPPORTED. */
#ifndef DR_IO_SAFETENSORS_H
#define DR_IO_SAFETENSORS_H

#include "base/file.h"
#include "tensor/tensor.h"

#define DR_ST_MAX_RANK 8

typedef struct dr_st_entry {
    const char *name; /* borrowed from the file object */
    dr_dtype dtype;
    int rank;
    int64_t dim[DR_ST_MAX_RANK];
    const void *data; /* in the mapping; may be unaligned */
    size_t size;      /* bytes */
} dr_st_entry;

typedef struct dr_st_meta {
    const char *key, *value;
} dr_st_meta;

typedef struct dr_safetensors {
    dr_map map;
    dr_arena arena;
    dr_st_entry *entry; /* sorted by name */
    size_t count;
    dr_st_meta *meta;
    size_t meta_count;
    char *path;
} dr_safetensors;

dr_status dr_st_open(dr_safetensors *f, const char *path);
/** The same over memory of the caller's (for tests and fuzzing); `path` names it in messages. */
dr_status dr_st_parse(dr_safetensors *f, const void *data, size_t size, const char *path);
void dr_st_close(dr_safetensors *f);
const dr_st_entry *dr_st_find(const dr_safetensors *f, const char *name);
const char *dr_st_metadata(const dr_safetensors *f, const char *key);

/** Writing: header first from a list of names, dtypes and shapes, then each tensor's bytes in the same
 *  order. The file appears under its name only at commit. Names are written in the order given;
 *  data starts at a multiple of 8 (header padded with spaces). */
typedef struct dr_st_writer {
    dr_out out;
    size_t next, count;
    size_t *size; /* bytes owed per tensor */
} dr_st_writer;
dr_status dr_st_create(dr_st_writer *w, const char *path, const dr_st_entry *entries, size_t count,
                       const dr_st_meta *meta, size_t meta_count);
/** The next tensor, in `entries` order; `size` must match (asserted). */
dr_status dr_st_put(dr_st_writer *w, const void *data, size_t size);
/** A tensor in pieces: call until the sum is its size. */
dr_status dr_st_put_part(dr_st_writer *w, const void *data, size_t size);
dr_status dr_st_commit(dr_st_writer *w);
void dr_st_abort(dr_st_writer *w);

#endif
