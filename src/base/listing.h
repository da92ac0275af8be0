/* The files of one folder, to be paired with those of another by their names without the ending. */
#ifndef DR_BASE_LISTING_H
#define DR_BASE_LISTING_H

#include "base/status.h"

#include <stdbool.h>

/* Sorted by stem. */
typedef struct dr_listing {
    const char *dir; /* borrowed */
    char **name;
    int count, room;
} dr_listing;

/** Files of `dir` whose names are wanted. Hidden ones are passed over: macOS leaves "._photo.jpg" on foreign disks,
 * which is no picture. Folders as well, though they may be called like pictures. DR_ENOENT where there is no folder. */
dr_status dr_listing_open(dr_listing *l, const char *dir, bool (*wanted)(const char *name));
/** Safe on a zeroed struct. */
void dr_listing_clear(dr_listing *l);

/** The first name of the same stem as `name`, or NULL. Borrowed. */
const char *dr_listing_find(const dr_listing *l, const char *name);

/** As strcmp() of the names without their endings (dr_compare_names()). */
int dr_compare_stems(const char *a, const char *b);

/** Whether both paths are one folder. */
bool dr_same_folder(const char *a, const char *b);

#endif
