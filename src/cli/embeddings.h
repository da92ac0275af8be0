/* --embedding FILE[:WORD], as several commands have it. */
#ifndef DR_CLI_EMBEDDINGS_H
#define DR_CLI_EMBEDDINGS_H

#include "cli/opt.h"
#include "drape.h"

/** The embeddings of a list of options, their texts with them in one block: free(*out). A colon in a file's name is
 *  fine: the longest file that there is counts. DRAPE_ENOMEM otherwise. */
drape_status dr_cli_embeddings(const dr_opt_list *list, drape_embedding **out);

#endif
