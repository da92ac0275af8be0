/* The photos of garments that a command dresses from. */
#ifndef DR_CLI_GARMENTS_H
#define DR_CLI_GARMENTS_H

#include "cli/opt.h"
#include "drape.h"

typedef struct dr_cli_garment {
    drape_image image;
    drape_garment_info info;
} dr_cli_garment;

typedef struct dr_cli_garments {
    dr_opt_list paths; /* --garment */
    const char *attention;
    drape_garment_options o;
    dr_cli_garment *item; /* [paths.count] once read */
} dr_cli_garments;

/** Whether the photos must be looked at; `masks`: for automatic masks, too. */
bool dr_cli_garments_need_parser(const dr_cli_garments *g, bool masks);

/** Reads all of them and makes them ready. `parser` may be NULL where none is needed. With `stored` they are taken as
 *  their files have them. A photo that no garment is found in is kept as it is, with a word, unless `masks`. */
drape_status dr_cli_garments_read(const dr_command *cmd, dr_cli_garments *g, drape_parser *parser, bool stored,
                                  bool masks);

void dr_cli_garments_free(dr_cli_garments *g);

#endif
