/* Writing a zip archive as torch.save does: nothing compressed, every entry's bytes at a multiple of 64.
 *
 * PKWARE's APPNOTE 6.3.10, with zip64 where a size or a place has no room in 32 bits. Sizes stand in front of the bytes
 * and not behind them; the checksum, which is known last, is put in its place before the archive appears. */
#ifndef DR_IO_ZIP_WRITE_H
#define DR_IO_ZIP_WRITE_H

#include "base/file.h"

#include <stddef.h>
#include <stdint.h>

enum { DR_ZIP_NAME = 64, DR_ZIP_RECORD_MAX = 256 /* bytes of any record with such a name */ };

typedef struct dr_zip_item {
    char name[DR_ZIP_NAME];
    uint64_t from, size; /* of the local header; of the bytes behind it */
    uint32_t crc;
} dr_zip_item;

typedef struct dr_zip_writer {
    dr_out out;
    dr_zip_item *item;
    size_t count, room;
    uint64_t at, owed; /* bytes written; bytes that the last entry still lacks */
} dr_zip_writer;

/** For at most `room` entries. The file appears under its name at commit. */
dr_status dr_zip_create(dr_zip_writer *w, const char *path, size_t room);
/** The next entry; the one before must be whole (asserted). */
dr_status dr_zip_begin(dr_zip_writer *w, const char *name, uint64_t size);
/** Bytes of it, until the sum is its size. */
dr_status dr_zip_put(dr_zip_writer *w, const void *data, size_t size);
dr_status dr_zip_commit(dr_zip_writer *w);
void dr_zip_abort(dr_zip_writer *w);

/** The records themselves; each returns its length, of at most DR_ZIP_RECORD_MAX bytes. The local one is followed by
 *  the entry's bytes, the directory's ones by `end`, where `from` is the first one's place and `size` their sum. */
size_t dr_zip_local(unsigned char *out, const dr_zip_item *e);
size_t dr_zip_central(unsigned char *out, const dr_zip_item *e);
size_t dr_zip_end(unsigned char *out, size_t count, uint64_t from, uint64_t size);

#endif
