/* What nobody wears, for commands that dress: see drape_tryon_unworn(). */
#ifndef DR_CLI_UNWORN_H
#define DR_CLI_UNWORN_H

#include "drape.h"

/* Kept for all pictures of a photo. */
typedef struct dr_unworn {
    drape_parser **parser;             /* loaded when it is needed first */
    const char *parser_dir;            /* NULL: the usual one */
    const drape_mask_options *parsing; /* of the photo */
    drape_image *labels;               /* the photo's; data NULL: found when they are needed first */
    void (*tell)(void *user, const char *message);
    void *user;
} dr_unworn;

/** Does it where the options and the model ask for it. Where nobody asked in so many words, a machine without a parser
 *  is no failure. */
drape_status dr_cli_unworn(const dr_unworn *u, const drape_pipeline *p, const drape_image *photo,
                           const drape_image *mask, const drape_tryon_options *o, drape_image *picture);

#endif
