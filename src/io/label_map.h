/* Label maps: pictures whose values are numbers of labels and no colours. In a PNG of a palette (PIL's mode P) they are
 * the indices, whatever colours these have; in a grey one (mode L) the grey values. */
#ifndef DR_IO_LABEL_MAP_H
#define DR_IO_LABEL_MAP_H

#include "io/image.h"

/** The numbers, as a picture of one channel. DR_EINVAL for what is no PNG (other formats change numbers), has colours,
 *  or is damaged; the sentence says what to do. */
dr_status dr_label_map_read(dr_image *out, const char *path);
/** The same from a file's bytes; `name` stands in messages. */
dr_status dr_label_map_read_memory(dr_image *out, const void *data, size_t size, const char *name);

/** DR_EINVAL if a value is not below `count`. */
dr_status dr_label_map_check(const dr_image *map, int count, const char *name);

/** Writes a map as a PNG with a palette, so that people see something, atomically. */
dr_status dr_label_map_write(const dr_image *map, const char *path);

#endif
