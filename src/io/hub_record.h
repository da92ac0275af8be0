/* OUT_DIR/.drape-pull.json: what a pull has brought into a folder.
 *
 * A file whose size and time of change are still those noted was verified then and need not be hashed again, and
 * is known to be ours, so that a newer commit may replace it. A record that cannot be read counts as none. */
#ifndef DR_IO_HUB_RECORD_H
#define DR_IO_HUB_RECORD_H

#include "io/hub_listing.h"

#include <jansson.h>

typedef struct dr_hub_record {
    char *path; /* of the record itself */
    json_t *json;
} dr_hub_record;

dr_status dr_hub_record_open(dr_hub_record *r, const char *dir);
void dr_hub_record_close(dr_hub_record *r);

/** "repo", "revision", "commit" or "variant"; "" where the record has none. Borrowed until the record changes. */
const char *dr_hub_record_get(const dr_hub_record *r, const char *key);

/** Notes where the files come from. Files noted before stay. Not complete until dr_hub_record_finish(). Only
 *  dr_hub_record_save() and dr_hub_record_finish() write to the disk. */
dr_status dr_hub_record_start(dr_hub_record *r, const char *repo, const char *revision, const char *commit,
                              const char *variant);
/** Notes `f`, just verified, with the time of change the file at `path` has. */
dr_status dr_hub_record_add(dr_hub_record *r, const dr_hub_file *f, const char *path);
dr_status dr_hub_record_save(const dr_hub_record *r);
/** Forgets files that are not of the choice, marks the record complete, saves. */
dr_status dr_hub_record_finish(dr_hub_record *r, const dr_hub_choice *c);
bool dr_hub_record_complete(const dr_hub_record *r);

/** True if the file at `path` has the size and time of change noted for `name`: a pull brought it, and nobody has
 *  written to it since. */
bool dr_hub_record_untouched(const dr_hub_record *r, const char *name, const char *path);
/** True if `f` was noted with this very size and hash. */
bool dr_hub_record_same(const dr_hub_record *r, const dr_hub_file *f);

/** The noted files as a choice, for a pull without a network; all of it lives in `a`. Entries that make no sense
 *  fail with DR_EINVAL. */
dr_status dr_hub_record_choice(const dr_hub_record *r, dr_arena *a, dr_hub_choice *c);

#endif
