/* The commands; each file cmd_*.c defines one. */
#ifndef DR_CLI_COMMANDS_H
#define DR_CLI_COMMANDS_H

#include "cli/opt.h"

extern const dr_command dr_cmd_tryon, dr_cmd_warp, dr_cmd_mask, dr_cmd_train, dr_cmd_init, dr_cmd_info, dr_cmd_verify,
    dr_cmd_bench, dr_cmd_pull, dr_cmd_convert, dr_cmd_serve, dr_cmd_work, dr_cmd_store, dr_cmd_compare,
    dr_cmd_completion, dr_cmd_eval;

/** Once, before a command runs. `commands` are all of them in the order of --help, NULL at the end. */
void dr_cli_begin(const dr_command *const *commands);

/** Those. */
const dr_command *const *dr_cli_commands(void);

/** Set by Ctrl-C and SIGTERM. A second Ctrl-C ends the program at once. */
bool dr_cli_interrupted(void *unused);

#endif
