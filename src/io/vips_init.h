/* Starting libvips once per process, and its error text. Only src/io includes this. */
#ifndef DR_IO_VIPS_INIT_H
#define DR_IO_VIPS_INIT_H

#include "base/status.h"

#include <stddef.h>

/** Starts libvips at the first call (any thread): dr_threads() workers, no operation cache, no warnings on
 *  stderr, and every loader blocked but those of JPEG, PNG, WebP, TIFF, GIF and HEIF. */
dr_status dr_vips_init(void);

/** The first line of libvips' error text, without the module's name and the newline, in `buf`; the text is
 *  cleared. Returns buf. The text belongs to the process: threads failing at once may see each other's. */
const char *dr_vips_error(char *buf, size_t n);

#endif
