/* The words for automatic masks. */
#ifndef DR_CLI_MASK_WORDS_H
#define DR_CLI_MASK_WORDS_H

#include "cli/opt.h"
#include "drape.h"

#include <stdbool.h>

/** The kinds of garments, "upper|lower|...", in the order of drape_category. */
const char *dr_mask_categories(void);

/** True for "auto" and "auto:CATEGORY"; *category is then the word, "upper" where none is given. Borrowed. */
bool dr_mask_is_auto(const char *mask, const char **category);

/** The mask of a photo, from a file or made as the words say; doubts go to stderr.
 *
 *  @param options  how it is made; `category` and `name` are set here
 *  @param parser   folder of a parser, or NULL */
drape_status dr_cli_mask(const dr_command *cmd, const char *mask, const drape_image *photo, const char *photo_name,
                         const drape_mask_options *options, const char *parser, drape_image *out);

#endif
