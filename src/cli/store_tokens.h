/* drape store token ... and drape store audit. */
#ifndef DR_CLI_STORE_TOKENS_H
#define DR_CLI_STORE_TOKENS_H

#include "cli/opt.h"
#include "serve/store/store.h"

typedef struct dr_token_cli {
    const char *rights;
    int priority, limit;
} dr_token_cli;

/** `words` are those behind "token". The exit status, when they are none that could be; -1: *st says how it went. */
int dr_cli_token(const dr_command *cmd, const dr_token_cli *c, const dr_opt_list *words, int at, dr_store *s,
                 dr_status *st);

/** The newest lines of what clients did, oldest first, columns with tabs. */
dr_status dr_cli_audit(const dr_token_cli *c, dr_store *s);

#endif
