/* Everything that outlives the server, in a database: jobs, pictures, who may ask, what was done.
 *
 * One body of SQL over two databases (db.h):
 *   SQLite      DATA/drape.db, for one process (DATA/lock); pictures beside it in DATA/blobs/ab/HASH
 *   PostgreSQL  for any number of processes on any number of machines; pictures in the database, in pieces, and copies
 *               of those that were needed here in DATA/postgresql-ID/blobs/ab/HASH
 * Trainings lie in folders of the machine that makes them, train/ID below the one or the other.
 *
 * A job is `waiting`, `running`, or over: `done`, `failed`, `cancelled`. Whoever runs one holds its lease: until it
 * ends, or its seconds are over without a heartbeat. Then the job waits again, and nothing that the former holder
 * writes counts any more. Clocks are the database's. All functions may be called from any thread. */
#ifndef DR_SERVE_STORE_STORE_H
#define DR_SERVE_STORE_STORE_H

#include "base/status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct dr_store dr_store;

enum { DR_MAX_WAITING = 1000 };

/* --- opening ------------------------------------------------------------------------------------ */

typedef struct dr_store_options {
    const char *url;  /* NULL or "sqlite:": SQLite in `dir`; "sqlite:FOLDER"; "postgresql://..." as libpq takes it */
    const char *dir;  /* this machine's folder */
    const char *host; /* this machine's name among others; NULL: what gethostname() says */
    bool upgrade;     /* only to bring an older layout up to date: do not take what ran for abandoned */
} dr_store_options;

/** Opens it; makes it, or brings an older layout up to date (in one transaction, one process at a time).
 *  DR_EINVAL: a newer drape wrote it; another process has the folder; the URL is none. DR_EUNSUPPORTED: no PostgreSQL
 *  in this build or on this machine. DR_EIO: it cannot be reached. */
dr_status dr_store_open(dr_store **out, const dr_store_options *o);
void dr_store_close(dr_store *s);

/** This machine's folder: tmp/, train/, blobs/ are in it. */
const char *dr_store_dir(const dr_store *s);
const char *dr_store_host(const dr_store *s);
/** True when other processes may have it open, too. */
bool dr_store_is_shared(const dr_store *s);
/** For messages: the folder, or the URL without its password. */
const char *dr_store_name(const dr_store *s);

/** How many seconds the calling thread's functions wait for a database that has gone away, trying again more and more
 *  seldom, before they fail with DR_EIO. 5 where a thread says nothing; a worker that holds hours of work says more. */
void dr_store_patience(double seconds);

/** Asks the database something, without patience: DR_OK or DR_EIO. */
dr_status dr_store_health(dr_store *s);

/* --- jobs --------------------------------------------------------------------------------------- */

typedef struct dr_job {
    int64_t id;
    char type[8], state[12];
    double created, started, ended;        /* seconds since 1970; 0: not yet */
    int position;                          /* of a waiting job in the queue; -1 else */
    bool quick;                            /* it waits for none but others of its kind */
    bool garment;                          /* what it taught is kept */
    bool cancel;                           /* it runs, and is not wanted any more */
    int priority;                          /* -100 to 100, higher first */
    char client[65];                       /* a token's name; "": nobody's */
    char worker[128];                      /* who runs or ran it; "": nobody */
    char host[128];                        /* where what it taught lies, a folder; "": nowhere, or in the store */
    char adapter[65];                      /* what it taught, a file in the store; "": none */
    char *error;                           /* NULL: none */
    dr_status status;                      /* what kind of error */
    json_t *settings, *results, *warnings; /* object, array, array */
} dr_job;

void dr_job_clear(dr_job *j);
void dr_jobs_free(dr_job *jobs, int count);

typedef struct dr_new_job {
    const char *type;
    bool quick;             /* before all of its priority that are not */
    const json_t *settings; /* borrowed */
    const char *search;     /* what dr_store_list() looks for words in */
    const char *client;     /* whose turn it takes; NULL: nobody's */
    int priority;
    const char *needs; /* lines, each something that a worker must offer: "model:sd2\nhost:atelier"; NULL: nothing */
} dr_new_job;

