#include "base/bounds.h"

#include <stdio.h>
#include <string.h>

bool dr_within(double v, double least, double most, bool above)
{
    return v >= least && v <= most && !(above && v == least);
}

const char *dr_bounds_text(char *out, double least, double most, bool above)
{
    const char *form = above ? "above %.10g and at most %.10g" : "%.10g to %.10g";
    snprintf(out, DR_BOUNDS_TEXT, form, least, most);
    return out;
}

const char *dr_choice_word(const char *choices, int index, int *length)
{
    const char *at = choices;
    while (at && index-- > 0)
        at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL;
    *length = at ? (int)strcspn(at, "|") : 0;
    return at;
}

int dr_choice_index(const char *choices, const char *word)
{
    const char *at;
    int n, length = (int)strlen(word);
    for (int i = 0; (at = dr_choice_word(choices, i, &n)) != NULL; i++)
        if (n == length && memcmp(at, word, (size_t)n) == 0)
            return i;
    return -1;
}
