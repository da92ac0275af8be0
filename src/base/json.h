/* Reading JSON objects with checks, over jansson.
 *
 * Getters take a default for a missing key or null; a value of another type is an error that names
 * the file and the key. `where` is the file's path for messages. */
#ifndef DR_BASE_JSON_H
#define DR_BASE_JSON_H

#include "base/status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/** Loads a JSON object from a file of at most 64 MiB. Free with json_decref. */
dr_status dr_json_load(const char *path, json_t **out);

/** The same from memory; `where` names it in messages. */
dr_status dr_json_parse(const char *text, size_t n, const char *where, json_t **out);

/** Writes with 2 spaces of indent and a final newline, atomically. */
dr_status dr_json_save(const char *path, const json_t *j);

dr_status dr_json_int(const json_t *o, const char *where, const char *key, int64_t def, int64_t min, int64_t max,
                      int64_t *out);
dr_status dr_json_double(const json_t *o, const char *where, const char *key, double def, double *out);
dr_status dr_json_bool(const json_t *o, const char *where, const char *key, bool def, bool *out);
/** `*out` is borrowed from `o`, or `def`. */
dr_status dr_json_string(const json_t *o, const char *where, const char *key, const char *def, const char **out);
/** A list of integers, or one number repeated `fill` times (as diffusers configs allow). `*n` is its
 *  length, at most `max_n`. A missing key gives n = 0. */
dr_status dr_json_ints(const json_t *o, const char *where, const char *key, int fill, int64_t min, int64_t max,
                       int max_n, int *out, int *n);

/* Of an object that has been checked before, or in which everything is welcome: what is absent or of another type is
 * NULL, 0, false. */

/** Borrowed from `o`. */
const char *dr_json_text(const json_t *o, const char *key);
int64_t dr_json_whole(const json_t *o, const char *key);
double dr_json_number(const json_t *o, const char *key);
bool dr_json_flag(const json_t *o, const char *key);

#endif