/** Queues a job. Order: by priority, then quick ones, then in turns: each client's first, each one's second...
 *  DR_EUNSUPPORTED when the queue is full. */
dr_status dr_store_add(dr_store *s, const dr_new_job *n, int64_t *id);

/** DR_ENOENT if there is no such job. */
dr_status dr_store_get(dr_store *s, int64_t id, dr_job *out);

typedef struct dr_job_filter {
    const char *types, *states; /* words with commas; NULL: all */
    const char *words;          /* all of them must be found; NULL or "" */
    const char *client;         /* only this one's; NULL: all */
    int64_t before;             /* ids below this; 0: all */
    int limit;
} dr_job_filter;

/** Newest first. *count of them in *out, malloc'ed; `more` when older ones would match. */
dr_status dr_store_list(dr_store *s, const dr_job_filter *f, dr_job **out, int *count, bool *more);

/** Garments, newest first, as dr_store_list(). */
dr_status dr_store_garments(dr_store *s, dr_job **out, int *count);

/** Jobs that wait. */
int dr_store_waiting(dr_store *s);

/** A waiting job is cancelled; of one that runs it is written down that it is not wanted (*running; its worker hears
 *  of it, and ends it). DR_EINVAL if it is over. */
dr_status dr_store_cancel(dr_store *s, int64_t id, bool *running);

/** A failed or cancelled job waits again; what it has so far stays. DR_EINVAL in another state. */
dr_status dr_store_retry(dr_store *s, int64_t id);

/** Another place in the queue, 0 is next. DR_EINVAL if it does not wait. */
dr_status dr_store_move(dr_store *s, int64_t id, int position);

/** Forgets a job that is over, with pictures nobody else refers to, and its training folder. DR_EINVAL otherwise. */
dr_status dr_store_delete(dr_store *s, int64_t id);

/** The result of a training goes, the job stays. DR_ENOENT if there is no such garment. */
dr_status dr_store_forget_garment(dr_store *s, int64_t id);

/* --- running one: for the holder of its lease ----------------------------------------------------- */

typedef struct dr_lease {
    int64_t job;
    char token[33]; /* random; the database knows this and no other */
} dr_lease;

typedef struct dr_claim {
    const char *worker; /* a name that no other process has: "host/1234" */
    const char *types;  /* words with commas; NULL: all */
    const char *offers; /* lines as dr_new_job's needs: jobs that need something else are left; NULL: all is here */
    double seconds;     /* how long the lease holds without a heartbeat */
} dr_claim;

/** The next job, which is running from now on. Leases that are over are ended first: those jobs wait again, where they
 *  were, and fail when it is the DR_MAX_LOST-th time. DR_ENOENT: none waits. */
dr_status dr_store_claim(dr_store *s, const dr_claim *c, dr_job *out, dr_lease *lease);
enum { DR_MAX_LOST = 5 };

/** Heartbeat: the lease holds for `seconds` from now. *cancel: the job is not wanted any more.
 *  DR_ENOENT: the lease is lost; stop, nothing that you write counts. The same is true of all that take a lease. */
dr_status dr_store_beat(dr_store *s, const dr_lease *l, double seconds, bool *cancel);

/** What a running job has so far; it is not made again after a crash. */
dr_status dr_store_results(dr_store *s, const dr_lease *l, const json_t *results, const json_t *warnings);

typedef struct dr_end {
    const char *state;   /* "done", "failed", "cancelled" */
    dr_status status;    /* of which kind the error is */
    const char *error;   /* NULL: none */
    bool garment;        /* it taught one: */
    const char *adapter; /* in the store, as a blob's id; NULL: not there */
    const char *host;    /* in a folder of this machine; NULL: none */
} dr_end;

