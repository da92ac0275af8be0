/* The tables of the store, and bringing older ones up to date.
 *
 * meta has `oldest`: the oldest layout that a program must know to go on writing. A change that older programs do not
 * notice (one more table, a column with a default) leaves it; any other raises it, and older programs that run fail
 * with a sentence at their next write. */
#ifndef DR_SERVE_STORE_LAYOUT_H
#define DR_SERVE_STORE_LAYOUT_H

#include "serve/store/db.h"

/* 1: drape 0.1, SQLite alone. 2: several machines. */
enum { DR_LAYOUT = 2, DR_LAYOUT_OLDEST = 2 };

/** Makes the tables, or upgrades them, in one transaction; nothing where they are as this program knows them. */
dr_status dr_layout_open(dr_db *db);

/** The failure for one that is too new. */
dr_status dr_layout_is_newer(const char *name, int layout);

/** Of meta; "" where there is none. */
void dr_layout_meta(dr_db *db, const char *key, char *out, size_t n);

#endif
