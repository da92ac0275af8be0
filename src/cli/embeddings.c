#include "cli/embeddings.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

/* Where no file is, the last colon parts what will be missed from its word. */
static drape_embedding parse(char *text)
{
    char *last = strrchr(text, ':');
    if (!last || dr_exists(text))
        return (drape_embedding){text, NULL};
    for (char *colon = last; colon > text; colon--) {
        if (*colon != ':')
            continue;
        *colon = 0;
        if (dr_exists(text))
            return (drape_embedding){text, colon + 1};
        *colon = ':';
    }
    *last = 0;
    return (drape_embedding){text, last + 1};
}

drape_status dr_cli_embeddings(const dr_opt_list *list, drape_embedding **out)
{
    size_t bytes = ((size_t)list->count + 1) * sizeof **out;
    for (int i = 0; i < list->count; i++)
        bytes += strlen(list->item[i]) + 1;
    *out = malloc(bytes);
    if (!*out)
        return DRAPE_ENOMEM;
    char *text = (char *)(*out + list->count + 1);
    for (int i = 0; i < list->count; i++) {
        size_t n = strlen(list->item[i]) + 1;
        memcpy(text, list->item[i], n);
        (*out)[i] = parse(text);
        text += n;
    }
    return DRAPE_OK;
}