/** The end of a running job. May be said twice. */
dr_status dr_store_end(dr_store *s, const dr_lease *l, const dr_end *end);

/** Back to the queue, to its old place: the worker stops. */
dr_status dr_store_requeue(dr_store *s, const dr_lease *l);

/* --- how far it is: kept while it runs, heard of by all fronts -------------------------------------- */

/** Any object. News "live". */
dr_status dr_store_set_live(dr_store *s, const dr_lease *l, const json_t *live);
/** New. DR_ENOENT: nothing was said (any more). */
dr_status dr_store_live(dr_store *s, int64_t id, json_t **out);

/** A picture on the way, PNG. News "preview". */
dr_status dr_store_set_preview(dr_store *s, const dr_lease *l, int step, const void *png, size_t size);
/** *png is malloc'ed. DR_ENOENT: there is none. */
dr_status dr_store_preview(dr_store *s, int64_t id, int *step, void **png, size_t *size);

/** One more line of a job's log (points of the loss): any object; it stays as long as the job. News "line". */
dr_status dr_store_add_line(dr_store *s, const dr_lease *l, const json_t *line);
/** Lines behind number `after` (0: all), in order, in a new array; *last is the number of the last one. */
dr_status dr_store_lines(dr_store *s, int64_t id, int64_t after, json_t **out, int64_t *last);

/* --- news: what any process that has the store open did ---------------------------------------------- */

/* job      it changed, or is new       queue    what waits changed: there may be something to claim
 * live, preview, line                  cancel   its worker is to stop it
 * deleted  it is gone                  garments there is one more or one less
 * all      the line to the database was cut: anything may have changed */
typedef struct dr_news {
    char what[12];
    int64_t job; /* 0: none */
} dr_news;

typedef struct dr_listener dr_listener;

/** From now on news are kept for this listener. One that does not ask loses the oldest, and is told "all". */
dr_status dr_store_listen(dr_store *s, dr_listener **out);
void dr_listener_free(dr_listener *l);

/** Waits until there are some, at most `seconds`; up to `room` of them, oldest first, each once. 0: nothing came. */
int dr_listener_wait(dr_listener *l, double seconds, dr_news *out, int room);

/** Wakes the one who waits in it, with nothing: the end has come. */
void dr_listener_wake(dr_listener *l);

/* --- workers and numbers ------------------------------------------------------------------------- */

/** A worker says that it is there: to be said every few seconds. `about`: any object (host, models, version). */
dr_status dr_store_here(dr_store *s, const char *worker, const json_t *about);
/** It goes. */
dr_status dr_store_gone(dr_store *s, const char *worker);
/** Those that said so in the last `seconds`: [{name, seen, job (or null), about}], new. */
dr_status dr_store_workers(dr_store *s, double seconds, json_t **out);

typedef struct dr_counts {
    int64_t waiting, running;
    double oldest;           /* seconds that the oldest one waits; 0: none */
    int64_t pictures, bytes; /* in the store */
    json_t *ever;            /* counters that only grow, by name: "ended|tryon|done", "lost" (leases), ... */
} dr_counts;

/** counts->ever is new: json_decref() it. */
dr_status dr_store_counts(dr_store *s, dr_counts *out);
/** Adds to a counter of dr_counts.ever, for what is not counted here. */
dr_status dr_store_count(dr_store *s, const char *name, int64_t add);

/** Seconds that a unit of work ("train|model|512|lora") took lately, and remembering it. 0: not known. */
double dr_store_speed(dr_store *s, const char *what);
void dr_store_set_speed(dr_store *s, const char *what, double seconds);

/* What a file was when it was hashed. */
typedef struct dr_file_state {
    int64_t bytes;
    int64_t changed; /* nanoseconds since 1970 */
} dr_file_state;

/** The SHA-256 that is remembered of a file of this machine; false if there is none, or the file was another one. */
bool dr_store_hash(dr_store *s, const char *path, const dr_file_state *now, char out[65]);
void dr_store_set_hash(dr_store *s, const char *path, const dr_file_state *now, const char *sha256);

