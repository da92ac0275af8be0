/* Paths as text: joined and taken apart. What is on the disk is base/file.h's. */
#ifndef DR_BASE_PATH_H
#define DR_BASE_PATH_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/** The parts with a slash between each two, in a buffer of the caller's: dr_path(out, n, dir, "unet", "config.json").
 *  Empty parts are left out, and a slash at a part's end is not doubled. DR_EINVAL when it is too long. */
#define dr_path(out, n, ...) dr_path_join(out, n, (const char *const[]){__VA_ARGS__, NULL})

/** The same as text of your own (free); NULL when memory ran out. */
#define dr_path_new(...) dr_path_join_new((const char *const[]){__VA_ARGS__, NULL})

dr_status dr_path_join(char *out, size_t n, const char *const *parts);
char *dr_path_join_new(const char *const *parts);

/** A path in folder `dir` that is put together as by printf(): dr_path_format(out, n, dir, "step-%d.png", step). */
dr_status dr_path_format(char *out, size_t n, const char *dir, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** "c.png" of "a/b/c.png". Borrowed; empty where the path ends with a slash. */
const char *dr_path_name(const char *path);

/** How long the path is without its extension: 3 of "a/b.tar". A name's first dot begins none: ".png", "..". */
size_t dr_path_stem(const char *path);

/** The extension with its dot, ".png"; "" where there is none. Borrowed. */
const char *dr_path_extension(const char *path);

/** The folder that holds `path`, whether it is one itself or not: "a" of "a/b" and of "a/b/", "." of "b", "/" of "/b".
 *  DR_EINVAL when it is too long. `out` may be `path`. */
dr_status dr_path_folder(char *out, size_t n, const char *path);

/** How long the path is without slashes at its end, so that a sibling's name can be made of it; "/" stays. */
size_t dr_path_trimmed(const char *path);

/** Whether a path ends so and has something in front of it: dr_path_ends_with("a.png", ".png"). */
bool dr_path_ends_with(const char *path, const char *end);

/** Where this user's programs keep what can be made again: $DRAPE_CACHE_DIR, $XDG_CACHE_HOME/drape, ~/.cache/drape;
 * false where there is none. The folder may not be there yet. */
bool dr_cache_folder(char *out, size_t n);

#endif
