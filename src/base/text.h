/* What files may begin with that their readers do not expect: a byte order mark, or another thing in the file's place.
 */
#ifndef DR_BASE_TEXT_H
#define DR_BASE_TEXT_H

#include "base/status.h"

#include <stddef.h>

/** Compares two file names as people see them: an accent may be stored in the letter or behind it (macOS), which looks
 * the same. Bytes that are no UTF-8 compare as bytes. As strcmp; a total order. */
int dr_compare_names(const char *a, size_t na, const char *b, size_t nb);

/** `text` behind the byte order mark (U+FEFF in UTF-8) that Windows editors put in front: it is invisible and means
 *  nothing. */
const char *dr_skip_bom(const char *text);

/** DR_EINVAL with a sentence when the n bytes of file `path` are what stands for a file and not the file itself: a
 *  git-lfs pointer, a web page or a server's error. */
dr_status dr_check_stand_in(const void *data, size_t n, const char *path);

/** Text of n bytes out of a file, fit for a message: at most 64 bytes, what cannot be printed as '?', what was cut off
 * as
 *  "...". Returns the text in `out`. */
typedef struct dr_shown {
    char text[72];
} dr_shown;
const char *dr_show(dr_shown *out, const char *s, size_t n);

#endif
