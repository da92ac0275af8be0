/* What the files of the store share. */
#ifndef DR_SERVE_STORE_STORE_IMPL_H
#define DR_SERVE_STORE_STORE_IMPL_H

#include "serve/store/store.h"

#include <pthread.h>
#include <sqlite3.h>

struct dr_store {
    sqlite3 *db;
    char *dir;
    int lock_fd;
    pthread_mutex_t mutex; /* of the connection, and of files against their rows; recursive */
};

/** Prepares a statement and binds from `types`: i int64_t, d double, s text (NULL is null). NULL with the message set.
 */
sqlite3_stmt *dr_sql(dr_store *s, const char *sql, const char *types, ...);

/** The same for a statement without rows. */
dr_status dr_sql_run(dr_store *s, const char *sql, const char *types, ...);

/** The first column of the first row; `none` where there is no row or it fails. */
int64_t dr_sql_int(dr_store *s, int64_t none, const char *sql, const char *types, ...);

/** Finalises; the database's error if the last step was one. */
dr_status dr_sql_end(dr_store *s, sqlite3_stmt *q);

void dr_store_lock(dr_store *s);
void dr_store_unlock(dr_store *s);

/** A transaction; end commits when st is DR_OK, else rolls back, and returns st or the commit's failure. */
dr_status dr_sql_begin(dr_store *s);
dr_status dr_sql_commit(dr_store *s, dr_status st);

/** Remembers which pictures a job refers to: every string of 64 hexadecimal digits in the value. */
dr_status dr_store_refer(dr_store *s, int64_t job, const json_t *value);

/** Pictures that belong to no job, older than `before`, go with their files. */
dr_status dr_store_drop_blobs(dr_store *s, double before);

/** Rows of pictures that only this job refers to, and its references, within a transaction. *ids gets 65 bytes for
 * each, malloc'ed, *count of them: dr_store_unlink() them when it is through. */
dr_status dr_store_release(dr_store *s, int64_t job, char (**ids)[65], int *count);
void dr_store_unlink(dr_store *s, char (*ids)[65], int count);

/** Files and folders that no row knows of: what a server that was killed had still to remove. */
void dr_store_remove_strays(dr_store *s);

double dr_time(void);

#endif
