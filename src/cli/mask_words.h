/* The words for automatic masks that `drape mask` and `drape tryon` share. */
#ifndef DR_CLI_MASK_WORDS_H
#define DR_CLI_MASK_WORDS_H

#include <stdbool.h>

/* Choices of options, in the order of the public enums. */
#define DR_MASK_WHATS "agnostic|garment"
#define DR_MASK_CATEGORIES "upper|lower|dress|outer"
#define DR_MASK_SLEEVES "keep|long|short"

/** True for "auto" and "auto:CATEGORY"; *category is then the word, "upper" where none is given. Borrowed. */
bool dr_mask_is_auto(const char *mask, const char **category);

#endif
