/* What was found, kept in a file so that an interrupted or repeated run need not find it again.
 *
 * Records of bytes under a key. A record is added with one write() at the file's end and is there whole or, after a
 * crash, cut off: a damaged end is found by its checksum when the file is opened, and taken off. Keys are made of the
 * contents of files (dr_keep_key), so that nothing stale is ever found. */
#ifndef DR_EVAL_KEEP_H
#define DR_EVAL_KEEP_H

#include "base/file.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

#define DR_KEEP_KEY 65 /* bytes of a key: hexadecimal, and a 0 */

typedef struct dr_keep_entry dr_keep_entry;

/* Zero-initialised means none: nothing is found, and what is added is dropped. */
typedef struct dr_keep {
    int fd;
    bool open;
    char *path;
    dr_map map;           /* as the file was when it was opened */
    dr_keep_entry *entry; /* sorted by key */
    int count;
} dr_keep;

/** Opens or makes a file; DR_EINVAL for one that is something else. */
dr_status dr_keep_open(dr_keep *k, const char *path);
void dr_keep_close(dr_keep *k);

/** The bytes under a key that were there when the file was opened, if they are `size`. Borrowed, not aligned. */
const void *dr_keep_find(const dr_keep *k, const char *key, size_t size);

dr_status dr_keep_add(dr_keep *k, const char *key, const void *data, size_t size);

/** The key of what is found of these files with these settings: a SHA-256 of both. A path that is NULL is no file. */
dr_status dr_keep_key(char key[DR_KEEP_KEY], const char *settings, const char *const *path, int count);

#endif
