/* One file of a pull: is it there, and if not, fetching it with resume and verification. Inside of hub.c. */
#ifndef DR_IO_HUB_FETCH_H
#define DR_IO_HUB_FETCH_H

#include "base/progress.h"
#include "io/http.h"
#include "io/hub_record.h"

/* What the files of one pull share. */
typedef struct dr_hub_job {
    const dr_hub_options *o; /* with every default filled in */
    const char *dir;         /* out_dir */
    const char *base;        /* "endpoint/org/name/resolve/COMMIT" */
    dr_http *http;
    dr_hub_record record;
    dr_hub_progress at;
    uint64_t fetched; /* bytes over the network */
    void (*progress)(void *user, const dr_hub_progress *p);
    void *progress_user;
} dr_hub_job;

typedef enum dr_hub_state {
    DR_HUB_ABSENT,
    DR_HUB_SAME,    /* size and hash are right (or were, and the file is untouched since) */
    DR_HUB_OLD,     /* another content, but a pull's own and untouched: may be replaced */
    DR_HUB_FOREIGN, /* another content, of whoever */
} dr_hub_state;

/** Adds to the message what 401 and 403 mean here. */
dr_status dr_hub_explain(const dr_hub_job *j, dr_status st, const dr_http_reply *r);

/** Reports progress, with a line to show or NULL. */
void dr_hub_tell(dr_hub_job *j, const char *note);

/** The usual bar, or a line where there is something to say. */
void dr_hub_draw(dr_progress *bar, const dr_hub_progress *at);

/** One pull per folder at a time; DR_EIO if another one is at work. Where a file system has no locks we go on without:
 *  *lock is -1 then. Closing it ends the lock. */
dr_status dr_hub_lock(const char *dir, int *lock);

/** "dir/path", malloc'ed; NULL when out of memory (the message is set). */
char *dr_hub_place(const dr_hub_job *j, const char *path, const char *suffix);

/** Looks at DIR/path. Hashes it only if the size is right and the record does not vouch for it. */
dr_status dr_hub_look(dr_hub_job *j, const dr_hub_file *f, dr_hub_state *state);

/** Bytes of FILE.part that a fetch would carry on from; 0 if there are none. */
uint64_t dr_hub_part_size(const dr_hub_job *j, const dr_hub_file *f);

/** Fetches into FILE.part, carrying on where it ends, verifies, and renames. */
dr_status dr_hub_fetch(dr_hub_job *j, const dr_hub_file *f);

#endif
