#include "cli/compare/text_json.h"

#include <glib.h>

json_t *dr_text_json(const char *text)
{
    char *valid = g_utf8_make_valid(text, -1);
    json_t *j = json_string(valid);
    g_free(valid);
    return j;
}
