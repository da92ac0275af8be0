#include "cli/loras.h"

#include <stdlib.h>
#include <string.h>

static drape_lora parse(char *text)
{
    char *colon = strrchr(text, ':'), *end;
    drape_lora l = {text, 1.0};
    if (!colon || !colon[1])
        return l;
    double scale = strtod(colon + 1, &end);
    if (!*end) {
        *colon = 0;
        l.scale = scale;
    }
    return l;
}

drape_status dr_cli_loras(const dr_opt_list *list, drape_lora **out)
{
    size_t bytes = ((size_t)list->count + 1) * sizeof **out;
    char *text;
    for (int i = 0; i < list->count; i++)
        bytes += strlen(list->item[i]) + 1;
    *out = malloc(bytes);
    if (!*out)
        return DRAPE_ENOMEM;
    text = (char *)(*out + list->count + 1);
    for (int i = 0; i < list->count; i++) {
        size_t n = strlen(list->item[i]) + 1;
        memcpy(text, list->item[i], n);
        (*out)[i] = parse(text);
        text += n;
    }
    return DRAPE_OK;
}
