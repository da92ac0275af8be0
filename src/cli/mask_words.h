/* The words for automatic masks. */
#ifndef DR_CLI_MASK_WORDS_H
#define DR_CLI_MASK_WORDS_H

#include <stdbool.h>

/** The kinds of garments, "upper|lower|...", in the order of drape_category. */
const char *dr_mask_categories(void);

/** True for "auto" and "auto:CATEGORY"; *category is then the word, NULL where none is given. Borrowed. */
bool dr_mask_is_auto(const char *mask, const char **category);

#endif
