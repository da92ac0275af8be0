/* PostgreSQL as the store's database: what the driver's files share. */
#ifndef DR_SERVE_STORE_DB_POSTGRESQL_H
#define DR_SERVE_STORE_DB_POSTGRESQL_H

#include "serve/store/db.h"
#include "serve/store/libpq.h"

#include <pthread.h>
#include <stdatomic.h>

enum { DR_PG_CONNECTIONS = 8 };

/* One connection, and whose it is. */
typedef struct dr_pg_line {
    PGconn *c; /* NULL: not connected (any more) */
    pthread_t owner;
    int depth, transactions;
} dr_pg_line;

typedef struct dr_pg {
    dr_db db;
    const dr_libpq *pq;
    char *url;
    dr_pg_line line[DR_PG_CONNECTIONS];
    pthread_mutex_t mutex; /* of owners and depths */
    pthread_cond_t idle;
    /* listening */
    dr_db_heard *heard;
    void *user;
    pthread_t thread;
    bool listening;
    int wake[2]; /* a pipe: a byte in it ends the thread */
} dr_pg;

/** Connects, or NULL with the message set (never the URL, which may have a password in it). */
PGconn *dr_pg_connect(const dr_pg *d);

/** "postgresql://user@host:port/database", malloc'ed. */
char *dr_pg_shown(const dr_libpq *pq, const char *url);

/** Sets the message to what the server said, and dr_db_try_again. */
dr_status dr_pg_fault(const dr_pg *d, PGconn *c, const PGresult *r);

#endif
