#include "base/choice.h"

#include <string.h>

bool dr_choice_next(const char **at, const char **word, size_t *n)
{
    if (!*at || !**at)
        return false;
    *word = *at;
    *n = strcspn(*at, "|");
    *at += *n + ((*at)[*n] == '|');
    return true;
}

int dr_choice_index(const char *choices, const char *word)
{
    const char *one;
    size_t n, length = word ? strlen(word) : 0;
    for (int i = 0; word && dr_choice_next(&choices, &one, &n); i++)
        if (n == length && memcmp(one, word, n) == 0)
            return i;
    return -1;
}

bool dr_is_choice(const char *choices, const char *word)
{
    return dr_choice_index(choices, word) >= 0;
}

const char *dr_choice_word(const char *choices, int index, size_t *n)
{
    const char *one;
    for (int i = 0; dr_choice_next(&choices, &one, n); i++)
        if (i == index)
            return one;
    return NULL;
}
