/* Text chunks of a PNG in memory (PNG specification, third edition, sections 5 and 11.3.3).
 *
 * A PNG is an 8-byte signature and chunks: length (big endian), four letters, data, CRC-32. A text chunk is put
 * right behind the header chunk, where programs that read only the start of a file see it. */
#ifndef DR_IO_PNG_CHUNK_H
#define DR_IO_PNG_CHUNK_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DR_PNG_TEXT_MAX (16u << 20) /* bytes of one text */

/** A copy of `png` with a text chunk of that keyword (1 to 79 Latin-1 letters, asserted): tEXt where Latin-1
 *  can say it, iTXt otherwise. Bytes of `text` that are not UTF-8 become U+FFFD. `*out` is malloc'ed, yours.
 *  DR_EINVAL if `png` does not begin as a PNG or the text is too long. */
dr_status dr_png_add_text(const void *png, size_t size, const char *keyword, const char *text, void **out,
                          size_t *out_size);

/** A copy of `png` marked as sRGB (chunk of that name, perceptual intent). */
dr_status dr_png_add_srgb(const void *png, size_t size, void **out, size_t *out_size);

/** The first text of that keyword as UTF-8, malloc'ed, yours. `name` stands in messages. DR_ENOENT if there is
 *  none, DR_EINVAL if the file is no PNG or damaged, DR_EUNSUPPORTED if the text is compressed. */
dr_status dr_png_find_text(const void *png, size_t size, const char *keyword, const char *name, char **out);

/** Walks the chunks and verifies the checksums of those that make the picture: libvips tells libpng to ignore
 *  them, and a flipped bit then gives a half-black picture instead of an error. `name` stands in messages. */
dr_status dr_png_check(const void *png, size_t size, const char *name);

/* One chunk of a PNG in memory; borrowed. */
typedef struct dr_png_part {
    const unsigned char *type, *data; /* four letters; `size` bytes */
    size_t size;
} dr_png_part;

/** The chunk behind *at (0: the first), of those whose checksum is right; false when there is none, or the file is no
 *  PNG or ends within one. */
bool dr_png_next(const void *png, size_t size, size_t *at, dr_png_part *out);

/** EXIF's orientation, 1 to 8, of a PNG that keeps it in the old way, as text ("Raw profile type exif" or "APP1"); 0 if
 *  it does not, or has EXIF in the chunk made for it, which counts then. */
int dr_png_old_orientation(const void *png, size_t size);

/** The orientation in EXIF's bytes, with or without "Exif\0\0" in front; 0 if there is none. */
int dr_exif_orientation(const void *exif, size_t size);

#endif
