#include "cli/mask_words.h"

#include <string.h>

int dr_choice_index(const char *choices, const char *word)
{
    size_t n = strlen(word);
    int index = 0;
    for (const char *p = choices; *p; p += strcspn(p, "|"), p += *p == '|', index++)
        if (strcspn(p, "|") == n && strncmp(p, word, n) == 0)
            return index;
    return -1;
}

bool dr_mask_is_auto(const char *mask, const char **category)
{
    if (strcmp(mask, "auto") != 0 && strncmp(mask, "auto:", 5) != 0)
        return false;
    *category = mask[4] ? mask + 5 : "upper";
    return true;
}