/* --- clients and what they did ---------------------------------------------------------------------- */

typedef struct dr_token {
    char name[65];        /* of the client: letters, digits, '-', '_', '.', '@' */
    char rights[16];      /* any word that the front knows: "use", "admin", "metrics" */
    int priority;         /* the highest that its jobs may have */
    double created, used; /* seconds since 1970; used: about, 0: never */
} dr_token;

/** Makes a token: `secret` gets 43 random characters, which are kept nowhere (their SHA-256 is). DR_EINVAL: there is
 *  one of this name, or it is none. */
dr_status dr_store_add_token(dr_store *s, const dr_token *t, char secret[64]);
/** Whose it is. DR_ENOENT: nobody's. */
dr_status dr_store_token(dr_store *s, const char *secret, dr_token *out);
dr_status dr_store_remove_token(dr_store *s, const char *name);
/** By name; malloc'ed. */
dr_status dr_store_tokens(dr_store *s, dr_token **out, int *count);

/** Writes down who did what ("submit", "cancel", "token.add"), to which job (0: none). */
dr_status dr_store_audit(dr_store *s, const char *client, const char *what, int64_t job, const char *detail);
/** Newest first, [{id, time, client, what, job, detail}], new. before: ids below; 0: all. */
dr_status dr_store_audits(dr_store *s, int64_t before, int limit, json_t **out);

/* --- pictures and other files ------------------------------------------------------------------------ */

typedef struct dr_blob {
    char id[65];
    char type[32]; /* "image/png" */
    int width, height;
    int64_t bytes;
} dr_blob;

/** Keeps bytes under their hash; b->type, width and height are given, the rest is set. */
dr_status dr_store_put(dr_store *s, dr_blob *b, const void *data, size_t size);
/** The same of a file, in pieces: an adapter may be larger than one wants in memory. */
dr_status dr_store_put_file(dr_store *s, dr_blob *b, const char *path);

/** What is known of one; DR_ENOENT if it is not there. */
dr_status dr_store_blob(dr_store *s, const char *id, dr_blob *out);

/** Its file on this machine, fetched (in pieces, its hash checked) if it is not here yet. DR_ENOENT if there is none.
 *  `id` must be a picture's (asserted): no other name ever becomes a path. Read only. */
dr_status dr_store_file(dr_store *s, const char *id, char *path, size_t n);

/** DATA/train/ID, with `rest` behind it. */
void dr_store_train_path(const dr_store *s, int64_t id, const char *rest, char *out, size_t n);

/* --- retention ---------------------------------------------------------------------------------- */

typedef struct dr_keep {
    int64_t seconds; /* jobs that ended longer ago go; 0: never */
    int64_t bytes;   /* beyond it the oldest that are over go; 0: no bound */
} dr_keep;

/** "30d", "12h", "20GB", "500MB" or both with a comma. False for anything else. */
bool dr_keep_parse(const char *text, dr_keep *out);

/**
 * Removes what is no longer to be kept: jobs by age and size (garments stay until they are deleted), pictures that were
 * uploaded a day ago and belong to no job, and this machine's files of what is gone. Ids of the jobs that went come in
 * *gone, malloc'ed.
 */
dr_status dr_store_sweep(dr_store *s, const dr_keep *keep, int64_t **gone, int *count);

/* --- moving ------------------------------------------------------------------------------------- */

typedef struct dr_copied {
    int64_t jobs, pictures, bytes, tokens;
} dr_copied;

/**
 * Copies everything into a store that has no jobs yet, in one transaction: after a failure the target is as it was.
 * Hashes are checked. Garments that are folders stay on their machine, adapters come along. DR_EINVAL: the target has
 * jobs, or something runs in the source.
 */
dr_status dr_store_copy(dr_store *from, dr_store *to, dr_copied *out);

#endif
