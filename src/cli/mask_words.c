#include "cli/mask_words.h"

#include "cli/opt_table.h"

#include <string.h>

const char *dr_mask_categories(void)
{
    return dr_option_named(drape_mask_option, "category")->choices;
}

bool dr_mask_is_auto(const char *mask, const char **category)
{
    if (strcmp(mask, "auto") != 0 && strncmp(mask, "auto:", 5) != 0)
        return false;
    *category = mask[4] ? mask + 5 : NULL;
    return true;
}
