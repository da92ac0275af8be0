/* Whole files: reading with a bound, mapping, and atomic writing (temporary file, fsync, rename). */
#ifndef DR_BASE_FILE_H
#define DR_BASE_FILE_H

#include "base/arena.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/** Reads a whole file of at most `max` bytes. `*out` is malloc'ed, yours, and has a 0 byte behind it. */
dr_status dr_file_read(const char *path, size_t max, char **out, size_t *size);

/** A read-only mapping of a whole file. An empty file is an error. */
typedef struct dr_map {
    const unsigned char *data;
    size_t size;
} dr_map;
dr_status dr_map_open(dr_map *m, const char *path);
void dr_map_close(dr_map *m);

/** Tells the system that the pages inside [p, p+n) need not stay resident: they are read from the file again on the
 *  next use. Nothing for memory that is in no open mapping, so that no value changes whoever asks. */
void dr_map_drop(const void *p, size_t n);

/** An output file that appears under its name complete or not at all. */
typedef struct dr_out {
    FILE *f;
    char *path, *tmp;
} dr_out;
dr_status dr_out_open(dr_out *o, const char *path);
dr_status dr_out_write(dr_out *o, const void *data, size_t size);
/** In place of `size` bytes that were written, from byte `at` on. */
dr_status dr_out_patch(dr_out *o, uint64_t at, const void *data, size_t size);
dr_status dr_out_commit(dr_out *o); /* flush, fsync, rename; on failure the temporary file is gone */
void dr_out_abort(dr_out *o);       /* safe to call on a closed or never opened one */

/** Whole buffer to a file, atomically. */
dr_status dr_file_write(const char *path, const void *data, size_t size);

/** mkdir -p. */
dr_status dr_mkdirs(const char *path);

/** Removes a folder with all that is in it, or a file; symbolic links themselves, not what they point to. What cannot
 * be removed does not keep the rest. Nothing there is fine. */
dr_status dr_remove_tree(const char *path);

/** fsync of a directory, so that a rename in it survives a power cut. */
dr_status dr_dir_sync(const char *path);

/** The same for the folder that holds `path`, as far as its file system can. */
void dr_dir_sync_of(const char *path);

bool dr_exists(const char *path);
bool dr_is_dir(const char *path);
bool dr_is_file(const char *path); /* a regular one, or a link to one */

/** Free bytes on the disk that holds `path` (or its nearest existing parent); UINT64_MAX if unknown. */
uint64_t dr_disk_free(const char *path);

#endif
