/* Everything that outlives the server: jobs and pictures in SQLite, files beside it.
 *
 *   DATA/drape.db        jobs, pictures (write-ahead log, synced at every change)
 *   DATA/blobs/ab/HASH   pictures by the SHA-256 of their bytes
 *   DATA/train/ID/       photos, masks, checkpoints and the result of a training
 *   DATA/lock            one server at a time
 *
 * A job is `waiting`, `running`, or over: `done`, `failed`, `cancelled`. Opening the store puts what was running back
 * to the front of the queue: the process that ran it is gone. All functions may be called from any thread. */
#ifndef DR_SERVE_STORE_STORE_H
#define DR_SERVE_STORE_STORE_H

#include "base/status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct dr_store dr_store;

enum { DR_MAX_WAITING = 1000 };

dr_status dr_store_open(dr_store **out, const char *data_dir);
void dr_store_close(dr_store *s);
const char *dr_store_dir(const dr_store *s);

/* --- jobs --------------------------------------------------------------------------------------- */

typedef struct dr_job {
    int64_t id;
    char type[8], state[12];
    double created, started, ended;        /* seconds since 1970; 0: not yet */
    int position;                          /* of a waiting job in the queue; -1 else */
    bool quick;                            /* it waits for none but others of its kind */
    bool garment;                          /* what it taught is kept */
    char *error;                           /* NULL: none */
    dr_status status;                      /* what kind of error */
    json_t *settings, *results, *warnings; /* object, array, array */
} dr_job;

void dr_job_clear(dr_job *j);

/** Queues a job: a quick one before all that are not, others last. DR_EUNSUPPORTED when the queue is full.
 *  `settings` is borrowed. `search` is what dr_store_list() looks for words in. */
dr_status dr_store_add(dr_store *s, const char *type, bool quick, const json_t *settings, const char *search,
                       int64_t *id);

/** DR_ENOENT if there is no such job. */
dr_status dr_store_get(dr_store *s, int64_t id, dr_job *out);

typedef struct dr_job_filter {
    const char *types, *states; /* words with commas; NULL: all */
    const char *words;          /* all of them must be found; NULL or "" */
    int64_t before;             /* ids below this; 0: all */
    int limit;
} dr_job_filter;

/** Newest first. *count of them in *out, malloc'ed; `more` when older ones would match. */
dr_status dr_store_list(dr_store *s, const dr_job_filter *f, dr_job **out, int *count, bool *more);

/** The next job, which is running from now on. DR_ENOENT: none waits. */
dr_status dr_store_take(dr_store *s, dr_job *out);

/** What a running job has so far; it is not made again after a crash. */
dr_status dr_store_results(dr_store *s, int64_t id, const json_t *results, const json_t *warnings);

typedef struct dr_end {
    const char *state; /* "done", "failed", "cancelled" */
    dr_status status;  /* of which kind the error is */
    const char *error; /* NULL: none */
    bool garment;      /* it taught one */
} dr_end;

/** The end of a running job. */
dr_status dr_store_end(dr_store *s, int64_t id, const dr_end *end);

/** Running back to the front of the queue: the server stops. */
dr_status dr_store_requeue(dr_store *s, int64_t id);

/** A waiting job is cancelled. DR_EINVAL if it does not wait (any more). */
dr_status dr_store_cancel(dr_store *s, int64_t id);

/** A failed or cancelled job waits again; what it has so far stays. DR_EINVAL in another state. */
dr_status dr_store_retry(dr_store *s, int64_t id);

/** Another place in the queue, 0 is next. DR_EINVAL if it does not wait. */
dr_status dr_store_move(dr_store *s, int64_t id, int position);

/** Forgets a job that is over, with pictures nobody else refers to, and its training folder. DR_EINVAL otherwise. */
dr_status dr_store_delete(dr_store *s, int64_t id);

/** The result of a training goes, the job stays. DR_ENOENT if there is no such garment. */
dr_status dr_store_forget_garment(dr_store *s, int64_t id);

/** Garments, newest first, as dr_store_list(). */
dr_status dr_store_garments(dr_store *s, dr_job **out, int *count);

void dr_jobs_free(dr_job *jobs, int count);

/** Jobs that wait. */
int dr_store_waiting(dr_store *s);

/** Seconds that a unit of work ("train|model|512|lora") took lately, and remembering it. 0: not known. */
double dr_store_speed(dr_store *s, const char *what);
void dr_store_set_speed(dr_store *s, const char *what, double seconds);

/* What a file was when it was hashed. */
typedef struct dr_file_state {
    int64_t bytes;
    int64_t changed; /* nanoseconds since 1970 */
} dr_file_state;

/** The SHA-256 that is remembered of a file; false if there is none, or the file was another one then. */
bool dr_store_hash(dr_store *s, const char *path, const dr_file_state *now, char out[65]);
void dr_store_set_hash(dr_store *s, const char *path, const dr_file_state *now, const char *sha256);

/** DATA/train/ID, with `rest` behind it. */
void dr_store_train_path(const dr_store *s, int64_t id, const char *rest, char *out, size_t n);

/* --- pictures ----------------------------------------------------------------------------------- */

typedef struct dr_blob {
    char id[65];
    char type[32]; /* "image/png" */
    int width, height;
    int64_t bytes;
} dr_blob;

/** Keeps bytes under their hash; b->type, width and height are given, the rest is set. */
dr_status dr_store_put(dr_store *s, dr_blob *b, const void *data, size_t size);

/** What is known of a picture; DR_ENOENT if it is not there. */
dr_status dr_store_blob(dr_store *s, const char *id, dr_blob *out);

/** Its file. `id` must be a picture's (asserted): no other name ever becomes a path. */
void dr_store_blob_path(const dr_store *s, const char *id, char *out, size_t n);

/* --- retention ---------------------------------------------------------------------------------- */

typedef struct dr_keep {
    int64_t seconds; /* jobs that ended longer ago go; 0: never */
    int64_t bytes;   /* beyond it the oldest that are over go; 0: no bound */
} dr_keep;

/** "30d", "12h", "20GB", "500MB" or both with a comma. False for anything else. */
bool dr_keep_parse(const char *text, dr_keep *out);

/**
 * Removes what is no longer to be kept: jobs by age and size (garments stay until they are deleted), pictures that were
 * uploaded a day ago and belong to no job. Ids of the jobs that went come in *gone, malloc'ed.
 */
dr_status dr_store_sweep(dr_store *s, const dr_keep *keep, int64_t **gone, int *count);

#endif
