/* What the files of the store share. */
#ifndef DR_SERVE_STORE_STORE_IMPL_H
#define DR_SERVE_STORE_STORE_IMPL_H

#include "serve/store/db.h"
#include "serve/store/store.h"

#include <pthread.h>

enum { DR_MAX_PENDING = 64, DR_MAX_NEWS = 512 };

/* Who hears of what. */
typedef struct dr_board {
    pthread_mutex_t mutex;
    dr_listener *first;
    /* of a transaction that is not through, where the database does not keep them itself; under its lock */
    dr_news pending[DR_MAX_PENDING];
    int pending_count;
} dr_board;

struct dr_store {
    dr_db *db;
    char *dir;
    char host[128];
    int lock_fd;
    dr_board board;
    pthread_mutex_t files; /* of local copies against their removal */
};

/**
 * A transaction, and again from the start where it failed by what passes (the line to the database is cut), until the
 * thread's patience is over:
 *
 *     for (dr_attempt a = {0}; dr_attempt_next(s, &a, &st);)
 *         st = ...;
 *
 * Commits when st is DR_OK, else rolls back. The body is left by its end alone. Within another one it is part of it.
 */
typedef struct dr_attempt {
    bool read; /* of one statement that changes nothing: without a transaction */
    bool running;
    int tries;
    double until;
} dr_attempt;
bool dr_attempt_next(dr_store *s, dr_attempt *a, dr_status *st);

/** News of this transaction. */
dr_status dr_say(dr_store *s, const char *what, int64_t job);

void dr_board_init(dr_board *h);
void dr_board_clear(dr_board *h);
/** To all listeners. */
void dr_board_tell(dr_board *h, const dr_news *n);
/** What another process said; NULL: the line was cut. */
void dr_board_heard(void *store, const char *text);
/** At the end of a transaction. */
void dr_board_flush(dr_board *h, bool committed);

/** The columns that dr_job_read() reads, of table jobs as `a`. */
extern const char dr_job_columns[];
dr_status dr_job_read(dr_db *db, const dr_rows *r, dr_job *out);

/** Adds to a counter, within a transaction. */
dr_status dr_bump(dr_store *s, const char *name, int64_t add);

/** Remembers which pictures a job refers to: every string of 64 hexadecimal digits in the value. */
dr_status dr_store_refer(dr_store *s, int64_t job, const json_t *value);

/** Pictures that belong to no job, older than `seconds`, go with their files. */
dr_status dr_store_drop_blobs(dr_store *s, double seconds);

/** Rows of pictures that only this job refers to, and its references, within a transaction. *ids gets 65 bytes for
 * each, malloc'ed, *count of them: dr_store_unlink() them when it is through. */
dr_status dr_store_release(dr_store *s, int64_t job, char (**ids)[65], int *count);
void dr_store_unlink(dr_store *s, char (*ids)[65], int count);

/** Where a picture's file is here, if it is. `id` must be one (asserted). */
void dr_store_blob_path(const dr_store *s, const char *id, char *out, size_t n);

/** Files and folders that no row knows of: what a server that was killed had still to remove, or another one removed.
 */
void dr_store_remove_strays(dr_store *s);

/** One picture that a job no longer refers to goes, where no other does, in a transaction. *dropped: its file may. */
dr_status dr_store_let_go(dr_store *s, int64_t job, const char *image, bool *dropped);

/** Copies a file or bytes into the database's pieces, within a transaction; and back, checking the hash. */
dr_status dr_pieces_put(dr_store *s, const char *id, const void *data, size_t size);
dr_status dr_pieces_put_file(dr_store *s, const char *id, const char *path);
dr_status dr_pieces_fetch(dr_store *s, const char *id, const char *path);

double dr_time(void);

#endif
