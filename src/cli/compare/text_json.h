/* Text from outside in JSON. */
#ifndef DR_CLI_COMPARE_TEXT_JSON_H
#define DR_CLI_COMPARE_TEXT_JSON_H

#include <jansson.h>

/** A JSON string of any bytes: what is no UTF-8 becomes U+FFFD. NULL when out of memory. */
json_t *dr_text_json(const char *text);

#endif
