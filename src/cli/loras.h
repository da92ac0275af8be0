/* --lora FILE[:SCALE], as several commands have it. */
#ifndef DR_CLI_LORAS_H
#define DR_CLI_LORAS_H

#include "cli/opt.h"
#include "drape.h"

/** The adapters of a list of options, their paths with them in one block: free(*out). A colon in a file's name is fine
 * as long as no number follows it. DRAPE_ENOMEM otherwise. */
drape_status dr_cli_loras(const dr_opt_list *list, drape_lora **out);

#endif
