/* JSON bodies against a table: one table says which fields there are, of which kind, within which bounds, and what
 * stands in for one that is left out. Everything behind it reads without further checks. */
#ifndef DR_SERVE_JOBS_FIELDS_H
#define DR_SERVE_JOBS_FIELDS_H

#include "serve/http/answer.h"
#include "serve/jobs/field.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DR_FIELD_PATH 96 /* bytes of "photos[2].mask" */

/**
 * A new object with every field of the table, in its order.
 *
 * @param field  gets the path of the field at fault, DR_FIELD_PATH bytes; "" otherwise
 * @return DR_EINVAL: the message is for whoever sent it
 */
dr_status dr_fields_read(const dr_field *table, const json_t *in, json_t **out, char *field);

/** The body of a request as fields of the table; on failure the answer is set. */
dr_status dr_request_fields(dr_request *r, const dr_field *table, json_t **out);

/** Characters of a text in UTF-8. */
size_t dr_characters(const char *s);

/** A whole number in a query, "-?[0-9]+", within bounds. */
bool dr_query_int(const char *s, int min, int max, int *out);

#endif
