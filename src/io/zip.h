/* The directory of a zip archive that lies in memory; its entries are read where they lie.
 *
 * PKWARE's APPNOTE 6.3.10, with zip64. Only what torch.save writes is taken: entries in one folder, each inside the
 * file and beside the others; what is compressed is told as such and not unpacked. Anything that two readers could read
 * differently is refused (two entries of one name, a local header with another name, entries that share bytes), and so
 * are names that lead out of the folder; nothing is ever unpacked. */
#ifndef DR_IO_ZIP_H
#define DR_IO_ZIP_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct dr_zip_entry {
    const char *name; /* in the archive, below its folder; not ended by a 0 byte */
    size_t name_size;
    const unsigned char *data;
    size_t size;     /* in the archive */
    bool compressed; /* then its bytes are of no use here */
    size_t from;     /* where its local header begins */
} dr_zip_entry;

typedef struct dr_zip {
    dr_zip_entry *entry; /* sorted by name */
    size_t count;
} dr_zip;

/** `data` has to outlive `z`. Faults are DR_EINVAL, or DR_EUNSUPPORTED for what is encrypted; `path`
 *  names the file in messages. */
dr_status dr_zip_open(dr_zip *z, const void *data, size_t size, const char *path);
void dr_zip_close(dr_zip *z);
/** The entry FOLDER/dir+name, or NULL; `dir` ends in a slash or is "". */
const dr_zip_entry *dr_zip_find(const dr_zip *z, const char *dir, const char *name, size_t name_size);

#endif
