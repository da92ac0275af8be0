/* A database under the store: what SQLite and PostgreSQL have in common.
 *
 * Statements are written once, in what both understand: parameters $1, $2...; strpos(); and words for what each says in
 * its own way:
 *   @now   seconds since 1970 by the database's clock
 *   @skip  of a SELECT: locks its row, and does not wait for rows that others have locked
 *   @up    for how many seconds the database has been there without a break
 *   @id    type of a key that counts by itself       @bytes  type of bytes
 *
 * A thread has one connection from enter() to leave(), which may be nested; within a transaction the inner ones are
 * part of the outer one. */
#ifndef DR_SERVE_STORE_DB_H
#define DR_SERVE_STORE_DB_H

#include "base/status.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct dr_db dr_db;
typedef struct dr_rows dr_rows; /* an answer; each driver's own */

enum { DR_MAX_VALUES = 24 };

typedef struct dr_value {
    char type; /* i, d, s (NULL is null), b */
    int64_t number;
    double real;
    const void *data;
    size_t size;
} dr_value;

typedef struct dr_driver {
    bool shared; /* other processes may have it open, too */
    dr_status (*enter)(dr_db *db);
    /** True when it was the outermost. */
    bool (*leave)(dr_db *db);
    /** `alone`: nobody else changes anything meanwhile; without it programs that are too old for the layout fail. */
    dr_status (*begin)(dr_db *db, bool alone);
    dr_status (*commit)(dr_db *db);
    void (*rollback)(dr_db *db);
    /** True in a transaction. */
    bool (*inside)(dr_db *db);
    /** NULL with the message set. `binary`: only bytes() will be asked. */
    dr_rows *(*query)(dr_db *db, const char *sql, const dr_value *v, int n, bool binary);
    bool (*step)(dr_rows *r);
    bool (*is_null)(const dr_rows *r, int column);
    int64_t (*number)(const dr_rows *r, int column);
    double (*real)(const dr_rows *r, int column);
    const char *(*text)(const dr_rows *r, int column); /* NULL: null */
    const void *(*bytes)(const dr_rows *r, int column, size_t *size);
    /** The database's error if the last step was one. */
    dr_status (*end)(dr_rows *r);
    /** The layout's number, 0: there is nothing yet, below 0: failure; and setting it. */
    int (*layout)(dr_db *db);
    dr_status (*set_layout)(dr_db *db, int number);
    /** Tells all processes, when the transaction is through. NULL: there are no others. */
    dr_status (*notify)(dr_db *db, const char *text);
    void (*close)(dr_db *db);
} dr_driver;

struct dr_db {
    const dr_driver *driver;
    const char *name; /* for messages */
};

/** What comes in from other processes: text as from notify(); NULL: the line was cut, anything may have come. */
typedef void dr_db_heard(void *user, const char *text);

dr_status dr_db_sqlite(dr_db **out, const char *path);
dr_status dr_db_postgresql(dr_db **out, const char *url, dr_db_heard *heard, void *user);
/** Starts to listen; after the layout is there. */
dr_status dr_db_postgresql_listen(dr_db *db);

/** Of a driver: the statement with each word's meaning put in its place, malloc'ed; NULL: out of memory. The list ends
 *  with NULL. */
char *dr_db_words(const char *sql, const char *const (*words)[2]);

/** Of a driver: whether what failed last on this thread may go well when it is tried again. */
extern _Thread_local bool dr_db_try_again;

/* --- for the store --------------------------------------------------------------------------------- */

/** Asks; `types` says what follows: i int64_t, d double, s const char * (NULL is null), b const void * and size_t. With
 *  '!' in front the answer is bytes alone. NULL with the message set. */
dr_rows *dr_sql(dr_db *db, const char *sql, const char *types, ...);

/** The same for a statement without rows. */
dr_status dr_sql_run(dr_db *db, const char *sql, const char *types, ...);

/** The same for one with RETURNING: *found when it changed a row. */
dr_status dr_sql_changed(dr_db *db, bool *found, const char *sql, const char *types, ...);

/** The first column of the first row; `none` where there is no row or it fails. */
int64_t dr_sql_int(dr_db *db, int64_t none, const char *sql, const char *types, ...);

/** Statements with semicolons at line ends, one after another. */
dr_status dr_sql_script(dr_db *db, const char *sql);

/** Ends an answer (NULL has failed already). */
dr_status dr_sql_end(dr_db *db, dr_rows *r);

/** The next row; false behind the last, for NULL, or after a failure, which dr_sql_end() tells. */
bool dr_row(dr_db *db, dr_rows *r);

/** Of the row, into a buffer; null is "". */
void dr_row_text(dr_db *db, const dr_rows *r, int column, char *out, size_t n);

#endif
